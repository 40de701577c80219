"""Positions: what a portfolio holds, the fold of its fills."""

from decimal import Decimal

from sqlalchemy import BigInteger, ForeignKey, Integer
from sqlalchemy.orm import Mapped, mapped_column

from actors.persistence.rows.audit_rule import AUDITED
from actors.persistence.rows.checks import above_zero, at_least
from actors.persistence.rows.row import Row


class PositionRow(Row, kw_only=True):
    """`lts.domain.positions.Position`, as of its last fill."""

    __tablename__ = "positions"
    __table_args__ = (above_zero("multiplier"), at_least("round_trips", 0), {"info": {"audit": AUDITED}})

    portfolio_id: Mapped[int] = mapped_column(
        ForeignKey("portfolios.id", ondelete="RESTRICT"), primary_key=True
    )
    instrument: Mapped[str] = mapped_column(
        ForeignKey("instruments.symbol", ondelete="RESTRICT"), primary_key=True
    )
    multiplier: Mapped[Decimal]
    quantity: Mapped[Decimal]
    cost: Mapped[Decimal]
    realised: Mapped[Decimal]
    fees: Mapped[Decimal]
    round_trips: Mapped[int] = mapped_column(Integer)
    at: Mapped[int] = mapped_column(BigInteger)
