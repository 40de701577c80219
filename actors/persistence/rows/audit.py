"""The audit: one row a change, and the seals that chain segments of it."""

from sqlalchemy import BigInteger, Index, LargeBinary, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from actors.persistence.rows.audit_rule import Exempt
from actors.persistence.rows.checks import at_least, bytes_long, none_of, one_of
from actors.persistence.rows.row import Row

ACTIONS = ("insert", "update", "delete", "read", "checkpoint", "note")
BUSY = (
    "orders",
    "order_conditions",
    "order_events",
    "order_terms",
    "fills",
    "positions",
    "hedged_positions",
    "ledger_entries",
    "conversion_rates",
    "billing_records",
)
"""The tables that orders lead to rows of: nearly all of the audit is about them."""
RESIDENTS = ("desk", "risk", "persistence", "billing", "statistics")
"""In whose names nearly all of the audit is written."""
NOT_BUSY = none_of("entity", BUSY)
NOT_RESIDENT = none_of("who", RESIDENTS)
"""What is indexed, as that costs orders nothing; written out, as an engine knows the index again by it."""
_IS_THE_AUDIT = Exempt("it is the audit: its MACs, seals and the head file prove it")


class AuditRow(Row, kw_only=True):
    """What was done to one row: by whom, because of what, from which image to which."""

    __tablename__ = "audit_log"
    __table_args__ = (
        at_least("seq", 1),
        one_of("action", ACTIONS),
        bytes_long("mac", 32),
        Index(
            "ix_audit_log_entity",
            "entity",
            "seq",
            sqlite_where=text(NOT_BUSY),
            postgresql_where=text(NOT_BUSY),
        ),
        Index(
            "ix_audit_log_who",
            "who",
            "seq",
            sqlite_where=text(NOT_RESIDENT),
            postgresql_where=text(NOT_RESIDENT),
        ),
        {"info": {"audit": _IS_THE_AUDIT}},
    )

    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    """Gapless, numbered by the writer."""
    at: Mapped[int] = mapped_column(BigInteger)
    who: Mapped[str] = mapped_column(String(200))
    cause: Mapped[int] = mapped_column(BigInteger)
    action: Mapped[str] = mapped_column(String(16))
    entity: Mapped[str] = mapped_column(String(64))
    """The table."""
    row_key: Mapped[str] = mapped_column(Text)
    """The values of the primary key, as a canonical JSON list."""
    before: Mapped[str | None] = mapped_column(Text, default=None)
    after: Mapped[str | None] = mapped_column(Text, default=None)
    key_id: Mapped[str] = mapped_column(String(16))
    mac: Mapped[bytes] = mapped_column(LargeBinary(32))


class AuditSealRow(Row, kw_only=True):
    """The signed Merkle root of a segment of the audit, chained to the seal before it."""

    __tablename__ = "audit_seal"
    __table_args__ = (
        at_least("number", 1),
        one_of("kind", ("segment", "retention")),
        bytes_long("previous", 32),
        {"info": {"audit": _IS_THE_AUDIT}},
    )

    number: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    """Gapless from 1."""
    kind: Mapped[str] = mapped_column(String(16))
    first_seq: Mapped[int] = mapped_column(BigInteger)
    last_seq: Mapped[int] = mapped_column(BigInteger)
    root: Mapped[bytes] = mapped_column(LargeBinary)
    previous: Mapped[bytes] = mapped_column(LargeBinary)
    """The hash of the seal before; 32 zero bytes for the first."""
    at: Mapped[int] = mapped_column(BigInteger)
    key_id: Mapped[str] = mapped_column(String(16))
    signature: Mapped[bytes] = mapped_column(LargeBinary)
