"""Order lists at the desk: children wait for their parent, siblings end each other, whatever restarts."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal

import msgspec
import pytest

from actors.journal import MemoryJournal
from bus import Message
from lts.domain.journal import OrdersRecalled, RecallOrders
from lts.domain.order_flow import (
    CancelAll,
    CancelOrder,
    ExecType,
    JournalOrder,
    JournalSynced,
    ModificationApproved,
    OrderChanged,
    OrderFilled,
    OrderJournalled,
    PlaceOrder,
    SyncJournal,
)
from lts.domain.order_status import OrderStatus
from lts.domain.orders import ApprovedOrder, OrderType, Side, Terms
from lts.domain.plugins import SystemReady
from lts.domain.reconciliation import VenueLost
from lts.testing import BEGIN, NOBODY, limit_order, market_order
from tests.desks import (
    DeskBench,
    alarms,
    approved,
    desk,
    fill,
    halt,
    placed,
    queried,
    report,
    statuses,
    stock,
    withdrawn,
)

pytestmark = pytest.mark.requirement("INT-4.5", "INT-002", "LTS-003")

S = OrderStatus

ENTRY = market_order(quantity=10)
GROUP = {"parent": ENTRY.client_order_id, "group": "g", "reduce_only": True}
STOP: ApprovedOrder = msgspec.structs.replace(
    market_order(Side.SELL, 10, number=2), type=OrderType.STOP, trigger_price=Decimal(90), **GROUP
)
TARGET: ApprovedOrder = msgspec.structs.replace(limit_order(Side.SELL, 10, 110, number=3), **GROUP)
ONE: ApprovedOrder = msgspec.structs.replace(limit_order(Side.BUY, 10, 90, number=4), group="either")
TWO: ApprovedOrder = msgspec.structs.replace(limit_order(Side.BUY, 10, 80, number=5), group="either")
E, P, T, A, B = (each.client_order_id for each in (ENTRY, STOP, TARGET, ONE, TWO))


@asynccontextmanager
async def bracket(*, journalled: bool = True) -> AsyncIterator[DeskBench]:
    """A desk that was given an entry, a stop-loss and a take-profit."""
    async with desk() as bench:
        await bench.hear(approved(ENTRY))
        if not journalled:
            bench.answers[JournalOrder] = None
        await bench.hear(approved(STOP), approved(TARGET))
        yield bench


@asynccontextmanager
async def entered() -> AsyncIterator[DeskBench]:
    """A bracket whose entry is filled and whose children work."""
    async with bracket() as bench:
        await bench.hear(report(ExecType.ACCEPTED, E), fill("e", 10, client_order_id=E))
        await bench.hear(report(ExecType.ACCEPTED, P), report(ExecType.ACCEPTED, T))
        yield bench


@asynccontextmanager
async def pair() -> AsyncIterator[DeskBench]:
    """Two working entries of which one is to end the other."""
    async with desk() as bench:
        await bench.hear(approved(ONE), approved(TWO))
        await bench.hear(report(ExecType.ACCEPTED, A), report(ExecType.ACCEPTED, B))
        yield bench


def journal_of(bench: DeskBench) -> OrdersRecalled:
    """What a journal would have kept of all that a desk has said."""
    journal = MemoryJournal()
    journal.facts = [
        each.order if isinstance(each, JournalOrder) else each
        for each in bench.said
        if isinstance(each, JournalOrder | OrderChanged | OrderFilled)
    ]
    return journal.recall(RecallOrders())


async def restart(bench: DeskBench) -> None:
    """Have the desk's process die and another one begin where the journal stands."""
    bench.answers[RecallOrders] = journal_of(bench)
    await bench.restart()
    await bench.hear(SystemReady())


# A bracket


async def test_children_wait_for_their_parent() -> None:
    async with bracket() as bench:
        await bench.hear(report(ExecType.ACCEPTED, E))
        assert placed(bench) == [E]
        assert statuses(bench, P) == statuses(bench, T) == []
        assert [each.order.client_order_id for each in bench.asked(JournalOrder)] == [E, P, T]


async def test_children_are_sent_at_the_first_fill_of_their_parent() -> None:
    async with bracket() as bench:
        await bench.hear(fill("e1", 4, client_order_id=E))
        assert placed(bench) == [E, P, T]
        await bench.hear(fill("e2", 6, client_order_id=E))
        assert placed(bench) == [E, P, T]
        assert alarms(bench) == []


