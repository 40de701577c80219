"""The persistence actor: owns the database, and with it every session."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from functools import partial
from typing import Any, TypeVar

import msgspec
import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import QueuePool

from actors.persistence.entry import News
from actors.persistence.insertion import Stored
from actors.persistence.journal import Journal
from actors.persistence.keyring import DataKeys
from actors.persistence.lease import Lease
from actors.persistence.listings.lister import Lister
from actors.persistence.marks import forget_marks
from actors.persistence.progress import Odometer, Places
from actors.persistence.reader import Reader
from actors.persistence.recalls import Recall, recalled
from actors.persistence.rotation import Rewrapping, Rotation, carried_out, keep_made
from actors.persistence.rows import FeedProgressRow, LossMarksRow, VenueCursorRow
from actors.persistence.storage import Opened, opened
from actors.persistence.troubles import sentence
from actors.persistence.units import Units
from actors.persistence.work import Impossible, Steps, Work
from actors.persistence.writer import Writer
from bus import SECOND, Accepted, Later, Time, every, on, pause
from lts.domain.financing import FinancingCharged
from lts.domain.journal import (
    ProgressRecalled,
    RecallProgress,
)
from lts.domain.loss_marks import LossesMarked
from lts.domain.market import Bar, BarOpened, Quote, Trade
from lts.domain.order_flow import (
    JournalOrder,
    JournalSynced,
    OrderChanged,
    OrderDenied,
    OrderFilled,
    OrderJournalled,
    OrderNotJournalled,
    SyncJournal,
)
from lts.domain.plugins import SystemReady
from lts.domain.reconciliation import CursorMoved, PositionAdjusted
from lts.domain.risk import JournalTradingState, TradingStateJournalled, TradingStateNotJournalled
from lts.domain.storage import (
    FactNotKept,
    GetStorage,
    KeysNotRotated,
    KeysRotated,
    RotateKeys,
    StorageRecovered,
    StorageReported,
    StorageTroubled,
)
from lts.domain.units import NotPerformed, Perform, Performed
from lts.refusal import Refused

R = TypeVar("R")

log = structlog.get_logger("persistence")

MARKET = (BarOpened, Bar, Quote, Trade)
LAST_WRITE = 8.0
"""Seconds in which what waits is written when the node stops."""
LAST_BIRTH = 10.0
"""Seconds in which whoever is born again from what is stored has asked, once everybody was let in."""
LOOK = 0.1
"""Seconds after which somebody looks whether the database is slow."""
TIDY = 60.0
"""Seconds after which old marks are forgotten, a few hundred at a time."""
MOST_WAITING = 50_000
"""Pieces of work in the lane beyond which units and intents are refused."""


class Persistence(Lister):
    """Keeps the order journal, carries out units of work, and recalls and lists what is stored.

    It answers after the commit. What is not on disk when the database is in trouble waits, except for
    intents and units: those are refused.
    """

    publishes = (FactNotKept, StorageTroubled, StorageRecovered)

    async def lifespan(self) -> AsyncGenerator[None, None]:
        """Open the storage, or refuse to start; at the end, write what waits."""
        async with opened(self.params) as storage:
            await self._take_up(storage)
            self.background(self.writer.run())
            try:
                yield
            finally:
                self._follow(self.odometer.finish())
                await self.writer.close(LAST_WRITE)

    async def _take_up(self, storage: Opened) -> None:
        self.keys: DataKeys = storage.keys
        self.keys.hand_over(self.params.tokens)
        self.engine = storage.engine
        self.begin_listing()
        self.troubled_since = 0
        self.slow = False
        self.rotating = False
        self.reader = Reader(storage.engine)
        async with storage.engine.connect() as connection:
            lease = await Lease.next(connection)
            self.journal = Journal(self.params.tariff, lease)
            await self.journal.resume(connection)
        self.units = Units(lambda: self.keys.sealing)
        self.progress, self.cursors = Places(FeedProgressRow), Places(VenueCursorRow)
        self.marks = Places(LossMarksRow)
        self.writer = Writer(storage.connection, storage.trail, storage.sealer, self._note_trouble)
        if self.keys.made:
            self.writer.put(Work(partial(keep_made, self.keys), Steps(), "persistence", 0))
        self.odometer = Odometer(await self.reader.progress())
        self.latest = await self.reader.latest()
        self.found = await self.reader.tally()

    # What is to be kept

    @on
    def keep(self, wanted: JournalOrder) -> Later[OrderJournalled | OrderNotJournalled]:
        """Keep an intent, and answer when it is on disk."""
        later, order = self.later(), wanted.order

        def refuse(reason: str) -> None:
            self.journal.unkept[order.client_order_id] = order
            later.answer(OrderNotJournalled(order, reason))

        def confirm() -> None:
            later.answer(OrderJournalled(order))

        self._put(Work(order, self.journal, "desk", self.cause, confirm, refuse, fleeting=True))
        return later

    @on
    def sync(self, wanted: SyncJournal) -> Later[JournalSynced]:
        """Answer when all that was said of an order so far is on disk."""

        async def synced() -> JournalSynced:
            return JournalSynced(wanted.client_order_id)

        return self._recall(synced)

    @on
    def note(self, fact: OrderChanged | OrderFilled) -> None:
        """Keep what became of an order."""
        self._note(fact, "desk")

    @on
    def note_decision(self, fact: OrderDenied) -> None:
        """Keep what risk decided."""
        self._note(fact, "risk")

    @on
    def keep_state(
        self, wanted: JournalTradingState
    ) -> Later[TradingStateJournalled | TradingStateNotJournalled]:
        """Keep a trading state in the name of who wanted it, and answer when it is on disk."""
        later, changed = self.later(), wanted.changed
        done = partial(later.answer, TradingStateJournalled(changed))

        def refuse(reason: str) -> None:
            later.answer(TradingStateNotJournalled(changed, reason))

        self._put(Work(changed, self.journal, changed.who or "risk", self.cause, done, refuse, fleeting=True))
        return later

    @on
    def note_booking(self, fact: PositionAdjusted | FinancingCharged) -> None:
        """Keep what an operator approved, or a venue charged."""
        self._note(fact, "desk")

    @on
    def note_cursor(self, moved: CursorMoved) -> None:
        """Keep how far a venue's transactions are taken in: what they led to stands in the lane before."""
        row = {"broker": moved.broker, "cursor": moved.cursor, "at": moved.at}
        self.writer.put(Work({moved.broker: row}, self.cursors, "desk", 0, precious=True))

    @on
    def note_losses(self, marked: LossesMarked) -> None:
        """Keep what the losses of a scope are measured from."""
        row = {"scope": marked.scope, "at": marked.at, **msgspec.structs.asdict(marked.marks)}
        self.writer.put(Work({marked.scope: row}, self.marks, "risk", 0, patient=True, precious=True))

    @on
    def perform(self, wanted: Perform) -> Later[Performed | NotPerformed]:
        """Carry out a unit of work, and answer when it is on disk."""
        later = self.later()
        done, refused = Performed(), NotPerformed
        self._put(
            Work(
                wanted.commands,
                self.units,
                wanted.who,
                self.cause,
                lambda: later.answer(done),
                lambda reason: later.answer(refused(reason)),
                fleeting=True,
            )
        )
        return later

    @on
    def rotate_keys(self, wanted: RotateKeys) -> Later[KeysRotated | KeysNotRotated]:
        """Make new keys while everything goes on, and answer when all is sealed by them."""
        later = self.later(holds=False)
        if self.rotating:
            later.answer(KeysNotRotated("the keys are being rotated already"))
        else:
            self.rotating = True
            self.background(self._rotate(wanted, later))
        return later

    @on
    def follow(self, accepted: Accepted) -> None:
        """Keep how far each feed has come."""
        if isinstance(accepted.message, MARKET):
            self._follow(self.odometer.begin(accepted.source, accepted.at))

    # What is stored

    @on
    def settle(self, _: SystemReady) -> None:
        """Answer from disk alone as soon as those have asked who are still being born again from it."""
        self.background(self._settle())

    async def _settle(self) -> None:
        await pause(LAST_BIRTH)
        self.reader.started()

    @on
    def recall(self, wanted: Recall) -> Later[Any]:
        """Answer when all is on disk that was said before."""
        return self._recall(lambda: recalled(wanted, self.reader, self.keys))

    @on
    def recall_progress(self, wanted: RecallProgress) -> ProgressRecalled:
        """Answer how far a feed had come when the node began."""
        return self.odometer.done_at_start(wanted.source)

    @on
    def report(self, _: GetStorage) -> StorageReported:
        """Answer where everything is, and how storing goes."""
        writer, pool = self.writer, self.engine.pool
        assert isinstance(pool, QueuePool)  # noqa: S101 - what the engine is made with
        return StorageReported(
            database=self.params.place,
            at=self.latest,
            found=self.found,
            waiting=len(writer),
            commits=writer.commits,
            written=writer.written,
            refused=writer.refused,
            rows=writer.rows,
            slowest_commit_ms=writer.slowest_ms,
            trouble=writer.trouble,
            pool_size=pool.size(),
            pool_in_use=pool.checkedout(),
            cache_hits=sum(cache.hits for cache in self.journal.caches),
            cache_misses=sum(cache.misses for cache in self.journal.caches),
        )

    async def _rotate(self, wanted: RotateKeys, later: Later[KeysRotated | KeysNotRotated]) -> None:
        try:
            if wanted.node_key:
                new = await asyncio.to_thread(self.params.renewed_node_keys)
                await carried_out(Rewrapping(self.keys, new), self.writer)
            await carried_out(Rotation(self.keys), self.writer)
            self.keys.hand_over(self.params.tokens)
        except (Impossible, Refused) as reason:
            later.answer(KeysNotRotated(str(reason)))
        else:
            keys = self.keys
            in_use = {"seal": keys.sealing.current.id, "mac": keys.mac.id, "sign": keys.signing.id}
            later.answer(KeysRotated(keys.node_keys.current.id, in_use))
        finally:
            self.rotating = False

    def _note(self, fact: News, who: str) -> None:
        def refuse(reason: str) -> None:
            self.give_up(fact, reason)
            self.publish(FactNotKept(type(fact).__name__, reason))

        self.writer.put(Work(fact, self.journal, who, self.cause, refused=refuse, precious=True))

    def _put(self, work: Work) -> None:
        """Have work written that somebody waits for, unless far too much waits already."""
        if len(self.writer) > MOST_WAITING:
            work.refused(f"{len(self.writer)} pieces of work wait for the disk; try again later")
        else:
            self.writer.put(work)

    def _follow(self, done: dict[str, Stored]) -> None:
        if done:
            self.writer.put(Work(done, self.progress, "persistence", 0, patient=True))

    def _recall(self, read: Callable[[], Awaitable[R]]) -> Later[R]:
        """Read when all is written that stands in the lane now."""
        later: Later[R] = self.later()

        async def look_up() -> None:
            await self.writer.flushed()
            try:
                later.answer(await read())
            except Exception as error:
                if not isinstance(error, SQLAlchemyError | OSError):
                    log.exception("a question could not be answered")
                later.fail(sentence(error, self.engine.url))

        self.background(look_up())
        return later

    @every(TIDY, time=Time.SYSTEM)
    def tidy(self) -> None:
        """Forget commands that nobody will repeat any more."""
        self.writer.put(Work(forget_marks, Steps(), "persistence", 0, patient=True, fleeting=True))

    @every(LOOK, time=Time.SYSTEM)
    def watch(self) -> None:
        """Tell of trouble before the database does, where market time does not wait for it."""
        most, since = self.params.slow_after_s, self.writer.stuck_since
        late = most is not None and since and self.system.monotonic() - since > most * SECOND
        if late and not (self.slow or self.writer.trouble):
            self._note_trouble(f"{self.params.place} has not answered for {most:g} s")
            self.slow = True
        elif self.slow and not late:
            self.slow = False
            if not self.writer.trouble:
                self._note_trouble("")

    def _note_trouble(self, reason: str) -> None:
        now = self.system.monotonic()
        if reason and self.slow:
            self.slow = False  # it was told; from now on it is the writer that knows when it is over
            log.error("nothing can be stored", reason=reason, waiting=len(self.writer))
        elif reason:
            self.troubled_since = now
            log.error("nothing can be stored", reason=reason, waiting=len(self.writer))
            self.publish(StorageTroubled(reason))
        else:
            self.publish(StorageRecovered((now - self.troubled_since) / SECOND))
