"""Fills."""

import sqlalchemy as sa
from alembic import op

from actors.persistence.columns import Exact

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Make them."""
    op.create_table(
        "fills",
        sa.Column("broker", sa.String(64), nullable=False),
        sa.Column("portfolio_id", sa.Integer(), nullable=False),
        sa.Column("exec_id", sa.String(128), nullable=False),
        sa.Column("client_order_id", sa.String(32), nullable=False),
        sa.Column("instrument", sa.String(64), nullable=False),
        sa.Column("side", sa.String(8), nullable=False),
        sa.Column("quantity", Exact(), nullable=False),
        sa.Column("price", Exact(), nullable=False),
        sa.Column("fee", Exact(), nullable=False),
        sa.Column("currency", sa.String(12), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("side IN ('buy', 'sell')", name="ck_fills_side"),
        sa.CheckConstraint("CAST(quantity AS NUMERIC) > 0", name="ck_fills_quantity"),
        sa.PrimaryKeyConstraint("broker", "portfolio_id", "exec_id", name="pk_fills"),
        sa.ForeignKeyConstraint(
            ["portfolio_id"], ["portfolios.id"], name="fk_fills_portfolio_id", ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["client_order_id"],
            ["orders.client_order_id"],
            name="fk_fills_client_order_id",
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["instrument"], ["instruments.symbol"], name="fk_fills_instrument", ondelete="RESTRICT"
        ),
    )
    op.create_index("ix_fills_client_order_id", "fills", ["client_order_id"])


def downgrade() -> None:
    """Drop them, and all that is in them."""
    op.drop_table("fills")
