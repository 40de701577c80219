"""Balance snapshots: what the orders of an asset that were archived come to."""

from decimal import Decimal

from sqlalchemy import BigInteger, ForeignKey, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from actors.persistence.rows.audit_rule import AUDITED
from actors.persistence.rows.checks import above_zero, at_least
from actors.persistence.rows.row import Row


class BalanceSnapshotRow(Row, kw_only=True):
    """`lts.domain.journal.BalanceSnapshot`, which the ledger has as one booking."""

    __tablename__ = "balance_snapshots"
    __table_args__ = (
        above_zero("multiplier"),
        at_least("round_trips", 0),
        at_least("orders", 1),
        at_least("fills", 0),
        at_least("last_seq", 1),
        {"info": {"audit": AUDITED}},
    )

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
    broker: Mapped[str] = mapped_column(String(64))
    orders: Mapped[int] = mapped_column(BigInteger)
    """How many were archived: the numbers of their ids are not given again."""
    fills: Mapped[int] = mapped_column(BigInteger)
    """How many of theirs were: without any, there may be no position."""
    last_seq: Mapped[int] = mapped_column(BigInteger)
    """The last of their events, of which the numbers are not given again either."""
    at: Mapped[int] = mapped_column(BigInteger)
    """When the last of them ended."""
