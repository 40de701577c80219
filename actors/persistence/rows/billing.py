"""Billing records: what a user owes, and for what."""

from decimal import Decimal

from sqlalchemy import BigInteger, ForeignKey, Index, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from actors.persistence.rows.audit_rule import AUDITED
from actors.persistence.rows.checks import one_of
from actors.persistence.rows.row import Row


class BillingRecordRow(Row, kw_only=True):
    """A charge, counted once a user, kind and reference."""

    __tablename__ = "billing_records"
    __table_args__ = (
        one_of("kind", ("trade", "subscription")),
        Index(None, "at"),
        Index(None, "user_id", "at"),
        {"info": {"audit": AUDITED}},
    )

    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="RESTRICT"), primary_key=True)
    kind: Mapped[str] = mapped_column(String(16), primary_key=True)
    reference: Mapped[str] = mapped_column(String(200), primary_key=True)
    portfolio_id: Mapped[int | None] = mapped_column(
        ForeignKey("portfolios.id", ondelete="RESTRICT"), default=None
    )
    amount: Mapped[Decimal]
    currency: Mapped[str] = mapped_column(String(12))
    at: Mapped[int] = mapped_column(BigInteger)
    detail: Mapped[bytes | None] = mapped_column(LargeBinary, default=None, info={"sealed": True})
