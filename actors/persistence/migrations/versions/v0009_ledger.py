"""The ledger."""

import sqlalchemy as sa
from alembic import op

from actors.persistence.columns import Exact

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Make them."""
    op.create_table(
        "ledger_entries",
        sa.Column("portfolio_id", sa.Integer(), nullable=False),
        sa.Column("booking", sa.Text(), nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("account", sa.String(128), nullable=False),
        sa.Column("currency", sa.String(12), nullable=False),
        sa.Column("amount", Exact(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("line >= 0", name="ck_ledger_entries_line"),
        sa.PrimaryKeyConstraint("portfolio_id", "booking", "line", name="pk_ledger_entries"),
        sa.ForeignKeyConstraint(
            ["portfolio_id"], ["portfolios.id"], name="fk_ledger_entries_portfolio_id", ondelete="RESTRICT"
        ),
    )


def downgrade() -> None:
    """Drop them, and all that is in them."""
    op.drop_table("ledger_entries")
