"""The lease: which start of which node may write intents."""

from sqlalchemy import BigInteger, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from actors.persistence.rows.audit_rule import AUDITED
from actors.persistence.rows.checks import at_least
from actors.persistence.rows.row import Row


class NodeLeaseRow(Row, kw_only=True):
    """The one lease of a database. Each start takes it, and with it a higher epoch."""

    __tablename__ = "node_lease"
    __table_args__ = (at_least("epoch", 1), {"info": {"audit": AUDITED}})

    name: Mapped[str] = mapped_column(String(16), primary_key=True)
    epoch: Mapped[int] = mapped_column(BigInteger)
    host: Mapped[str] = mapped_column(String(255))
    process: Mapped[int] = mapped_column(Integer)
    at: Mapped[int] = mapped_column(BigInteger)
