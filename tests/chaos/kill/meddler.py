"""Somebody who cancels and modifies orders that others have placed."""

from collections.abc import AsyncGenerator
from random import Random

from bus import Actor, Time, Undeliverable, every, on
from lts.domain.journal import RecallOrders
from lts.domain.order_flow import (
    CancelOrder,
    ModificationApproved,
    ModificationDenied,
    ModifyOrder,
    OrderApproved,
    OrderChanged,
    OrderFilled,
)
from lts.domain.order_status import OrderStatus
from lts.domain.orders import Order, OrderType, Terms

WORKS = {OrderStatus.ACCEPTED, OrderStatus.PARTIALLY_FILLED, OrderStatus.TRIGGERED}
ENOUGH = 20
"""Working orders of which one is meddled with each time."""


class Meddler(Actor[str]):
    """Ten times a second, cancels or modifies a few of the orders that work. `params` is a seed."""

    asks = (CancelOrder, ModifyOrder, RecallOrders)

    async def lifespan(self) -> AsyncGenerator[None, None]:
        """Learn which orders there are."""
        self.draw = Random(self.params)
        records = (await self.ask(RecallOrders())).records
        self.orders: dict[str, Order] = {each.order.client_order_id: each.order for each in records}
        self.working = dict.fromkeys(r.order.client_order_id for r in records if r.status in WORKS)
        yield

    @on
    def learn(self, approved: OrderApproved) -> None:
        self.orders[approved.order.client_order_id] = approved.order

    @on
    def heed(self, changed: OrderChanged) -> None:
        self.follow(changed.client_order_id, changed.status)

    @on
    def see(self, filled: OrderFilled) -> None:
        self.follow(filled.fill.client_order_id, filled.status)

    @on
    def shrug(self, _: ModificationApproved | ModificationDenied | Undeliverable) -> None:
        """Whatever could not be done is not done."""

    @every(0.1, time=Time.SYSTEM)
    def meddle(self) -> None:
        names = [*self.working]
        for name in self.draw.sample(names, min(len(names), 1 + len(names) // ENOUGH)):
            order = self.orders.get(name)
            if order is not None and order.type is OrderType.LIMIT and self.draw.random() < 0.4:
                self.send(
                    ModifyOrder(name, Terms(order.quantity + self.draw.randint(1, 9), order.limit_price))
                )
            else:
                self.send(CancelOrder(name))

    def follow(self, name: str, status: OrderStatus) -> None:
        if status in WORKS:
            self.working.setdefault(name)
        else:
            self.working.pop(name, None)
