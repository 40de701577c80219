"""The lease: each start takes it with its first intent and a higher epoch; none is kept under an older one.

The lock of the state directory, or of the PostgreSQL server, keeps a second node away while the first
one lives. The epoch is for what no lock can see: a node that was cut off from its lock and does not know
that another one has begun.
"""

import os
import socket
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from actors.persistence.insertion import Stored
from actors.persistence.page import Form, Page
from actors.persistence.rows import NodeLeaseRow
from actors.persistence.work import Batch, Impossible, Work

NAME = "node"
_LEASE = Form(NodeLeaseRow)
_EPOCH = "SELECT epoch FROM node_lease WHERE name = 'node'"


class Lease:
    """The epoch of this start."""

    def __init__(self, before: Stored | None) -> None:
        self.epoch: int = before["epoch"] + 1 if before else 1
        self._before = before
        self._taken = self._staged = False

    @classmethod
    async def next(cls, connection: AsyncConnection) -> "Lease":
        """Return the lease that follows on the one that is stored."""
        row = (await connection.execute(select(_LEASE.table))).mappings().first()
        return cls(dict(row) if row else None)

    def settle(self) -> None:
        """Take note that what was written is committed."""
        self._taken, self._staged = self._taken or self._staged, False

    def forget(self) -> None:
        """Take note that it was not."""
        self._staged = False

    async def _take(self, batch: Batch, work: Work) -> None:
        row: dict[str, Any] = {
            "name": NAME,
            "epoch": self.epoch,
            "host": socket.gethostname()[:255],
            "process": os.getpid(),
            "at": batch.at,
        }
        page = Page(_LEASE, batch)
        if self._before is None:
            page.insert(row, work)
        else:
            page.change(self._before, row, work)
        await page.write()

    async def check(self, batch: Batch, work: Work) -> None:
        """Take it with the first intent; nothing is committed if another start has it.

        PostgreSQL keeps it from being taken by another one until the commit.

        Raises:
            Impossible: another start has it.
        """
        query = _EPOCH + " FOR SHARE" * (batch.dialect.name == "postgresql")
        if self._taken or self._staged:
            await batch.check(query, self._objection)
            return
        found = await batch.scalar(query)
        if found != (self._before and self._before["epoch"]):
            raise Impossible(self._objection(found))
        await self._take(batch, work)
        self._staged = True

    def _objection(self, found: int | None) -> str:
        if found == self.epoch:
            return ""
        return f"another node has taken the lease (epoch {found}, this one has {self.epoch}); stop this one"
