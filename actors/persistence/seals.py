"""Seals: each signs the Merkle root of a segment of the audit, and names the seal before it."""

import asyncio
from asyncio import Future
from collections.abc import Iterable, Sequence
from hashlib import sha256
from pathlib import Path
from threading import Lock
from typing import Literal, Protocol

import msgspec
from sqlalchemy import Table, select
from sqlalchemy.ext.asyncio import AsyncConnection

from actors.persistence.head import Head, write_head
from actors.persistence.images import canonical
from actors.persistence.keyring import DataKeys
from actors.persistence.merkle import Merkle
from actors.persistence.rows import AuditSealRow
from bus.clock import SECOND
from lts.security.signing import SigningKey, verify

AUDIT_SEAL: Table = AuditSealRow.__table__  # declared as a FromClause
NO_HASH = bytes(32)
"""What stands for the seal before the first one."""


class Seal(msgspec.Struct, frozen=True):
    """What a row of `audit_seal` says.

    A segment: the rows from `first_seq` to `last_seq` have this Merkle root. A retention: the rows
    from `first_seq` to `last_seq` were dropped, and `root` is the hash of the last seal over them.
    """

    number: int
    kind: Literal["segment", "retention"]
    first_seq: int
    last_seq: int
    root: bytes
    previous: bytes
    at: int
    key_id: str = ""
    signature: bytes = b""

    @property
    def hash(self) -> bytes:
        """SHA-256 of the canonical JSON of all fields, which the next seal names."""
        return sha256(self._text(*self.__struct_fields__)).digest()

    def signed(self, key: SigningKey) -> "Seal":
        """Return this seal with the signature of a key."""
        seal = msgspec.structs.replace(self, key_id=key.id)
        return msgspec.structs.replace(seal, signature=key.sign(seal.message()))

    def is_signed_by(self, public: bytes) -> bool:
        """Whether the holder of the secret behind `public` signed it."""
        return verify(public, self.signature, self.message())

    def message(self) -> bytes:
        """Return what is signed: all of it but the signature."""
        return self._text(*self.__struct_fields__[:-1])

    def _text(self, *names: str) -> bytes:
        values = ((name, getattr(self, name)) for name in names)
        return canonical({name: each.hex() if isinstance(each, bytes) else each for name, each in values})


class Transaction(Protocol):
    """The running transaction of the writer."""

    at: int
    """System time, in UTC nanoseconds."""

    async def sent(self) -> AsyncConnection:
        """Return its connection, with all on it that was written so far."""


