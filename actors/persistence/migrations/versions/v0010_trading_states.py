"""Trading states."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Make them."""
    op.create_table(
        "trading_states",
        sa.Column("scope", sa.String(128), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("state IN ('active', 'reducing', 'halted')", name="ck_trading_states_state"),
        sa.PrimaryKeyConstraint("scope", name="pk_trading_states"),
    )


def downgrade() -> None:
    """Drop them, and all that is in them."""
    op.drop_table("trading_states")
