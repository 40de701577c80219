"""Balance snapshots."""

import sqlalchemy as sa
from alembic import op, util

from actors.persistence.columns import Exact

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Make them."""
    op.create_table(
        "balance_snapshots",
        sa.Column("portfolio_id", sa.Integer(), nullable=False),
        sa.Column("instrument", sa.String(64), nullable=False),
        sa.Column("multiplier", Exact(), nullable=False),
        sa.Column("quantity", Exact(), nullable=False),
        sa.Column("cost", Exact(), nullable=False),
        sa.Column("realised", Exact(), nullable=False),
        sa.Column("fees", Exact(), nullable=False),
        sa.Column("round_trips", sa.Integer(), nullable=False),
        sa.Column("broker", sa.String(64), nullable=False),
        sa.Column("orders", sa.BigInteger(), nullable=False),
        sa.Column("fills", sa.BigInteger(), nullable=False),
        sa.Column("last_seq", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("CAST(multiplier AS NUMERIC) > 0", name="ck_balance_snapshots_multiplier"),
        sa.CheckConstraint("round_trips >= 0", name="ck_balance_snapshots_round_trips"),
        sa.CheckConstraint("orders >= 1", name="ck_balance_snapshots_orders"),
        sa.CheckConstraint("fills >= 0", name="ck_balance_snapshots_fills"),
        sa.CheckConstraint("last_seq >= 1", name="ck_balance_snapshots_last_seq"),
        sa.PrimaryKeyConstraint("portfolio_id", "instrument", name="pk_balance_snapshots"),
        sa.ForeignKeyConstraint(
            ["portfolio_id"],
            ["portfolios.id"],
            name="fk_balance_snapshots_portfolio_id",
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["instrument"],
            ["instruments.symbol"],
            name="fk_balance_snapshots_instrument",
            ondelete="RESTRICT",
        ),
    )


def downgrade() -> None:
    """Drop them, unless something was archived: the books would begin with nothing."""
    if op.get_bind().scalar(sa.text("SELECT count(*) FROM balance_snapshots")):
        raise util.CommandError("orders were archived, and before this revision nothing stands for them")
    op.drop_table("balance_snapshots")
