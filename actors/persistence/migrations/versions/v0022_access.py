"""Logins, sessions, API keys and nonces."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    """Make them: every user so far is one without a login."""
    op.create_table(
        "logins",
        sa.Column("user_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("password", sa.LargeBinary(), nullable=True),
        sa.Column("second_factor", sa.LargeBinary(), nullable=True),
        sa.Column("last_step", sa.BigInteger(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("failed_at", sa.BigInteger(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.CheckConstraint("role IN ('admin', 'trader', 'viewer', 'service')", name="ck_logins_role"),
        sa.CheckConstraint("failures >= 0", name="ck_logins_failures"),
        sa.CheckConstraint("revision >= 1", name="ck_logins_revision"),
        sa.PrimaryKeyConstraint("user_id", name="pk_logins"),
        _of_user("logins"),
    )
    op.create_table(
        "sessions",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("refresh", sa.LargeBinary(), nullable=False),
        sa.Column("begun_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("address", sa.String(64), nullable=False),
        sa.Column("agent", sa.String(200), nullable=False),
        sa.CheckConstraint("length(refresh) = 32", name="ck_sessions_refresh"),
        sa.UniqueConstraint("refresh", name="uq_sessions_refresh"),
        sa.PrimaryKeyConstraint("id", name="pk_sessions"),
        _of_user("sessions"),
    )
    op.create_index("ix_sessions_user_id", "sessions", ["user_id"])
    op.create_table(
        "spent_refresh_tokens",
        sa.Column("refresh", sa.String(64), nullable=False),
        sa.Column("session_id", sa.String(32), nullable=False),
        sa.Column("spent_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("length(refresh) = 64", name="ck_spent_refresh_tokens_refresh"),
        sa.PrimaryKeyConstraint("refresh", name="pk_spent_refresh_tokens"),
        sa.ForeignKeyConstraint(
            ["session_id"],
            ["sessions.id"],
            name="fk_spent_refresh_tokens_session_id",
            ondelete="CASCADE",
        ),
    )
    op.create_index("ix_spent_refresh_tokens_session_id", "spent_refresh_tokens", ["session_id"])
    _make_keys()


def downgrade() -> None:
    """Drop them, and all that is in them."""
    op.drop_table("nonces")
    op.drop_table("api_keys")
    op.drop_table("spent_refresh_tokens")
    op.drop_table("sessions")
    op.drop_table("logins")


def _make_keys() -> None:
    op.create_table(
        "api_keys",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("label", sa.String(64), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=True),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("length(secret) = 32", name="ck_api_keys_secret"),
        sa.CheckConstraint("length(public_key) = 32", name="ck_api_keys_public_key"),
        sa.UniqueConstraint("secret", name="uq_api_keys_secret"),
        sa.PrimaryKeyConstraint("id", name="pk_api_keys"),
        _of_user("api_keys"),
    )
    op.create_index("ix_api_keys_user_id", "api_keys", ["user_id"])
    op.create_table(
        "nonces",
        sa.Column("key_id", sa.String(32), nullable=False),
        sa.Column("nonce", sa.String(128), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key_id", "nonce", name="pk_nonces"),
        sa.ForeignKeyConstraint(["key_id"], ["api_keys.id"], name="fk_nonces_key_id", ondelete="CASCADE"),
    )
    op.create_index("ix_nonces_expires_at", "nonces", ["expires_at"])


def _of_user(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=f"fk_{table}_user_id", ondelete="CASCADE")
