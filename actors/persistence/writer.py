"""The writer lane: one connection that commits what waits in groups.

While one transaction is on its way to the disk, the next one gathers: a piece of work alone is
written at once, and under load hundreds share one commit. Whoever waits for an answer gets it after
the commit. A group that fails is halved until the piece that cannot be written is alone; when the
database itself is in trouble, everything waits and is tried again.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from itertools import groupby
from operator import attrgetter
from typing import Any

import structlog
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from actors.persistence.auditing import AuditTrail
from actors.persistence.guard import unit
from actors.persistence.images import canonical
from actors.persistence.lock import hold
from actors.persistence.one_hop import batch_on
from actors.persistence.page import table_of
from actors.persistence.rows import AuditRow
from actors.persistence.seals import Sealer
from actors.persistence.troubles import Trouble, classify, sentence
from actors.persistence.work import Impossible, Marks, Work
from bus import SECOND, SystemClock, pause
from lts.refusal import Refused

log = structlog.get_logger("persistence")

AUDIT_LOG = table_of(AuditRow)
GROUP = 512
"""Pieces of work in one transaction, at most."""
LINGER = 0.1
"""Seconds that patient work waits for company."""
PATIENCE = 30.0
"""Seconds that a transaction may take."""
FIRST_REST, LONGEST_REST, MOST_DOUBLINGS = 0.05, 2.0, 6
"""Seconds between two attempts when the database is in trouble: twice as many each time."""
LAST_WORD = 5.0
"""Seconds that a transaction under way has when the node stops."""
CONTENTION = 3.0
"""Seconds of conflicts with other transactions after which they count as trouble."""


class Writer:
    """Commits work in the order in which it was put, and seals the audit about once a second.

    Args:
        connection: what it writes on, and what holds the lock of the database.
        trail: numbers the audit rows.
        sealer: chains them.
        troubled: told the reason when nothing can be stored, and "" when it can again.
    """

    def __init__(
        self,
        connection: AsyncConnection,
        trail: AuditTrail,
        sealer: Sealer,
        troubled: Callable[[str], None],
    ) -> None:
        self.trouble = ""
        self.commits = self.written = self.refused = self.rows = 0
        self.slowest_ms = 0.0
        self._engine = connection.engine
        self._trail = trail
        self._sealer = sealer
        self._troubled = troubled
        self._system = SystemClock()
        self._waiting: deque[Work] = deque()
        self._taken = 0
        self._news = asyncio.Event()
        self._connection: AsyncConnection | None = connection
        self._failures = 0
        """Attempts in a row that were not even refused."""
        self._failing_since = 0
        self._begun = 0

    @property
    def stuck_since(self) -> int:
        """When the attempt under way began, or the first of those that failed in a row; 0 if none has."""
        return self._failing_since or self._begun

    def __len__(self) -> int:
        """The pieces of work that are not on disk yet."""
        return len(self._waiting) + self._taken

    def put(self, work: Work) -> None:
        """Have something written, after all that was put before."""
        if work.fleeting and self.trouble:
            self._refuse(work, self.trouble)
        else:
            self._waiting.append(work)
            if not work.patient:
                self._news.set()

    async def flushed(self) -> None:
        """Wait until all that has been put so far is committed or refused."""
        reached = asyncio.Event()
        self.put(Work(None, Marks(), "", 0, reached.set, lambda _: reached.set()))
        await reached.wait()

    async def run(self) -> None:
        """Write for as long as the actor lives."""
        while True:
            await self._next()
            while self._waiting:
                await _to_its_end(self._write(self._take()))
                await self._seal_in_time()
            await self._seal_in_time()

    async def seal(self) -> None:
        """Seal what has been audited since the last time, and write the head beside the database."""
        await self._write([Work(None, self._sealer, "persistence", 0)])

    async def _seal_in_time(self) -> None:
        if self._sealer.due(self._system.now()):
            await _to_its_end(self.seal())

    async def close(self, within: float) -> None:
        """Write what waits, seal it, and give the connection back; what is not on disk by then is lost."""
        try:
            async with asyncio.timeout(within):
                while self._waiting:
                    await self._write(self._take())
                if self._sealer.due(self._system.now() + SECOND):
                    await self.seal()
                await self._sealer.confirmed()
        except TimeoutError:
            pass
        finally:
            if self:
                log.critical("not everything was stored", lost=len(self), reason=self.trouble)
        await self._hang_up()

    def _take(self) -> list[Work]:
        return [self._waiting.popleft() for _ in range(min(GROUP, len(self._waiting)))]

    async def _next(self) -> None:
        """Wait until something cannot wait, or until it is time to look."""
        try:
            async with asyncio.timeout(LINGER):
                await self._news.wait()
        except TimeoutError:
            return
        self._news.clear()

    async def _write(self, works: Sequence[Work]) -> None:
        """Commit all of these, or as many as can be; who is broken off puts back what is left."""
        groups = [works]
        try:
            while groups:
                self._taken = sum(map(len, groups))
                await self._write_last(groups)
        except asyncio.CancelledError:
            left = [work for group in groups for work in reversed(group)]
            self._forget(left)
            self._waiting.extendleft(left)
            raise
        finally:
            self._taken = self._begun = 0

    async def _write_last(self, groups: list[Sequence[Work]]) -> None:
        """Commit the last of these groups, or have in its place the parts in which it is tried again."""
        group = groups[-1]
        begun = self._begun = self._system.monotonic()
        try:
            async with asyncio.timeout(PATIENCE) as patience:
                await self._attempt(group)
        except Exception as error:  # noqa: BLE001 - a defect in one piece of work must not stop the others
            groups[-1:] = await self._try_next(group, _cause(error, patience), begun)
        else:
            groups.pop()
            self._settle(group)

    async def _attempt(self, group: Sequence[Work]) -> None:
        """Write a group in one transaction, without a word to anybody."""
        connection = await self._connected()
        batch = batch_on(connection, self._trail, self._system.now())
        begun = self._system.monotonic()
        self._trail.begin(batch.at)
        with unit(connection):
            async with batch.transaction():
                for scribe, works in groupby(group, key=attrgetter("scribe")):
                    await scribe.write(batch, tuple(works))
                self._note_what_was()
                await batch.insert(AUDIT_LOG, self._trail.rows)
        self.commits += 1
        self.rows += batch.rows
        self.slowest_ms = max(self.slowest_ms, (self._system.monotonic() - begun) / 1e6)

    def _note_what_was(self) -> None:
        """Have the audit tell of the trouble that this transaction ends: who writes nothing ends none."""
        if self.trouble:
            said = canonical({"trouble": self.trouble}).decode()
            self._trail.note("note", "storage", "[]", None, said, "persistence", 0)

    async def _try_next(self, group: Sequence[Work], error: Exception, begun: int) -> list[Sequence[Work]]:
        """Return what is left of a group that failed, in the parts in which it is to be tried again."""
        trouble = _trouble_of(error)
        if trouble in {Trouble.CONSTRAINT, Trouble.OTHER} and not _is_innocent(group, error, trouble):
            self._forget(group)
            if len(group) > 1:
                half = len(group) // 2
                return [group[half:], group[:half]]
            if trouble is Trouble.OTHER:
                log.error("work failed", work=group[0].content, exc_info=error)
            self._refuse(group[0], self._sentence(error))
            return [()] if self.trouble else []  # nobody else may come and find out that it is over
        self._failing_since = self._failing_since or begun
        if await self._was_committed_after_all(error, trouble):
            self._settle(group)
            return []
        self._forget(group)
        return [tuple(work for work in group if not self._came_too_late(work))]

    async def _was_committed_after_all(self, error: Exception, trouble: Trouble) -> bool:
        """Wait until the database can be asked again, and return whether it has the last audit row."""
        last = self._trail.rows[-1] if self._trail.rows else None
        while True:
            if trouble is not Trouble.RETRY or self._contended():
                self._note_trouble(self._sentence(error))
            await self._hang_up()
            await pause(min(LONGEST_REST, FIRST_REST * 2 ** min(self._failures, MOST_DOUBLINGS)))
            self._failures += 1
            try:
                if last is None:
                    return False
                connection = await self._connected()
                async with connection.begin():
                    kept = select(AUDIT_LOG.c.mac).where(AUDIT_LOG.c.seq == last["seq"])
                    return bool(await connection.scalar(kept) == last["mac"])
            except Exception as again:  # noqa: BLE001 - a driver's own errors come as they are from a connect
                error, trouble = again, Trouble.PAUSE

    def _contended(self) -> bool:
        return self._system.monotonic() - self._failing_since > CONTENTION * SECOND

    def _settle(self, group: Sequence[Work]) -> None:
        """Take note that a group is committed, and tell whoever waits."""
        self._failures = self._failing_since = 0
        if self.trouble:
            self.trouble = ""
            self._troubled("")
        self._trail.commit()
        for scribe in {id(work.scribe): work.scribe for work in group}.values():
            scribe.settle()
        self.written += len(group)
        for work in group:
            work.done()

    def _forget(self, group: Sequence[Work]) -> None:
        self._trail.rollback()
        for scribe in {id(work.scribe): work.scribe for work in group}.values():
            scribe.forget()

    def _refuse(self, work: Work, reason: str) -> None:
        self.refused += 1
        work.refused(reason)

    def _came_too_late(self, work: Work) -> bool:
        """Refuse what must not be kept waiting by trouble; the rest is kept."""
        if work.fleeting and self.trouble:
            self._refuse(work, self.trouble)
            return True
        return False

    def _note_trouble(self, reason: str) -> None:
        if self.trouble:
            return
        self.trouble = reason
        self._troubled(reason)
        self._waiting = deque(work for work in self._waiting if not self._came_too_late(work))

    def _sentence(self, error: Exception) -> str:
        return str(error) if isinstance(error, Impossible) else sentence(error, self._engine.url)

    async def _connected(self) -> AsyncConnection:
        if self._connection is None:
            connection = await self._engine.connect()
            try:
                await hold(connection)
            except BaseException:
                await connection.invalidate()
                await connection.close()
                raise
            self._connection = connection
        return self._connection

    async def _hang_up(self) -> None:
        """End the connection, and with it its lock; one that cannot even be closed is dropped."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(Exception):
                async with asyncio.timeout(1.0):
                    await connection.invalidate()
                    await connection.close()


def _cause(error: Exception, patience: asyncio.Timeout) -> Exception:
    """Return why an attempt failed, or raise what broke it off: a library may make another error of that."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError from error
    return TimeoutError() if patience.expired() else error


def _trouble_of(error: Exception) -> Trouble:
    if isinstance(error, Impossible):
        return Trouble.CONSTRAINT
    return Trouble.PAUSE if isinstance(error, Refused) else classify(error)  # another node has the lock


def _is_innocent(group: Sequence[Work], error: Exception, trouble: Trouble) -> bool:
    """Whether one precious piece of work failed, by itself, for what the database reports of itself."""
    alone = len(group) == 1 and group[0].precious
    return alone and trouble is Trouble.OTHER and isinstance(error, DBAPIError)


async def _to_its_end(work: Coroutine[Any, Any, None]) -> None:
    """Await work that a cancellation does not tear in half: it comes through when the work is done."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        if (await asyncio.wait({task}, timeout=LAST_WORD))[1]:
            task.cancel()
            await asyncio.wait({task}, timeout=1.0)
        raise