async def test_children_whose_intent_is_not_durable_yet_wait_for_that_too() -> None:
    async with bracket(journalled=False) as bench:
        await bench.hear(fill("e", 10, client_order_id=E))
        assert placed(bench) == [E]
        await bench.hear(OrderJournalled(STOP), OrderJournalled(TARGET))
        assert placed(bench) == [E, P, T]


@pytest.mark.parametrize("end", [ExecType.REJECTED, ExecType.CANCELED, ExecType.EXPIRED, ExecType.ABSENT])
async def test_children_of_an_entry_that_never_trades_are_denied(end: ExecType) -> None:
    async with bracket() as bench:
        await bench.hear(report(end, E))
        assert statuses(bench, P) == statuses(bench, T) == [S.DENIED]
        assert bench.published(OrderChanged)[-1].reason == f"{E}, for which it waited, has not traded"
        assert placed(bench) == [E]


async def test_children_of_an_entry_that_nobody_took_are_denied() -> None:
    async with desk(JournalOrder=None, PlaceOrder=NOBODY) as bench:
        await bench.hear(approved(ENTRY), approved(STOP), OrderJournalled(STOP), OrderJournalled(ENTRY))
        assert statuses(bench, E) == [S.SUBMITTED, S.REJECTED]
        assert statuses(bench, P) == [S.DENIED]


async def test_children_of_an_entry_that_was_not_journalled_are_denied_and_so_are_theirs() -> None:
    grandchild: ApprovedOrder = msgspec.structs.replace(market_order(number=9), parent=P)
    async with desk(JournalOrder=None, PlaceOrder=None) as bench:
        for each in (ENTRY, STOP, grandchild):
            await bench.hear(approved(each))
        await bench.hear(OrderJournalled(STOP), OrderJournalled(grandchild), halt(), OrderJournalled(ENTRY))
        for each in (ENTRY, STOP, grandchild):
            assert statuses(bench, each.client_order_id) == [S.DENIED]
        assert bench.asked(PlaceOrder) == []


async def test_an_order_that_waits_for_one_that_never_was_is_denied() -> None:
    async with desk() as bench:
        await bench.hear(approved(STOP))
        assert statuses(bench, P) == [S.DENIED]


async def test_children_of_an_entry_that_was_ended_after_a_part_protect_the_part() -> None:
    async with bracket() as bench:
        await bench.hear(report(ExecType.ACCEPTED, E), CancelOrder(E))
        await bench.hear(fill("e", 4, client_order_id=E), report(ExecType.CANCELED, E))
        assert placed(bench) == [E, P, T]


async def test_a_waiting_child_that_is_cancelled_is_never_sent() -> None:
    async with bracket() as bench:
        await bench.hear(CancelOrder(P), fill("e", 10, client_order_id=E))
        assert statuses(bench, P) == [S.DENIED]
        assert placed(bench) == [E, T]
        assert withdrawn(bench) == []


async def test_children_are_not_sent_after_a_halt() -> None:
    async with bracket() as bench:
        await bench.hear(halt(), fill("e", 10, client_order_id=E))
        assert statuses(bench, P) == statuses(bench, T) == [S.DENIED]
        assert placed(bench) == [E]


async def test_to_cancel_all_ends_a_bracket_whole() -> None:
    async with bracket() as bench:
        await bench.hear(CancelAll(), report(ExecType.CANCELED, E))
        assert statuses(bench, P) == statuses(bench, T) == [S.DENIED]
        assert withdrawn(bench) == [E]


async def test_an_exit_ends_the_other_only_when_it_has_filled_whole() -> None:
    async with entered() as bench:
        await bench.hear(fill("t1", 4, client_order_id=T))
        assert withdrawn(bench) == [], "what is left open has to stay protected"
        await bench.hear(fill("t2", 6, client_order_id=T))
        assert withdrawn(bench) == [P]
        await bench.hear(report(ExecType.CANCELED, P))
        assert statuses(bench, P)[-1] is S.CANCELED
        assert alarms(bench) == []


async def test_an_exit_that_is_cancelled_or_refused_leaves_the_other() -> None:
    async with entered() as bench:
        await bench.hear(report(ExecType.CANCELED, T))
        assert withdrawn(bench) == []


async def test_a_sibling_that_is_being_modified_is_ended_after_that() -> None:
    async with entered() as bench:
        await bench.hear(ModificationApproved("test", P, Terms(Decimal(10), None, Decimal(95))))
        await bench.hear(fill("t", 10, client_order_id=T))
        assert withdrawn(bench) == []
        await bench.hear(report(ExecType.UPDATE_REJECTED, P))
        assert withdrawn(bench) == [P]


