"""The rates at which bookings were converted."""

import sqlalchemy as sa
from alembic import op, util

from actors.persistence.columns import Exact

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    """Make them."""
    op.create_table(
        "conversion_rates",
        sa.Column("portfolio_id", sa.Integer(), nullable=False),
        sa.Column("booking", sa.Text(), nullable=False),
        sa.Column("rate", Exact(), nullable=False),
        sa.CheckConstraint("CAST(rate AS NUMERIC) > 0", name="ck_conversion_rates_rate"),
        sa.PrimaryKeyConstraint("portfolio_id", "booking", name="pk_conversion_rates"),
        sa.ForeignKeyConstraint(
            ["portfolio_id"],
            ["portfolios.id"],
            name="fk_conversion_rates_portfolio_id",
            ondelete="RESTRICT",
        ),
    )


def downgrade() -> None:
    """Drop them, unless there are any: nobody could say any more at what rate money was converted."""
    if op.get_bind().scalar(sa.text("SELECT count(*) FROM conversion_rates")):
        raise util.CommandError("bookings were converted, and before this revision nothing says at what rate")
    op.drop_table("conversion_rates")
