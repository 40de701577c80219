"""Words are compared one after the other: of a list, SQLite made a table again for each row."""

import sqlalchemy as sa
from alembic import op

from actors.persistence.migrations.checks import replace_check

revision = "0026"
down_revision = "0025"

_STATUSES = (
    "initialized",
    "denied",
    "submitted",
    "accepted",
    "triggered",
    "pending_update",
    "pending_cancel",
    "partially_filled",
    "filled",
    "canceled",
    "expired",
    "rejected",
    "unknown",
)
_CHECKS = (
    ("data_keys", "purpose", ("seal", "mac", "sign")),
    ("audit_log", "action", ("insert", "update", "delete", "read", "checkpoint", "note")),
    ("audit_seal", "kind", ("segment", "retention")),
    ("orders", "side", ("buy", "sell")),
    ("orders", "type", ("market", "limit", "stop", "stop_limit", "trailing_stop")),
    ("orders", "time_in_force", ("day", "gtc", "ioc", "fok", "gtd")),
    ("orders", "status", _STATUSES),
    ("order_events", "status", _STATUSES),
    ("fills", "side", ("buy", "sell")),
    ("trading_states", "state", ("active", "reducing", "halted")),
    ("billing_records", "kind", ("trade", "subscription")),
    ("logins", "role", ("admin", "trader", "viewer", "service")),
    ("idempotency_keys", "kind", ("order", "portfolio")),
)
_BUSY = (
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
_INDEXES = (
    (
        "ix_orders_still_open",
        "orders",
        ("created_at",),
        "status",
        ("denied", "filled", "canceled", "expired", "rejected"),
    ),
    ("ix_audit_log_entity", "audit_log", ("entity", "seq"), "entity", _BUSY),
    (
        "ix_audit_log_who",
        "audit_log",
        ("who", "seq"),
        "who",
        ("desk", "risk", "persistence", "billing", "statistics"),
    ),
)


def upgrade() -> None:
    """Write each out."""
    for table, column, words in _CHECKS:
        replace_check(table, f"ck_{table}_{column}", _in(column, words), _one_of(column, words))
    _index(compared=True)


def downgrade() -> None:
    """Have lists again."""
    for table, column, words in _CHECKS:
        replace_check(table, f"ck_{table}_{column}", _one_of(column, words), _in(column, words))
    _index(compared=False)


def _index(*, compared: bool) -> None:
    for name, table, columns, column, words in _INDEXES:
        where = sa.text(_none_of(column, words) if compared else f"{column} NOT IN ({_listed(words)})")
        op.drop_index(name, table_name=table)
        op.create_index(name, table, [*columns], sqlite_where=where, postgresql_where=where)


def _in(column: str, words: tuple[str, ...]) -> str:
    return f"{column} IN ({_listed(words)})"


def _listed(words: tuple[str, ...]) -> str:
    return ", ".join(f"'{word}'" for word in words)


def _one_of(column: str, words: tuple[str, ...]) -> str:
    return " OR ".join(f"{column} = '{word}'" for word in words)


def _none_of(column: str, words: tuple[str, ...]) -> str:
    return " AND ".join(f"{column} <> '{word}'" for word in words)
