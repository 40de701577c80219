"""Positions."""

import sqlalchemy as sa
from alembic import op

from actors.persistence.columns import Exact

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Make them."""
    op.create_table(
        "positions",
        sa.Column("portfolio_id", sa.Integer(), nullable=False),
        sa.Column("instrument", sa.String(64), nullable=False),
        sa.Column("multiplier", Exact(), nullable=False),
        sa.Column("quantity", Exact(), nullable=False),
        sa.Column("cost", Exact(), nullable=False),
        sa.Column("realised", Exact(), nullable=False),
        sa.Column("fees", Exact(), nullable=False),
        sa.Column("round_trips", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("CAST(multiplier AS NUMERIC) > 0", name="ck_positions_multiplier"),
        sa.CheckConstraint("round_trips >= 0", name="ck_positions_round_trips"),
        sa.PrimaryKeyConstraint("portfolio_id", "instrument", name="pk_positions"),
        sa.ForeignKeyConstraint(
            ["portfolio_id"], ["portfolios.id"], name="fk_positions_portfolio_id", ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["instrument"], ["instruments.symbol"], name="fk_positions_instrument", ondelete="RESTRICT"
        ),
    )


def downgrade() -> None:
    """Drop them, and all that is in them."""
    op.drop_table("positions")
