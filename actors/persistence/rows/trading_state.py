"""Trading states: whether a scope may trade; a halt survives a restart."""

from sqlalchemy import BigInteger, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from actors.persistence.rows.audit_rule import AUDITED
from actors.persistence.rows.checks import one_of
from actors.persistence.rows.row import Row
from lts.domain.risk import TradingState


class TradingStateRow(Row, kw_only=True):
    """The latest `lts.domain.risk.TradingStateChanged` of a scope."""

    __tablename__ = "trading_states"
    __table_args__ = (one_of("state", TradingState), {"info": {"audit": AUDITED}})

    scope: Mapped[str] = mapped_column(String(128), primary_key=True)
    state: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str] = mapped_column(Text)
    at: Mapped[int] = mapped_column(BigInteger)
