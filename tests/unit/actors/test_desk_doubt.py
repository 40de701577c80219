"""An order in doubt is asked after until its venue says what became of it; time alone never does."""

import pytest

from actors.desk.orders import Orders
from bus import SECOND
from lts.domain.order_flow import (
    CancelOrder,
    ExecType,
    OrderChanged,
    OrderJournalled,
    OrderNotJournalled,
    PlaceOrder,
    QueryOrder,
)
from lts.domain.order_status import OrderStatus
from lts.domain.reconciliation import VenueLost
from lts.testing import BEGIN, NOBODY
from tests.desks import (
    ID,
    ORDER,
    DeskBench,
    alarms,
    approved,
    desk,
    fails_once,
    fill,
    hear_at_once,
    modification,
    placed,
    queried,
    recalled,
    report,
    statuses,
    stock,
    withdrawn,
    working,
)

pytestmark = pytest.mark.requirement("INT-4.5", "INT-002", "LTS-003")

S = OrderStatus
UNKNOWN = report(ExecType.UNKNOWN, reason="no answer")


async def gaps(bench: DeskBench, seconds: float) -> list[float]:
    """After how many seconds each the order in doubt is asked after, over some time."""
    asked, since = [], bench.now
    while bench.now < since + seconds * SECOND:
        count = len(queried(bench))
        await bench.advance(0.25)
        asked += [bench.now] * (len(queried(bench)) - count)
    return [(at - before) / SECOND for before, at in zip([since, *asked], asked, strict=False)]


async def test_a_lost_acknowledgement_is_asked_after_until_it_is_found() -> None:
    async with desk() as bench:
        await bench.hear(approved(), UNKNOWN)
        assert statuses(bench) == [S.SUBMITTED, S.UNKNOWN]
        assert bench.published(OrderChanged)[-1].reason == "no answer"
        assert queried(bench) == []
        await bench.advance(0.5)
        assert bench.asked(QueryOrder) == [QueryOrder("test", ID)]
        await bench.hear(fill("a", 4), report(ExecType.ACCEPTED))
        assert statuses(bench) == [S.SUBMITTED, S.UNKNOWN, S.PARTIALLY_FILLED]
        await bench.advance(600)
        assert len(queried(bench)) == 1, "what is known is not asked after"
        assert placed(bench) == [ID], "an order is never sent again"
        assert alarms(bench) == []


async def test_an_account_elsewhere_is_asked_at_least_every_two_seconds() -> None:
    async with desk() as bench:
        await bench.hear(VenueLost("test", "no route", BEGIN), approved(), UNKNOWN)
        assert await gaps(bench, 20) == [0.5, 1.0, *[2.0] * 9]
        assert statuses(bench)[-1] is S.UNKNOWN, "time proves nothing"


async def test_a_venue_in_this_process_is_asked_less_and_less() -> None:
    async with desk() as bench:
        await bench.hear(approved(), UNKNOWN)
        assert await gaps(bench, 20) == [0.5, 1.0, 2.0, 4.0, 8.0]


async def test_another_doubt_does_not_double_the_questions() -> None:
    async with working() as bench:
        await bench.hear(VenueLost("test", "no route", BEGIN))
        for _ in range(5):
            await bench.hear(CancelOrder(ID), UNKNOWN, report(ExecType.ACCEPTED), UNKNOWN)
        assert await gaps(bench, 6) == [0.5, 1.0, 2.0, 2.0]


async def test_to_be_in_doubt_again_is_no_news() -> None:
    async with desk() as bench:
        await bench.hear(approved(), UNKNOWN, UNKNOWN)
        assert statuses(bench) == [S.SUBMITTED, S.UNKNOWN]


async def test_time_alone_never_ends_a_doubt() -> None:
    async with desk() as bench:
        await bench.hear(approved(), UNKNOWN)
        await bench.advance(30 * 86_400)
        assert statuses(bench) == [S.SUBMITTED, S.UNKNOWN]
        assert bench.actor.records[ID].leaves == 10, "it reserves what it could take"


