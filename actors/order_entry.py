"""The order entry: takes what users command of orders, once each, and tells them what became of it."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Any

import msgspec

from bus import (
    SECOND,
    Actor,
    ActorQuarantined,
    ActorStarted,
    ActorStopped,
    DeadLetter,
    Event,
    Later,
    Request,
    Time,
    Undeliverable,
    every,
    on,
)
from lts.domain.order_entry import (
    EntryAnswered,
    EntryCode,
    OrderEntered,
    OrderNotTaken,
    OrderTaken,
    RetractAll,
    RetractionEntered,
    RetractionTaken,
    RetractOrder,
    ReviseOrder,
    RevisionEntered,
    RevisionTaken,
    SubmitOrder,
)
from lts.domain.order_flow import JournalSynced, ModificationDenied, OrderDenied, SyncJournal
from lts.domain.order_status import OrderStatus
from lts.domain.order_ticket import nonsense_in
from lts.domain.orders import Entered
from lts.domain.register import Register
from lts.domain.request_mark import Marked, MarkRecalled, RecallMark, RequestMark

PATIENCE = 30.0
"""Seconds of system time after which nobody waits any longer for what becomes of an entry."""

_DENIED = OrderStatus.DENIED
_LONGEST_NAME = 64

_PROMISES = (RevisionTaken, RetractionTaken)

Command = SubmitOrder | ReviseOrder | RetractOrder | RetractAll
Fate = OrderTaken | OrderNotTaken | RevisionTaken | RetractionTaken


@dataclass(slots=True, eq=False)
class Entry:
    """A command that was not answered yet."""

    command: Command
    number: int
    since: int
    """System time, in nanoseconds of the steady clock."""
    waiting: list[Later[Any]] = field(default_factory=list)
    """Those who have given it: more than one if it was repeated meanwhile."""

    @property
    def mark(self) -> RequestMark | None:
        """The mark of the command, if it has one."""
        return self.command.request if isinstance(self.command, SubmitOrder) else None


class OrderEntry(Actor[None]):
    """Turns commands into inputs from outside, and what becomes of these into answers.

    It answers when what it says is durable. A command with a mark that is repeated gets the answer of the
    first: from here while that is under way, from the journal ever after. A mark that this actor has
    forgotten of an order that is not durable yet is refused by the journal.
    """

    publishes = (OrderEntered, RevisionEntered, RetractionEntered)
    asks = (RecallMark, SyncJournal)
    external = True

    assignment: Register

    async def lifespan(self) -> AsyncGenerator[None, None]:
        """Begin with nothing under way: whoever waited has been told that this actor ended."""
        self.last = self.system.now()
        """The number of the last entry; later ones are higher, also those of a later process."""
        self.entries: dict[int, Entry] = {}
        self.marked: dict[tuple[str, str], Entry] = {}
        """Those of them that have a mark, by its name."""
        self.down: set[str] = set()
        """The actors that are out of service."""
        self.unsynced: dict[str, list[tuple[int, Fate]]] = {}
        """The answers that are given when what is known of an order is durable, by its id."""
        yield

    # What users command

    @on
    def submit(self, command: SubmitOrder) -> Later[OrderTaken | OrderNotTaken]:
        """Take an order, once for each mark."""
        objection = command.ticket.nonsense()
        if command.request is not None:
            objection = objection or command.request.objection()
        return self._take(command, objection)

    @on
    def revise(self, command: ReviseOrder) -> Later[RevisionTaken | OrderNotTaken]:
        """Take other terms for an order."""
        return self._take(command, nonsense_in(command.terms))

    @on
    def retract(self, command: RetractOrder) -> Later[RetractionTaken | OrderNotTaken]:
        """Take the wish that an order ends."""
        named = command.client_order_id
        return self._take(command, "" if named else "it names no order")

    @on
    def retract_all(self, command: RetractAll) -> Later[RetractionTaken | OrderNotTaken]:
        """Take the wish that all orders of a portfolio end, or those in an instrument."""
        return self._take(command, "")

    # What becomes of it

    @on
    def recognise(self, recalled: MarkRecalled) -> None:
        """Answer a command that was given before with what it led to; a new one is entered."""
        entry = self.marked.get(recalled.mark.name)
        if entry is None or entry.mark != recalled.mark:
            return
        if recalled.found is None:
            self._enter(entry)
        else:
            self._finish(entry, _repeated(recalled.found, recalled.mark))

    @on
    def follow(self, answered: EntryAnswered) -> None:
        """Answer what needs no more to be durable; for the rest, wait until it is."""
        entry = self.entries.get(answered.number)
        if entry is None:
            return
        fate = _fate(entry.command, answered)
        if answered.code is EntryCode.DENIED or (isinstance(fate, _PROMISES) and answered.client_order_id):
            self._finish_when_kept(entry, answered.client_order_id, fate)
        else:
            self._finish(entry, fate)

    @on
    def refuse(self, denied: OrderDenied) -> None:
        """Answer that risk did not let an order pass, when that is durable."""
        entered, name = denied.order.entered, denied.order.client_order_id
        if entered is not None and (entry := self.entries.get(entered.number)):
            self._finish_when_kept(entry, name, OrderNotTaken(name, denied.reason, EntryCode.DENIED))

    @on
    def refuse_terms(self, denied: ModificationDenied) -> None:
        """Answer that risk did not let other terms pass."""
        if denied.entered is not None and (entry := self.entries.get(denied.entered.number)):
            fate = OrderNotTaken(denied.client_order_id, denied.reason, EntryCode.DENIED)
            self._finish(entry, fate)

    @on
    def confirm(self, synced: JournalSynced) -> None:
        """Give the answers that are durable now."""
        for number, fate in self.unsynced.pop(synced.client_order_id, ()):
            if entry := self.entries.get(number):
                self._finish(entry, fate)

    @on
    def despair(self, failed: Undeliverable) -> None:
        """Take the news that the journal does not answer: without it nothing is entered, or known to last."""
        match failed.request:
            case RecallMark(mark=mark):
                if entry := self.marked.get(mark.name):
                    reason = f"it cannot be told whether it was given before: {failed.reason}"
                    self._finish(entry, OrderNotTaken("", reason, EntryCode.UNAVAILABLE))
            case SyncJournal(client_order_id=name):
                for number, _ in self.unsynced.pop(name, ()):
                    self._leave_open(number, f"it cannot be told what is durable: {failed.reason}")

    @on
    def bury(self, dead: DeadLetter) -> None:
        """Answer for what came to nothing because whoever it was for is out of service."""
        if not isinstance(dead.message, OrderEntered | RevisionEntered | RetractionEntered):
            return
        entry = self.entries.get(dead.message.entered.number)
        if entry is not None and dead.failed:
            self._leave_open(entry.number, f"{dead.actor} failed at it")
        elif entry is not None:
            self._finish(entry, OrderNotTaken("", f"nothing was done: {dead.reason}", EntryCode.UNAVAILABLE))

    @on
    def miss(self, ended: ActorQuarantined | ActorStopped) -> None:
        """Remember who takes no more inputs."""
        self.down.add(ended.actor)

    @on
    def welcome(self, started: ActorStarted) -> None:
        """Forget that somebody was out of service."""
        self.down.discard(started.actor)

    @every(1, time=Time.SYSTEM)
    def give_up_waiting(self) -> None:
        """Tell those who have waited for too long that they have to look again."""
        begun = self.system.monotonic() - round(PATIENCE * SECOND)
        for entry in [each for each in self.entries.values() if each.since < begun]:
            self._leave_open(entry.number, f"nothing was heard of it for {PATIENCE:g} s")

    # How it is done

    def _take(self, command: Command, objection: str) -> Later[Any]:
        """Enter a command, or answer at once: nobody's market time stands still for it."""
        later = self.later(holds=False)
        if not 0 < len(command.who) <= _LONGEST_NAME:
            objection = objection or f"a user's name has 1 to {_LONGEST_NAME} characters"
        if objection:
            later.answer(OrderNotTaken("", objection, EntryCode.INVALID))
        elif command.portfolio not in self.assignment.owners:
            unknown = f"there is no portfolio {command.portfolio}"
            later.answer(OrderNotTaken("", unknown, EntryCode.UNKNOWN_PORTFOLIO))
        elif not self._joins(command, later):
            self.last += 1
            entry = Entry(command, self.last, self.system.monotonic(), [later])
            self.entries[entry.number] = entry
            if entry.mark is None:
                self._enter(entry)
            else:
                self.marked[entry.mark.name] = entry
                self.send(RecallMark(entry.mark))
        return later

    def _joins(self, command: Command, later: Later[Any]) -> bool:
        """Whether the same mark is under way, so that there is nothing to be done beside waiting for that."""
        mark = command.request if isinstance(command, SubmitOrder) else None
        first = None if mark is None else self.marked.get(mark.name)
        if first is None or mark is None:
            return False
        if first.mark == mark:
            first.waiting.append(later)
        else:
            later.answer(_reused(mark))
        return True

    def _enter(self, entry: Entry) -> None:
        """Make an input of a command, if there is anybody whom it reaches."""
        command = entry.command
        whose = f"portfolio/{command.portfolio}" if isinstance(command, SubmitOrder) else "desk"
        if whose in self.down:
            self._finish(entry, OrderNotTaken("", f"{whose} is out of service", EntryCode.UNAVAILABLE))
        else:
            self.take_in(_input(command, Entered(entry.number, command.who, entry.mark)))

    def _finish_when_kept(self, entry: Entry, client_order_id: str, fate: Fate) -> None:
        """Give an answer when all is durable that has been said of an order."""
        self.unsynced.setdefault(client_order_id, []).append((entry.number, fate))
        self.send(SyncJournal(client_order_id))

    def _finish(self, entry: Entry, fate: Fate) -> None:
        """Give the answer to all who wait for it; to all but the first it is one that was given before."""
        self._forget(entry)
        first, *others = entry.waiting
        first.answer(fate)
        if entry.mark is not None and isinstance(fate, OrderTaken | OrderNotTaken):
            fate = msgspec.structs.replace(fate, repeated=True)
        for later in others:
            later.answer(fate)

    def _leave_open(self, number: int, reason: str) -> None:
        """Give the news that nobody knows what becomes of a command."""
        entry = self.entries.get(number)
        if entry is not None:
            self._forget(entry)
            for later in entry.waiting:
                later.fail(f"{reason}; look at the portfolio's orders, or repeat the command with its key")

    def _forget(self, entry: Entry) -> None:
        self.entries.pop(entry.number, None)
        if entry.mark is not None:
            self.marked.pop(entry.mark.name, None)


