"""A bracket's exits are priced on the safe side, only reduce, and are looked after until nothing is held."""

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lts.config.schema import ProtectionPlan
from lts.domain.bracket import Bracket, Brackets, exits, is_exit, split
from lts.domain.journal import RecallOrders
from lts.domain.market import Instrument
from lts.domain.orders import Order, OrderType, Side, TimeInForce
from lts.testing import TEST, WatchfulDesk, market_order

pytestmark = pytest.mark.requirement("INT-4.6", "LTS-003")

BUY, SELL = Side.BUY, Side.SELL
PLAN = ProtectionPlan(stop_loss_bps=Decimal(200), take_profit_bps=Decimal(400))
TRAILING = ProtectionPlan(trailing_bps=Decimal(150))


def prices(plan: ProtectionPlan, side: Side, reference: str, tick: str = "0.01") -> list[Decimal]:
    instrument = Instrument("TEST", "USD", Decimal(tick), Decimal(1))
    found = exits(plan, instrument, side, Decimal(5), Decimal(reference))
    return [
        terms.trigger_price or terms.limit_price or terms.trailing_offset or Decimal(0) for _, terms in found
    ]


@pytest.mark.parametrize(
    ("side", "reference", "tick", "stop", "profit"),
    [
        (BUY, "100", "0.01", "98", "104"),
        (SELL, "100", "0.01", "102", "96"),
        (BUY, "101.237", "0.01", "99.22", "105.28"),  # 99.21226 and 105.28648, both towards the price
        (SELL, "101.237", "0.01", "103.26", "97.19"),
        (BUY, "10", "1", "9", "11"),  # 9.8 and 10.4 are no ticks, and 10 is where the price is
        (SELL, "10", "1", "11", "9"),
        (BUY, "1", "1", "1", "2"),  # there is no tick below
    ],
)
def test_prices_are_whole_ticks_towards_the_reference(
    side: Side, reference: str, tick: str, stop: str, profit: str
) -> None:
    assert prices(PLAN, side, reference, tick) == [Decimal(stop), Decimal(profit)]


@pytest.mark.parametrize(
    ("reference", "tick", "offset"), [("100", "0.01", "1.5"), ("101.237", "0.01", "1.51"), ("10", "1", "1")]
)
def test_a_trailing_stop_stays_no_further_behind_than_asked_for(
    reference: str, tick: str, offset: str
) -> None:
    assert (
        prices(TRAILING, BUY, reference, tick) == prices(TRAILING, SELL, reference, tick) == [Decimal(offset)]
    )


bps = st.decimals("0.01", "9999", places=2)
ticks = st.sampled_from([Decimal(each) for each in ("0.00001", "0.01", "0.25", "1", "5")])


@given(st.sampled_from(Side), st.decimals("0.01", "1e6", places=4), bps, bps, ticks)
def test_no_exit_is_further_away_than_asked_for_or_where_the_price_is(
    side: Side, reference: Decimal, loss: Decimal, profit: Decimal, tick: Decimal
) -> None:
    plan = ProtectionPlan(stop_loss_bps=loss, take_profit_bps=profit)
    stop, target = prices(plan, side, str(reference), str(tick))
    sign = side.sign
    assert stop % tick == target % tick == 0
    assert min(stop, target) > 0
    if tick < reference:
        assert stop * sign < reference * sign < target * sign
        assert abs(stop - reference) <= max(reference * loss / 10_000, tick)
        assert abs(target - reference) <= max(reference * profit / 10_000, tick)


def opened(bracket: Bracket, desk: WatchfulDesk, number: int = 1, side: Side = BUY) -> list[Order]:
    """An entry of 5 and its exits, under the numbers from this one on."""
    numbers = iter(range(number + 1, number + 9))
    entry = market_order(side, 5, number=number)
    protecting = bracket.protect(
        entry, Decimal(5), Decimal(100), lambda: market_order(number=next(numbers)).client_order_id
    )
    orders = [entry, *protecting]
    for order in orders:
        desk.place(order)
    return orders


def test_exits_wait_for_their_entry_and_end_each_other() -> None:
    entry, stop, profit = opened(Bracket(TEST, PLAN), WatchfulDesk())
    assert [(each.side, each.type, int(each.quantity)) for each in (stop, profit)] == [
        (SELL, OrderType.STOP, 5),
        (SELL, OrderType.LIMIT, 5),
    ]
    for each in (stop, profit):
        assert is_exit(each)
        assert each.parent == each.group == entry.client_order_id
        assert (each.reduce_only, each.time_in_force) == (True, TimeInForce.GTC)
        assert each.objection() == ""
    assert len({each.client_order_id for each in (entry, stop, profit)}) == 3


