"""The rows of every table, and the metadata that describes them all."""

from actors.persistence.rows.access import (
    ApiKeyRow,
    LoginIdentityRow,
    LoginRow,
    NonceRow,
    SessionRow,
    SpentRefreshRow,
)
from actors.persistence.rows.audit import AuditRow, AuditSealRow
from actors.persistence.rows.audit_rule import AUDITED, AuditRule, Exempt
from actors.persistence.rows.balance_snapshot import BalanceSnapshotRow
from actors.persistence.rows.billing import BillingRecordRow
from actors.persistence.rows.data_key import DataKeyRow
from actors.persistence.rows.feed import FeedProgressRow
from actors.persistence.rows.fill import FillRow
from actors.persistence.rows.hedged import (
    HedgedAdjustmentRow,
    HedgedAssetRow,
    HedgedPositionRow,
    HedgedSnapshotRow,
)
from actors.persistence.rows.idempotency_key import IdempotencyKeyRow
from actors.persistence.rows.instrument import InstrumentRow
from actors.persistence.rows.lease import NodeLeaseRow
from actors.persistence.rows.ledger import ConversionRateRow, FinancingChargeRow, LedgerEntryRow
from actors.persistence.rows.loss import LossMarksRow
from actors.persistence.rows.order import OrderEventRow, OrderRow
from actors.persistence.rows.order_detail import OrderConditionRow, OrderTermsRow
from actors.persistence.rows.portfolio import AssetRow, PortfolioRow
from actors.persistence.rows.portfolio_setting import AssetSettingRow, PortfolioSettingRow
from actors.persistence.rows.position import PositionRow
from actors.persistence.rows.row import Row
from actors.persistence.rows.statistic import StatisticRow
from actors.persistence.rows.trading_state import TradingStateRow
from actors.persistence.rows.user import UserRow
from actors.persistence.rows.venue import PositionAdjustmentRow, VenueCursorRow

metadata = Row.metadata

__all__ = [
    "AUDITED",
    "ApiKeyRow",
    "AssetRow",
    "AssetSettingRow",
    "AuditRow",
    "AuditRule",
    "AuditSealRow",
    "BalanceSnapshotRow",
    "BillingRecordRow",
    "ConversionRateRow",
    "DataKeyRow",
    "Exempt",
    "FeedProgressRow",
    "FillRow",
    "FinancingChargeRow",
    "HedgedAdjustmentRow",
    "HedgedAssetRow",
    "HedgedPositionRow",
    "HedgedSnapshotRow",
    "IdempotencyKeyRow",
    "InstrumentRow",
    "LedgerEntryRow",
    "LoginIdentityRow",
    "LoginRow",
    "LossMarksRow",
    "NodeLeaseRow",
    "NonceRow",
    "OrderConditionRow",
    "OrderEventRow",
    "OrderRow",
    "OrderTermsRow",
    "PortfolioRow",
    "PortfolioSettingRow",
    "PositionAdjustmentRow",
    "PositionRow",
    "Row",
    "SessionRow",
    "SpentRefreshRow",
    "StatisticRow",
    "TradingStateRow",
    "UserRow",
    "VenueCursorRow",
    "metadata",
]
