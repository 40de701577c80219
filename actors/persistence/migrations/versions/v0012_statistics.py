"""Statistics."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Make them."""
    op.create_table(
        "statistics",
        sa.Column("series", sa.String(160), nullable=False),
        sa.Column("resolution", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("samples", sa.Integer(), nullable=False),
        sa.Column("first", sa.Float(), nullable=False),
        sa.Column("lowest", sa.Float(), nullable=False),
        sa.Column("highest", sa.Float(), nullable=False),
        sa.Column("last", sa.Float(), nullable=False),
        sa.Column("total", sa.Float(), nullable=False),
        sa.CheckConstraint("resolution >= 0", name="ck_statistics_resolution"),
        sa.CheckConstraint("samples >= 1", name="ck_statistics_samples"),
        sa.PrimaryKeyConstraint("series", "resolution", "at", name="pk_statistics"),
    )


def downgrade() -> None:
    """Drop them, and all that is in them."""
    op.drop_table("statistics")
