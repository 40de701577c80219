"""Recalls: what the residents and guests are born again from, question by question."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from actors.persistence.access import recall_access
from actors.persistence.charges import recall_charges
from actors.persistence.keyring import DataKeys
from actors.persistence.marks import recall_mark
from actors.persistence.reader import Reader
from actors.persistence.run_time_portfolios import recall_portfolios
from actors.persistence.series import recall_statistics
from lts.domain.billing import ChargesRecalled, RecallCharges
from lts.domain.credentials import AccessRecalled, RecallAccess
from lts.domain.journal import (
    DepositsRecalled,
    OrdersRecalled,
    RecallDeposits,
    RecallOrders,
    RecallTradingStates,
    TradingStatesRecalled,
)
from lts.domain.loss_marks import LossMarksRecalled, RecallLossMarks
from lts.domain.portfolio_settings import PortfoliosRecalled, RecallPortfolios
from lts.domain.reconciliation import CursorRecalled, RecallCursor
from lts.domain.request_mark import MarkRecalled, RecallMark
from lts.domain.statistics import RecallStatistics, StatisticsRecalled

Recall = (
    RecallOrders
    | RecallCursor
    | RecallLossMarks
    | RecallDeposits
    | RecallTradingStates
    | RecallStatistics
    | RecallCharges
    | RecallMark
    | RecallAccess
    | RecallPortfolios
)
"""What is answered with all that was said before it on disk."""


async def recalled(wanted: Recall, reader: Reader, keys: DataKeys) -> Any:
    """Return the answer to a question, from what is committed."""
    return await _RECALLS[type(wanted)](wanted, reader, keys)


async def _orders(wanted: RecallOrders, reader: Reader, _: DataKeys) -> OrdersRecalled:
    return await reader.orders(wanted)


async def _cursor(wanted: RecallCursor, reader: Reader, _: DataKeys) -> CursorRecalled:
    return CursorRecalled(await reader.cursor(wanted.broker))


async def _losses(_: RecallLossMarks, reader: Reader, __: DataKeys) -> LossMarksRecalled:
    return LossMarksRecalled(await reader.loss_marks())


async def _deposits(wanted: RecallDeposits, reader: Reader, _: DataKeys) -> DepositsRecalled:
    return DepositsRecalled(await reader.deposits(wanted.portfolio))


async def _states(_: RecallTradingStates, reader: Reader, __: DataKeys) -> TradingStatesRecalled:
    return TradingStatesRecalled(await reader.trading_states())


async def _statistics(wanted: RecallStatistics, reader: Reader, _: DataKeys) -> StatisticsRecalled:
    return StatisticsRecalled(await recall_statistics(reader.engine, wanted))


async def _charges(wanted: RecallCharges, reader: Reader, _: DataKeys) -> ChargesRecalled:
    return ChargesRecalled(await recall_charges(reader.engine, wanted))


async def _mark(wanted: RecallMark, reader: Reader, _: DataKeys) -> MarkRecalled:
    return MarkRecalled(wanted.mark, await recall_mark(reader.engine, wanted.mark))


async def _access(_: RecallAccess, reader: Reader, keys: DataKeys) -> AccessRecalled:
    return await recall_access(reader.engine, keys.sealing)


async def _portfolios(_: RecallPortfolios, reader: Reader, keys: DataKeys) -> PortfoliosRecalled:
    return PortfoliosRecalled(await recall_portfolios(reader.engine, keys.sealing))


_RECALLS: Mapping[type[Any], Callable[[Any, Reader, DataKeys], Awaitable[Any]]] = {
    RecallOrders: _orders,
    RecallCursor: _cursor,
    RecallLossMarks: _losses,
    RecallDeposits: _deposits,
    RecallTradingStates: _states,
    RecallStatistics: _statistics,
    RecallCharges: _charges,
    RecallMark: _mark,
    RecallAccess: _access,
    RecallPortfolios: _portfolios,
}
