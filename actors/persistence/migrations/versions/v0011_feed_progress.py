"""How far each feed has come."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Make them."""
    op.create_table(
        "feed_progress",
        sa.Column("source", sa.String(160), nullable=False),
        sa.Column("moments", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("moments >= 0", name="ck_feed_progress_moments"),
        sa.PrimaryKeyConstraint("source", name="pk_feed_progress"),
    )


def downgrade() -> None:
    """Drop them, and all that is in them."""
    op.drop_table("feed_progress")
