"""A modification is the venue's to make; what happens to the order meanwhile, happens."""

from decimal import Decimal

import pytest

from lts.domain.order_flow import AmendOrder, CancelOrder, ExecType, ExecutionReport, OrderChanged
from lts.domain.order_status import OrderStatus
from lts.domain.orders import Terms
from tests.desks import (
    ID,
    ORDER,
    alarms,
    approved,
    desk,
    fill,
    modification,
    queried,
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


async def test_what_does_not_work_cannot_be_modified() -> None:
    async with desk() as bench:
        await bench.hear(approved(), modification())
        assert bench.asked(AmendOrder) == []
        (letter,) = bench.dead_letters
        assert letter.reason == f"{ID} is submitted, and cannot be modified"
        stays = bench.published(OrderChanged)[-1]
        assert (stays.status, stays.terms, stays.reason) == (S.SUBMITTED, ORDER.terms, "not modified")


async def test_nothing_is_told_of_what_is_over_and_cannot_be_modified() -> None:
    async with working() as bench:
        await bench.hear(report(ExecType.CANCELED), modification())
        assert statuses(bench) == [S.SUBMITTED, S.ACCEPTED, S.CANCELED]
        assert len(bench.dead_letters) == 1


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
