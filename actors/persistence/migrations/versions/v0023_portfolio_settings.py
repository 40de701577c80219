"""The settings of portfolios that are made at run time."""

import sqlalchemy as sa
from alembic import op, util

from actors.persistence.columns import Exact

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    """Make them."""
    op.create_table(
        "portfolio_settings",
        sa.Column("portfolio_id", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("cash", Exact(), nullable=False),
        sa.Column("pipeline", sa.String(64), nullable=False),
        sa.Column("pipeline_params", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("revision >= 1", name="ck_portfolio_settings_revision"),
        sa.CheckConstraint("CAST(cash AS NUMERIC) >= 0", name="ck_portfolio_settings_cash"),
        sa.PrimaryKeyConstraint("portfolio_id", name="pk_portfolio_settings"),
        sa.ForeignKeyConstraint(
            ["portfolio_id"],
            ["portfolios.id"],
            name="fk_portfolio_settings_portfolio_id",
            ondelete="RESTRICT",
        ),
    )
    op.create_table(
        "asset_settings",
        sa.Column("portfolio_id", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.Column("label", sa.String(64), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("protection", sa.String(512), nullable=False),
        sa.CheckConstraint("place >= 0", name="ck_asset_settings_place"),
        sa.PrimaryKeyConstraint("portfolio_id", "label", name="pk_asset_settings"),
        sa.ForeignKeyConstraint(
            ["portfolio_id"],
            ["portfolio_settings.portfolio_id"],
            name="fk_asset_settings_portfolio_id",
            ondelete="CASCADE",
        ),
    )


def downgrade() -> None:
    """Drop them, unless there are any: without them nobody would look after those portfolios."""
    if op.get_bind().scalar(sa.text("SELECT count(*) FROM portfolio_settings")):
        raise util.CommandError(
            "portfolios were made at run time, and before this revision they have no settings"
        )
    op.drop_table("asset_settings")
    op.drop_table("portfolio_settings")
