"""Instruments."""

import sqlalchemy as sa
from alembic import op

from actors.persistence.columns import Exact

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Make them."""
    op.create_table(
        "instruments",
        sa.Column("symbol", sa.String(64), nullable=False),
        sa.Column("currency", sa.String(12), nullable=False),
        sa.Column("tick_size", Exact(), nullable=False),
        sa.Column("lot_size", Exact(), nullable=False),
        sa.Column("multiplier", Exact(), nullable=False),
        sa.Column("min_notional", Exact(), nullable=False),
        sa.CheckConstraint("CAST(tick_size AS NUMERIC) > 0", name="ck_instruments_tick_size"),
        sa.CheckConstraint("CAST(lot_size AS NUMERIC) > 0", name="ck_instruments_lot_size"),
        sa.CheckConstraint("CAST(multiplier AS NUMERIC) > 0", name="ck_instruments_multiplier"),
        sa.CheckConstraint("CAST(min_notional AS NUMERIC) >= 0", name="ck_instruments_min_notional"),
        sa.PrimaryKeyConstraint("symbol", name="pk_instruments"),
    )


def downgrade() -> None:
    """Drop them, and all that is in them."""
    op.drop_table("instruments")
