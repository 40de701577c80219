"""The lease of the node."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    """Make it."""
    op.create_table(
        "node_lease",
        sa.Column("name", sa.String(16), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("host", sa.String(255), nullable=False),
        sa.Column("process", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("epoch >= 1", name="ck_node_lease_epoch"),
        sa.PrimaryKeyConstraint("name", name="pk_node_lease"),
    )


def downgrade() -> None:
    """Drop it."""
    op.drop_table("node_lease")
