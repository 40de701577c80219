from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lts.domain.fills import Fill
from lts.domain.financing import FinancingCharged
from lts.domain.market import Bar, Instrument
from lts.domain.orders import Side
from lts.domain.portfolio import Book
from lts.domain.positions import Position
from lts.domain.valuation import Valuation

pytestmark = pytest.mark.requirement("INT-4.6")

SYMBOLS = ("A", "B")


def books(symbols: tuple[str, ...]) -> Book:
    step = Decimal("0.01")
    book = Book("p", "USD", [Instrument(symbol, "USD", step, step) for symbol in symbols])
    book.deposit(Decimal(1000), 0)
    return book


def closing(symbol: str, at: int, close: float) -> Bar:
    return Bar(symbol, at - 1, at, close, close, close, close, 0.0)


def trading(number: int, symbol: str, side: Side, quantity: int, price: float) -> Fill:
    return Fill(
        "p",
        symbol,
        "b",
        f"o{number}",
        f"e{number}",
        side,
        Decimal(quantity),
        Decimal(str(price)),
        Decimal(1),
        "USD",
        0,
    )


@pytest.mark.parametrize("symbols", [("A",), SYMBOLS])
@given(data=st.data())
def test_closes_valued_together_come_to_what_they_come_to_one_by_one(
    symbols: tuple[str, ...], data: st.DataObject
) -> None:
    book = books(symbols)
    valuation = Valuation(book)
    marks: dict[str, float] = {}
    expected: dict[int, float] = {}
    for number in range(data.draw(st.integers(0, 30))):
        symbol = data.draw(st.sampled_from(symbols))
        price = data.draw(st.integers(1, 500)) / 4
        if data.draw(st.booleans()):
            bar = closing(symbol, 10 + number // 2, price)
            valuation.closes.append(bar)
            marks[symbol] = price
            if symbol in marks and all(held in marks for held in book.worth()[1]):
                expected[bar.closed_at] = book.value(marks)
        else:
            fill = trading(
                number, symbol, data.draw(st.sampled_from(Side)), data.draw(st.integers(1, 3)), price
            )
            book.book(fill)
            valuation.turn(fill.instrument, fill.price)
            marks.setdefault(symbol, price)

    assert valuation.marks == marks
    if len(symbols) == 2 or len(set(valuation.curve.times)) == len(valuation.curve.times):
        assert dict(zip(valuation.curve.times, valuation.curve.values, strict=True)) == pytest.approx(
            expected
        )


@pytest.mark.parametrize("symbols", [("A",), SYMBOLS])
def test_a_close_before_money_comes_in_is_valued_without_it(symbols: tuple[str, ...]) -> None:
    book = books(symbols)
    valuation = Valuation(book)
    valuation.closes.append(closing("A", 1, 3.0))
    book.charge(FinancingCharged("p", "b", "A", Decimal(-4), "USD", "1", 1))
    valuation.count_cash()
    valuation.closes.append(closing("A", 2, 3.0))

    assert list(valuation.curve.values) == [1000.0, 996.0]
    assert valuation.marks == {"A": 3.0}


def test_what_is_held_before_its_first_close_is_marked_at_the_price_of_its_fill() -> None:
    book = books(SYMBOLS)
    valuation = Valuation(book)
    fill = trading(1, "A", Side.BUY, 2, 7.5)
    book.book(fill)
    valuation.turn(fill.instrument, fill.price)
    valuation.closes.append(closing("B", 1, 3.0))

    assert valuation.marks == {"A": 7.5, "B": 3.0}
    assert list(valuation.curve.values) == [999.0]


def test_what_is_held_from_the_beginning_has_its_average_price_until_a_close() -> None:
    book = books(SYMBOLS)
    book.bring_forward(Position("p", "A", quantity=Decimal(4), cost=Decimal(10)), 0)
    valuation = Valuation(book)
    assert valuation.marks == {"A": 2.5}
    valuation.closes.append(closing("A", 1, 3.0))
    assert valuation.marks == {"A": 3.0}
