"""What only some orders have: conditions on which they work, and what became of their terms."""

from decimal import Decimal

from sqlalchemy import BigInteger, Boolean, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from actors.persistence.rows.audit_rule import AUDITED
from actors.persistence.rows.checks import above_zero
from actors.persistence.rows.row import Row


class OrderConditionRow(Row, kw_only=True):
    """What `lts.domain.orders.Order` says beyond a price and a time; an order that says nothing has none."""

    __tablename__ = "order_conditions"
    __table_args__ = (
        above_zero("trigger_price"),
        above_zero("trailing_offset"),
        {"info": {"audit": AUDITED}},
    )

    client_order_id: Mapped[str] = mapped_column(
        ForeignKey("orders.client_order_id", ondelete="RESTRICT"), primary_key=True
    )
    portfolio_id: Mapped[int] = mapped_column(ForeignKey("portfolios.id", ondelete="RESTRICT"))
    trigger_price: Mapped[Decimal | None] = mapped_column(default=None)
    trailing_offset: Mapped[Decimal | None] = mapped_column(default=None)
    expires_at: Mapped[int | None] = mapped_column(BigInteger, default=None)
    reduce_only: Mapped[bool] = mapped_column(Boolean)
    post_only: Mapped[bool] = mapped_column(Boolean)
    parent: Mapped[str] = mapped_column(String(32))
    order_group: Mapped[str] = mapped_column(String(64))
    position_ref: Mapped[str] = mapped_column(String(64))


class OrderTermsRow(Row, kw_only=True):
    """What an order event tells beside a state: the venue's id, and the terms that it works on since.

    Beside PENDING_UPDATE stand those that its venue is asked for: they hold when they are told once more.
    """

    __tablename__ = "order_terms"
    __table_args__ = (above_zero("quantity"), {"info": {"audit": AUDITED}})

    seq: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("order_events.seq", ondelete="RESTRICT"), primary_key=True, autoincrement=False
    )
    portfolio_id: Mapped[int] = mapped_column(ForeignKey("portfolios.id", ondelete="RESTRICT"))
    client_order_id: Mapped[str] = mapped_column(
        ForeignKey("orders.client_order_id", ondelete="RESTRICT"), index=True
    )
    venue_order_id: Mapped[str] = mapped_column(String(128))
    quantity: Mapped[Decimal | None] = mapped_column(default=None)
    """Of these terms; null if they stayed."""
    limit_price: Mapped[Decimal | None] = mapped_column(default=None)
    trigger_price: Mapped[Decimal | None] = mapped_column(default=None)
    trailing_offset: Mapped[Decimal | None] = mapped_column(default=None)
