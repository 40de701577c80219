"""Venues: how far their transactions are taken in, and what was adjusted to what they hold."""

from decimal import Decimal

from sqlalchemy import BigInteger, ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from actors.persistence.rows.audit_rule import AUDITED, Exempt
from actors.persistence.rows.checks import at_least
from actors.persistence.rows.row import Row


class VenueCursorRow(Row, kw_only=True):
    """Up to where a venue's transactions are taken in; what they led to was committed before."""

    __tablename__ = "venue_cursors"
    __table_args__ = (
        {
            "info": {
                "audit": Exempt("a place to resume at, written all the time; what it is about is audited")
            }
        },
    )

    broker: Mapped[str] = mapped_column(String(64), primary_key=True)
    cursor: Mapped[str] = mapped_column(String(128))
    at: Mapped[int] = mapped_column(BigInteger)


class PositionAdjustmentRow(Row, kw_only=True):
    """`lts.domain.reconciliation.PositionAdjusted`: what an operator approved."""

    __tablename__ = "position_adjustments"
    __table_args__ = (at_least("seq", 1), {"info": {"audit": AUDITED}})

    broker: Mapped[str] = mapped_column(String(64), primary_key=True)
    reference: Mapped[str] = mapped_column(String(160), primary_key=True)
    seq: Mapped[int] = mapped_column(BigInteger, unique=True)
    """Its place among the order events, for the sequence matters to costs."""
    portfolio_id: Mapped[int] = mapped_column(ForeignKey("portfolios.id", ondelete="RESTRICT"), index=True)
    instrument: Mapped[str] = mapped_column(ForeignKey("instruments.symbol", ondelete="RESTRICT"))
    quantity: Mapped[Decimal]
    price: Mapped[Decimal]
    reason: Mapped[str] = mapped_column(Text)
    at: Mapped[int] = mapped_column(BigInteger)
