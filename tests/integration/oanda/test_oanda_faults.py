"""Whatever is lost on the way to a venue: nothing is sent twice, nothing missed, and nothing guessed."""

import asyncio
import time
from decimal import Decimal
from typing import Any

import pytest

from lts.domain.journal import OrdersRecalled
from lts.domain.order_flow import ExecType, ExecutionReport
from lts.domain.order_record import OrderRecord
from lts.domain.order_status import OrderStatus
from lts.domain.orders import OrderType, Side
from lts.domain.reconciliation import VenueReported
from tests.venues.process import VenueProcess

pytestmark = pytest.mark.requirement("INT-4.5")

FAR = Decimal("1.05")


async def resolved(it: Any, order: Any, kind: ExecType, within_s: float = 8.0) -> ExecutionReport:
    """Ask after an order as the desk does, until it is told."""
    async with asyncio.timeout(within_s):
        while kind not in it.kinds(order):
            await it.query(order)
            await it.until(lambda: not it.bench.actor.lanes)
            await asyncio.sleep(0.1)  # noqa: TID251 - real time, as the venue's
    report: ExecutionReport = it.reports(order)[-1]
    return report


async def test_a_lost_answer_leaves_the_order_unknown_until_it_is_found(
    venue: VenueProcess, trading: Any
) -> None:
    async with trading() as it:
        await it.ready()
        venue.faults({"kind": "silent", "path": "stream", "seconds": 60})
        venue.faults({"kind": "lost_ack", "method": "POST", "count": 1})
        order = await it.place(it.order(Side.BUY, 10))
        await it.told(order, ExecType.UNKNOWN)
        venue.clear()
        await resolved(it, order, ExecType.FILLED)
        assert ExecType.REJECTED not in it.kinds(order)
        assert venue.book()["counters"]["duplicated"] == 0


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "lost_request"},
        {"kind": "error_before", "status": 500},
        {"kind": "error_before", "status": 503},
        {"kind": "delay_before", "seconds": 1.3},
    ],
    ids=lambda fault: fault["kind"],
)
async def test_what_may_not_have_arrived_is_unknown_and_never_sent_again(
    venue: VenueProcess, trading: Any, fault: dict[str, Any]
) -> None:
    async with trading() as it:
        await it.ready()
        venue.faults(fault | {"method": "POST", "count": 1})
        order = await it.place(it.order(limit_price=FAR))
        await it.told(order, ExecType.UNKNOWN)
        arrived = fault["kind"] == "delay_before"
        await resolved(it, order, ExecType.ACCEPTED if arrived else ExecType.ABSENT)
        assert venue.book()["counters"]["received"] == (1 if arrived else 0)


async def test_that_it_is_not_there_proves_nothing_before_the_venue_has_forgotten_the_request(
    venue: VenueProcess, trading: Any
) -> None:
    async with trading(request_lifetime_s=2.5) as it:
        await it.ready()
        venue.faults({"kind": "lost_request", "method": "POST", "count": 1})
        order = await it.place(it.order(limit_price=FAR))
        await it.told(order, ExecType.UNKNOWN)
        since = time.monotonic()
        await it.query(order)
        unknown = await it.told(order, ExecType.UNKNOWN, 2)
        assert "may yet get there" in unknown.reason
        await resolved(it, order, ExecType.ABSENT)
        assert time.monotonic() - since >= 2.4


async def test_an_order_is_not_absent_while_the_venue_cannot_be_asked(
    venue: VenueProcess, trading: Any
) -> None:
    async with trading(request_lifetime_s=1.1) as it:
        await it.ready()
        venue.faults({"kind": "lost_ack", "method": "POST", "count": 1})
        venue.faults({"kind": "error_before", "method": "GET", "status": 502}, {"kind": "silent"})
        order = await it.place(it.order(limit_price=FAR))
        await it.told(order, ExecType.UNKNOWN)
        await asyncio.sleep(1.2)  # noqa: TID251 - real time, as the venue's
        await it.query(order)
        await it.told(order, ExecType.UNKNOWN, 2)
        venue.clear()
        await resolved(it, order, ExecType.ACCEPTED)


