"""Billing records: what a user owes, and for what."""

from decimal import Decimal

from sqlalchemy import BigInteger, ForeignKey, Identity, Integer, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from actors.persistence.rows.audit_rule import AUDITED
from actors.persistence.rows.checks import one_of
from actors.persistence.rows.row import Row


class BillingRecordRow(Row, kw_only=True):
    """A charge, counted once a user, kind and reference."""

    __tablename__ = "billing_records"
    __table_args__ = (
        one_of("kind", ("trade", "subscription")),
        UniqueConstraint("user_id", "kind", "reference"),
        {"info": {"audit": AUDITED}, "sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(Integer, Identity(), primary_key=True, init=False)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="RESTRICT"))
    portfolio_id: Mapped[int | None] = mapped_column(
        ForeignKey("portfolios.id", ondelete="RESTRICT"), default=None
    )
    kind: Mapped[str] = mapped_column(String(16))
    reference: Mapped[str] = mapped_column(String(200))
    amount: Mapped[Decimal]
    currency: Mapped[str] = mapped_column(String(12))
    at: Mapped[int] = mapped_column(BigInteger)
    detail: Mapped[bytes | None] = mapped_column(LargeBinary, default=None, info={"sealed": True})
