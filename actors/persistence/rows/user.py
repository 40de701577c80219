"""Users: who owns portfolios."""

from sqlalchemy import BigInteger, Boolean, Identity, Integer, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from actors.persistence.rows.audit_rule import AUDITED
from actors.persistence.rows.row import Row


class UserRow(Row, kw_only=True):
    """A user; never deleted while anything is theirs."""

    __tablename__ = "users"
    __table_args__ = (
        UniqueConstraint("name"),
        {"info": {"audit": AUDITED}, "sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(Integer, Identity(), primary_key=True, init=False)
    """Never given twice, not even after a delete."""
    name: Mapped[str] = mapped_column(String(64))
    active: Mapped[bool] = mapped_column(Boolean)
    created_at: Mapped[int] = mapped_column(BigInteger)
