"""The ledger: the lines of double-entry bookings."""

from decimal import Decimal

from sqlalchemy import BigInteger, ForeignKey, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from actors.persistence.rows.audit_rule import AUDITED
from actors.persistence.rows.checks import at_least
from actors.persistence.rows.row import Row


class LedgerEntryRow(Row, kw_only=True):
    """One posting of a booking; the lines of a booking sum to zero in each currency."""

    __tablename__ = "ledger_entries"
    __table_args__ = (at_least("line", 0), {"info": {"audit": AUDITED}})

    portfolio_id: Mapped[int] = mapped_column(
        ForeignKey("portfolios.id", ondelete="RESTRICT"), primary_key=True
    )
    booking: Mapped[str] = mapped_column(Text, primary_key=True)
    line: Mapped[int] = mapped_column(Integer, primary_key=True)
    account: Mapped[str] = mapped_column(String(128))
    currency: Mapped[str] = mapped_column(String(12))
    amount: Mapped[Decimal]
    at: Mapped[int] = mapped_column(BigInteger)
