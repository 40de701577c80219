"""What portfolios that were made at run time have beside those whose settings the node's file states."""

from decimal import Decimal

from sqlalchemy import BigInteger, Boolean, ForeignKey, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from actors.persistence.columns import sealed_column
from actors.persistence.rows.audit_rule import AUDITED
from actors.persistence.rows.checks import at_least, not_negative
from actors.persistence.rows.row import Row


class PortfolioSettingRow(Row, kw_only=True):
    """How a portfolio is conducted, and how often its settings have changed."""

    __tablename__ = "portfolio_settings"
    __table_args__ = (at_least("revision", 1), not_negative("cash"), {"info": {"audit": AUDITED}})

    portfolio_id: Mapped[int] = mapped_column(  # big: SQLite would give a plain integer that is missing
        BigInteger, ForeignKey("portfolios.id", ondelete="RESTRICT"), primary_key=True, autoincrement=False
    )
    revision: Mapped[int] = mapped_column(Integer)
    active: Mapped[bool] = mapped_column(Boolean)
    cash: Mapped[Decimal]
    """What it was opened with."""
    pipeline: Mapped[str] = mapped_column(String(64))
    pipeline_params: Mapped[bytes] = sealed_column()


class AssetSettingRow(Row, kw_only=True):
    """Whether the strategy of an asset is at work, and what protects what it holds."""

    __tablename__ = "asset_settings"
    __table_args__ = (at_least("place", 0), {"info": {"audit": AUDITED}})

    portfolio_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("portfolio_settings.portfolio_id", ondelete="CASCADE"), primary_key=True
    )
    label: Mapped[str] = mapped_column(String(64), primary_key=True)
    place: Mapped[int] = mapped_column(Integer)
    """Where it stands among the assets of its portfolio."""
    active: Mapped[bool] = mapped_column(Boolean)
    protection: Mapped[str] = mapped_column(String(512))
    """As JSON; empty if nothing protects it."""
