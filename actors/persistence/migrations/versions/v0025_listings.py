"""Indexes for what is listed page by page, the latest first."""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"

_STILL_OPEN = "status NOT IN ('denied', 'filled', 'canceled', 'expired', 'rejected')"
_PAID_IN = "substr(booking, 1, 10) = '[\"deposit\"'"
_NOT_BUSY = (
    "entity NOT IN ('orders', 'order_conditions', 'order_events', 'order_terms', 'fills', 'positions', "
    "'hedged_positions', 'ledger_entries', 'conversion_rates', 'billing_records')"
)
_NOT_RESIDENT = "who NOT IN ('desk', 'risk', 'persistence', 'billing', 'statistics')"

_PLAIN: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("orders", ("created_at",)),
    ("orders", ("broker", "created_at")),
    ("orders", ("portfolio_id", "created_at")),
    ("order_events", ("portfolio_id", "seq")),
    ("fills", ("at",)),
    ("fills", ("portfolio_id", "at")),
    ("ledger_entries", ("portfolio_id", "at")),
    ("billing_records", ("at",)),
    ("billing_records", ("user_id", "at")),
)
_SHORTER: tuple[tuple[str, ...], ...] = (("broker",), ("portfolio_id", "status"))
_PARTIAL = (
    ("ix_orders_still_open", "orders", ("created_at",), _STILL_OPEN),
    ("ix_ledger_entries_paid_in", "ledger_entries", ("portfolio_id", "at"), _PAID_IN),
    ("ix_audit_log_entity", "audit_log", ("entity", "seq"), _NOT_BUSY),
    ("ix_audit_log_who", "audit_log", ("who", "seq"), _NOT_RESIDENT),
)


def upgrade() -> None:
    """Make them; those that others begin with go."""
    for columns in _SHORTER:
        op.drop_index(_name("orders", columns), table_name="orders")
    for table, columns in _PLAIN:
        op.create_index(_name(table, columns), table, [*columns])
    for name, table, columns, where in _PARTIAL:
        op.create_index(name, table, [*columns], sqlite_where=sa.text(where), postgresql_where=sa.text(where))


def downgrade() -> None:
    """Drop them."""
    for name, table, _, _ in _PARTIAL:
        op.drop_index(name, table_name=table)
    for table, columns in _PLAIN:
        op.drop_index(_name(table, columns), table_name=table)
    for columns in _SHORTER:
        op.create_index(_name("orders", columns), "orders", [*columns])


def _name(table: str, columns: tuple[str, ...]) -> str:
    return f"ix_{table}_{'_'.join(columns)}"
