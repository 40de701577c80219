"""Verification: proves that the audit is whole, and that the tables are what it says."""

import asyncio
from pathlib import Path

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from actors.persistence.books import Books
from actors.persistence.chain import Chain
from actors.persistence.findings import Findings
from actors.persistence.fingerprint import drift_of
from actors.persistence.head import Head, read_head
from actors.persistence.history import History
from actors.persistence.keyring import DataKeys
from actors.persistence.stock import take_stock
from lts.security.node_key import NodeKeys


class Report(msgspec.Struct, frozen=True):
    """What a verification found."""

    ok: bool
    rows: int
    """Audit rows, all of which were proved."""
    seals: int
    sealed_through: int
    """The last audit row that is sealed: whatever is before it cannot be cut off."""
    unsealed: int
    """Audit rows behind the last seal: if the last of these were cut off, only the tables would tell."""
    unsealed_since_ns: int | None
    """When the oldest of them was written."""
    dropped_through: int
    """The last audit row that a retention dropped."""
    tables: tuple[str, ...]
    """The tables that were compared with the audit."""
    findings: tuple[str, ...]
    """What is wrong, as sentences: the first of them."""
    found: int
    """How many there are."""


async def verify(engine: AsyncEngine, node_keys: NodeKeys, head_path: Path) -> Report:
    """Prove everything that is stored, in one snapshot, while the node goes on writing.

    It reads page by page, and remembers a row key and a digest for every row of an audited table.

    Raises:
        Refused: the keys of the database are another node's.
        SQLAlchemyError: the database is out of reach, or takes longer than the engine allows.
    """
    findings = Findings()
    earlier = await _head(head_path, findings)
    async with engine.connect() as connection:
        verification = _Verification(connection, findings)
        await findings.look("the audit", verification.begin())
        later = await _head(head_path, Findings())
        await verification.prove_audit(node_keys, earlier, later)
        await verification.prove_tables()
        return verification.report()


async def _head(path: Path, findings: Findings) -> Head | None:
    try:
        return await asyncio.to_thread(read_head, path)
    except ValueError as error:
        findings.add(str(error))
        return None


class _Verification:
    """What is known while it goes on."""

    def __init__(self, connection: AsyncConnection, findings: Findings) -> None:
        self.connection = connection
        self.findings = findings

    async def begin(self) -> None:
        """Read something: what is committed from now on is not seen."""
        await self.connection.execute(text("SELECT number FROM audit_seal LIMIT 1"))

    async def prove_audit(self, node_keys: NodeKeys, earlier: Head | None, later: Head | None) -> None:
        """Prove seals, audit rows and the head file; read before the snapshot was taken, and after."""
        findings = self.findings
        self.keys = DataKeys((), node_keys)
        await findings.look("the data keys", self._examine_keys(node_keys))
        self.chain = Chain(self.keys.publics, findings, earlier.seal if earlier else 0)
        await findings.look("the chain of seals", self.chain.read(self.connection))
        self.history = History(self.connection, self.keys.macs, self.chain, findings)
        await findings.look("the audit", self.history.read())
        if self._is_used():
            for fault in self.keys.faults:
                findings.add(fault)
        if self._is_used() or (earlier and (earlier.seal or earlier.announced)):
            self._compare_heads(earlier, later)

    async def prove_tables(self) -> None:
        """Compare the tables with the audit and with each other, and the schema with the rows."""
        connection, findings = self.connection, self.findings
        books = Books(findings)
        self.tables = await take_stock(connection, self.history.images, findings, books.watch)
        await findings.look("the books", books.close(connection))
        await findings.look("the schema", self._check_schema())
        await findings.look("the storage", self._check_integrity())

    def report(self) -> Report:
        """Return what was found."""
        return Report(
            ok=not self.findings.count,
            rows=self.history.rows,
            seals=self.chain.seals,
            sealed_through=self.chain.sealed_through,
            unsealed=self.history.unsealed,
            unsealed_since_ns=self.history.unsealed_since,
            dropped_through=self.chain.dropped_through,
            tables=self.tables,
            findings=tuple(self.findings.sentences),
            found=self.findings.count,
        )

    def _is_used(self) -> bool:
        """Whether anything was ever audited here."""
        return bool(self.chain.seals or self.history.rows)

    async def _examine_keys(self, node_keys: NodeKeys) -> None:
        self.keys = await DataKeys.examine(self.connection, node_keys)

    def _compare_heads(self, earlier: Head | None, later: Head | None) -> None:
        """Compare the chain with the head file.

        What the earlier one names must be there. The later one names the last seal of the snapshot,
        or one that came after it, or announces it: an older one was put there by somebody else.
        """
        if earlier is None or later is None:
            self.findings.add("there is no head file of the audit that can be read")
            return
        chain = self.chain
        if not earlier.is_signed_by(self.keys.publics.get(earlier.key_id, b"")):
            self.findings.add("the head file of the audit is not signed by this node")
        if earlier.seal and (chain.at_head is None or chain.at_head.hex() != earlier.hash):
            self.findings.add(f"the seal {earlier.seal}, which the head file names, is not there")
        elif chain.last and later.seal < chain.last.number and later.announced != chain.hash.hex():
            self.findings.add(
                f"the head file is an old one: it names the seal {later.seal}, and there are {chain.seals}"
            )

    async def _check_schema(self) -> None:
        """See whether tables, constraints and triggers are as they should be."""
        for difference in await self.connection.run_sync(drift_of):
            self.findings.add(f"the schema was changed: {difference}")

    async def _check_integrity(self) -> None:
        """Ask the engine whether what it stores is whole."""
        connection, findings = self.connection, self.findings
        if connection.dialect.name == "sqlite":
            for said in await connection.scalars(text("PRAGMA integrity_check")):
                if said != "ok":
                    findings.add(f"SQLite finds: {said}")
            for child, _, parent, *_ in await connection.execute(text("PRAGMA foreign_key_check")):
                findings.add(f"a row of {child} refers to one of {parent} that is not there")
        else:
            failures = "SELECT checksum_failures FROM pg_stat_database WHERE datname = current_database()"
            if count := await connection.scalar(text(failures)):
                findings.add(f"PostgreSQL has read {count} pages whose checksum was wrong")
