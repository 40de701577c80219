"""What losses are measured from."""

import sqlalchemy as sa
from alembic import op, util

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    """Make it."""
    op.create_table(
        "loss_marks",
        sa.Column("scope", sa.String(128), nullable=False),
        sa.Column("peak", sa.Float(), nullable=True),
        sa.Column("opening", sa.Float(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("fell", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("scope", name="pk_loss_marks"),
    )


def downgrade() -> None:
    """Drop it, unless losses are being measured: a limit that is broken would be forgotten."""
    if op.get_bind().scalar(sa.text("SELECT count(*) FROM loss_marks")):
        raise util.CommandError("losses are measured, and before this revision a restart forgets from what")
    op.drop_table("loss_marks")
