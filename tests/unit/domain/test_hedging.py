"""In an account that hedges, a position is opened, added to and closed, and never turned."""

from collections.abc import Callable, Iterable
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lts.domain.exposure import Exposure
from lts.domain.hedging import HedgedExposure, objection_to_place, placed, taken
from lts.domain.legs import asset_of, legs
from lts.domain.money import ZERO
from lts.domain.orders import Order, Side
from lts.domain.totals import Totals

pytestmark = pytest.mark.requirement("INT-4.6", "INT-018")

BUY, SELL = Side.BUY, Side.SELL
OrderOf = Callable[..., Order]


def exposure(held: int = 0, *totals: Totals) -> HedgedExposure:
    made = HedgedExposure(("trend", "paper", "SP500"), "p", totals)
    made.hold(Decimal(held))
    return made


def figures(amounts: Iterable[Decimal]) -> tuple[int, ...]:
    return tuple(map(int, amounts))


def sums(totals: Totals) -> tuple[int, ...]:
    """The lowest, the highest and the gross sum."""
    return figures(each.get("SP500", ZERO) for each in (totals.lowest, totals.highest, totals.gross))


def refused(order: Order, at: Exposure) -> str:
    return objection_to_place(order, at, hedges=True)


def test_an_order_that_names_no_position_opens_its_own(order_of: OrderOf) -> None:
    order = order_of()
    assert placed(order).position == order.client_order_id
    assert placed(order_of(position="p")).position == "p"


def test_what_only_reduces_has_to_say_what(order_of: OrderOf) -> None:
    order = placed(order_of(reduce_only=True))
    assert refused(order, exposure()) == (
        "an order that only reduces has to name its position in account:paper"
    )
    assert not refused(order_of(reduce_only=True, position="p"), exposure(5))


def test_where_positions_are_netted_an_order_names_none(order_of: OrderOf) -> None:
    sentence = objection_to_place(order_of(position="p"), exposure(), hedges=False)
    assert sentence == "positions are netted in account:paper, and an order there names none"


def test_the_id_of_a_position_is_no_longer_than_it_is_kept(order_of: OrderOf) -> None:
    assert not refused(order_of(position="p" * 64), exposure())
    assert (
        refused(order_of(position="p" * 65), exposure()) == "the id of a position has at most 64 characters"
    )


@pytest.mark.parametrize(("side", "held"), [(SELL, 10), (BUY, -10)])
def test_an_order_on_the_other_side_closes_and_goes_no_further(
    order_of: OrderOf, side: Side, held: int
) -> None:
    at = exposure(held)
    order = order_of(side=side, quantity=Decimal(10), position="p")
    assert not refused(order, at)
    assert taken(order, at).reduce_only
    beyond = order_of(side=side, quantity=Decimal("10.5"), position="p")
    assert refused(beyond, at) == "it goes beyond flat: position p holds 10"


def test_an_order_on_the_same_side_adds(order_of: OrderOf) -> None:
    at, order = exposure(10), order_of(quantity=Decimal(99), position="p")
    assert not refused(order, at)
    assert taken(order, at) is order


def test_a_position_is_not_opened_on_both_sides_at_once(order_of: OrderOf) -> None:
    at = exposure()
    at.reserve(BUY, Decimal(5))
    assert refused(order_of(side=SELL, position="p"), at) == (
        "orders on the other side of position p are under way"
    )
    at.reserve(BUY, Decimal(-5))
    assert not refused(order_of(side=SELL, position="p"), at)


def test_what_closes_counts_as_far_as_there_is_something_to_close() -> None:
    at = exposure(10)
    at.reserve(SELL, Decimal(8), reduce_only=True)
    assert figures(at.ends()) == (2, 10)
    at.reserve(SELL, Decimal(8), reduce_only=True)
    at.reserve(BUY, Decimal(3))
    assert figures(at.ends()) == (0, 13)
    at.hold(Decimal(-10))
    assert figures(at.ends()) == (0, 3)


def test_long_and_short_together_are_nothing_net_and_their_sum_gross() -> None:
    totals = Totals()
    long, short = exposure(10, totals), exposure(-10, totals)
    assert sums(totals) == (0, 0, 20)
    long.reserve(SELL, Decimal(10), reduce_only=True)  # what it was held against may stand alone
    assert sums(totals) == (-10, 0, 20)
    long.hold(Decimal(-10))
    long.reserve(SELL, Decimal(-10), reduce_only=True)
    assert sums(totals) == (-10, -10, 10)
    assert figures(short.ends()) == (-10, -10)


moves = st.lists(
    st.tuples(st.sampled_from(Side), st.integers(1, 9), st.booleans(), st.integers(0, 9), st.booleans()),
    max_size=30,
)


@given(moves=moves)
def test_whatever_is_let_pass_and_in_whatever_order_it_fills_no_position_turns(
    order_of: OrderOf, moves: list[tuple[Side, int, bool, int, bool]]
) -> None:
    at, working = exposure(), list[Order]()
    for number, (side, quantity, reduce_only, chosen, fills) in enumerate(moves):
        order = order_of(
            client_order_id=str(number),
            side=side,
            quantity=Decimal(quantity),
            reduce_only=reduce_only,
            position="p",
        )
        if not refused(order, at):
            order = taken(order, at)
            at.reserve(order.side, order.quantity, reduce_only=order.reduce_only)
            working.append(order)
        if working and fills:
            _fill(at, working.pop(chosen % len(working)))


def _fill(at: HedgedExposure, order: Order) -> None:
    """Have an order trade as a venue would: what only reduces trades no more than there is."""
    held, quantity = at.position, order.quantity
    if order.reduce_only:
        quantity = min(quantity, max(ZERO, held if order.side is SELL else -held))
    at.hold(order.side.signed(quantity))
    at.reserve(order.side, -order.quantity, reduce_only=order.reduce_only)
    assert held * at.position >= 0, f"{held} becomes {at.position}"


def test_an_asset_is_long_in_one_position_and_short_in_another() -> None:
    long, short = legs("trend", "SP500")
    assert (long.id, short.id) == ("trend:long", "trend:short")
    assert [long.part(Decimal(3)), short.part(Decimal(3))] == [3, 0]
    assert [long.part(Decimal(-3)), short.part(Decimal(-3))] == [0, -3]
    assert [long.part(ZERO), short.part(ZERO)] == [0, 0]
    assert {asset_of(long.id), asset_of(short.id)} == {"trend"}
    assert asset_of("EUR/USD") == "EUR/USD"


def test_a_position_tells_orders_apart_that_are_otherwise_the_same(order_of: OrderOf) -> None:
    one = order_of(position="p")
    assert one.place == "p"
    assert msgspec.structs.replace(one, position="").place == "SP500"
