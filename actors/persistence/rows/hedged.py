"""What accounts that hedge have beside the others: positions of one instrument under ids of their own."""

from decimal import Decimal

from sqlalchemy import BigInteger, ForeignKey, ForeignKeyConstraint, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from actors.persistence.columns import sealed_column
from actors.persistence.rows.audit_rule import AUDITED
from actors.persistence.rows.checks import above_zero, at_least
from actors.persistence.rows.row import Row


class HedgedAssetRow(Row, kw_only=True):
    """An asset that has a name, for others of its portfolio may have the same instrument."""

    __tablename__ = "hedged_assets"
    __table_args__ = ({"info": {"audit": AUDITED}},)

    portfolio_id: Mapped[int] = mapped_column(
        ForeignKey("portfolios.id", ondelete="CASCADE"), primary_key=True
    )
    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    instrument: Mapped[str] = mapped_column(ForeignKey("instruments.symbol", ondelete="RESTRICT"))
    broker: Mapped[str] = mapped_column(String(64))
    strategy: Mapped[str] = mapped_column(String(64))
    params: Mapped[bytes] = sealed_column()


class HedgedPositionRow(Row, kw_only=True):
    """`lts.domain.positions.Position` under an id, as of its last fill."""

    __tablename__ = "hedged_positions"
    __table_args__ = (above_zero("multiplier"), at_least("round_trips", 0), {"info": {"audit": AUDITED}})

    portfolio_id: Mapped[int] = mapped_column(
        ForeignKey("portfolios.id", ondelete="RESTRICT"), primary_key=True
    )
    instrument: Mapped[str] = mapped_column(
        ForeignKey("instruments.symbol", ondelete="RESTRICT"), primary_key=True
    )
    position_ref: Mapped[str] = mapped_column(String(64), primary_key=True)
    multiplier: Mapped[Decimal]
    quantity: Mapped[Decimal]
    cost: Mapped[Decimal]
    realised: Mapped[Decimal]
    fees: Mapped[Decimal]
    round_trips: Mapped[int] = mapped_column(Integer)
    at: Mapped[int] = mapped_column(BigInteger)


class HedgedSnapshotRow(Row, kw_only=True):
    """What the archived fills of a position come to, beside the balance snapshot of its instrument."""

    __tablename__ = "hedged_snapshots"
    __table_args__ = (
        above_zero("multiplier"),
        at_least("round_trips", 0),
        at_least("fills", 1),
        {"info": {"audit": AUDITED}},
    )

    portfolio_id: Mapped[int] = mapped_column(
        ForeignKey("portfolios.id", ondelete="RESTRICT"), primary_key=True
    )
    instrument: Mapped[str] = mapped_column(
        ForeignKey("instruments.symbol", ondelete="RESTRICT"), primary_key=True
    )
    position_ref: Mapped[str] = mapped_column(String(64), primary_key=True)
    multiplier: Mapped[Decimal]
    quantity: Mapped[Decimal]
    cost: Mapped[Decimal]
    realised: Mapped[Decimal]
    fees: Mapped[Decimal]
    round_trips: Mapped[int] = mapped_column(Integer)
    fills: Mapped[int] = mapped_column(BigInteger)
    at: Mapped[int] = mapped_column(BigInteger)
    """When the last of its archived orders ended."""


class HedgedAdjustmentRow(Row, kw_only=True):
    """Which position an adjustment is of; one of a netted position has none."""

    __tablename__ = "hedged_adjustments"
    __table_args__ = (
        ForeignKeyConstraint(
            ["broker", "reference"],
            ["position_adjustments.broker", "position_adjustments.reference"],
            ondelete="RESTRICT",
        ),
        {"info": {"audit": AUDITED}},
    )

    broker: Mapped[str] = mapped_column(String(64), primary_key=True)
    reference: Mapped[str] = mapped_column(String(160), primary_key=True)
    position_ref: Mapped[str] = mapped_column(String(64))