async def test_the_lost_cancel_of_a_sibling_is_tried_again() -> None:
    async with entered() as bench:
        await bench.hear(fill("t", 10, client_order_id=T), report(ExecType.UNKNOWN, P))
        await bench.hear(report(ExecType.ACCEPTED, P))
        assert withdrawn(bench) == [P, P]


@pytest.mark.parametrize("child", [report(ExecType.ACCEPTED, P), CancelOrder(P), report(ExecType.UNKNOWN, P)])
async def test_a_child_that_was_sent_is_not_sent_again_when_its_account_is_back(child: Message) -> None:
    async with bracket() as bench:
        await bench.hear(fill("e", 10, client_order_id=E), child, stock(held=10))
        await bench.hear(VenueLost("test", "no route", BEGIN), stock(held=10))
        assert placed(bench) == [E, P, T]
        assert alarms(bench) == []


async def test_children_wait_until_their_account_is_back() -> None:
    async with bracket() as bench:
        await bench.hear(VenueLost("test", "no route", BEGIN), fill("e", 10, client_order_id=E))
        assert placed(bench) == [E]
        await bench.hear(stock(held=10))
        assert placed(bench) == [E, P, T]


async def test_a_child_is_sent_when_it_is_durable_that_it_is() -> None:
    async with bracket() as bench:
        bench.answers[SyncJournal] = None
        await bench.hear(fill("e", 10, client_order_id=E))
        assert statuses(bench, P) == [S.SUBMITTED]
        assert placed(bench) == [E]
        await bench.hear(JournalSynced(P), JournalSynced(P), JournalSynced(E))
        assert placed(bench) == [E, P]


async def test_a_child_that_is_cancelled_before_it_is_durable_that_it_is_sent_is_never_sent() -> None:
    async with bracket() as bench:
        bench.answers[SyncJournal] = None
        await bench.hear(fill("e", 10, client_order_id=E), CancelOrder(P), halt("portfolio:test"))
        await bench.hear(JournalSynced(P), JournalSynced(T))
        assert statuses(bench, P) == statuses(bench, T) == [S.SUBMITTED, S.CANCELED]
        assert placed(bench) == [E]
        assert withdrawn(bench) == []


async def test_a_child_of_which_the_journal_cannot_say_that_it_is_durable_is_not_sent() -> None:
    async with bracket() as bench:
        bench.answers[SyncJournal] = OSError("the disk is full")
        await bench.hear(fill("e", 10, client_order_id=E))
        assert statuses(bench, P)[-1] is S.UNKNOWN
        assert placed(bench) == [E]


@pytest.mark.parametrize("said", [ExecType.UNKNOWN, ExecType.CANCELED, ExecType.REJECTED])
async def test_a_child_of_which_something_was_said_before_it_was_sent_is_not_sent(said: ExecType) -> None:
    async with bracket() as bench:
        bench.answers[SyncJournal] = None
        await bench.hear(fill("e", 10, client_order_id=E), report(said, P), JournalSynced(P))
        assert placed(bench) == [E]


async def test_a_child_that_was_released_before_a_restart_is_not_sent_by_a_late_answer() -> None:
    async with bracket() as bench:
        bench.answers[SyncJournal] = None
        await bench.hear(fill("e", 10, client_order_id=E))
        await restart(bench)
        await bench.hear(JournalSynced(P), report(ExecType.ABSENT, P))
        assert placed(bench) == [E]
        assert statuses(bench, P)[-2:] == [S.UNKNOWN, S.REJECTED]


async def test_a_child_whose_release_was_not_kept_is_sent_after_the_restart() -> None:
    async with bracket() as bench:
        bench.answers[SyncJournal] = None
        await bench.hear(fill("e", 10, client_order_id=E))
        kept = [
            each for each in bench.said if not (isinstance(each, OrderChanged) and each.client_order_id != E)
        ]
        bench.said[:] = kept
        bench.answers[SyncJournal] = lambda wanted: JournalSynced(wanted.client_order_id)
        bench.answers[RecallOrders] = journal_of(bench)
        await bench.restart()
        assert placed(bench) == [E]
        await bench.hear(SystemReady())
        assert placed(bench) == [E, P, T]


# One cancels other


async def test_the_first_fill_of_an_entry_ends_the_other() -> None:
    async with pair() as bench:
        await bench.hear(fill("a", 1, client_order_id=A))
        assert withdrawn(bench) == [B]
        await bench.hear(fill("a2", 1, client_order_id=A))
        assert withdrawn(bench) == [B], "once is enough"


