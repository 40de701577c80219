"""Portfolios, and the assets that each of them trades."""

from sqlalchemy import BigInteger, ForeignKey, Identity, Integer, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from actors.persistence.columns import sealed_column
from actors.persistence.rows.audit_rule import AUDITED
from actors.persistence.rows.row import Row


class PortfolioRow(Row, kw_only=True):
    """Capital in one currency, of one user, led by one plugin."""

    __tablename__ = "portfolios"
    __table_args__ = (
        UniqueConstraint("name"),
        {"info": {"audit": AUDITED}, "sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(Integer, Identity(), primary_key=True, init=False)
    name: Mapped[str] = mapped_column(String(64))
    owner_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="RESTRICT"), index=True)
    currency: Mapped[str] = mapped_column(String(12))
    plugin: Mapped[str] = mapped_column(String(64))
    params: Mapped[bytes] = sealed_column()
    opened_at: Mapped[int] = mapped_column(BigInteger)


class AssetRow(Row, kw_only=True):
    """An instrument that a portfolio trades: through which broker, by which strategy."""

    __tablename__ = "assets"
    __table_args__ = ({"info": {"audit": AUDITED}},)

    portfolio_id: Mapped[int] = mapped_column(
        ForeignKey("portfolios.id", ondelete="CASCADE"), primary_key=True
    )
    instrument: Mapped[str] = mapped_column(
        ForeignKey("instruments.symbol", ondelete="RESTRICT"), primary_key=True
    )
    broker: Mapped[str] = mapped_column(String(64))
    strategy: Mapped[str] = mapped_column(String(64))
    params: Mapped[bytes] = sealed_column()
