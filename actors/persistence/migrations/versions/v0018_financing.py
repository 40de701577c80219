"""Financing charges."""

import sqlalchemy as sa
from alembic import op, util

from actors.persistence.columns import Exact

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    """Make them."""
    op.create_table(
        "financing_charges",
        sa.Column("broker", sa.String(64), nullable=False),
        sa.Column("portfolio_id", sa.Integer(), nullable=False),
        sa.Column("charge_id", sa.String(160), nullable=False),
        sa.Column("instrument", sa.String(64), nullable=False),
        sa.Column("amount", Exact(), nullable=False),
        sa.Column("currency", sa.String(12), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("broker", "portfolio_id", "charge_id", name="pk_financing_charges"),
        sa.ForeignKeyConstraint(
            ["portfolio_id"],
            ["portfolios.id"],
            name="fk_financing_charges_portfolio_id",
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["instrument"],
            ["instruments.symbol"],
            name="fk_financing_charges_instrument",
            ondelete="RESTRICT",
        ),
    )


def downgrade() -> None:
    """Drop them, unless there are any: the ledger would have bookings that nothing stands for."""
    if op.get_bind().scalar(sa.text("SELECT count(*) FROM financing_charges")):
        raise util.CommandError("financing was charged, and before this revision nothing stands for that")
    op.drop_table("financing_charges")
