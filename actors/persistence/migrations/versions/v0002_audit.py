"""The audit and its seals."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make them."""
    op.create_table(
        "audit_log",
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("who", sa.String(200), nullable=False),
        sa.Column("cause", sa.BigInteger(), nullable=False),
        sa.Column("action", sa.String(16), nullable=False),
        sa.Column("entity", sa.String(64), nullable=False),
        sa.Column("row_key", sa.Text(), nullable=False),
        sa.Column("before", sa.Text(), nullable=True),
        sa.Column("after", sa.Text(), nullable=True),
        sa.Column("key_id", sa.String(16), nullable=False),
        sa.Column("mac", sa.LargeBinary(32), nullable=False),
        sa.CheckConstraint("seq >= 1", name="ck_audit_log_seq"),
        sa.CheckConstraint(
            "action IN ('insert', 'update', 'delete', 'read', 'checkpoint', 'note')",
            name="ck_audit_log_action",
        ),
        sa.CheckConstraint("length(mac) = 32", name="ck_audit_log_mac"),
        sa.PrimaryKeyConstraint("seq", name="pk_audit_log"),
    )
    op.create_table(
        "audit_seal",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("first_seq", sa.BigInteger(), nullable=False),
        sa.Column("last_seq", sa.BigInteger(), nullable=False),
        sa.Column("root", sa.LargeBinary(), nullable=False),
        sa.Column("previous", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("key_id", sa.String(16), nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("number >= 1", name="ck_audit_seal_number"),
        sa.CheckConstraint("kind IN ('segment', 'retention')", name="ck_audit_seal_kind"),
        sa.CheckConstraint("length(previous) = 32", name="ck_audit_seal_previous"),
        sa.PrimaryKeyConstraint("number", name="pk_audit_seal"),
    )


def downgrade() -> None:
    """Drop them, and all that is in them."""
    op.drop_table("audit_seal")
    op.drop_table("audit_log")