def test_exits_are_idle_when_what_they_protect_is_gone() -> None:
    bracket, desk = Bracket(TEST, PLAN), WatchfulDesk()
    entry, stop, profit = opened(bracket, desk)
    names = [stop.client_order_id, profit.client_order_id]
    assert bracket.idle(Decimal(0), ()) == []  # of an entry that never trades, the desk ends them
    bracket.trade(desk.fill(entry, 2))
    assert bracket.idle(Decimal(0), {entry.client_order_id}) == []  # it may still trade
    bracket.trade(desk.fill(entry))
    assert bracket.idle(Decimal(5), ()) == []
    assert bracket.idle(Decimal(0), ()) == names
    assert bracket.idle(Decimal(-5), ()) == names
    bracket.trade(desk.fill(stop, 5))
    assert bracket.idle(Decimal(0), ()) == names[1:]
    bracket.end(names[1])
    assert bracket.exits == ()


def test_exits_of_another_side_stay() -> None:
    bracket, desk = Bracket(TEST, PLAN), WatchfulDesk()
    long, *_ = opened(bracket, desk)
    short, stop, profit = opened(bracket, desk, 4, SELL)
    bracket.trade(desk.fill(long))
    bracket.trade(desk.fill(short))
    assert set(bracket.idle(Decimal(-5), ())) == {*bracket.exits} - {
        stop.client_order_id,
        profit.client_order_id,
    }


def test_a_bracket_without_a_plan_looks_after_what_is_there_and_opens_nothing() -> None:
    first, desk = Bracket(TEST, PLAN), WatchfulDesk()
    entry, stop, _ = opened(first, desk)
    desk.fill(entry)
    later = Bracket(TEST)
    later.recall(stop, desk.records[entry.client_order_id])
    assert later.exits == (stop.client_order_id,)
    assert later.idle(Decimal(0), ()) == [stop.client_order_id]
    assert [*later.protect(entry, Decimal(5), Decimal(100), lambda: "x")] == []


def test_what_only_reduces_and_waits_for_nothing_is_closing() -> None:
    bracket = Bracket(TEST, PLAN)
    closing = msgspec.structs.replace(market_order(SELL, 5), reduce_only=True)
    bracket.recall(closing)
    assert bracket.closing == {closing.client_order_id}
    bracket.end(closing.client_order_id)
    assert bracket.closing == set()


def test_a_portfolio_that_is_started_anew_looks_after_what_is_not_journalled_yet() -> None:
    desk = WatchfulDesk()
    entry, stop, profit = opened(Bracket(TEST, PLAN), desk)
    desk.records.pop(profit.client_order_id)
    found = Brackets({}, {"TEST": TEST})
    closing = msgspec.structs.replace(market_order(SELL, 5, number=9), reduce_only=True)
    assert found.recall(desk.recall(RecallOrders()), (entry, stop, profit, closing)) == {}
    assert found["TEST"].exits == (stop.client_order_id, profit.client_order_id)
    assert found["TEST"].closing == {closing.client_order_id}
    assert [found.leads_on(order) for order in (entry, stop, profit, closing)] == [True, False, False, True]


def test_what_an_exit_took_out_of_the_market_was_wanted_until_then() -> None:
    desk = WatchfulDesk()
    entry, stop, _ = opened(Bracket(TEST, PLAN), desk)
    desk.fill(entry)
    assert Brackets({}, {"TEST": TEST}).recall(desk.recall(RecallOrders())) == {}
    desk.fill(stop)
    assert Brackets({}, {"TEST": TEST}).recall(desk.recall(RecallOrders())) == {"TEST": 1.0}


@pytest.mark.parametrize(
    ("closable", "missing", "parts"),
    [
        (0, 5, (0, 5)),
        (5, 5, (0, 5)),
        (5, -3, (-3, 0)),
        (5, -5, (-5, 0)),
        (5, -8, (-5, -3)),
        (-5, 8, (5, 3)),
        (-5, -8, (0, -8)),
    ],
)
def test_a_reversal_is_split_into_what_closes_and_what_opens(
    closable: int, missing: int, parts: tuple[int, int]
) -> None:
    closing, opening = split(Decimal(closable), Decimal(missing))
    assert (int(closing), int(opening)) == parts
