"""Data keys: what columns are sealed with, audit rows authenticated and seals signed."""

from sqlalchemy import BigInteger, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from actors.persistence.rows.audit_rule import AUDITED
from actors.persistence.rows.checks import one_of
from actors.persistence.rows.row import Row


class DataKeyRow(Row, kw_only=True):
    """A key, wrapped by the node key; of a purpose, the newest that is not retired is in use."""

    __tablename__ = "data_keys"
    __table_args__ = (one_of("purpose", ("seal", "mac", "sign")), {"info": {"audit": AUDITED}})

    id: Mapped[str] = mapped_column(String(16), primary_key=True)
    purpose: Mapped[str] = mapped_column(String(16))
    wrapped: Mapped[bytes] = mapped_column(LargeBinary)
    node_key: Mapped[str] = mapped_column(String(16))
    """The id of the node key that wraps it."""
    public: Mapped[bytes | None] = mapped_column(LargeBinary, default=None)
    """The raw Ed25519 public key of a key that signs."""
    created_at: Mapped[int] = mapped_column(BigInteger)
    retired_at: Mapped[int | None] = mapped_column(BigInteger, default=None)
