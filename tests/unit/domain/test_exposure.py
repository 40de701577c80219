"""An exposure counts what open orders may still trade; a throttle counts messages."""

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lts.domain.exposure import Exposure
from lts.domain.orders import Order, Side
from lts.domain.throttle import Throttle
from lts.domain.totals import worse
from lts.testing import market_order

pytestmark = pytest.mark.requirement("INT-4.6")

SECOND = 1_000_000_000
BUY, SELL = Side.BUY, Side.SELL


def exposure(held: str | int = 0) -> Exposure:
    made = Exposure("p", "b", "TEST")
    made.hold(Decimal(held))
    return made


def reducing(order: Order) -> Order:
    return msgspec.structs.replace(order, reduce_only=True)


def test_the_worse_of_all_buys_and_all_sells_counts() -> None:
    one = exposure()
    one.reserve(BUY, Decimal(5))
    one.reserve(SELL, Decimal(8))
    assert [*one.ends()] == [-8, 5]
    assert worse(one.ends(BUY, Decimal(1))) == 8
    assert worse(one.ends(BUY, Decimal(9))) == 14


def test_what_only_reduces_never_adds() -> None:
    one = exposure(5)
    one.reserve(SELL, Decimal(100), reduce_only=True)
    assert [*one.ends()] == [5, 5]


@pytest.mark.parametrize(
    ("side", "quantity", "reduces"), [(SELL, "5", True), (SELL, "5.01", False), (BUY, "1", False)]
)
def test_only_an_order_within_the_position_reduces_it(side: Side, quantity: str, *, reduces: bool) -> None:
    assert exposure(5).reduces(market_order(side, quantity)) is reduces


def test_open_orders_of_the_same_side_count_before_an_order_may_reduce() -> None:
    one = exposure(5)
    one.reserve(SELL, Decimal(2))
    one.reserve(SELL, Decimal(1), reduce_only=True)
    assert one.reduces(market_order(SELL, 2))
    assert not one.reduces(market_order(SELL, 3))


def test_an_order_that_only_reduces_reduces_whatever_its_size_if_there_is_anything() -> None:
    assert exposure(5).reduces(reducing(market_order(SELL, 100)))
    assert not exposure(5).reduces(reducing(market_order(BUY, 1)))
    assert not exposure(0).reduces(reducing(market_order(SELL, 1)))


@given(
    st.lists(st.tuples(st.sampled_from(Side), st.integers(1, 9), st.booleans()), max_size=20),
    st.sampled_from(Side),
    st.integers(1, 9),
)
def test_no_way_that_open_orders_can_fill_exceeds_the_ends(
    history: list[tuple[Side, int, bool]], side: Side, quantity: int
) -> None:
    one, held, buys, sells = exposure(), 0, 0, 0
    for each, size, filled in history:
        one.reserve(each, Decimal(size))
        if filled:
            one.hold(each.signed(Decimal(size)))
            one.reserve(each, Decimal(-size))
            held += each.sign * size
        elif each is BUY:
            buys += size
        else:
            sells += size
    assert [*one.ends()] == [held - sells, held + buys]
    buys, sells = (buys + quantity, sells) if side is BUY else (buys, sells + quantity)
    assert [*one.ends(side, Decimal(quantity))] == [held - sells, held + buys]


def test_a_throttle_lets_a_seconds_worth_pass_at_once_and_then_the_rate() -> None:
    throttle = Throttle(2.0)
    assert [throttle.take(0) for _ in range(3)] == [True, True, False]
    assert throttle.take(SECOND // 2)
    assert not throttle.take(SECOND // 2 + 1)


def test_a_throttle_below_one_a_second_lets_one_pass_and_then_waits() -> None:
    throttle = Throttle(0.1)
    assert throttle.take(0)
    assert not throttle.take(9 * SECOND)
    assert throttle.take(20 * SECOND)


def test_a_throttle_keeps_a_budget_for_what_makes_things_safer() -> None:
    throttle = Throttle(5.0, kept=2.0)
    assert [throttle.take(0) for _ in range(4)] == [True, True, True, False]
    assert [throttle.take(0, safer=True) for _ in range(3)] == [True, True, False]


def test_a_throttle_counts_what_nobody_may_hold_up() -> None:
    throttle = Throttle(2.0)
    for _ in range(5):
        throttle.note(0)
    assert not throttle.take(0, safer=True)
    assert throttle.take(SECOND // 2)
