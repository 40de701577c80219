"""A session of trading: a broker on a bench, the desk that gives it orders, and the market they trade on."""

from collections.abc import Sequence
from decimal import Decimal
from random import Random
from typing import Any

import msgspec

from bus import Message
from lts.domain.financing import FinancingReport
from lts.domain.market import Bar
from lts.domain.order_flow import AmendOrder, ExecutionReport, QueryOrder
from lts.domain.order_status import OrderStatus
from lts.domain.orders import ApprovedOrder, Order, OrderType, Side, Terms, TimeInForce
from lts.testing.bench import Bench
from lts.testing.market import tape
from lts.testing.orders import WatchfulDesk, limit_order, market_order
from lts.testing.stage import NAME


def order_of(
    kind: OrderType, side: Side = Side.BUY, quantity: Decimal | int | str = 1, **fields: Any
) -> ApprovedOrder:
    """Return an order of a type; `fields` are those of an order, amounts among them as one writes them."""
    amounts = {"limit_price", "trigger_price", "trailing_offset"}
    exactly = {name: Decimal(value) if name in amounts else value for name, value in fields.items()}
    return msgspec.structs.replace(market_order(side, quantity), type=kind, **exactly)


class Session:
    """What was traded so far, and the words with which to go on."""

    def __init__(self, bench: Bench[Any], desk: WatchfulDesk) -> None:
        self.bench = bench
        self.desk = desk
        self.numbers = 0
        self.seen = self.charged = 0

    async def hear(self, *messages: Message) -> None:
        """Have the broker hear something, and hold what it reports against the desk's records."""
        for message in messages:
            await self.bench.hear(message)
            for report in self.reports[self.seen :]:
                self.desk.take(report)
                self.seen += 1
            for charge in self.charges[self.charged :]:
                self.desk.charge(charge)
                self.charged += 1

    async def place(self, order: ApprovedOrder) -> ApprovedOrder:
        """Give the broker an order, under a number of its own and dated now."""
        order = self.numbered(order)
        await self.hear(self.desk.place(order))
        return order

    def lose(self, order: ApprovedOrder) -> ApprovedOrder:
        """Have the desk send an order that never reaches the broker."""
        order = self.numbered(order)
        self.desk.place(order)
        return order

    def numbered(self, order: ApprovedOrder) -> ApprovedOrder:
        """Return an order under a number of its own, dated now."""
        self.numbers += 1
        client_order_id = f"{order.client_order_id[:-6]}{self.numbers:06d}"
        return msgspec.structs.replace(order, client_order_id=client_order_id, created_at=self.bench.now)

    async def withdraw(self, client_order_id: str) -> None:
        """Tell the broker that an order is no longer wanted."""
        await self.hear(self.desk.withdraw(client_order_id, self.bench.now))

    async def amend(self, client_order_id: str, terms: Terms) -> None:
        """Tell the broker that an order is wanted on other terms."""
        record = self.desk.records[client_order_id]
        if record.status.is_open:
            record.advance(OrderStatus.PENDING_UPDATE, self.bench.now)
        await self.hear(AmendOrder(NAME, client_order_id, terms))

    async def query(self, client_order_id: str) -> None:
        """Ask the broker what became of an order."""
        await self.hear(QueryOrder(NAME, client_order_id))

    async def play(self, series: Sequence[Bar]) -> None:
        """Let the market go on."""
        await self.hear(*tape(series))

    async def trade(self, series: Sequence[Bar], seed: int) -> None:
        """Let the market go on, and do what traders do: the same for the same seed."""
        random = Random(seed)  # noqa: S311 - a session, not a secret
        for bar in series:
            for message in tape([bar]):
                await self.hear(message)
                if random.random() < 1 / 4:
                    await self.place(_any_order(random, bar))
                if random.random() < 1 / 16 and self.desk.records:
                    await self.withdraw(random.choice(list(self.desk.records)))

    @property
    def reports(self) -> list[ExecutionReport]:
        """All that the broker has reported."""
        return self.bench.published(ExecutionReport)

    @property
    def charges(self) -> list[FinancingReport]:
        """All that the broker has reported of what holding has cost, or brought."""
        return self.bench.published(FinancingReport)

    def of(self, order: Order) -> list[ExecutionReport]:
        """What it has reported of one order."""
        return [each for each in self.reports if each.client_order_id == order.client_order_id]

    def filled(self, order: Order) -> Decimal:
        """How much of an order has traded by what was reported."""
        return self.desk.records[order.client_order_id].filled

    def price(self, order: Order) -> Decimal:
        """At what price the last part of an order traded."""
        return self.desk.records[order.client_order_id].fills[-1].price

    def status(self, order: Order) -> OrderStatus:
        """Where an order stands by what was reported."""
        return self.desk.records[order.client_order_id].status


def _any_order(random: Random, bar: Bar) -> ApprovedOrder:
    """An order as a trader might give: at the market, or at a limit near it."""
    side, quantity = random.choice(tuple(Side)), random.randint(1, 5)
    if random.random() < 1 / 2:
        return market_order(side, quantity, broker=NAME)
    limit = Decimal(f"{bar.close * random.uniform(0.98, 1.02):.2f}")
    return limit_order(side, quantity, limit, time_in_force=random.choice(tuple(TimeInForce)))
