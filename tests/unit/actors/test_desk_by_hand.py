"""The desk answers who enters orders, other terms and cancels by hand, and never before that is durable."""

from decimal import Decimal

import msgspec
import pytest

from lts.domain.order_entry import EntryAnswered, EntryCode
from lts.domain.order_flow import (
    AmendOrder,
    ExecType,
    ModificationApproved,
    ModificationProposed,
    OrderChanged,
    OrderJournalled,
    OrderNotJournalled,
)
from lts.domain.order_status import OrderStatus
from lts.domain.orders import ApprovedOrder, Terms
from lts.sdk import Side
from lts.testing import limit_order
from tests.desks import (
    ID,
    ORDER,
    DeskBench,
    approved,
    desk,
    fill,
    halt,
    modification,
    report,
    withdrawn,
    working,
)
from tests.hands import BY_ANN, entered_end, entered_terms

pytestmark = pytest.mark.requirement("INT-011", "INT-4.5", "LTS-003")

S = OrderStatus
BY_HAND: ApprovedOrder = msgspec.structs.replace(ORDER, entered=BY_ANN)


def answers(bench: DeskBench) -> list[EntryAnswered]:
    return bench.published(EntryAnswered)


def verdicts(bench: DeskBench) -> list[tuple[OrderStatus | None, EntryCode | None]]:
    return [(each.status, each.code) for each in answers(bench)]


async def test_an_order_is_taken_when_its_intent_is_durable_and_not_before() -> None:
    async with desk(JournalOrder=None) as bench:
        await bench.hear(approved(BY_HAND))
        assert answers(bench) == []
        await bench.hear(OrderJournalled(BY_HAND))
        assert answers(bench) == [EntryAnswered("test", 7, ID, S.SUBMITTED)]


async def test_of_what_a_portfolio_proposes_by_itself_nothing_is_said() -> None:
    async with desk() as bench:
        await bench.hear(approved(), report(ExecType.ACCEPTED), fill("a", 10))
        assert answers(bench) == []


async def test_an_order_that_could_not_be_journalled_is_answered_with_the_reason() -> None:
    async with desk(JournalOrder=None) as bench:
        await bench.hear(approved(BY_HAND), OrderNotJournalled(BY_HAND, "the disk is full"))
        [answer] = answers(bench)
        assert (answer.status, answer.code) == (S.DENIED, EntryCode.DENIED)
        assert "the disk is full" in answer.reason


async def test_a_halt_between_the_journal_and_the_wire_denies_it() -> None:
    async with desk(JournalOrder=None) as bench:
        await bench.hear(approved(BY_HAND), halt(), OrderJournalled(BY_HAND))
        assert verdicts(bench) == [(S.DENIED, EntryCode.DENIED)]


async def test_other_terms_pass_by_risk_and_are_taken_when_the_venue_is_asked() -> None:
    async with working() as bench:
        await bench.hear(entered_terms(ID))
        proposed = ModificationProposed("test", ID, Terms(Decimal(12)), BY_ANN)
        assert bench.published(ModificationProposed) == [proposed]
        assert answers(bench) == []
        await bench.hear(ModificationApproved("test", ID, Terms(Decimal(12)), BY_ANN))
        assert verdicts(bench) == [(S.PENDING_UPDATE, None)]
        assert len(bench.asked(AmendOrder)) == 1
        assert bench.published(OrderChanged)[-1].reason == "modification entered by ann"


async def test_terms_that_the_order_or_the_instrument_cannot_have_go_no_further() -> None:
    resting = limit_order(Side.BUY, 10, 90)
    async with desk() as bench:
        await bench.hear(approved(resting), report(ExecType.ACCEPTED))
        await bench.hear(entered_terms(ID))  # a limit order needs a limit price
        assert verdicts(bench) == [(S.ACCEPTED, EntryCode.INVALID)]
        assert bench.published(ModificationProposed) == []


async def test_terms_that_come_too_late_are_refused_with_where_the_order_stands() -> None:
    async with working() as bench:
        await bench.hear(fill("a", 10), ModificationApproved("test", ID, Terms(Decimal(12)), BY_ANN))
        assert verdicts(bench) == [(S.FILLED, EntryCode.CLOSED_ORDER)]


@pytest.mark.parametrize("entry", [entered_terms, entered_end])
async def test_what_is_unknown_or_over_is_told_apart(entry: type) -> None:
    async with working() as bench:
        await bench.hear(entry("test-TEST-000099"), fill("a", 10), entry(ID))
        assert verdicts(bench) == [(None, EntryCode.UNKNOWN_ORDER), (S.FILLED, EntryCode.CLOSED_ORDER)]


async def test_the_order_of_another_portfolio_is_unknown() -> None:
    async with working() as bench:
        await bench.hear(entered_end(ID, portfolio="other"))
        assert verdicts(bench) == [(None, EntryCode.UNKNOWN_ORDER)]
        assert withdrawn(bench) == []


async def test_a_cancel_is_kept_with_the_name_of_who_wants_it() -> None:
    async with working() as bench:
        await bench.hear(entered_end(ID))
        assert verdicts(bench) == [(S.PENDING_CANCEL, None)]
        assert withdrawn(bench) == [ID]
        assert bench.published(OrderChanged)[-1].reason == "cancel entered by ann"


async def test_a_cancel_beside_an_unanswered_modification_is_taken_when_it_is_in_the_journal() -> None:
    async with working() as bench:
        await bench.hear(modification(12), entered_end(ID))
        assert answers(bench) == []
        await bench.hear(report(ExecType.UPDATE_REJECTED))
        assert verdicts(bench) == [(S.PENDING_CANCEL, None)]
        assert bench.published(OrderChanged)[-1].reason == "cancel entered by ann"


async def test_a_cancel_that_its_order_overtakes_is_answered_with_the_end() -> None:
    async with working() as bench:
        await bench.hear(modification(12), entered_end(ID), fill("a", 10))
        assert verdicts(bench) == [(S.FILLED, None)]


async def test_a_cancel_of_what_is_not_journalled_yet_is_answered_when_it_is_denied() -> None:
    async with desk(JournalOrder=None) as bench:
        await bench.hear(approved(), entered_end(ID))
        assert answers(bench) == []
        await bench.hear(OrderJournalled(ORDER))
        assert verdicts(bench) == [(S.DENIED, None)]


async def test_all_of_a_portfolio_and_an_instrument_are_counted() -> None:
    others = [limit_order(Side.BUY, 1, 90, number=n) for n in (2, 3)]
    async with working() as bench:
        await bench.hear(*map(approved, others))
        await bench.hear(*(report(ExecType.ACCEPTED, each.client_order_id) for each in others))
        await bench.hear(entered_end(instrument="OTHER"))
        assert [each.orders for each in answers(bench)] == [0]
        await bench.hear(entered_end(instrument="TEST"))
        assert [each.orders for each in answers(bench)] == [0, 3]
        assert len(withdrawn(bench)) == 3