class Sealer:
    """Collects the MACs of committed audit rows, and seals them about once a second.

    It writes as a scribe of the writer lane does: `write` within a transaction, then `settle` or
    `forget`. Before a seal is committed the head file announces it; afterwards it names it.

    Args:
        keys: what seals and heads are signed with.
        head_path: where the head file is.
        last: the last seal of the chain.
        sealed_through: the last audit row that is sealed.
    """

    def __init__(
        self, keys: DataKeys, head_path: Path, last: Seal | None = None, sealed_through: int = 0
    ) -> None:
        self.last = last
        self.sealed_through = sealed_through
        self._keys = keys
        self._head_path = head_path
        self._macs: list[bytes] = []
        self._tree = Merkle()
        self._pending: Seal | None = None
        self._lost: Seal | None = None
        """One that was written and forgotten; it may have been committed after all."""
        self._confirming: Future[None] | None = None
        self._file = Lock()
        self._ordered = self._written = 0

    @property
    def number(self) -> int:
        """The number of the last seal, 0 if there is none."""
        return self.last.number if self.last else 0

    @property
    def hash(self) -> bytes:
        """What the next seal names."""
        return self.last.hash if self.last else NO_HASH

    @property
    def last_seq(self) -> int:
        """The last audit row that is committed."""
        return self.sealed_through + len(self._macs)

    @property
    def pending(self) -> Seal | None:
        """The seal that is being committed."""
        return self._pending

    @property
    def unsealed(self) -> int:
        """How many audit rows are committed and not sealed."""
        return len(self._macs)

    def add(self, macs: Iterable[bytes]) -> None:
        """Take in the MACs of audit rows that are committed, in the order of their numbers."""
        for mac in macs:
            self._macs.append(mac)
            self._tree.add(mac)

    def due(self, now: int) -> bool:
        """Whether there is something to seal, and the last seal is not of this second."""
        return bool(self._macs) and not (self.last and 0 <= now - self.last.at < SECOND)

    def seal(self, now: int) -> Seal:
        """Make the seal of all that is not sealed; it counts once it is settled."""
        first = self.sealed_through + 1
        return self._chain(Seal(0, "segment", first, self.last_seq, self._tree.root(), NO_HASH, now))

    def seal_retention(self, first_seq: int, last_seq: int, root: bytes, now: int) -> Seal:
        """Make the seal that says that rows were dropped; it counts once it is settled."""
        return self._chain(Seal(0, "retention", first_seq, last_seq, root, NO_HASH, now))

    async def write(self, batch: Transaction, works: Sequence[object]) -> None:
        """Seal what is not sealed within a transaction of the writer."""
        del works  # one seal does for all who asked
        connection = await batch.sent()
        await self.find_lost(connection)
        if self._macs and not self._pending:
            await self.store(connection, self.seal(batch.at))

    async def store(self, connection: AsyncConnection, seal: Seal) -> None:
        """Announce a seal in the head file, and insert it."""
        await self.confirmed()
        await self._have_head_written()
        await connection.execute(AUDIT_SEAL.insert(), msgspec.structs.asdict(seal))

    async def find_lost(self, connection: AsyncConnection) -> None:
        """See whether a seal that was given up had been committed when its answer was lost."""
        lost, self._lost = self._lost, None
        if (
            lost
            and await connection.scalar(
                select(AUDIT_SEAL.c.signature).where(AUDIT_SEAL.c.number == lost.number)
            )
            == lost.signature
        ):
            self._pending = lost

    def settle(self) -> None:
        """Take note that the seal is committed, and have the head file name it."""
        seal, self._pending = self._pending, None
        if seal is None:
            return
        self.last = seal
        if seal.kind == "segment":
            self._cut(seal.last_seq)
        self._confirming = self._have_head_written()

    def forget(self) -> None:
        """Take note that the seal was not committed, as far as anybody knows."""
        self._lost, self._pending = self._pending or self._lost, None

    async def confirmed(self) -> None:
        """Wait until the head file names the last seal."""
        confirming, self._confirming = self._confirming, None
        if confirming:
            await confirming

    def head(self) -> Head:
        """Return what the head file is to say now."""
        announced = self._pending.hash.hex() if self._pending else ""
        at = self.last.at if self.last else 0
        head = Head(self.number, self.hash.hex(), self.sealed_through, at, "", announced)
        return head.signed(self._keys.signing)

    def _chain(self, seal: Seal) -> Seal:
        if self._pending:
            raise RuntimeError("a seal is being committed already")
        self._pending = msgspec.structs.replace(seal, number=self.number + 1, previous=self.hash).signed(
            self._keys.signing
        )
        return self._pending

    def _have_head_written(self) -> Future[None]:
        """Write the head as it is now, in a thread; one that is still being written never overtakes it."""
        self._ordered += 1
        order, head = self._ordered, self.head()

        def write() -> None:
            with self._file:
                if order > self._written:
                    write_head(self._head_path, head)
                    self._written = order

        return asyncio.get_running_loop().run_in_executor(None, write)

    def _cut(self, through: int) -> None:
        """Drop what is sealed; what came since is kept."""
        kept = self._macs[through - self.sealed_through :]
        self.sealed_through = through
        self._macs, self._tree = [], Merkle()
        self.add(kept)
