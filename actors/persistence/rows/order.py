"""Orders: the intent and where it stands, and each state it went through."""

from decimal import Decimal

from sqlalchemy import BigInteger, ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from actors.persistence.rows.audit_rule import AUDITED
from actors.persistence.rows.checks import above_zero, at_least, none_of, not_negative, one_of
from actors.persistence.rows.row import Row
from lts.domain.order_status import OrderStatus
from lts.domain.orders import OrderType, Side, TimeInForce

STILL_OPEN = none_of("status", (status.value for status in OrderStatus if not status.is_open))
"""What an order satisfies that may still trade; written out, as an engine knows the index again by it."""


class OrderRow(Row, kw_only=True):
    """`lts.domain.orders.Order`, with the latest state and the quantity filled."""

    __tablename__ = "orders"
    __table_args__ = (
        one_of("side", Side),
        one_of("type", OrderType),
        one_of("time_in_force", TimeInForce),
        one_of("status", OrderStatus),
        above_zero("quantity"),
        not_negative("filled"),
        Index(None, "created_at"),
        Index(None, "broker", "created_at"),
        Index(None, "portfolio_id", "created_at"),
        Index(
            "ix_orders_still_open",
            "created_at",
            sqlite_where=text(STILL_OPEN),
            postgresql_where=text(STILL_OPEN),
        ),
        {"info": {"audit": AUDITED}},
    )

    client_order_id: Mapped[str] = mapped_column(String(32), primary_key=True)
    portfolio_id: Mapped[int] = mapped_column(ForeignKey("portfolios.id", ondelete="RESTRICT"))
    instrument: Mapped[str] = mapped_column(ForeignKey("instruments.symbol", ondelete="RESTRICT"))
    broker: Mapped[str] = mapped_column(String(64))
    side: Mapped[str] = mapped_column(String(8))
    quantity: Mapped[Decimal]
    type: Mapped[str] = mapped_column(String(16))
    limit_price: Mapped[Decimal | None] = mapped_column(default=None)
    time_in_force: Mapped[str] = mapped_column(String(8))
    created_at: Mapped[int] = mapped_column(BigInteger)
    status: Mapped[str] = mapped_column(String(24))
    filled: Mapped[Decimal]
    cause: Mapped[int] = mapped_column(BigInteger)


class OrderEventRow(Row, kw_only=True):
    """A state that an order went to, in the order in which the writer kept them."""

    __tablename__ = "order_events"
    __table_args__ = (
        at_least("seq", 1),
        one_of("status", OrderStatus),
        Index(None, "portfolio_id", "seq"),
        {"info": {"audit": AUDITED}},
    )

    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    portfolio_id: Mapped[int] = mapped_column(ForeignKey("portfolios.id", ondelete="RESTRICT"))
    client_order_id: Mapped[str] = mapped_column(
        ForeignKey("orders.client_order_id", ondelete="RESTRICT"), index=True
    )
    status: Mapped[str] = mapped_column(String(24))
    at: Mapped[int] = mapped_column(BigInteger)
    reason: Mapped[str] = mapped_column(Text)
    exec_id: Mapped[str | None] = mapped_column(String(128), default=None)
    """The fill that led to it, if it was one."""