async def test_what_the_venue_refuses_for_its_rate_is_rejected(venue: VenueProcess, trading: Any) -> None:
    async with trading() as it:
        await it.ready()
        venue.faults({"kind": "rate_limit", "method": "POST", "count": 1})
        order = await it.place(it.order())
        rejected = await it.told(order, ExecType.REJECTED)
        assert "429" in rejected.reason
        assert venue.book()["counters"]["received"] == 0


async def test_an_account_is_lost_and_found_again_with_all_that_happened_meanwhile(
    venue: VenueProcess, trading: Any
) -> None:
    async with trading() as it:
        await it.ready()
        order = await it.place(it.order(Side.BUY, 10, limit_price=FAR))
        await it.told(order, ExecType.ACCEPTED)
        lost = len(it.losses)
        venue.faults({"kind": "maintenance", "seconds": 1.0})
        await it.until(lambda: len(it.losses) > lost)
        venue.price("EUR_USD", "1.04000", "1.04020")
        reported = await it.ready(2)
        assert it.kinds(order) == [ExecType.ACCEPTED, ExecType.FILLED]
        assert [each.quantity for each in reported.positions] == [Decimal(10)]
        said = it.bench.said
        assert said.index(it.reports(order)[-1]) < said.index(reported)


async def test_a_silent_stream_is_a_dead_one_though_its_socket_is_up(
    venue: VenueProcess, trading: Any
) -> None:
    async with trading(heartbeat_timeout_s=0.8) as it:
        await it.ready()
        lost = len(it.losses)
        venue.faults({"kind": "silent", "path": "stream", "seconds": 1.8})
        silent_until = time.monotonic() + 1.8
        await it.until(lambda: len(it.losses) > lost)
        assert "silent" in it.losses[-1]
        await it.ready(2)
        assert time.monotonic() >= silent_until


@pytest.mark.parametrize("kind", ["drop", "duplicate", "reorder", "disconnect"])
async def test_whatever_happens_to_the_stream_each_fill_is_told_once_and_in_order(
    venue: VenueProcess, trading: Any, kind: str
) -> None:
    async with trading() as it:
        await it.ready()
        venue.faults({"kind": kind, "probability": 0.3, "path": "transactions"}, seed=5)
        orders = [await it.place(it.order(Side.BUY, 1)) for _ in range(25)]
        for order in orders:
            await it.told(order, ExecType.FILLED)
        venue.clear()
        there = [each["id"] for each in venue.book()["fills"]]
        await it.until(lambda: it.cursor == there[-1])
        told = [each.exec_id for each in it.bench.published(ExecutionReport) if each.exec_id]
        assert told == there
        assert venue.struck()[kind]


async def test_a_broker_goes_on_from_the_cursor_that_it_recalls(venue: VenueProcess, trading: Any) -> None:
    async with trading() as it:
        await it.ready()
        waiting = await it.place(it.order(Side.BUY, 10, limit_price=FAR))
        await it.told(waiting, ExecType.ACCEPTED)
        cursor = it.cursor
    record = OrderRecord(waiting)
    record.advance(OrderStatus.SUBMITTED, waiting.created_at)
    record.advance(OrderStatus.ACCEPTED, waiting.created_at)
    venue.price("EUR_USD", "1.04000", "1.04020")
    async with trading(cursor=cursor, recalled=OrdersRecalled((record,))) as again:
        await again.ready()
        assert again.kinds(waiting) == [ExecType.FILLED]


