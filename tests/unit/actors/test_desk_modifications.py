"""A modification is the venue's to make; what happens to the order meanwhile, happens."""

from decimal import Decimal
from typing import Any

import pytest

from lts.domain.order_flow import (
    AmendOrder,
    CancelOrder,
    ExecType,
    ExecutionReport,
    JournalSynced,
    OrderChanged,
)
from lts.domain.order_status import OrderStatus
from lts.domain.orders import Terms
from tests.desks import (
    ID,
    ORDER,
    alarms,
    approved,
    desk,
    fill,
    halt,
    modification,
    queried,
    recalled,
    report,
    statuses,
    withdrawn,
    working,
)

pytestmark = pytest.mark.requirement("INT-4.5", "INT-002", "LTS-003")

S = OrderStatus
WIDER = Terms(Decimal(12))
UPDATED = report(ExecType.UPDATED, terms=WIDER, venue_order_id="v2")
REFUSED = report(ExecType.UPDATE_REJECTED, reason="too late")


async def test_other_terms_hold_when_the_venue_says_so() -> None:
    async with working() as bench:
        await bench.hear(modification(12))
        assert bench.asked(AmendOrder) == [AmendOrder("test", ID, WIDER)]
        assert bench.actor.records[ID].leaves == 10
        await bench.hear(UPDATED)
        assert statuses(bench)[2:] == [S.PENDING_UPDATE, S.ACCEPTED]
        told = bench.published(OrderChanged)[-1]
        assert (told.terms, told.venue_order_id) == (WIDER, "v2")
        await bench.hear(fill("a", 10), fill("b", 2))
        assert statuses(bench)[-2:] == [S.PARTIALLY_FILLED, S.FILLED]
        assert alarms(bench) == []


async def test_a_refused_modification_leaves_the_order_as_it_was() -> None:
    async with working() as bench:
        await bench.hear(modification(12), REFUSED)
        assert statuses(bench)[2:] == [S.PENDING_UPDATE, S.ACCEPTED]
        assert bench.published(OrderChanged)[-1].reason == "too late"
        assert bench.actor.records[ID].terms == ORDER.terms


@pytest.mark.parametrize("answer", [UPDATED, REFUSED])
async def test_an_order_that_is_filled_meanwhile_stays_filled(answer: ExecutionReport) -> None:
    async with working() as bench:
        await bench.hear(modification(12), fill("a", 10), answer)
        assert statuses(bench)[2:] == [S.PENDING_UPDATE, S.FILLED]
        assert alarms(bench) == []


async def test_a_part_that_is_filled_meanwhile_does_not_end_the_modification() -> None:
    async with working() as bench:
        await bench.hear(modification(12), fill("a", 4))
        assert statuses(bench)[2:] == [S.PENDING_UPDATE, S.PARTIALLY_FILLED, S.PENDING_UPDATE]
        await bench.hear(UPDATED)
        assert statuses(bench)[-1] is S.PARTIALLY_FILLED
        assert bench.actor.records[ID].leaves == 8


@pytest.mark.parametrize("end", [ExecType.CANCELED, ExecType.EXPIRED])
async def test_an_order_that_ends_meanwhile_stays_ended(end: ExecType) -> None:
    async with working() as bench:
        await bench.hear(modification(12), report(end), REFUSED, UPDATED)
        assert statuses(bench)[-1].value == end.value
        assert bench.actor.records[ID].terms == ORDER.terms
        assert alarms(bench) == []


async def test_a_lost_modification_leaves_the_order_in_doubt_and_it_is_asked_after() -> None:
    async with working() as bench:
        await bench.hear(modification(12), report(ExecType.UNKNOWN))
        assert statuses(bench)[-1] is S.UNKNOWN
        await bench.advance(0.5)
        assert queried(bench) == [ID]
        await bench.hear(UPDATED)
        assert statuses(bench)[-1] is S.ACCEPTED
        assert bench.actor.records[ID].terms == WIDER
        assert withdrawn(bench) == [], "nobody wanted it cancelled"


async def test_terms_that_the_venue_tells_late_or_by_itself_are_taken_on() -> None:
    async with working() as bench:
        await bench.hear(UPDATED, UPDATED)
        assert statuses(bench) == [S.SUBMITTED, S.ACCEPTED, S.ACCEPTED]
        assert bench.actor.records[ID].terms == WIDER


async def test_a_cancel_during_a_modification_is_carried_out_after_it() -> None:
    for answer in (UPDATED, REFUSED):
        async with working() as bench:
            await bench.hear(modification(12), CancelOrder(ID))
            assert withdrawn(bench) == []
            await bench.hear(answer)
            assert statuses(bench)[2:] == [S.PENDING_UPDATE, S.ACCEPTED, S.PENDING_CANCEL]
            assert withdrawn(bench) == [ID]


