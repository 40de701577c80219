"""The order entry takes each command once, and answers when what it says is durable."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from actors.order_entry import PATIENCE, OrderEntry
from bus import ActorQuarantined, ActorStarted, AskError, DeadLetter, Request, pause
from lts.domain.order_entry import (
    EntryAnswered,
    EntryCode,
    OrderEntered,
    OrderNotTaken,
    OrderTaken,
    RetractionEntered,
    RetractionTaken,
    RevisionEntered,
    RevisionTaken,
)
from lts.domain.order_flow import JournalSynced, ModificationDenied, OrderDenied, SyncJournal
from lts.domain.order_status import OrderStatus
from lts.domain.orders import Order, Terms
from lts.domain.register import Register
from lts.domain.request_mark import Marked, MarkRecalled, RecallMark
from lts.testing import TEST, Bench, market_order
from tests.hands import mark, retraction, retraction_of_all, revision, submission, ticket

pytestmark = pytest.mark.requirement("INT-011", "INT-021", "LTS-003")

REGISTER = Register({"TEST": TEST}, {"test": "ann"}, {("test", "TEST"): ("test",)})
ID = market_order().client_order_id
S = OrderStatus


class Scene:
    """An order entry, and those who command it."""

    def __init__(self, bench: Bench[OrderEntry]) -> None:
        self.bench = bench

    async def give(self, command: Request[Any]) -> "asyncio.Future[Any]":
        """Give a command and let all that follows from it happen."""
        waiting = asyncio.ensure_future(self.bench.ask(command))
        for _ in range(5):
            await pause(0)
        await self.bench.advance(0)
        return waiting

    @property
    def entries(self) -> list[Any]:
        """What was made an input, in order."""
        return [
            each
            for each in self.bench.said
            if isinstance(each, OrderEntered | RevisionEntered | RetractionEntered)
        ]

    async def answer(self, **said: Any) -> None:
        """Say what became of the last entry."""
        await self.bench.hear(EntryAnswered("test", self.entries[-1].entered.number, **said))


@asynccontextmanager
async def order_entry(**answers: Any) -> AsyncIterator[Scene]:
    given = {RecallMark: lambda wanted: MarkRecalled(wanted.mark)} | {
        {"RecallMark": RecallMark, "SyncJournal": SyncJournal}[name]: answer
        for name, answer in answers.items()
    }
    async with Bench(OrderEntry, assignment=REGISTER, answers=given) as bench:
        yield Scene(bench)


def denied(scene: Scene) -> OrderDenied:
    order: Order = msgspec.structs.replace(market_order(), entered=scene.entries[-1].entered)
    return OrderDenied("test", order, "too much", 1)


async def test_an_order_becomes_an_input_and_its_fate_the_answer() -> None:
    async with order_entry() as it:
        asked = await it.give(submission(ticket(3)))
        assert [(each.ticket, each.entered.who) for each in it.entries] == [(ticket(3), "ann")]
        assert not asked.done()
        await it.answer(client_order_id=ID, status=S.SUBMITTED)
        assert await asked == OrderTaken(ID, S.SUBMITTED)
        assert it.bench.asked(SyncJournal) == []


async def test_a_denial_is_told_when_it_is_durable() -> None:
    async with order_entry(SyncJournal=None) as it:
        asked = await it.give(submission())
        await it.bench.hear(denied(it))
        assert not asked.done()
        await it.bench.hear(JournalSynced(ID))
        assert await asked == OrderNotTaken(ID, "too much", EntryCode.DENIED)


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (submission(ticket("NaN")), EntryCode.INVALID),
        (submission(ticket("1e99")), EntryCode.INVALID),
        (submission(ticket(1, "1e-99")), EntryCode.INVALID),
        (submission(ticket(expires_at=2**64)), EntryCode.INVALID),
        (submission(ticket(instrument="x" * 65)), EntryCode.INVALID),
        (submission(key="x" * 256), EntryCode.INVALID),
        (submission(key="k", digest=""), EntryCode.INVALID),
        (msgspec.structs.replace(submission(), who=""), EntryCode.INVALID),
        (msgspec.structs.replace(submission(), portfolio="nobody's"), EntryCode.UNKNOWN_PORTFOLIO),
        (revision(ID, "Infinity"), EntryCode.INVALID),
        (retraction(""), EntryCode.INVALID),
    ],
)
async def test_what_cannot_be_recorded_never_becomes_an_input(command: Request[Any], code: EntryCode) -> None:
    async with order_entry() as it:
        answer = await it.bench.ask(command)
        assert answer.code is code
        assert it.entries == []


async def test_the_same_mark_under_way_is_one_order_and_another_digest_is_refused() -> None:
    async with order_entry() as it:
        asked = [await it.give(submission(key="k")) for _ in range(3)]
        other = await it.give(submission(key="k", digest="other"))
        assert (await other).code is EntryCode.KEY_REUSED
        assert len(it.entries) == 1
        await it.answer(client_order_id=ID, status=S.SUBMITTED)
        first, *others = [await each for each in asked]
        assert first == OrderTaken(ID, S.SUBMITTED)
        assert others == 2 * [OrderTaken(ID, S.SUBMITTED, repeated=True)]


@pytest.mark.parametrize(
    ("found", "answer"),
    [
        (Marked(mark(), ID, S.FILLED), OrderTaken(ID, S.FILLED, repeated=True)),
        (Marked(mark(), ID, None), OrderTaken(ID, None, repeated=True)),
        (Marked(mark(), ID, S.DENIED, "no"), OrderNotTaken(ID, "no", EntryCode.DENIED, repeated=True)),
        (
            Marked(mark(digest="other"), ID, S.FILLED),
            OrderNotTaken("", "the key key marks another command", EntryCode.KEY_REUSED),
        ),
    ],
)
async def test_what_the_journal_knows_is_answered_and_not_done_again(found: Marked, answer: Any) -> None:
    async with order_entry(RecallMark=lambda wanted: MarkRecalled(wanted.mark, found)) as it:
        assert await it.bench.ask(submission(key="key")) == answer
        assert it.entries == []


async def test_nothing_is_done_when_it_cannot_be_told_whether_it_was_done_before() -> None:
    async with order_entry(RecallMark=OSError("the disk is gone")) as it:
        answer = await it.bench.ask(submission(key="key"))
        assert isinstance(answer, OrderNotTaken)
        assert answer.code is EntryCode.UNAVAILABLE
        assert it.entries == []


async def test_other_terms_are_taken_or_denied() -> None:
    async with order_entry() as it:
        asked = await it.give(revision(ID))
        assert [each.terms for each in it.entries] == [Terms(Decimal(12))]
        await it.answer(client_order_id=ID, status=S.PENDING_UPDATE)
        assert await asked == RevisionTaken(ID, S.PENDING_UPDATE)
        asked = await it.give(revision(ID))
        await it.bench.hear(ModificationDenied("test", ID, "too much", it.entries[-1].entered))
        assert await asked == OrderNotTaken(ID, "too much", EntryCode.DENIED)


async def test_cancels_are_taken_when_the_journal_has_them() -> None:
    async with order_entry(SyncJournal=None) as it:
        asked = await it.give(retraction(ID))
        await it.answer(client_order_id=ID, status=S.PENDING_CANCEL)
        assert not asked.done()
        await it.bench.hear(JournalSynced(ID))
        assert await asked == RetractionTaken(1, ID, S.PENDING_CANCEL)
        asked = await it.give(retraction_of_all())
        await it.answer(orders=0)
        assert await asked == RetractionTaken(0)


async def test_an_input_that_came_to_nothing_is_told_at_once() -> None:
    async with order_entry() as it:
        asked = await it.give(submission(key="k"))
        await it.bench.hear(DeadLetter(it.entries[-1], "portfolio/test", "portfolio/test is quarantined"))
        assert (await asked).code is EntryCode.UNAVAILABLE
        asked = await it.give(submission(key="k"))
        await it.bench.hear(DeadLetter(it.entries[-1], "portfolio/test", "a defect", failed=True))
        with pytest.raises(AskError, match="portfolio/test failed at it"):
            await asked


async def test_whoever_is_out_of_service_is_not_waited_for() -> None:
    async with order_entry() as it:
        await it.bench.hear(ActorQuarantined("portfolio/test", "it fails", "hold"))
        answer = await it.bench.ask(submission())
        assert isinstance(answer, OrderNotTaken)
        assert answer.code is EntryCode.UNAVAILABLE
        await it.bench.hear(ActorStarted("portfolio/test"))
        asked = await it.give(submission())
        await it.answer(client_order_id=ID, status=S.SUBMITTED)
        assert (await asked).status is S.SUBMITTED


async def test_nobody_waits_for_ever() -> None:
    async with order_entry() as it:
        asked = await it.give(submission(key="k"))
        it.bench.actor.entries[it.entries[-1].entered.number].since -= round((PATIENCE + 1) * 1e9)
        it.bench.actor.give_up_waiting()
        with pytest.raises(AskError, match="repeat the command with its key"):
            await asked


async def test_whoever_waits_when_it_fails_is_told_so_and_numbers_are_never_given_again() -> None:
    async with order_entry() as it:
        asked = await it.give(submission(key="k"))
        first = it.entries[-1].entered.number
        await it.bench.restart()
        with pytest.raises(AskError):
            await asked
        await it.answer(client_order_id=ID, status=S.SUBMITTED)  # nobody waits for that any more
        again = await it.give(submission(key="k"))
        assert it.entries[-1].entered.number > first
        await it.answer(client_order_id=ID, status=S.SUBMITTED)
        assert await again == OrderTaken(ID, S.SUBMITTED)
