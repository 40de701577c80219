"""Idempotency keys: what commands led to that somebody may repeat."""

from sqlalchemy import BigInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from actors.persistence.rows.audit_rule import AUDITED
from actors.persistence.rows.checks import one_of
from actors.persistence.rows.row import Row


class IdempotencyKeyRow(Row, kw_only=True):
    """`lts.domain.request_mark.RequestMark`, and what the command that came with it has made."""

    __tablename__ = "idempotency_keys"
    __table_args__ = (one_of("kind", ("order", "portfolio")), {"info": {"audit": AUDITED}})

    user_name: Mapped[str] = mapped_column(String(64), primary_key=True)
    request_key: Mapped[str] = mapped_column(String(255), primary_key=True)
    digest: Mapped[str] = mapped_column(String(128))
    kind: Mapped[str] = mapped_column(String(16))
    resource: Mapped[str] = mapped_column(String(128))
    """The client order id, or the name of the portfolio."""
    at: Mapped[int] = mapped_column(BigInteger, index=True)
    """System time: a key is forgotten after a time of ours, whatever time it is in the market."""
