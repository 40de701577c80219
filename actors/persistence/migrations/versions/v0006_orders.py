"""Orders and what became of them."""

import sqlalchemy as sa
from alembic import op

from actors.persistence.columns import Exact

revision = "0006"
down_revision = "0005"

_STATUS = (
    "status IN ('initialized', 'denied', 'submitted', 'accepted', 'triggered', 'pending_update', "
    "'pending_cancel', 'partially_filled', 'filled', 'canceled', 'expired', 'rejected', 'unknown')"
)


def upgrade() -> None:
    """Make them."""
    op.create_table(
        "orders",
        sa.Column("client_order_id", sa.String(32), nullable=False),
        sa.Column("portfolio_id", sa.Integer(), nullable=False),
        sa.Column("instrument", sa.String(64), nullable=False),
        sa.Column("broker", sa.String(64), nullable=False),
        sa.Column("side", sa.String(8), nullable=False),
        sa.Column("quantity", Exact(), nullable=False),
        sa.Column("type", sa.String(16), nullable=False),
        sa.Column("limit_price", Exact(), nullable=True),
        sa.Column("time_in_force", sa.String(8), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.String(24), nullable=False),
        sa.Column("filled", Exact(), nullable=False),
        sa.Column("cause", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("side IN ('buy', 'sell')", name="ck_orders_side"),
        sa.CheckConstraint("type IN ('market', 'limit')", name="ck_orders_type"),
        sa.CheckConstraint("time_in_force IN ('gtc', 'ioc')", name="ck_orders_time_in_force"),
        sa.CheckConstraint(_STATUS, name="ck_orders_status"),
        sa.CheckConstraint("CAST(quantity AS NUMERIC) > 0", name="ck_orders_quantity"),
        sa.CheckConstraint("CAST(filled AS NUMERIC) >= 0", name="ck_orders_filled"),
        sa.PrimaryKeyConstraint("client_order_id", name="pk_orders"),
        sa.ForeignKeyConstraint(
            ["portfolio_id"], ["portfolios.id"], name="fk_orders_portfolio_id", ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["instrument"], ["instruments.symbol"], name="fk_orders_instrument", ondelete="RESTRICT"
        ),
    )
    op.create_index("ix_orders_portfolio_id_status", "orders", ["portfolio_id", "status"])
    op.create_index("ix_orders_broker", "orders", ["broker"])
    op.create_table(
        "order_events",
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("portfolio_id", sa.Integer(), nullable=False),
        sa.Column("client_order_id", sa.String(32), nullable=False),
        sa.Column("status", sa.String(24), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("exec_id", sa.String(128), nullable=True),
        sa.CheckConstraint("seq >= 1", name="ck_order_events_seq"),
        sa.CheckConstraint(_STATUS, name="ck_order_events_status"),
        sa.PrimaryKeyConstraint("seq", name="pk_order_events"),
        sa.ForeignKeyConstraint(
            ["portfolio_id"], ["portfolios.id"], name="fk_order_events_portfolio_id", ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["client_order_id"],
            ["orders.client_order_id"],
            name="fk_order_events_client_order_id",
            ondelete="RESTRICT",
        ),
    )
    op.create_index("ix_order_events_client_order_id", "order_events", ["client_order_id"])


def downgrade() -> None:
    """Drop them, and all that is in them."""
    op.drop_table("order_events")
    op.drop_table("orders")
