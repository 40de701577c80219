"""A portfolio's books agree with themselves, whatever was traded."""

from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lts.domain.fills import Fill
from lts.domain.market import Instrument
from lts.domain.money import exact
from lts.domain.orders import Side
from lts.domain.portfolio import Book
from lts.domain.positions import Position

pytestmark = pytest.mark.requirement("INT-4.6", "LTS-003")

MULTIPLIERS = {"SP500": Decimal(1), "ES": Decimal(50)}
prices = st.floats(1e-4, 1e5)
trades = st.lists(
    st.tuples(
        st.sampled_from(sorted(MULTIPLIERS)),
        st.sampled_from(Side),
        st.integers(1, 20).map(Decimal) | st.decimals("0.0001", 100, places=4),
        prices.map(exact),
        st.decimals(-1, 5, places=6),
    ),
    max_size=25,
)


def opened(cash: str = "100000") -> Book:
    instruments = [
        Instrument(symbol, "USD", Decimal("0.01"), Decimal("0.0001"), multiplier)
        for symbol, multiplier in MULTIPLIERS.items()
    ]
    book = Book("trend", "USD", instruments)
    book.deposit(Decimal(cash), 1)
    return book


def fills_of(
    make: Callable[..., Fill], traded: list[tuple[str, Side, Decimal, Decimal, Decimal]]
) -> list[Fill]:
    return [make(instrument=i, side=s, quantity=q, price=p, fee=f) for i, s, q, p, f in traded]


@given(trades, prices, prices)
def test_equity_is_capital_and_profit_less_fees_to_the_last_digit(
    fill_of: Callable[..., Fill],
    trades: list[tuple[str, Side, Decimal, Decimal, Decimal]],
    mark: float,
    other_mark: float,
) -> None:
    book, marks = opened(), {"SP500": mark, "ES": other_mark}
    for fill in fills_of(fill_of, trades):
        assert book.book(fill)
        assert book.ledger.total("USD") == 0
    equity = Fraction(book.equity(marks))
    profit = Fraction(book.realised) - Fraction(book.fees) + Fraction(book.unrealised(marks))
    assert equity == Fraction(book.capital) + profit
    held = sum(
        Fraction(position.quantity) * Fraction(exact(marks[symbol])) * Fraction(position.multiplier)
        for symbol, position in book.positions.items()
    )
    assert equity == Fraction(book.cash) + held
    assert book.value(marks) == pytest.approx(float(equity), rel=1e-9, abs=1e-3)


@given(trades)
def test_ledger_and_positions_are_the_fold_of_the_fills(
    fill_of: Callable[..., Fill], trades: list[tuple[str, Side, Decimal, Decimal, Decimal]]
) -> None:
    book, fills = opened(), fills_of(fill_of, trades)
    for fill in fills:
        book.book(fill)
    for symbol, multiplier in MULTIPLIERS.items():
        folded = Position("trend", symbol, multiplier)
        for fill in fills:
            folded = folded.after(fill) if fill.instrument == symbol else folded
        assert book.positions[symbol] == folded
        assert book.ledger.balance(f"positions:{symbol}", "USD") == folded.cost
    moved = sum(
        -fill.side.sign * Fraction(fill.notional(MULTIPLIERS[fill.instrument])) - Fraction(fill.fee)
        for fill in fills
    )
    assert Fraction(book.cash) == 100_000 + moved
    assert Fraction(book.fees) == sum(Fraction(fill.fee) for fill in fills)
    assert Fraction(book.realised) == sum(Fraction(p.realised) for p in book.positions.values())


@given(trades, st.data())
def test_a_fill_arriving_twice_is_booked_once(
    fill_of: Callable[..., Fill],
    trades: list[tuple[str, Side, Decimal, Decimal, Decimal]],
    data: st.DataObject,
) -> None:
    once, again, fills = opened(), opened(), fills_of(fill_of, trades)
    for number, fill in enumerate(fills):
        assert once.book(fill)
        assert again.book(fill)
        repeated = data.draw(st.sampled_from(fills[: number + 1]))
        assert not again.book(repeated)
    assert (again.positions, again.cash, again.fees) == (once.positions, once.cash, once.fees)
    assert again.value({"SP500": 1.0, "ES": 1.0}) == once.value({"SP500": 1.0, "ES": 1.0})


@given(trades, st.integers(0, 25))
def test_books_that_begin_with_what_was_archived_are_the_same(
    fill_of: Callable[..., Fill], trades: list[tuple[str, Side, Decimal, Decimal, Decimal]], cut: int
) -> None:
    whole, archived, again, fills = opened(), opened(), opened(), fills_of(fill_of, trades)
    for fill in fills:
        whole.book(fill)
    for fill in fills[:cut]:
        archived.book(fill)
    for position in archived.positions.values():
        assert again.bring_forward(position, 1)
        assert not again.bring_forward(position, 1)
    for fill in fills[cut:]:
        assert again.book(fill)
    assert (again.positions, again.worth()) == (whole.positions, whole.worth())
    for account in ("cash", "capital", "realised", "fees", "positions:SP500", "positions:ES"):
        assert again.ledger.balance(account, "USD") == whole.ledger.balance(account, "USD")
    assert again.ledger.total("USD") == 0


def test_what_was_archived_of_another_portfolio_is_refused() -> None:
    for position in (Position("other", "ES"), Position("trend", "X")):
        with pytest.raises(ValueError, match="does not belong in the books of trend"):
            opened().bring_forward(position, 1)


def test_a_fill_is_the_same_only_with_the_same_broker(fill_of: Callable[..., Fill]) -> None:
    book = opened()
    assert book.book(fill_of(exec_id="1", broker="paper"))
    assert book.book(fill_of(exec_id="1", broker="other"))
    assert book.positions["SP500"].quantity == 20


def test_a_deposit_counts_once_and_a_withdrawal_lowers_the_capital() -> None:
    book = opened("100")
    assert not book.deposit(Decimal(100), 2)
    assert book.deposit(Decimal("-30.5"), 3, "rent")
    assert (book.cash, book.capital, book.value({})) == (Decimal("69.5"), Decimal("69.5"), 69.5)


def test_cash_may_go_negative(fill_of: Callable[..., Fill]) -> None:
    book = opened("1000")
    book.book(fill_of(quantity=Decimal(10), price=Decimal(150), fee=Decimal(1)))
    assert book.cash == -501
    assert book.equity({"SP500": 150.0}) == 999


@pytest.mark.parametrize(
    "special",
    [{"portfolio": "other"}, {"currency": "EUR"}, {"instrument": "UNHEARD"}],
    ids=lambda s: next(iter(s)),
)
def test_a_fill_of_somebody_else_is_refused(fill_of: Callable[..., Fill], special: dict[str, str]) -> None:
    book = opened()
    with pytest.raises(ValueError, match="does not belong in the USD books of trend"):
        book.book(fill_of(**special))
    assert book.cash == 100_000


def test_what_is_held_needs_a_price_and_what_is_not_does_not(fill_of: Callable[..., Fill]) -> None:
    book = opened()
    assert book.equity({}) == 100_000
    book.book(fill_of())
    for ask in (book.equity, book.unrealised, book.value):
        with pytest.raises(KeyError):
            ask({})
    book.book(fill_of(side=Side.SELL))
    assert book.equity({}) == 99_999
