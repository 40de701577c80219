"""Rotation: new keys for a database that is in use, in steps so small that nobody waits for them.

Each step is a piece of work for the writer lane, and a scribe of its own: put it there again until it
is `finished`. Keys of before go on opening and verifying, so no read fails at any time.
"""

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Any, Protocol

from sqlalchemy import select

from actors.persistence.keyring import KINDS, DataKeys, new_key_row, rewrapped
from actors.persistence.page import Form, Page
from actors.persistence.pages import behind
from actors.persistence.rows import DataKeyRow, Row
from actors.persistence.work import Batch, Impossible, Scribe, Work
from lts.security.node_key import NodeKeys
from lts.security.seal import SealingKeys, key_id_of

STEP = 200
"""Rows whose sealed values are sealed anew in one step."""

DATA_KEYS = Form(DataKeyRow)

Stored = dict[str, Any]


class Lane(Protocol):
    """Where work waits to be written."""

    def put(self, work: Work) -> None:
        """Have something written, after all that was put before."""


class Upkeep(Scribe, Protocol):
    """A scribe that is put into the lane again until it is finished."""

    @property
    def finished(self) -> bool:
        """Whether there is no step left."""


class Rotation:
    """A new data key of each purpose, and then every sealed value under the new one.

    Args:
        keys: those in use; they become the new ones with the commit of the first step.
    """

    def __init__(self, keys: DataKeys) -> None:
        self._keys = keys
        self._tables = sealed_forms()
        self._renewed: list[Stored] | None = None
        self._staged: list[Stored] | None = None
        self._at: tuple[int, Any] = (0, None)
        """How many tables are done, and the last primary key that was seen in the next one."""
        self._next = self._at

    @property
    def finished(self) -> bool:
        """Whether nothing is sealed by a key of before any more."""
        return self._renewed is not None and self._at[0] == len(self._tables)

    async def write(self, batch: Batch, works: Sequence[Work]) -> None:
        """Make the next step."""
        if self._renewed is None:
            self._staged = await _renew(batch, works[0], self._keys.node_keys)
        elif not self.finished:
            self._next = await self._reseal(batch, works[0])

    def settle(self) -> None:
        """Take note that the step is committed."""
        if self._staged is not None:
            self._renewed, self._staged = self._staged, None
            self._keys.adopt(self._renewed, self._keys.node_keys)
        self._at = self._next

    def forget(self) -> None:
        """Take note that the step has to be made again."""
        self._staged = None
        self._next = self._at

    async def _reseal(self, batch: Batch, work: Work) -> tuple[int, Any]:
        done, last = self._at
        form, sealed = self._tables[done]
        own = list(form.table.primary_key)
        query = select(form.table).order_by(*own).limit(STEP)
        if last is not None:
            query = query.where(behind(own, last))
        rows = [dict(row) for row in (await (await batch.sent()).execute(query)).mappings()]
        page, keys = Page(form, batch), self._keys.sealing
        for row in rows:
            new = {name: _resealed(row[name], form.name, name, keys) for name in sealed}
            if any(new[name] is not row[name] for name in sealed):
                page.change(row, row | new, work)
        await page.write()
        if len(rows) < STEP:
            return done + 1, None
        return done, [rows[-1][column.name] for column in own]


class Rewrapping:
    """All data keys, wrapped by the current key of the node.

    The node's keys must be on disk before, the new one in front: after a crash either of them may
    be the one that is needed. This is one step.

    Args:
        keys: those in use.
        node_keys: the new node key, and the ones of before.
    """

    def __init__(self, keys: DataKeys, node_keys: NodeKeys) -> None:
        self.finished = False
        self._keys = keys
        self._node_keys = node_keys
        self._staged: list[Stored] = []

    async def write(self, batch: Batch, works: Sequence[Work]) -> None:
        """Wrap the keys anew."""
        page = Page(DATA_KEYS, batch)
        self._staged = []
        for row in await _key_rows(batch):
            new = rewrapped(row, self._node_keys)
            page.change(row, new, works[0])
            self._staged.append(new)
        await page.write()

    def settle(self) -> None:
        """Take note that it is committed."""
        self._keys.adopt(self._staged, self._node_keys)
        self.finished = True

    def forget(self) -> None:
        """Take note that it has to be done again."""
        self._staged = []


async def carried_out(upkeep: Upkeep, lane: Lane) -> None:
    """Put upkeep into the lane, step by step, between all that others want written.

    Raises:
        Impossible: a step was refused.
    """
    while not upkeep.finished:
        step: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        done, refused = partial(step.set_result, None), partial(_refuse, step)
        lane.put(Work(None, upkeep, "persistence", 0, done, refused))
        await step


async def keep_made(keys: DataKeys, batch: Batch, work: Work) -> None:
    """Keep the keys that were made for a database that had none: a step of upkeep."""
    page = Page(DATA_KEYS, batch)
    for row in keys.made:
        page.insert(row, work)
    await page.write()


def sealed_forms() -> list[tuple[Form, list[str]]]:
    """Return the tables with sealed columns, and the names of these."""
    found = []
    for mapper in sorted(Row.registry.mappers, key=lambda mapper: mapper.class_.__tablename__):
        form = Form(mapper.class_)
        if sealed := [column.name for column in form.table.columns if column.info.get("sealed")]:
            found.append((form, sealed))
    return found


def _refuse(step: asyncio.Future[None], reason: str) -> None:
    step.set_exception(Impossible(reason))


async def _renew(batch: Batch, work: Work, node_keys: NodeKeys) -> list[Stored]:
    """Make a key of each purpose, and retire the others."""
    page = Page(DATA_KEYS, batch)
    after = []
    for row in await _key_rows(batch):
        retired = row if row["retired_at"] is not None else row | {"retired_at": batch.at}
        if retired is not row:
            page.change(row, retired, work)
        after.append(retired)
    for purpose in KINDS:
        after.append(new_key_row(purpose, node_keys.current, batch.at))
        page.insert(after[-1], work)
    await page.write()
    return after


async def _key_rows(batch: Batch) -> list[Stored]:
    query = select(DATA_KEYS.table).order_by(DATA_KEYS.table.c.id)
    return [dict(row) for row in (await (await batch.sent()).execute(query)).mappings()]


def _resealed(sealed: bytes | None, table: str, column: str, keys: SealingKeys) -> bytes | None:
    """Return a sealed value under the current key; the same object if it was already."""
    if sealed is None or key_id_of(sealed) == keys.current.id:
        return sealed
    place = f"{table}.{column}".encode()
    return keys.seal(keys.open(sealed, place), place)
