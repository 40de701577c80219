"""Venue cursors and position adjustments."""

import sqlalchemy as sa
from alembic import op

from actors.persistence.columns import Exact

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    """Make them."""
    op.create_table(
        "venue_cursors",
        sa.Column("broker", sa.String(64), nullable=False),
        sa.Column("cursor", sa.String(128), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("broker", name="pk_venue_cursors"),
    )
    op.create_table(
        "position_adjustments",
        sa.Column("broker", sa.String(64), nullable=False),
        sa.Column("reference", sa.String(160), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("portfolio_id", sa.Integer(), nullable=False),
        sa.Column("instrument", sa.String(64), nullable=False),
        sa.Column("quantity", Exact(), nullable=False),
        sa.Column("price", Exact(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("seq >= 1", name="ck_position_adjustments_seq"),
        sa.PrimaryKeyConstraint("broker", "reference", name="pk_position_adjustments"),
        sa.UniqueConstraint("seq", name="uq_position_adjustments_seq"),
        sa.ForeignKeyConstraint(
            ["portfolio_id"],
            ["portfolios.id"],
            name="fk_position_adjustments_portfolio_id",
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["instrument"],
            ["instruments.symbol"],
            name="fk_position_adjustments_instrument",
            ondelete="RESTRICT",
        ),
    )
    op.create_index("ix_position_adjustments_portfolio_id", "position_adjustments", ["portfolio_id"])


def downgrade() -> None:
    """Drop them, and all that is in them."""
    op.drop_table("position_adjustments")
    op.drop_table("venue_cursors")
