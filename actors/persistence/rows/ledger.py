"""The ledger: the lines of double-entry bookings, at what rates, and the charges that no fill brings."""

from decimal import Decimal

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from actors.persistence.rows.audit_rule import AUDITED
from actors.persistence.rows.checks import above_zero, at_least
from actors.persistence.rows.row import Row

PAID_IN = "substr(booking, 1, 10) = '[\"deposit\"'"
"""What the entries of a deposit satisfy; written out, as an engine knows the index again by it."""


class LedgerEntryRow(Row, kw_only=True):
    """One posting of a booking; the lines of a booking sum to zero in each currency."""

    __tablename__ = "ledger_entries"
    __table_args__ = (
        at_least("line", 0),
        Index(None, "portfolio_id", "at"),
        Index(
            "ix_ledger_entries_paid_in",
            "portfolio_id",
            "at",
            sqlite_where=text(PAID_IN),
            postgresql_where=text(PAID_IN),
        ),
        {"info": {"audit": AUDITED}},
    )

    portfolio_id: Mapped[int] = mapped_column(
        ForeignKey("portfolios.id", ondelete="RESTRICT"), primary_key=True
    )
    booking: Mapped[str] = mapped_column(Text, primary_key=True)
    line: Mapped[int] = mapped_column(Integer, primary_key=True)
    account: Mapped[str] = mapped_column(String(128))
    currency: Mapped[str] = mapped_column(String(12))
    amount: Mapped[Decimal]
    at: Mapped[int] = mapped_column(BigInteger)


class ConversionRateRow(Row, kw_only=True):
    """At what rate a booking was converted into the portfolio's currency; of what was not there is none.

    For what archived fills moved it is the rate of the last of them.
    """

    __tablename__ = "conversion_rates"
    __table_args__ = (above_zero("rate"), {"info": {"audit": AUDITED}})

    portfolio_id: Mapped[int] = mapped_column(
        ForeignKey("portfolios.id", ondelete="RESTRICT"), primary_key=True
    )
    booking: Mapped[str] = mapped_column(Text, primary_key=True)
    rate: Mapped[Decimal]


class FinancingChargeRow(Row, kw_only=True):
    """`lts.domain.financing.FinancingCharged`: the same broker, portfolio and id is the same charge."""

    __tablename__ = "financing_charges"
    __table_args__ = ({"info": {"audit": AUDITED}},)

    broker: Mapped[str] = mapped_column(String(64), primary_key=True)
    portfolio_id: Mapped[int] = mapped_column(
        ForeignKey("portfolios.id", ondelete="RESTRICT"), primary_key=True
    )
    charge_id: Mapped[str] = mapped_column(String(160), primary_key=True)
    """As the venue gave it."""
    instrument: Mapped[str] = mapped_column(ForeignKey("instruments.symbol", ondelete="RESTRICT"))
    amount: Mapped[Decimal]
    """What came in, negative if it was paid."""
    currency: Mapped[str] = mapped_column(String(12))
    at: Mapped[int] = mapped_column(BigInteger)