async def test_proven_absence_ends_an_order_as_not_received() -> None:
    async with desk() as bench:
        await bench.hear(approved(), UNKNOWN, report(ExecType.ABSENT, reason="not received"))
        assert statuses(bench) == [S.SUBMITTED, S.UNKNOWN, S.REJECTED]
        assert bench.published(OrderChanged)[-1].reason == "not received"
        await bench.advance(60)
        assert (queried(bench), placed(bench)) == ([], [ID])


async def test_an_acceptance_after_proven_absence_is_alarmed_and_withdrawn_when_the_venue_reports_it() -> (
    None
):
    async with desk() as bench:
        await bench.hear(approved(), UNKNOWN, report(ExecType.ABSENT))
        await bench.hear(report(ExecType.ACCEPTED, venue_order_id="v1"))
        assert alarms(bench) == [f"{ID} cannot go from rejected to accepted"]
        assert statuses(bench)[-1] is S.REJECTED
        await bench.hear(stock(ORDER))
        assert withdrawn(bench) == [ID]
        assert bench.actor.accounts.folded("test").reason == f"{ID} is open at the venue and over here"
        bench.dead_letters.clear()


async def test_a_refused_cancel_or_modification_does_not_prove_that_an_order_in_doubt_works() -> None:
    async with desk() as bench:
        await bench.hear(approved(), UNKNOWN, CancelOrder(ID))
        await bench.hear(report(ExecType.CANCEL_REJECTED, reason="there is no such order"))
        await bench.hear(report(ExecType.UPDATE_REJECTED, reason="there is no such order"))
        assert statuses(bench) == [S.SUBMITTED, S.UNKNOWN]
        await bench.advance(0.5)
        assert queried(bench) == [ID]
        await bench.hear(report(ExecType.ABSENT))
        assert statuses(bench)[-1] is S.REJECTED
        assert alarms(bench) == []


async def test_a_cancel_while_in_doubt_is_tried_at_once_and_carried_out_when_the_order_is_found() -> None:
    async with desk() as bench:
        await bench.hear(approved(), UNKNOWN, CancelOrder(ID))
        assert withdrawn(bench) == [ID]
        await bench.hear(report(ExecType.ACCEPTED))
        assert statuses(bench) == [S.SUBMITTED, S.UNKNOWN, S.ACCEPTED, S.PENDING_CANCEL]
        assert withdrawn(bench) == [ID, ID]
        await bench.hear(report(ExecType.CANCELED))
        assert bench.actor.orders.unwanted == set()


async def test_a_cancel_that_is_lost_is_tried_again_when_the_order_is_found() -> None:
    async with working() as bench:
        await bench.hear(CancelOrder(ID), UNKNOWN)
        assert statuses(bench)[2:] == [S.PENDING_CANCEL, S.UNKNOWN]
        await bench.hear(report(ExecType.ACCEPTED))
        assert statuses(bench)[4:] == [S.ACCEPTED, S.PENDING_CANCEL]
        assert withdrawn(bench) == [ID, ID]


async def test_a_cancel_that_is_lost_after_a_fill_crossed_it_is_tried_again_too() -> None:
    async with working() as bench:
        await bench.hear(CancelOrder(ID), fill("a", 4), UNKNOWN)
        assert statuses(bench)[-1] is S.UNKNOWN
        await bench.hear(report(ExecType.ACCEPTED))
        assert statuses(bench)[-2:] == [S.PARTIALLY_FILLED, S.PENDING_CANCEL]
        assert withdrawn(bench) == [ID, ID]


async def test_a_cancel_that_was_lost_before_a_restart_is_tried_again_after_it() -> None:
    lost = recalled(S.SUBMITTED, S.ACCEPTED, S.PENDING_CANCEL, S.UNKNOWN)
    async with desk(RecallOrders=lost) as bench:
        await bench.hear(report(ExecType.ACCEPTED))
        assert statuses(bench) == [S.ACCEPTED, S.PENDING_CANCEL]
        assert withdrawn(bench) == [ID]


