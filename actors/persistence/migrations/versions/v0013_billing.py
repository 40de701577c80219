"""Billing records."""

import sqlalchemy as sa
from alembic import op

from actors.persistence.columns import Exact

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Make them."""
    op.create_table(
        "billing_records",
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("reference", sa.String(200), nullable=False),
        sa.Column("portfolio_id", sa.Integer(), nullable=True),
        sa.Column("amount", Exact(), nullable=False),
        sa.Column("currency", sa.String(12), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("detail", sa.LargeBinary(), nullable=True),
        sa.CheckConstraint("kind IN ('trade', 'subscription')", name="ck_billing_records_kind"),
        sa.PrimaryKeyConstraint("user_id", "kind", "reference", name="pk_billing_records"),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name="fk_billing_records_user_id", ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["portfolio_id"], ["portfolios.id"], name="fk_billing_records_portfolio_id", ondelete="RESTRICT"
        ),
    )


def downgrade() -> None:
    """Drop them, and all that is in them."""
    op.drop_table("billing_records")
