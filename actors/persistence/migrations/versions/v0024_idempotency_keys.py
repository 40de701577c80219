"""The keys of commands that somebody may repeat."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    """Make them."""
    op.create_table(
        "idempotency_keys",
        sa.Column("user_name", sa.String(64), nullable=False),
        sa.Column("request_key", sa.String(255), nullable=False),
        sa.Column("digest", sa.String(128), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("resource", sa.String(128), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("kind IN ('order', 'portfolio')", name="ck_idempotency_keys_kind"),
        sa.PrimaryKeyConstraint("user_name", "request_key", name="pk_idempotency_keys"),
    )
    op.create_index("ix_idempotency_keys_at", "idempotency_keys", ["at"])


def downgrade() -> None:
    """Drop them, and all that is in them."""
    op.drop_table("idempotency_keys")