async def test_orders_in_doubt_are_asked_after_as_soon_as_the_account_is_back() -> None:
    async with desk() as bench:
        await bench.hear(stock(), approved(), UNKNOWN)
        await bench.hear(VenueLost("test", "no route", BEGIN))
        await bench.advance(60)
        count = len(queried(bench))
        await bench.hear(stock())
        assert len(queried(bench)) == count + 1
        await bench.hear(stock())
        assert len(queried(bench)) == count + 1, "it was not away"


@pytest.mark.parametrize("found", [(), (S.SUBMITTED,), (S.SUBMITTED, S.ACCEPTED, S.PENDING_UPDATE)])
async def test_what_was_under_way_at_a_restart_is_in_doubt_and_asked_after(found: tuple[OrderStatus]) -> None:
    async with desk(RecallOrders=recalled(*found)) as bench:
        assert statuses(bench) == [S.UNKNOWN]
        await bench.advance(0.5)
        assert (queried(bench), placed(bench)) == ([ID], [])


async def test_what_was_in_doubt_before_a_restart_is_asked_after_and_not_told_again() -> None:
    async with desk(RecallOrders=recalled(S.SUBMITTED, S.UNKNOWN)) as bench:
        assert statuses(bench) == []
        await bench.advance(0.5)
        assert queried(bench) == [ID]


@pytest.mark.parametrize("end", [S.ACCEPTED, S.REJECTED, S.CANCELED, S.EXPIRED])
async def test_what_was_settled_before_a_restart_is_left_alone(end: OrderStatus) -> None:
    async with desk(RecallOrders=recalled(S.SUBMITTED, end)) as bench:
        await bench.advance(60)
        assert (statuses(bench), queried(bench), placed(bench)) == ([], [], [])


# Requests that come to nothing


async def test_nobody_to_ask_is_no_end_of_asking() -> None:
    async with desk(QueryOrder=NOBODY) as bench:
        await bench.hear(approved(), UNKNOWN)
        await bench.advance(4)
        assert len(queried(bench)) == 3
        assert statuses(bench)[-1] is S.UNKNOWN


async def test_a_broker_that_fails_after_its_report_leaves_what_it_reported() -> None:
    async with desk() as bench:

        def report_and_fail(_: PlaceOrder) -> TimeoutError:
            bench._say(report(ExecType.ACCEPTED))
            bench._say(fill("a", 10))
            return TimeoutError("too late")

        bench.answers[PlaceOrder] = report_and_fail
        await bench.hear(approved())
        assert statuses(bench) == [S.SUBMITTED, S.ACCEPTED, S.FILLED]
        assert alarms(bench) == []


async def test_an_order_that_nobody_takes_is_rejected_although_it_was_to_be_cancelled_meanwhile() -> None:
    async with desk(JournalOrder=None, PlaceOrder=NOBODY, WithdrawOrder=NOBODY) as bench:
        await bench.hear(approved())
        await hear_at_once(bench, OrderJournalled(ORDER), CancelOrder(ID))
        assert statuses(bench) == [S.SUBMITTED, S.PENDING_CANCEL, S.SUBMITTED, S.REJECTED]
        assert alarms(bench) == []


async def test_a_cancel_wished_during_a_modification_that_nobody_takes_is_carried_out() -> None:
    async with working(AmendOrder=NOBODY) as bench:
        await hear_at_once(bench, modification(), CancelOrder(ID))
        assert statuses(bench)[2:] == [S.PENDING_UPDATE, S.ACCEPTED, S.PENDING_CANCEL]
        assert withdrawn(bench) == [ID]


async def test_an_order_that_was_not_kept_ends_although_the_desk_failed_when_it_heard_of_that(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with desk(JournalOrder=None) as bench:
        await bench.hear(approved())
        monkeypatch.setattr(Orders, "forgo", fails_once(Orders.forgo))
        with pytest.raises(ZeroDivisionError):
            await bench.hear(OrderNotJournalled(ORDER, "the disk is full"))
        await bench.advance(1)
        assert statuses(bench) == [S.DENIED]


async def test_a_journal_that_answers_a_desk_which_was_started_anew_ends_the_order() -> None:
    async with desk() as bench:
        await bench.hear(OrderJournalled(ORDER))
        assert statuses(bench) == [S.DENIED]
        assert (placed(bench), bench.state) == ([], "running")
