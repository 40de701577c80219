"""The blotter: keeps the latest orders and prices at hand for people who watch."""

from collections.abc import AsyncGenerator

import msgspec

from bus import Actor, on
from lts.domain.blotter import BlotterLine, BlotterReported, GetBlotter
from lts.domain.market import Bar
from lts.domain.order_flow import OrderApproved, OrderChanged, OrderDenied, OrderFilled
from lts.domain.order_status import OrderStatus
from lts.domain.orders import Order

LINES = 100
"""Orders that are remembered; those beyond were touched longest ago."""


class Blotter(Actor[None]):
    """Listens to everything that happens to orders."""

    async def lifespan(self) -> AsyncGenerator[None, None]:
        """Begin with an empty page."""
        self.lines: dict[str, BlotterLine] = {}
        self.prices: dict[str, float] = {}
        self.orders = self.fills = 0
        yield

    @on
    def price(self, bar: Bar) -> None:
        """Remember the last close."""
        self.prices[bar.instrument] = bar.close

    @on
    def enter(self, judged: OrderApproved | OrderDenied) -> None:
        """Enter an order as risk judged it."""
        self.orders += 1
        denied = isinstance(judged, OrderDenied)
        self._write(judged.order, OrderStatus.DENIED if denied else OrderStatus.INITIALIZED)

    @on
    def change(self, changed: OrderChanged) -> None:
        """Enter an order's new state."""
        if line := self.lines.pop(changed.client_order_id, None):
            self.lines[changed.client_order_id] = msgspec.structs.replace(
                line, status=changed.status, at=changed.at
            )

    @on
    def fill(self, filled: OrderFilled) -> None:
        """Enter a fill."""
        self.fills += 1
        fill = filled.fill
        if line := self.lines.pop(fill.client_order_id, None):
            self.lines[fill.client_order_id] = msgspec.structs.replace(
                line, status=filled.status, at=fill.at, price=fill.price
            )

    @on
    def show(self, _: GetBlotter) -> BlotterReported:
        """Answer with the page, the newest first."""
        return BlotterReported(
            self.orders, self.fills, tuple(reversed(self.lines.values())), dict(self.prices)
        )

    def _write(self, order: Order, status: OrderStatus) -> None:
        self.lines[order.client_order_id] = BlotterLine(
            self.clock.now(),
            order.portfolio,
            order.instrument,
            order.client_order_id,
            order.side,
            order.quantity,
            status,
            None,
        )
        if len(self.lines) > LINES:
            del self.lines[next(iter(self.lines))]
