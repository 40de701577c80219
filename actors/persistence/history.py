"""The history: what the audit says became of each row, read from its first row to its last, and proved."""

from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from hashlib import blake2b
from typing import Any

from sqlalchemy import func, select, table
from sqlalchemy.ext.asyncio import AsyncConnection

from actors.persistence.auditing import SEALS
from actors.persistence.chain import Chain
from actors.persistence.findings import Findings
from actors.persistence.images import canonical
from actors.persistence.merkle import Merkle
from actors.persistence.pages import audit_pages, is_authentic, seal_pages, stored_seal
from actors.persistence.seals import Seal
from lts.security.mac import MacKey

RECENT = 16
"""Seals that a row may note: the last ones before it."""


def image_digest(image: str) -> bytes:
    """Return the 16 bytes that an image is remembered by."""
    return blake2b(image.encode(), digest_size=16).digest()


class History:
    """The audit rows, proved one by one and segment by segment, and the last image of each row.

    Args:
        connection: a read-only snapshot.
        macs: the MAC keys by id.
        chain: the seals, read already.
        findings: is told what is wrong.
        through: the last row that is read; all are, if it is None.
    """

    def __init__(
        self,
        connection: AsyncConnection,
        macs: Mapping[str, MacKey],
        chain: Chain,
        findings: Findings,
        *,
        through: int | None = None,
    ) -> None:
        self.rows = self.unsealed = 0
        self.unsealed_since: int | None = None
        self.images: dict[str, dict[str, bytes]] = {}
        """The digest of the last image, by table and row key, of every row that should exist."""
        self._connection = connection
        self._macs = macs
        self._chain = chain
        self._findings = findings
        self._through = through
        self._next = chain.dropped_through + 1
        self._tree = Merkle()
        self._ahead: deque[Seal] = deque()
        self._pages: AsyncIterator[Sequence[Any]] = seal_pages(connection)
        self._recent: dict[int, str] = {}

    async def read(self) -> None:
        """Read and prove all rows."""
        async for page in audit_pages(self._connection, through=self._through):
            await self._look_ahead(page[-1][0])
            for row in page:
                self._add(row)
        await self._finish()

    async def _look_ahead(self, seq: Any) -> None:
        """Read as many seals as it takes to know those over the rows up to this one."""
        while not self._ahead or not isinstance(seq, int) or self._ahead[-1].last_seq < seq:
            page = await anext(self._pages, None)
            if page is None:
                return
            for row in page:
                try:
                    self._put_ahead(stored_seal(row))
                except ValueError:  # which the chain has found
                    continue

    def _put_ahead(self, seal: Seal) -> None:
        if not self._ahead and seal.last_seq <= self._chain.dropped_through:
            self._close(seal)
        else:
            self._ahead.append(seal)

    def _add(self, row: Sequence[Any]) -> None:
        self.rows += 1
        seq = row[0]
        if seq != self._next and not self._is_behind_a_gap(seq):
            return
        self._next = seq + 1
        while self._ahead and (self._ahead[0].kind == "retention" or self._ahead[0].last_seq < seq):
            self._close(self._ahead.popleft())
        authentic = is_authentic(row, self._macs)
        if not authentic:
            self._findings.add(f"the audit row {seq} is not as this node wrote it")
        if self._ahead:
            self._tree.add(row[10] if isinstance(row[10], bytes) else b"")
        else:
            self._note_unsealed(row[1])
        if authentic:
            self._apply(row)

    def _is_behind_a_gap(self, seq: Any) -> bool:
        """Say what is wrong with a number; return whether it can be gone on from there."""
        if not isinstance(seq, int) or seq < self._next:
            self._findings.add(f"there is an audit row {seq!r}, which cannot be")
            return False
        self._findings.add(f"{_rows(self._next, seq - 1)} missing")
        return True

    def _close(self, seal: Seal) -> None:
        """Compare a segment that has ended with its seal."""
        self._recent[seal.number] = seal.hash.hex()
        if len(self._recent) > RECENT:
            del self._recent[next(iter(self._recent))]
        if seal.kind == "retention" or seal.last_seq <= self._chain.dropped_through:
            return
        tree, self._tree = self._tree, Merkle()
        if not tree.leaves or tree.root() != seal.root:
            self._findings.add(
                f"the audit rows {seal.first_seq} to {seal.last_seq} are not those of the seal {seal.number}"
            )

    def _note_unsealed(self, at: Any) -> None:
        self.unsealed += 1
        if self.unsealed_since is None and isinstance(at, int):
            self.unsealed_since = at

    async def _finish(self) -> None:
        sealed = self._chain.sealed_through
        through = sealed if self._through is None else self._through
        if self._next <= through:
            self._findings.add(f"{_rows(self._next, through)} missing, although sealed")
        elif self._ahead and self._tree.leaves:
            self._close(self._ahead.popleft())
        if self._through is None:
            count = select(func.count()).select_from(table("audit_log"))
            if await self._connection.scalar(count) != self.rows:
                self._findings.add("there are audit rows without a number")

    def _apply(self, row: Sequence[Any]) -> None:
        """Take in what an audit row tells of a row."""
        action, entity, key, before, after = row[4:9]
        if action == "note" and entity == SEALS:
            self._check_noted_seal(row)
        if action in {"read", "note"}:
            return
        known = self.images.setdefault(entity, {})
        last = known.get(key)
        if action == "checkpoint":
            before = after if last else None
        if before is None and last is not None:
            self._findings.add(f"the audit row {row[0]} inserts {entity} {key}, which was there already")
        elif before is not None and last != image_digest(before) and (last or self._starts_here()):
            self._findings.add(f"{entity} {key} was changed outside of LTS before the audit row {row[0]}")
        if after is None:
            known.pop(key, None)
        else:
            known[key] = image_digest(after)

    def _starts_here(self) -> bool:
        """Whether nothing was ever dropped, so that what came before is known."""
        return not self._chain.dropped_through

    def _check_noted_seal(self, row: Sequence[Any]) -> None:
        number, seal = row[6].strip("[]"), row[8]
        found = self._recent.get(int(number))
        if seal != canonical({"hash": found}).decode():
            self._findings.add(f"the seal {number} was taken away: the audit row {row[0]} tells of it")


def _rows(first: int, last: int) -> str:
    return f"the audit row {first} is" if first == last else f"the audit rows {first} to {last} are"