async def test_a_sibling_that_comes_after_the_fill_is_never_sent() -> None:
    async with desk() as bench:
        await bench.hear(approved(ONE), fill("a", 1, client_order_id=A), approved(TWO))
        assert statuses(bench, B) == [S.DENIED]
        assert bench.published(OrderChanged)[-1].reason == "another order of its group has traded"
        assert placed(bench) == [A]


async def test_a_sibling_that_is_not_journalled_at_the_fill_is_never_sent() -> None:
    async with desk() as bench:
        await bench.hear(approved(ONE))
        bench.answers[JournalOrder] = None
        await bench.hear(approved(TWO), fill("a", 1, client_order_id=A), OrderJournalled(TWO))
        assert statuses(bench, B) == [S.DENIED]


async def test_a_sibling_in_doubt_is_ended_at_once_and_again_when_it_is_found() -> None:
    async with desk() as bench:
        await bench.hear(approved(ONE), approved(TWO), report(ExecType.UNKNOWN, B))
        await bench.hear(fill("a", 1, client_order_id=A))
        assert withdrawn(bench) == [B]
        await bench.hear(report(ExecType.ACCEPTED, B))
        assert withdrawn(bench) == [B, B]
        assert statuses(bench, B)[-1] is S.PENDING_CANCEL


async def test_both_may_trade_before_either_is_ended() -> None:
    async with pair() as bench:
        await bench.hear(fill("a", 10, client_order_id=A), fill("b", 10, client_order_id=B))
        assert statuses(bench, A)[-1] is statuses(bench, B)[-1] is S.FILLED
        assert alarms(bench) == [], "the venue was faster; both are booked"


# A restart in each phase


async def test_after_a_restart_before_the_entry_children_still_wait() -> None:
    async with bracket() as bench:
        await bench.hear(report(ExecType.ACCEPTED, E))
        await restart(bench)
        assert statuses(bench, P) == statuses(bench, T) == []
        await bench.hear(fill("e", 10, client_order_id=E))
        assert placed(bench) == [E, P, T]
        assert alarms(bench) == []


async def test_after_a_restart_with_the_entry_in_doubt_children_wait_for_the_word_of_the_venue() -> None:
    async with bracket() as bench:
        await restart(bench)
        assert statuses(bench, E)[-1] is S.UNKNOWN
        assert statuses(bench, P) == []
        await bench.hear(report(ExecType.ABSENT, E))
        assert statuses(bench, P) == statuses(bench, T) == [S.DENIED]


async def test_after_a_restart_children_that_may_have_been_sent_are_asked_after() -> None:
    async with bracket() as bench:
        await bench.hear(fill("e", 10, client_order_id=E))
        await restart(bench)
        assert placed(bench) == [E, P, T], "each once, ever"
        assert statuses(bench, P)[-1] is statuses(bench, T)[-1] is S.UNKNOWN
        await bench.advance(0.5)
        assert sorted(queried(bench)) == [P, T]
        await bench.hear(report(ExecType.ACCEPTED, P), fill("t", 10, client_order_id=T))
        assert withdrawn(bench) == [P]


async def test_after_a_restart_with_the_entry_closed_orphans_are_denied() -> None:
    async with bracket() as bench:
        said = [each for each in bench.said if isinstance(each, JournalOrder | OrderChanged)]
        bench.said[:] = [*said, OrderChanged("test", E, S.REJECTED, bench.now)]
        await restart(bench)
        assert statuses(bench, P) == statuses(bench, T) == [S.DENIED]


async def test_after_a_restart_a_filled_exit_ends_the_other() -> None:
    async with entered() as bench:
        await bench.hear(fill("t", 10, client_order_id=T))
        bench.said.remove(bench.published(OrderChanged)[-1])  # that the other is being cancelled is not kept
        await restart(bench)
        assert withdrawn(bench) == [P, P]
        assert statuses(bench, P)[-1] is S.PENDING_CANCEL


async def test_after_a_restart_a_sibling_in_doubt_is_ended_when_it_is_found() -> None:
    async with pair() as bench:
        await bench.hear(CancelOrder(B), report(ExecType.UNKNOWN, B), fill("a", 1, client_order_id=A))
        await restart(bench)
        await bench.hear(report(ExecType.ACCEPTED, B))
        assert statuses(bench, B)[-2:] == [S.ACCEPTED, S.PENDING_CANCEL]