async def test_an_order_of_before_the_start_is_absent_only_a_lifetime_after_it(trading: Any) -> None:
    async with trading() as it:
        await it.ready()
        cursor = it.cursor
        never = it.order(limit_price=FAR)
    record = OrderRecord(never)
    record.advance(OrderStatus.SUBMITTED, never.created_at)
    async with trading(cursor=cursor, recalled=OrdersRecalled((record,))) as it:
        began = time.monotonic()
        await it.ready()
        await resolved(it, never, ExecType.ABSENT)
        assert time.monotonic() - began >= 1.4


async def test_an_order_that_was_inherited_as_not_sent_is_looked_for_before_it_is_sent(
    venue: VenueProcess, trading: Any
) -> None:
    """It waited for another one; the process that sent it died before it could write that down."""
    async with trading() as it:
        await it.ready()
        cursor = it.cursor
        child, other = it.order(limit_price=FAR), it.order(limit_price=FAR)
        await it.place(child)
        await it.told(child, ExecType.ACCEPTED)
    recalled = OrdersRecalled((OrderRecord(child), OrderRecord(other)))
    async with trading(cursor=cursor, recalled=recalled) as it:
        await it.ready()
        await it.place(child)
        await it.place(other)
        await it.told(child, ExecType.ACCEPTED)
        await it.told(other, ExecType.ACCEPTED)
        assert sorted(each["times"] for each in venue.book()["intents"]) == [1, 1]
        await it.withdraw(child)
        await it.told(child, ExecType.CANCELED)


async def test_many_lost_answers_are_all_found_and_nothing_is_doubled(
    venue: VenueProcess, trading: Any
) -> None:
    async with trading(requests_per_s=500) as it:
        await it.ready()
        faults = [{"kind": "lost_ack", "probability": 0.2}, {"kind": "lost_request", "probability": 0.1}]
        venue.faults(
            *(each | {"method": "POST"} for each in faults), {"kind": "drop", "probability": 0.3}, seed=3
        )
        orders = [await it.place(it.order(Side.BUY, 1)) for _ in range(60)]
        await it.until(lambda: not it.bench.actor.lanes)
        for order in orders:
            if not {ExecType.FILLED} & {*it.kinds(order)}:
                await it.query(order)
        for order in orders:
            if ExecType.FILLED not in it.kinds(order):
                await resolved(it, order, ExecType.FILLED if bought(venue, order) else ExecType.ABSENT)
        book = venue.book()
        fills = [each for each in it.bench.published(ExecutionReport) if each.exec_id]
        assert {each.exec_id for each in fills} == {each["id"] for each in book["fills"]}
        assert book["counters"]["duplicated"] == 0
        absent = [order for order in orders if ExecType.ABSENT in it.kinds(order)]
        assert len(absent) + len(book["fills"]) == 60
        assert absent


def bought(venue: VenueProcess, order: Any) -> bool:
    name = order.client_order_id.replace("/", "~")
    return any(each["clientOrderID"] == name for each in venue.book()["fills"])


async def test_a_venue_that_is_down_at_the_start_is_waited_for(venue: VenueProcess, trading: Any) -> None:
    venue.kill()
    async with trading() as it:
        await it.until(lambda: len(it.losses) >= 2)
        assert it.bench.state == "running"
        assert it.bench.published(VenueReported) == []
        venue.start()
        await it.ready()


async def test_a_venue_that_dies_and_comes_back_has_lost_nothing(venue: VenueProcess, trading: Any) -> None:
    async with trading() as it:
        await it.ready()
        order = await it.place(it.order(limit_price=FAR))
        await it.told(order, ExecType.ACCEPTED)
        venue.restart()
        await it.ready(2)
        await it.withdraw(order)
        await it.told(order, ExecType.CANCELED)


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "lost_request"},
        {"kind": "lost_ack"},
        {"kind": "rate_limit"},
        {"kind": "error_before", "status": 503},
        {"kind": "error_after", "status": 500},
    ],
    ids=lambda fault: fault["kind"],
)
async def test_a_cancel_is_sent_again_until_it_is_certain_what_came_of_it(
    venue: VenueProcess, trading: Any, fault: dict[str, Any]
) -> None:
    async with trading() as it:
        await it.ready()
        order = await it.place(it.order(limit_price=FAR))
        await it.told(order, ExecType.ACCEPTED)
        venue.faults(fault | {"method": "PUT", "count": 2})
        await it.withdraw(order)
        await it.told(order, ExecType.CANCELED)
        assert ExecType.CANCEL_REJECTED not in it.kinds(order)


