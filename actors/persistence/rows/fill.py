"""Fills: what was really bought and sold."""

from decimal import Decimal

from sqlalchemy import BigInteger, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from actors.persistence.rows.audit_rule import AUDITED
from actors.persistence.rows.checks import above_zero, one_of
from actors.persistence.rows.row import Row
from lts.domain.orders import Side


class FillRow(Row, kw_only=True):
    """`lts.domain.fills.Fill`: the same broker, account and exec id is the same fill."""

    __tablename__ = "fills"
    __table_args__ = (
        one_of("side", Side),
        above_zero("quantity"),
        Index(None, "at"),
        Index(None, "portfolio_id", "at"),
        {"info": {"audit": AUDITED}},
    )

    broker: Mapped[str] = mapped_column(String(64), primary_key=True)
    portfolio_id: Mapped[int] = mapped_column(
        ForeignKey("portfolios.id", ondelete="RESTRICT"), primary_key=True
    )
    exec_id: Mapped[str] = mapped_column(String(128), primary_key=True)
    client_order_id: Mapped[str] = mapped_column(
        ForeignKey("orders.client_order_id", ondelete="RESTRICT"), index=True
    )
    instrument: Mapped[str] = mapped_column(ForeignKey("instruments.symbol", ondelete="RESTRICT"))
    side: Mapped[str] = mapped_column(String(8))
    quantity: Mapped[Decimal]
    price: Mapped[Decimal]
    fee: Mapped[Decimal]
    currency: Mapped[str] = mapped_column(String(12))
    at: Mapped[int] = mapped_column(BigInteger)
