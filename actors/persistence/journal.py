"""The order journal: intents, what became of them, fills, positions and the ledger, in one hop.

What desk and risk say of consecutive orders is written together: one statement a table, and one
audit row for each row that came about or changed.
"""

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from actors.persistence.cache import RowCache
from actors.persistence.entry import Entry, Fact, Tariff
from actors.persistence.forms import ADJUSTMENTS, EVENTS, HEDGED, MARKS, ORDERS, POSITIONS, STATES
from actors.persistence.insertion import Stored
from actors.persistence.lease import Lease
from actors.persistence.page import table_of
from actors.persistence.rows import BalanceSnapshotRow, InstrumentRow, PortfolioRow
from actors.persistence.work import Batch, Impossible, Work
from lts.domain.fills import Fill
from lts.domain.journal import booked
from lts.domain.order_flow import OrderChanged, OrderDenied, OrderFilled
from lts.domain.order_status import OrderStatus
from lts.domain.orders import Order, client_order_id
from lts.domain.risk import TradingStateChanged

_KNOWN = (Order, OrderDenied)
"""What makes an order known."""


class Journal:
    """The scribe of what happens to orders.

    Args:
        tariff: what a trade is billed at; None bills nothing.
        lease: under which intents are committed.
    """

    def __init__(self, tariff: Tariff | None, lease: Lease) -> None:
        self.tariff = tariff
        self.lease = lease
        self.portfolios = RowCache(table_of(PortfolioRow), "name")
        self.orders = RowCache(ORDERS.table, "client_order_id", lasting=_is_open)
        self.positions = RowCache(POSITIONS.table, "portfolio_id", "instrument")
        self.hedged = RowCache(HEDGED.table, "portfolio_id", "instrument", "position_ref")
        self.states = RowCache(STATES.table, "scope")
        self.instruments = RowCache(table_of(InstrumentRow), "symbol")
        self.marks = RowCache(MARKS.table, "user_name", "request_key", lasting=lambda _: False)
        of_trading = (self.orders, self.positions, self.hedged, self.states)
        self.caches = (self.portfolios, self.instruments, self.marks, *of_trading)
        self.unkept: dict[str, Order] = {}
        """Intents that could not be made durable; what becomes of them is that they are denied."""
        self._archived: dict[tuple[int, str], int] = {}
        """How many orders were archived, by portfolio and instrument."""
        self._seq = self._committed_seq = 0

    async def resume(self, connection: AsyncConnection) -> None:
        """Take up the numbering of orders and their events where it was left."""
        numbered = (EVENTS.table.c.seq, ADJUSTMENTS.table.c.seq)
        last = max([await connection.scalar(select(func.max(seq))) or 0 for seq in numbered])
        for row in await connection.execute(select(table_of(BalanceSnapshotRow))):
            self._archived[row.portfolio_id, row.instrument] = row.orders
            last = max(last, row.last_seq)
        self._seq = self._committed_seq = last

    async def write(self, batch: Batch, works: Sequence[Work]) -> None:
        """Write what happened, in that order."""
        intent = next((work for work in works if isinstance(work.content, Order)), None)
        if intent is not None:
            await self.lease.check(batch, intent)
        await self._fetch(batch, [work.content for work in works])
        entry = Entry(self, batch)
        for work in works:
            entry.add(work)
        await entry.write()

    def settle(self) -> None:
        """Take note that all of it is committed."""
        self._committed_seq = self._seq
        self.lease.settle()
        for kept in [each for each in self.unkept if self.orders.get(each)]:
            del self.unkept[kept]
        for cache in self.caches:
            cache.settle()

    def forget(self) -> None:
        """Take note that none of it was."""
        self._seq = self._committed_seq
        self.lease.forget()
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

    def is_archived(self, whose: Order | Fill) -> bool:
        """Whether the id of an order is one of those that were archived; the portfolio has to be known."""
        archived = self._archived.get((self.portfolio(whose.portfolio)["id"], whose.instrument), 0)
        number = whose.client_order_id.rpartition("-")[2]
        if not (archived and number.isascii() and number.isdecimal() and int(number) <= archived):
            return False
        return whose.client_order_id == client_order_id(whose.portfolio, whose.instrument, int(number))

    async def _fetch(self, batch: Batch, facts: Sequence[Fact]) -> None:
        """Read whatever of the stored rows is changed by these facts, and is not remembered."""
        states = {fact.scope for fact in facts if isinstance(fact, TradingStateChanged)}
        portfolios = {fact.portfolio for fact in facts if not isinstance(fact, TradingStateChanged)}
        await self.states.fetch(batch, states)
        await self.portfolios.fetch(batch, portfolios)
        await self.orders.fetch(batch, filter(None, map(_changed_order, facts)))
        moved = [each for each in map(booked, facts) if each is not None]
        held = {(self.portfolio(each.portfolio)["id"], each.instrument, each.position) for each in moved}
        await self.positions.fetch(batch, {place[:2] for place in held if not place[2]})
        await self.hedged.fetch(batch, {place for place in held if place[2]})
        await self.instruments.fetch(batch, {each.instrument for each in moved})
        if marks := self._marks_of(facts):
            await self.marks.fetch(batch, marks)

    def _marks_of(self, facts: Sequence[Fact]) -> set[tuple[str, str]]:
        """The marks of the orders that these facts make known, by name."""
        orders = [
            fact.order if isinstance(fact, OrderDenied) else fact
            for fact in facts
            if isinstance(fact, _KNOWN)
        ]
        if self.unkept:
            orders += filter(None, (self.unkept.get(_changed_order(fact) or "") for fact in facts))
        entered = (order.entered for order in orders if order.entered is not None)
        return {each.mark.name for each in entered if each.mark is not None}


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