def _input(command: Command, entered: Entered) -> Event:
    match command:
        case SubmitOrder():
            return OrderEntered(command.portfolio, command.ticket, entered)
        case ReviseOrder():
            return RevisionEntered(command.portfolio, command.client_order_id, command.terms, entered)
        case RetractOrder():
            return RetractionEntered(command.portfolio, entered, command.client_order_id)
        case RetractAll():
            return RetractionEntered(command.portfolio, entered, instrument=command.instrument)


def _fate(command: Request[Any], answered: EntryAnswered) -> Fate:
    """What an answer means to whoever gave a command."""
    name, status = answered.client_order_id, answered.status
    if answered.code is not None:
        return OrderNotTaken(name, answered.reason, answered.code)
    match command:
        case ReviseOrder() if status is not None:
            return RevisionTaken(name, status)
        case RetractOrder() | RetractAll():
            return RetractionTaken(answered.orders, name, status)
    return OrderTaken(name, status)


def _repeated(found: Marked, mark: RequestMark) -> OrderTaken | OrderNotTaken:
    """What a command is answered that was given before."""
    if found.mark != mark:
        return _reused(mark)
    if found.status is _DENIED:
        return OrderNotTaken(found.resource, found.reason, EntryCode.DENIED, repeated=True)
    return OrderTaken(found.resource, found.status, repeated=True)


def _reused(mark: RequestMark) -> OrderNotTaken:
    reason = f"the key {mark.key} marks another command"
    return OrderNotTaken("", reason, EntryCode.KEY_REUSED)
