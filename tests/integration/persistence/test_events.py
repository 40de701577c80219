"""What was journalled is told once each, in the order of the commits, whatever became of the tables since."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from actors.persistence.listings import events
from lts.domain.event_listings import TOLD, EventsGone, EventsListed, JournalledEvent, ListEvents
from lts.domain.fills import Fill
from lts.domain.financing import FinancingCharged
from lts.domain.listings import NotListed
from lts.domain.market import Instrument
from lts.domain.order_flow import JournalOrder, OrderChanged, OrderDenied, OrderFilled, OrderJournalled
from lts.domain.order_status import OrderStatus
from lts.domain.orders import ApprovedOrder, Order, OrderType, Side, Terms, TimeInForce
from lts.domain.reconciliation import PositionAdjusted
from lts.domain.risk import JournalTradingState, TradingState, TradingStateChanged
from lts.domain.units import Perform, Performed, PutInstrument

pytestmark = pytest.mark.requirement("INT-023", "INT-5.2", "LTS-003")

S = OrderStatus
D = Decimal
BEGIN = 1_700_000_000_000_000_000
MARKET = OrderType.MARKET, None, TimeInForce.GTC


def order(number: int, portfolio: str = "p", instrument: str = "X", **terms: Any) -> ApprovedOrder:
    name = f"{portfolio}-{instrument}-{number:06}"
    made = ApprovedOrder(name, portfolio, instrument, "venue", Side.BUY, D(5), *MARKET, BEGIN + number)
    return msgspec.structs.replace(made, **terms)


def filled(whose: Order, exec_id: str, status: OrderStatus, **other: Any) -> OrderFilled:
    fill = Fill(
        whose.portfolio, whose.instrument, "venue", whose.client_order_id, exec_id, whose.side, D("2.5"),
        D("1.1"), D("0.07"), "USD", BEGIN + 7, whose.position,
    )  # fmt: skip
    return OrderFilled(whose.portfolio, msgspec.structs.replace(fill, **other), status)


def changed(whose: Order, status: OrderStatus, **other: Any) -> OrderChanged:
    return OrderChanged(whose.portfolio, whose.client_order_id, status, BEGIN + 5, **other)


PLAIN = order(1)
HEDGED = order(
    2, "q", "Y", type=OrderType.LIMIT, limit_price=D("1.5"), post_only=True, position="a:long", group="g"
)
ABROAD = order(3, "p", "E")
DENIED = Order(*msgspec.structs.astuple(order(4, reduce_only=True)))
HALT = TradingStateChanged("portfolio:q", TradingState.HALTED, "enough", BEGIN + 9, "ann")
REDUCE = TradingStateChanged("system", TradingState.REDUCING, "crowded", BEGIN + 9)

STORY: tuple[Any, ...] = (
    OrderJournalled(PLAIN),
    changed(PLAIN, S.SUBMITTED),
    changed(PLAIN, S.ACCEPTED, venue_order_id="v1"),
    OrderJournalled(HEDGED),
    changed(HEDGED, S.SUBMITTED),
    changed(HEDGED, S.ACCEPTED, venue_order_id="v2", terms=Terms(D(6), D("1.4")), reason="asked for"),
    filled(PLAIN, "x1", S.PARTIALLY_FILLED),
    filled(HEDGED, "x2", S.PARTIALLY_FILLED),
    OrderDenied("p", DENIED, "too much", BEGIN + 6),
    OrderDenied("p", Order(*msgspec.structs.astuple(order(5))), "too much again", BEGIN + 6),
    OrderJournalled(ABROAD),
    changed(ABROAD, S.SUBMITTED),
    filled(ABROAD, "x3", S.FILLED, quantity=D(5), currency="EUR", rate=D("1.0825")),
    FinancingCharged("p", "venue", "E", D("-1.25"), "EUR", "7", BEGIN + 8, D("1.083")),
    FinancingCharged("q", "venue", "Y", D("0.5"), "USD", "7", BEGIN + 8),
    PositionAdjusted("p", "X", "venue", D("-1"), D("1.2"), "1", "approved by ann", BEGIN + 8),
    filled(PLAIN, "x4", S.FILLED),
    PositionAdjusted("q", "Y", "venue", D("-1"), D("1.2"), "2", "approved by ann", BEGIN + 8, "a:long"),
    changed(HEDGED, S.CANCELED, reason="no more"),
    HALT,
    REDUCE,
    msgspec.structs.replace(HALT, state=TradingState.ACTIVE, reason="on with it", at=BEGIN + 10),
)


async def tell(node: Any, story: tuple[Any, ...] = STORY, *, at_once: bool = False) -> None:
    foreign = PutInstrument(Instrument("E", "EUR", D("0.01"), D("0.01")))
    assert await node.client.ask(Perform((foreign,), "system")) == Performed()
    for each in story:
        match each:
            case OrderJournalled():
                node.client.send(JournalOrder(each.order))
            case TradingStateChanged():
                node.client.send(JournalTradingState(each))
            case _:
                node.client.publish(each)
        if not at_once:
            await node.settled()
    await node.settled()


async def told(node: Any, wanted: ListEvents) -> list[JournalledEvent]:
    """Follow the events to their end."""
    found: list[JournalledEvent] = []
    while True:
        answer = await node.client.ask(wanted)
        assert isinstance(answer, EventsListed)
        assert len(answer.events) <= wanted.limit
        assert answer.through > (wanted.after or 0) or answer.through == answer.last
        found += answer.events
        if answer.through == answer.last:
            return found
        wanted = msgspec.structs.replace(wanted, after=answer.through)


@pytest.mark.parametrize("at_once", [False, True], ids=["one by one", "in one commit"])
async def test_each_fact_is_told_as_it_was_said_in_its_order(node: Any, *, at_once: bool) -> None:
    await tell(node, at_once=at_once)
    found = await told(node, ListEvents(0))
    if at_once:  # trading states are urgent: they overtake
        assert sorted(map(repr, (each.message() for each in found))) == sorted(map(repr, STORY))
    else:
        assert tuple(each.message() for each in found) == STORY
    assert [each.seq for each in found] == sorted({each.seq for each in found})
    assert {type(each.message()) for each in found} == {*TOLD}
    assert {each.type for each in found} >= {"OrderFilled/1", "TradingStateChanged/1"}
    again = await told(node, ListEvents(0, limit=4))
    assert again == found
    states = [each.portfolio for each in found if each.type == "TradingStateChanged/1"]
    assert states == ["q", "", "q"]


async def test_whoever_begins_anywhere_gets_the_same_events(
    node: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    await tell(node)
    whole = await told(node, ListEvents(0))
    monkeypatch.setattr(events, "AT_ONCE", 60)
    monkeypatch.setattr(events, "STATEMENTS", 2)
    last = (await node.client.ask(ListEvents())).last
    for after in range(0, last + 1, 7):
        rest = await told(node, ListEvents(after, limit=500))
        assert rest == [each for each in whole if each.seq > after]


async def test_events_are_told_to_those_who_may_see_them(node: Any) -> None:
    await tell(node)
    whole = await told(node, ListEvents(0))
    mine = await told(node, ListEvents(0, ("q",), ("system",)))
    assert mine == [each for each in whole if each.portfolio in {"q", ""}]
    assert "" in {each.portfolio for each in mine}
    assert {each.portfolio for each in await told(node, ListEvents(0, ("p",), ()))} == {"p"}
    assert await told(node, ListEvents(0, (), ())) == []
    assert await told(node, ListEvents(0, ("nobody's",), ("user:ann",))) == []
    halts = [each for each in await told(node, ListEvents(0, ("q",), ())) if each.type.startswith("Trading")]
    assert [each.body["state"] for each in halts] == ["halted", "active"]


async def test_who_wants_what_is_to_come_is_told_where_that_begins(node: Any) -> None:
    await tell(node, STORY[:3])
    end = await node.client.ask(ListEvents())
    assert (end.events, end.through) == ((), end.last)
    await tell(node, STORY[3:5])
    assert tuple(each.message() for each in await told(node, ListEvents(end.through))) == STORY[3:5]


async def test_a_number_that_there_is_not_is_gone(node: Any) -> None:
    await tell(node, STORY[:3])
    last = (await node.client.ask(ListEvents())).last
    ahead = await node.client.ask(ListEvents(last + 1))
    assert isinstance(ahead, EventsGone)
    assert ahead.begin == last
    assert isinstance(await node.client.ask(ListEvents(10**30)), EventsGone)
    assert isinstance(await node.client.ask(ListEvents(0, limit=0)), NotListed)
    assert isinstance(await node.client.ask(ListEvents(0, ("\0",))), NotListed)