async def test_a_cancel_that_comes_to_nothing_in_time_is_in_doubt_and_not_refused(
    venue: VenueProcess, trading: Any
) -> None:
    async with trading(insist_s=0.4) as it:
        await it.ready()
        order = await it.place(it.order(limit_price=FAR))
        await it.told(order, ExecType.ACCEPTED)
        venue.faults({"kind": "rate_limit", "method": "PUT"})
        await it.withdraw(order)
        assert "429" in (await it.told(order, ExecType.UNKNOWN)).reason
        assert ExecType.CANCEL_REJECTED not in it.kinds(order)
        venue.clear()
        await it.withdraw(order)
        await it.told(order, ExecType.CANCELED)


async def test_an_order_that_only_reduces_is_sent_again_while_the_venue_is_too_busy(
    venue: VenueProcess, trading: Any
) -> None:
    async with trading() as it:
        await it.ready()
        await it.told(await it.place(it.order(Side.BUY, 10)), ExecType.FILLED)
        venue.faults({"kind": "rate_limit", "method": "POST", "count": 2})
        stop = await it.place(
            it.order(Side.SELL, 10, type=OrderType.STOP, trigger_price=Decimal("1.02"), reduce_only=True)
        )
        await it.told(stop, ExecType.ACCEPTED)
        assert [each["times"] for each in venue.book()["intents"]] == [1, 1]


async def test_what_is_withdrawn_while_the_venue_is_too_busy_is_not_sent_again(
    venue: VenueProcess, trading: Any
) -> None:
    async with trading() as it:
        await it.ready()
        venue.faults({"kind": "rate_limit", "method": "POST"})
        stop = await it.place(it.order(Side.SELL, 10, limit_price=FAR, reduce_only=True))
        await it.until(lambda: venue.struck().get("rate_limit", 0) >= 2)
        await it.withdraw(stop)
        await it.told(stop, ExecType.REJECTED)
        assert venue.book()["counters"]["received"] == 0


async def test_a_cancel_does_not_wait_behind_orders_that_wait_to_be_sent(trading: Any) -> None:
    async with trading(requests_per_s=10) as it:
        await it.ready()
        order = await it.place(it.order(limit_price=FAR))
        await it.told(order, ExecType.ACCEPTED)
        many = [await it.place(it.order(limit_price=FAR)) for _ in range(40)]
        asked = [await it.place(it.order(limit_price=FAR)) for _ in range(20)]
        for each in many[:30]:
            await it.query(each)
        since = time.monotonic()
        await it.withdraw(order)
        await it.told(order, ExecType.CANCELED)
        assert time.monotonic() - since < 1
        for each in (*many, *asked):
            await it.withdraw(each)


async def test_a_venue_that_shows_late_what_it_did_is_given_time(venue: VenueProcess, trading: Any) -> None:
    async with trading() as it:
        await it.ready()
        venue.faults({"kind": "drop", "count": 1}, {"kind": "stale", "seconds": 0.5})
        order = await it.place(it.order(Side.BUY, 1))
        await it.told(order, ExecType.FILLED)


async def test_the_token_is_nowhere_to_be_seen(trading: Any, capsys: pytest.CaptureFixture[str]) -> None:
    async with trading() as it:
        await it.ready()
        await it.told(await it.place(it.order()), ExecType.FILLED)
        debug = await it.bench.debug()
        assert VenueProcess.token not in str(debug)
        assert VenueProcess.token not in repr(vars(it.bench.actor))
    out = capsys.readouterr()
    assert VenueProcess.token not in out.out + out.err
