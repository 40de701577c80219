"""What only some orders have; and the types and times in force that there are by now."""

import sqlalchemy as sa
from alembic import op

from actors.persistence.columns import Exact
from actors.persistence.migrations.checks import replace_check

revision = "0015"
down_revision = "0014"

_CHECKS = {
    "ck_orders_type": (
        "type IN ('market', 'limit')",
        "type IN ('market', 'limit', 'stop', 'stop_limit', 'trailing_stop')",
    ),
    "ck_orders_time_in_force": (
        "time_in_force IN ('gtc', 'ioc')",
        "time_in_force IN ('day', 'gtc', 'ioc', 'fok', 'gtd')",
    ),
}


def upgrade() -> None:
    """Make them."""
    for name, (before, after) in _CHECKS.items():
        replace_check("orders", name, before, after)
    op.create_table(
        "order_conditions",
        sa.Column("client_order_id", sa.String(32), nullable=False),
        sa.Column("portfolio_id", sa.Integer(), nullable=False),
        sa.Column("trigger_price", Exact(), nullable=True),
        sa.Column("trailing_offset", Exact(), nullable=True),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.Column("reduce_only", sa.Boolean(), nullable=False),
        sa.Column("post_only", sa.Boolean(), nullable=False),
        sa.Column("parent", sa.String(32), nullable=False),
        sa.Column("order_group", sa.String(64), nullable=False),
        sa.Column("position_ref", sa.String(64), nullable=False),
        sa.CheckConstraint("CAST(trigger_price AS NUMERIC) > 0", name="ck_order_conditions_trigger_price"),
        sa.CheckConstraint(
            "CAST(trailing_offset AS NUMERIC) > 0", name="ck_order_conditions_trailing_offset"
        ),
        sa.PrimaryKeyConstraint("client_order_id", name="pk_order_conditions"),
        sa.ForeignKeyConstraint(
            ["client_order_id"],
            ["orders.client_order_id"],
            name="fk_order_conditions_client_order_id",
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["portfolio_id"], ["portfolios.id"], name="fk_order_conditions_portfolio_id", ondelete="RESTRICT"
        ),
    )
    op.create_table(
        "order_terms",
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("portfolio_id", sa.Integer(), nullable=False),
        sa.Column("client_order_id", sa.String(32), nullable=False),
        sa.Column("venue_order_id", sa.String(128), nullable=False),
        sa.Column("quantity", Exact(), nullable=True),
        sa.Column("limit_price", Exact(), nullable=True),
        sa.Column("trigger_price", Exact(), nullable=True),
        sa.Column("trailing_offset", Exact(), nullable=True),
        sa.CheckConstraint("CAST(quantity AS NUMERIC) > 0", name="ck_order_terms_quantity"),
        sa.PrimaryKeyConstraint("seq", name="pk_order_terms"),
        sa.ForeignKeyConstraint(
            ["seq"], ["order_events.seq"], name="fk_order_terms_seq", ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["portfolio_id"], ["portfolios.id"], name="fk_order_terms_portfolio_id", ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["client_order_id"],
            ["orders.client_order_id"],
            name="fk_order_terms_client_order_id",
            ondelete="RESTRICT",
        ),
    )
    op.create_index("ix_order_terms_client_order_id", "order_terms", ["client_order_id"])


def downgrade() -> None:
    """Drop them, and all that is in them; orders of the new types stay, and are against the checks."""
    op.drop_table("order_terms")
    op.drop_table("order_conditions")
    for name, (before, after) in _CHECKS.items():
        replace_check("orders", name, after, before)
