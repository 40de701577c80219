"""The chain: all seals, read from the first to the last, and proved."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import column, func, select, table
from sqlalchemy.ext.asyncio import AsyncConnection

from actors.persistence.findings import Findings
from actors.persistence.pages import seal_pages, stored_seal, untyped
from actors.persistence.seals import NO_HASH, Seal


class Chain:
    """The seals, one after the other, as far as they prove each other.

    Each names the hash of the one before it, so the signature of the last one vouches for all.

    Args:
        publics: the public keys by id.
        findings: is told what is wrong.
        head: the number of a seal whose hash is wanted.
    """

    def __init__(self, publics: Mapping[str, bytes], findings: Findings, head: int) -> None:
        self.seals = 0
        self.last: Seal | None = None
        self.sealed_through = self.dropped_through = 0
        self.hash = NO_HASH
        """That of the last seal."""
        self.at_head: bytes | None = None
        self._publics = publics
        self._findings = findings
        self._head = head

    async def read(self, connection: AsyncConnection) -> None:
        """Read and prove all seals."""
        async for page in seal_pages(connection):
            for row in page:
                self.seals += 1
                try:
                    seal = stored_seal(row)
                except ValueError as error:
                    self._findings.add(str(error))
                else:
                    await self._add(seal, connection)
        if await connection.scalar(select(func.count()).select_from(table("audit_seal"))) != self.seals:
            self._findings.add("there are seals without a number")
        if self.last and not self.last.is_signed_by(self._publics.get(self.last.key_id, b"")):
            self._findings.add(f"the seal {self.last.number} is not signed by this node")

    async def _add(self, seal: Seal, connection: AsyncConnection) -> None:
        expected = self.last.number + 1 if self.last else 1
        if seal.number != expected:
            self._findings.add(f"there is a seal {seal.number} where {expected} is due")
        elif seal.previous != self.hash:
            self._findings.add(f"the seal {seal.number} names another seal before it than there is")
        if seal.kind == "segment":
            self._add_segment(seal)
        else:
            await self._add_retention(seal, connection)
        self.last = seal
        self.hash = seal.hash
        if seal.number == self._head:
            self.at_head = self.hash

    def _add_segment(self, seal: Seal) -> None:
        if not self.sealed_through + 1 == seal.first_seq <= seal.last_seq:
            self._findings.add(
                f"the seal {seal.number} is over the rows {seal.first_seq} to {seal.last_seq}, "
                f"and should begin at {self.sealed_through + 1}"
            )
        self.sealed_through = max(self.sealed_through, seal.last_seq)

    async def _add_retention(self, seal: Seal, connection: AsyncConnection) -> None:
        over = untyped("audit_seal", Seal.__struct_fields__).where(
            column("kind") == "segment", column("last_seq") == seal.last_seq
        )
        row: Any = (await connection.execute(over)).first()
        sound = row is not None and stored_seal(row).hash == seal.root
        if (
            not sound
            or not self.dropped_through + 1 == seal.first_seq <= seal.last_seq <= self.sealed_through
        ):
            self._findings.add(f"the seal {seal.number} states a retention that cannot have been")
        self.dropped_through = max(self.dropped_through, seal.last_seq)


def _hash_of(row: Any) -> bytes | None:
    try:
        return stored_seal(row).hash
    except ValueError:
        return None
