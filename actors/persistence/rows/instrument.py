"""Instruments: what is traded, with the rules of its contract."""

from decimal import Decimal

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from actors.persistence.rows.audit_rule import AUDITED
from actors.persistence.rows.checks import above_zero, not_negative
from actors.persistence.rows.row import Row


class InstrumentRow(Row, kw_only=True):
    """`lts.domain.market.Instrument`."""

    __tablename__ = "instruments"
    __table_args__ = (
        above_zero("tick_size"),
        above_zero("lot_size"),
        above_zero("multiplier"),
        not_negative("min_notional"),
        {"info": {"audit": AUDITED}},
    )

    symbol: Mapped[str] = mapped_column(String(64), primary_key=True)
    currency: Mapped[str] = mapped_column(String(12))
    tick_size: Mapped[Decimal]
    lot_size: Mapped[Decimal]
    multiplier: Mapped[Decimal]
    min_notional: Mapped[Decimal]
