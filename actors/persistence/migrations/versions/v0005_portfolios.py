"""Portfolios and their assets."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Make them."""
    op.create_table(
        "portfolios",
        sa.Column("id", sa.Integer(), sa.Identity(), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("owner_id", sa.Integer(), nullable=False),
        sa.Column("currency", sa.String(12), nullable=False),
        sa.Column("plugin", sa.String(64), nullable=False),
        sa.Column("params", sa.LargeBinary(), nullable=False),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_portfolios"),
        sa.UniqueConstraint("name", name="uq_portfolios_name"),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["users.id"], name="fk_portfolios_owner_id", ondelete="RESTRICT"
        ),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_portfolios_owner_id", "portfolios", ["owner_id"])
    op.create_table(
        "assets",
        sa.Column("portfolio_id", sa.Integer(), nullable=False),
        sa.Column("instrument", sa.String(64), nullable=False),
        sa.Column("broker", sa.String(64), nullable=False),
        sa.Column("strategy", sa.String(64), nullable=False),
        sa.Column("params", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("portfolio_id", "instrument", name="pk_assets"),
        sa.ForeignKeyConstraint(
            ["portfolio_id"], ["portfolios.id"], name="fk_assets_portfolio_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["instrument"], ["instruments.symbol"], name="fk_assets_instrument", ondelete="RESTRICT"
        ),
    )


def downgrade() -> None:
    """Drop them, and all that is in them."""
    op.drop_table("assets")
    op.drop_table("portfolios")