async def test_a_cancel_during_a_modification_that_is_lost_is_carried_out_when_the_order_is_found() -> None:
    async with working() as bench:
        await bench.hear(modification(12), CancelOrder(ID), report(ExecType.UNKNOWN))
        await bench.hear(report(ExecType.ACCEPTED))
        assert statuses(bench)[-2:] == [S.ACCEPTED, S.PENDING_CANCEL]
        assert withdrawn(bench) == [ID]


async def test_the_venue_is_asked_when_it_is_durable_on_which_terms() -> None:
    async with working(SyncJournal=None) as bench:
        await bench.hear(modification(12))
        assert bench.published(OrderChanged)[-1].wanted == WIDER
        assert bench.asked(AmendOrder) == []
        await bench.hear(JournalSynced(ID))
        assert bench.asked(AmendOrder) == [AmendOrder("test", ID, WIDER)]
        await bench.hear(JournalSynced(ID))
        assert len(bench.asked(AmendOrder)) == 1


async def test_the_venue_is_not_asked_where_it_cannot_be_made_durable() -> None:
    async with working(SyncJournal=OSError("the disk is full")) as bench:
        await bench.hear(modification(12))
        assert bench.asked(AmendOrder) == []
        assert statuses(bench)[2:] == [S.PENDING_UPDATE, S.ACCEPTED]
        assert bench.actor.records[ID].wanted is None


@pytest.mark.parametrize("meanwhile", [CancelOrder(ID), halt()])
async def test_what_was_cancelled_or_halted_meanwhile_is_not_modified(meanwhile: Any) -> None:
    async with working(SyncJournal=None) as bench:
        await bench.hear(modification(12), meanwhile, JournalSynced(ID))
        assert bench.asked(AmendOrder) == []
        assert statuses(bench)[2:4] == [S.PENDING_UPDATE, S.ACCEPTED]


async def test_an_order_that_ended_before_it_was_durable_is_not_modified() -> None:
    async with working(SyncJournal=None) as bench:
        await bench.hear(modification(12), fill("a", 10), JournalSynced(ID))
        assert bench.asked(AmendOrder) == []
        assert statuses(bench)[-1] is S.FILLED


async def test_a_fill_that_crosses_a_modification_leaves_on_record_what_is_wanted() -> None:
    async with working() as bench:
        await bench.hear(modification(12), fill("a", 4))
        assert bench.published(OrderChanged)[-1].wanted == WIDER


async def test_after_a_restart_a_modification_is_in_doubt_and_what_the_venue_shows_holds() -> None:
    for answer, holds in ((UPDATED, WIDER), (report(ExecType.ACCEPTED), ORDER.terms)):
        asked = recalled(S.SUBMITTED, S.ACCEPTED, S.PENDING_UPDATE)
        asked.records[0].wanted = WIDER
        async with desk(RecallOrders=asked) as bench:
            assert statuses(bench) == [S.UNKNOWN]
            await bench.advance(0.5)
            assert (queried(bench), bench.asked(AmendOrder)) == ([ID], [])
            assert bench.actor.records[ID].wanted == WIDER
            await bench.hear(answer)
            record = bench.actor.records[ID]
            assert (record.status, record.terms, record.wanted) == (S.ACCEPTED, holds, None)


async def test_what_does_not_work_cannot_be_modified() -> None:
    async with desk() as bench:
        await bench.hear(approved(), modification())
        assert bench.asked(AmendOrder) == []
        assert bench.dead_letters == []
        stays = bench.published(OrderChanged)[-1]
        assert (stays.status, stays.terms, stays.reason) == (S.SUBMITTED, ORDER.terms, "not modified")


async def test_nothing_is_told_of_what_is_over_and_cannot_be_modified() -> None:
    async with working() as bench:
        await bench.hear(report(ExecType.CANCELED), modification())
        assert statuses(bench) == [S.SUBMITTED, S.ACCEPTED, S.CANCELED]
        assert bench.dead_letters == []


async def test_an_order_that_is_modified_to_what_has_traded_is_filled() -> None:
    async with working() as bench:
        await bench.hear(fill("a", 4), modification(4))
        await bench.hear(report(ExecType.UPDATED, terms=Terms(Decimal(4))))
        assert statuses(bench)[-2:] == [S.PARTIALLY_FILLED, S.FILLED]
        assert bench.actor.records[ID].leaves == 0
        assert alarms(bench) == []


async def test_what_never_was_cannot_be_modified() -> None:
    async with desk() as bench:
        await bench.hear(modification())
        (letter,) = bench.dead_letters
        assert letter.reason == f"{ID} is not there, and cannot be modified"
