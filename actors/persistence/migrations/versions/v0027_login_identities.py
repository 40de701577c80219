"""Who users are at a provider of identities: beside their logins, as most are at none."""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"


def upgrade() -> None:
    """Make them: nobody is known at a provider so far."""
    op.create_table(
        "login_identities",
        sa.Column("user_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("issuer", sa.String(255), nullable=False),
        sa.Column("subject", sa.String(255), nullable=False),
        sa.PrimaryKeyConstraint("user_id", name="pk_login_identities"),
        sa.UniqueConstraint("issuer", "subject", name="uq_login_identities_issuer_subject"),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name="fk_login_identities_user_id", ondelete="CASCADE"
        ),
    )


def downgrade() -> None:
    """Drop them: who has no password cannot log in any more."""
    op.drop_table("login_identities")
