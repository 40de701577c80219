"""The order journal: intents, what became of them, fills, positions and the ledger, in one hop.

What desk and risk say of consecutive orders is written together: one statement a table, and one
audit row for each row that came about or changed.
"""

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from actors.persistence.cache import RowCache
from actors.persistence.entry import EVENTS, ORDERS, POSITIONS, STATES, Entry, Fact, Tariff
from actors.persistence.insertion import Stored
from actors.persistence.page import table_of
from actors.persistence.rows import InstrumentRow, PortfolioRow
from actors.persistence.work import Batch, Impossible, Work
from lts.domain.order_flow import OrderChanged, OrderDenied, OrderFilled
from lts.domain.orders import Order, OrderStatus
from lts.domain.risk import TradingStateChanged


class Journal:
    """The scribe of what happens to orders.

    Args:
        tariff: what a trade is billed at; None bills nothing.
    """

    def __init__(self, tariff: Tariff | None) -> None:
        self.tariff = tariff
        self.portfolios = RowCache(table_of(PortfolioRow), "name")
        self.orders = RowCache(ORDERS.table, "client_order_id", lasting=_is_open)
        self.positions = RowCache(POSITIONS.table, "portfolio_id", "instrument")
        self.states = RowCache(STATES.table, "scope")
        self.instruments = RowCache(table_of(InstrumentRow), "symbol")
        self.caches = (self.portfolios, self.orders, self.positions, self.states, self.instruments)
        self.unkept: dict[str, Order] = {}
        """Intents that could not be made durable; what becomes of them is that they are denied."""
        self._seq = self._committed_seq = 0

    async def resume(self, connection: AsyncConnection) -> None:
        """Take up the numbering of order events where it was left."""
        self._seq = self._committed_seq = await connection.scalar(select(func.max(EVENTS.table.c.seq))) or 0

    async def write(self, batch: Batch, works: Sequence[Work]) -> None:
        """Write what happened, in that order."""
        await self._fetch(batch.connection, [work.content for work in works])
        entry = Entry(self, batch)
        for work in works:
            entry.add(work)
        await entry.write()

    def settle(self) -> None:
        """Take note that all of it is committed."""
        self._committed_seq = self._seq
        for client_order_id in [each for each in self.unkept if self.orders.get(each)]:
            del self.unkept[client_order_id]
        for cache in self.caches:
            cache.settle()

    def forget(self) -> None:
        """Take note that none of it was."""
        self._seq = self._committed_seq
        for cache in self.caches:
            cache.forget()

    def next_seq(self) -> int:
        """Return the number of the next order event."""
        self._seq += 1
        return self._seq

    def portfolio(self, name: str) -> Stored:
        """Return the row of a portfolio, or raise Impossible."""
        row = self.portfolios.get(name)
        if row is None:
            raise Impossible(f"there is no portfolio named {name!r}")
        return row

    async def _fetch(self, connection: AsyncConnection, facts: Sequence[Fact]) -> None:
        """Read whatever of the stored rows is changed by these facts, and is not remembered."""
        states = {fact.scope for fact in facts if isinstance(fact, TradingStateChanged)}
        portfolios = {fact.portfolio for fact in facts if not isinstance(fact, TradingStateChanged)}
        await self.states.fetch(connection, states)
        await self.portfolios.fetch(connection, portfolios)
        await self.orders.fetch(connection, filter(None, map(_changed_order, facts)))
        fills = [fact.fill for fact in facts if isinstance(fact, OrderFilled)]
        held = {(self.portfolio(fill.portfolio)["id"], fill.instrument) for fill in fills}
        await self.positions.fetch(connection, held)
        await self.instruments.fetch(connection, {fill.instrument for fill in fills})


def _is_open(order: Stored) -> bool:
    return OrderStatus(order["status"]).is_open


def _changed_order(fact: Fact) -> str | None:
    match fact:
        case OrderChanged():
            return fact.client_order_id
        case OrderFilled():
            return fact.fill.client_order_id
        case OrderDenied():
            return fact.order.client_order_id
    return None
