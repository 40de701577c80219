from collections.abc import Callable
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lts.domain.exposure import Exposure
from lts.domain.fills import Fill
from lts.domain.orders import Order, OrderType, Side, TimeInForce
from lts.domain.throttle import Throttle

pytestmark = pytest.mark.requirement("INT-4.6")

SECOND = 1_000_000_000


def order(number: int, side: Side, quantity: str, instrument: str = "X") -> Order:
    return Order(
        f"o{number}",
        "p",
        instrument,
        "b",
        side,
        Decimal(quantity),
        OrderType.MARKET,
        None,
        TimeInForce.GTC,
        0,
    )


def fill(of: Order, quantity: str) -> Fill:
    return Fill(
        of.portfolio,
        of.instrument,
        of.broker,
        of.client_order_id,
        f"e-{of.client_order_id}",
        of.side,
        Decimal(quantity),
        Decimal(1),
        Decimal(0),
        "USD",
        0,
    )


def at_par(_: str, quantity: Decimal) -> Decimal:
    return abs(quantity)


def test_the_worse_of_all_buys_and_all_sells_counts() -> None:
    exposure = Exposure()
    exposure.reserve(order(1, Side.BUY, "5"))
    exposure.reserve(order(2, Side.SELL, "8"))

    assert exposure.value_with(order(3, Side.BUY, "1"), at_par) == 8
    assert exposure.value_with(order(3, Side.BUY, "9"), at_par) == 14


def test_a_fill_moves_its_part_from_the_reservation_to_the_position() -> None:
    exposure = Exposure()
    bought = order(1, Side.BUY, "5")
    exposure.reserve(bought)
    exposure.fill(fill(bought, "2"))

    assert exposure.value_with(order(2, Side.BUY, "1"), at_par) == 6

    exposure.release("o1")
    assert exposure.value_with(order(2, Side.BUY, "1"), at_par) == 3


@pytest.mark.parametrize(
    ("side", "quantity", "reduces"),
    [(Side.SELL, "5", True), (Side.SELL, "5.01", False), (Side.BUY, "1", False)],
)
def test_only_an_order_within_the_position_reduces_it(side: Side, quantity: str, reduces: bool) -> None:
    exposure = Exposure()
    exposure.fill(fill(order(1, Side.BUY, "5"), "5"))

    assert exposure.reduces(order(2, side, quantity)) is reduces


def test_open_orders_of_the_same_side_count_before_an_order_may_reduce() -> None:
    exposure = Exposure()
    exposure.fill(fill(order(1, Side.BUY, "5"), "5"))
    exposure.reserve(order(2, Side.SELL, "3"))

    assert exposure.reduces(order(3, Side.SELL, "2"))
    assert not exposure.reduces(order(3, Side.SELL, "3"))


@given(
    st.lists(st.tuples(st.sampled_from(Side), st.integers(1, 9), st.booleans()), max_size=20),
    st.sampled_from(Side),
    st.integers(1, 9),
)
def test_no_way_that_open_orders_can_fill_exceeds_the_value(
    history: list[tuple[Side, int, bool]], side: Side, quantity: int
) -> None:
    exposure, held, buys, sells = Exposure(), 0, 0, 0
    for number, (each, size, filled) in enumerate(history):
        one = order(number, each, str(size))
        exposure.reserve(one)
        if filled:
            exposure.fill(fill(one, str(size)))
            exposure.release(one.client_order_id)
            held += each.sign * size
        elif each is Side.BUY:
            buys += size
        else:
            sells += size
    proposed = order(99, side, str(quantity))
    buys, sells = (buys + quantity, sells) if side is Side.BUY else (buys, sells + quantity)

    assert exposure.value_with(proposed, at_par) == max(abs(held + buys), abs(held - sells))


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


def test_reserving_less_than_the_order_counts_what_is_left(order_of: Callable[..., Order]) -> None:
    exposure = Exposure()
    exposure.reserve(order_of(), Decimal(3))

    assert exposure.value_with(order_of(), at_par) > order_of().quantity
