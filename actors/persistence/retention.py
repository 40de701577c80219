"""Retention: drops the oldest part of the audit, and leaves its seals and what still counts of it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, column, delete, func, select, table
from sqlalchemy.ext.asyncio import AsyncConnection

from actors.persistence.chain import Chain
from actors.persistence.findings import Findings
from actors.persistence.history import History
from actors.persistence.keyring import DataKeys
from actors.persistence.pages import audit_pages, stored_seal, untyped
from actors.persistence.seals import Seal, Sealer
from actors.persistence.work import Batch, Work
from lts.refusal import Refused

CARRIED = 500
"""Images that are carried forward in one step."""
DROPPED = 20_000
"""Audit rows that are dropped in one step, or as many as one seal is over."""

_SEGMENT = untyped("audit_seal", Seal.__struct_fields__).where(column("kind") == "segment")
_LOG = table("audit_log", column("seq"))

Name = tuple[str, str]
"""A row, by its table and row key."""


@dataclass(slots=True)
class _Step:
    """What is true once the step under way is committed."""

    seen: int
    dropped: int
    carried: int
    gone: set[Name] = field(default_factory=set)


class Retention:
    """Drops whole sealed segments: a scribe that is put into the writer lane until it is `finished`.

    First the last image of each row whose last audit row will go, and that still exists, is noted
    again: as the audit has it, not as the table has it. When that is sealed, retention seals state
    what is dropped, and it is deleted.
    """

    def __init__(self, sealer: Sealer, left: dict[Name, int], seen: int, dropped: int, through: int) -> None:
        self.through = through
        """The last audit row that will be dropped."""
        self._sealer = sealer
        self._left = left
        """The number of the audit row that has the image, for each row to be carried forward, ascending."""
        self._now = self._next = _Step(seen, dropped, 0)

    @classmethod
    async def plan(
        cls, connection: AsyncConnection, keys: DataKeys, sealer: Sealer, before: int
    ) -> "Retention":
        """Prove all segments that were sealed before a time (UTC nanoseconds), on a read-only snapshot.

        Raises:
            Refused: they are not as they were sealed; nothing will be dropped.
        """
        findings = Findings()
        chain = Chain(keys.publics, findings, 0)
        await findings.look("the chain of seals", chain.read(connection))
        through = await _end_of_segments(connection, before)
        if through > chain.dropped_through:
            history = History(connection, keys.macs, chain, findings, through=through)
            await findings.look("the audit", history.read())
        for finding in findings.sentences:
            raise Refused(f"nothing was dropped from the audit: {finding}; run `lts db verify`")
        left, seen = await _last_images(connection, through)
        return cls(sealer, left, seen, chain.dropped_through, through)

    @property
    def finished(self) -> bool:
        """Whether all that was to be dropped is dropped."""
        return self._now.dropped >= self.through

    @property
    def dropped_through(self) -> int:
        """The last audit row that is dropped."""
        return self._now.dropped

    async def write(self, batch: Batch, works: Sequence[Work]) -> None:
        """Make the next step."""
        now = self._now
        step = self._next = _Step(now.seen, now.dropped, now.carried)
        if self.finished or self._sealer.pending:
            return
        await self._see(batch, step)
        names = [*islice((name for name in self._left if name not in step.gone), CARRIED)]
        if names:
            await self._carry(batch, works[0], names, step)
        elif self._sealer.sealed_through < step.carried:
            await self._sealer.write(batch, works)
        else:
            await self._drop(await batch.sent(), batch.at, step)

    def settle(self) -> None:
        """Take note that the step is committed."""
        self._now = self._next
        for name in self._now.gone:
            self._left.pop(name, None)
        self._sealer.settle()

    def forget(self) -> None:
        """Take note that the step has to be made again."""
        self._next = self._now
        self._sealer.forget()

    async def _see(self, batch: Batch, step: _Step) -> None:
        """Leave out the rows that have been audited again since: what is dropped is not their last image."""
        async for page in audit_pages(await batch.sent(), step.seen):
            step.gone.update(_names(page))
            step.seen = page[-1][0]
        step.gone.update((row["entity"], row["row_key"]) for row in batch.trail.rows)

    async def _carry(self, batch: Batch, work: Work, names: Sequence[Name], step: _Step) -> None:
        numbers = [self._left[name] for name in names]
        query = untyped("audit_log", ("entity", "row_key", "after")).where(column("seq").in_(numbers))
        for entity, row_key, image in await (await batch.sent()).execute(query.order_by(column("seq"))):
            batch.trail.note("checkpoint", entity, row_key, None, image, work.who, work.cause)
        step.carried = batch.trail.last_seq
        step.gone.update(names)

    async def _drop(self, connection: AsyncConnection, at: int, step: _Step) -> None:
        """State what is dropped, and delete it; unless that was done, and only the answer was lost."""
        await self._sealer.find_lost(connection)
        found = self._sealer.pending
        if found is None:
            end = await self._end_of_step(connection)
            found = self._sealer.seal_retention(step.dropped + 1, end.last_seq, end.hash, at)
            await self._sealer.store(connection, found)
            await connection.execute(delete(_LOG).where(_LOG.c.seq <= end.last_seq))
        if found.kind == "retention":
            step.dropped = found.last_seq

    async def _end_of_step(self, connection: AsyncConnection) -> Seal:
        """Return the last segment's seal that this step goes up to."""
        last: ColumnElement[int] = column("last_seq", BigInteger)
        limit = min(self.through, self._now.dropped + DROPPED)
        within = _SEGMENT.where(last > self._now.dropped, last <= limit).order_by(last.desc())
        wider = _SEGMENT.where(last > self._now.dropped).order_by(last)
        row = (await connection.execute(within.limit(1))).first()
        return stored_seal(row or (await connection.execute(wider.limit(1))).one())


async def _end_of_segments(connection: AsyncConnection, before: int) -> int:
    """Return the last audit row that was sealed before a time."""
    end: ColumnElement[int] = func.max(column("last_seq", BigInteger))
    old = select(end).select_from(table("audit_seal"))
    return await connection.scalar(old.where(column("kind") == "segment", column("at") < before)) or 0


async def _last_images(connection: AsyncConnection, through: int) -> tuple[dict[Name, int], int]:
    """Return where the last image of each row is that has none behind `through`, and the last row read."""
    left: dict[Name, int] = {}
    async for page in audit_pages(connection, through=through):
        for row in page:
            if row[4] in {"read", "note"}:
                continue
            name = (row[5], row[6])
            left.pop(name, None)  # so that what is put in again comes last
            if row[8] is not None:
                left[name] = row[0]
    seen = through
    async for page in audit_pages(connection, through):
        for name in _names(page):
            left.pop(name, None)
        seen = page[-1][0]
    return left, seen


def _names(page: Iterable[Any]) -> set[Name]:
    return {(row[5], row[6]) for row in page if row[4] not in {"read", "note"}}
