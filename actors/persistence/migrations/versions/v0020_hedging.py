"""What accounts that hedge have beside the others: the tables of netted positions stay as they are."""

import sqlalchemy as sa
from alembic import op, util

from actors.persistence.columns import Exact

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    """Make them."""
    op.create_table(
        "hedged_assets",
        sa.Column("portfolio_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("instrument", sa.String(64), nullable=False),
        sa.Column("broker", sa.String(64), nullable=False),
        sa.Column("strategy", sa.String(64), nullable=False),
        sa.Column("params", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("portfolio_id", "name", name="pk_hedged_assets"),
        sa.ForeignKeyConstraint(
            ["portfolio_id"], ["portfolios.id"], name="fk_hedged_assets_portfolio_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["instrument"], ["instruments.symbol"], name="fk_hedged_assets_instrument", ondelete="RESTRICT"
        ),
    )
    op.create_table(
        "hedged_positions",
        sa.Column("portfolio_id", sa.Integer(), nullable=False),
        sa.Column("instrument", sa.String(64), nullable=False),
        sa.Column("position_ref", sa.String(64), nullable=False),
        sa.Column("multiplier", Exact(), nullable=False),
        sa.Column("quantity", Exact(), nullable=False),
        sa.Column("cost", Exact(), nullable=False),
        sa.Column("realised", Exact(), nullable=False),
        sa.Column("fees", Exact(), nullable=False),
        sa.Column("round_trips", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("CAST(multiplier AS NUMERIC) > 0", name="ck_hedged_positions_multiplier"),
        sa.CheckConstraint("round_trips >= 0", name="ck_hedged_positions_round_trips"),
        sa.PrimaryKeyConstraint("portfolio_id", "instrument", "position_ref", name="pk_hedged_positions"),
        sa.ForeignKeyConstraint(
            ["portfolio_id"], ["portfolios.id"], name="fk_hedged_positions_portfolio_id", ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["instrument"], ["instruments.symbol"], name="fk_hedged_positions_instrument", ondelete="RESTRICT"
        ),
    )
    op.create_table(
        "hedged_snapshots",
        sa.Column("portfolio_id", sa.Integer(), nullable=False),
        sa.Column("instrument", sa.String(64), nullable=False),
        sa.Column("position_ref", sa.String(64), nullable=False),
        sa.Column("multiplier", Exact(), nullable=False),
        sa.Column("quantity", Exact(), nullable=False),
        sa.Column("cost", Exact(), nullable=False),
        sa.Column("realised", Exact(), nullable=False),
        sa.Column("fees", Exact(), nullable=False),
        sa.Column("round_trips", sa.Integer(), nullable=False),
        sa.Column("fills", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("CAST(multiplier AS NUMERIC) > 0", name="ck_hedged_snapshots_multiplier"),
        sa.CheckConstraint("round_trips >= 0", name="ck_hedged_snapshots_round_trips"),
        sa.CheckConstraint("fills >= 1", name="ck_hedged_snapshots_fills"),
        sa.PrimaryKeyConstraint("portfolio_id", "instrument", "position_ref", name="pk_hedged_snapshots"),
        sa.ForeignKeyConstraint(
            ["portfolio_id"], ["portfolios.id"], name="fk_hedged_snapshots_portfolio_id", ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["instrument"], ["instruments.symbol"], name="fk_hedged_snapshots_instrument", ondelete="RESTRICT"
        ),
    )
    op.create_table(
        "hedged_adjustments",
        sa.Column("broker", sa.String(64), nullable=False),
        sa.Column("reference", sa.String(160), nullable=False),
        sa.Column("position_ref", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("broker", "reference", name="pk_hedged_adjustments"),
        sa.ForeignKeyConstraint(
            ["broker", "reference"],
            ["position_adjustments.broker", "position_adjustments.reference"],
            name="fk_hedged_adjustments_broker_reference",
            ondelete="RESTRICT",
        ),
    )


def downgrade() -> None:
    """Drop them, unless anything is hedged: its fills would be taken for those of netted positions."""
    if op.get_bind().scalar(sa.text("SELECT count(*) FROM hedged_positions")):
        raise util.CommandError("positions are hedged, and before this revision they would be netted")
    op.drop_table("hedged_adjustments")
    op.drop_table("hedged_snapshots")
    op.drop_table("hedged_positions")
    op.drop_table("hedged_assets")
