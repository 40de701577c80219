"""What people want of a node: orders of every kind, other terms, cancels, halts, approvals."""

from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from bus import Request
from lts.domain.order_flow import CancelAll, CancelOrder, ModifyOrder
from lts.domain.order_record import OrderRecord
from lts.domain.order_status import OrderStatus
from lts.domain.orders import Order, OrderType, Side, Terms, TimeInForce
from lts.domain.reconciliation import AccountState, ApproveAccount
from lts.domain.risk import SetTradingState, TradingState
from tests.chaos.simulation.crew import Ticked, Wanted, Whim
from tests.chaos.simulation.faults import SECOND
from tests.chaos.simulation.node import HELD_BY, INSTRUMENTS
from tests.chaos.simulation.protocol import BROKER

if TYPE_CHECKING:
    from tests.chaos.simulation.world import World


class People:
    """Markets, portfolios and operators, all at their whim."""

    def __init__(self, world: "World") -> None:
        self.world = world
        self.proposals: list[str] = []
        """The ids of all orders that were proposed."""
        self.halting: dict[str, bool] = {}
        """The scopes that were halted and not reset, and whether they are to be flattened."""

    def tick(self) -> None:
        """Move a market."""
        symbol = self.world.draw.choice(INSTRUMENTS)
        price = self.world.venue.prices[symbol] + Decimal(self.world.draw.randint(-20, 20)) / 100
        self.world.venue.prices[symbol] = price
        self.world.tell(Ticked(symbol, self.world.now, float(price)))

    def _ask(self, request: Request[Any]) -> None:
        if self.world.node is not None and self.world.node.hand is not None and self.world.node.up:
            self.world.node.hand.send(request)

    def want(self, portfolio: str = "") -> None:
        """Have a portfolio want something: by a signal, or by one or more orders of its own."""
        if self.world.node is None or not self.world.node.up:
            return
        portfolio = portfolio or self.world.draw.choice((*HELD_BY,))
        symbol = self.world.draw.choice(HELD_BY[portfolio])
        whim = self.world.draw.random()
        if whim < 0.25:
            self.world.tell(Whim(portfolio, symbol, self.world.draw.choice((-1.0, -0.5, 0.0, 0.5, 1.0))))
        elif whim < 0.4:
            self.world.tell(Wanted(portfolio, self._bracket(portfolio, symbol)))
        elif whim < 0.48:
            one, other = (self._order(portfolio, symbol, str(name)) for name in range(2))
            pair = (msgspec.structs.replace(each, group="0") for each in (one, other))
            self.world.tell(Wanted(portfolio, tuple(pair)))
        else:
            reduce_only = self.world.draw.random() < 0.1
            self.world.tell(
                Wanted(portfolio, (self._order(portfolio, symbol, "0", reduce_only=reduce_only),))
            )

    def _bracket(self, portfolio: str, symbol: str) -> tuple[Order, ...]:
        draw = self.world.draw
        kind = draw.choice((OrderType.MARKET, OrderType.LIMIT))
        entry = self._order(portfolio, symbol, "0", kind, time_in_force=TimeInForce.GTC)
        side = Side.SELL if entry.side is Side.BUY else Side.BUY
        children = (
            self._order(
                portfolio, symbol, name, kind, side, entry.quantity, TimeInForce.GTC, reduce_only=True
            )
            for name, kind in (("1", OrderType.STOP), ("2", OrderType.LIMIT))
        )
        return (entry, *(msgspec.structs.replace(child, parent="0", group="1") for child in children))

    def _order(  # noqa: PLR0917 - an order has as many parts
        self,
        portfolio: str,
        symbol: str,
        name: str,
        kind: OrderType | None = None,
        side: Side | None = None,
        quantity: Decimal | None = None,
        time_in_force: TimeInForce | None = None,
        *,
        reduce_only: bool = False,
    ) -> Order:
        draw, price = self.world.draw, self.world.venue.prices[symbol]
        kind = kind or draw.choice((OrderType.MARKET, *OrderType))
        time_in_force = time_in_force or draw.choice((TimeInForce.GTC, *TimeInForce))
        if kind is OrderType.TRAILING_STOP:
            time_in_force = TimeInForce.GTC
        near = price + Decimal(draw.randint(-100, 100)) / 100
        return Order(
            name,
            portfolio,
            symbol,
            BROKER,
            side or draw.choice((Side.BUY, Side.SELL)),
            quantity or Decimal(draw.randint(1, 20)),
            kind,
            near if kind in {OrderType.LIMIT, OrderType.STOP_LIMIT} else None,
            time_in_force,
            self.world.now,
            trigger_price=near if kind in {OrderType.STOP, OrderType.STOP_LIMIT} else None,
            trailing_offset=Decimal(1) if kind is OrderType.TRAILING_STOP else None,
            expires_at=self.world.now + SECOND if time_in_force is TimeInForce.GTD else None,
            reduce_only=reduce_only,
        )

    def cancel(self) -> None:
        """Have orders cancelled."""
        if self.world.draw.random() < 0.1:
            self._ask(CancelAll(f"portfolio:{self.world.draw.choice((*HELD_BY,))}"))
        elif self.proposals:
            self._ask(CancelOrder(self.world.draw.choice(self.proposals[-8:])))

    def modify(self) -> None:
        """Have an order work on other terms."""
        if self.world.node is None or not self.world.node.runs("desk"):
            return
        records: dict[str, OrderRecord] = self.world.node.actor("desk").records
        working = [record for record in records.values() if record.status is OrderStatus.ACCEPTED]
        if not working:
            return
        record = self.world.draw.choice(working)
        terms, more = record.terms, Decimal(self.world.draw.randint(-4, 6))
        if (
            not self.world.weather.in_order
        ):  # that more was ordered is told before it trades, whatever else is not
            more = -abs(more)
        quantity = max(Decimal(1), terms.quantity + more)
        wanted = Terms(quantity, terms.limit_price, terms.trigger_price, terms.trailing_offset)
        self._ask(ModifyOrder(record.order.client_order_id, wanted))

    def halt(self) -> None:
        """Halt a scope, and reset it later, as a rule."""
        scope = self.world.draw.choice(
            ("system", "portfolio:first", "user:owner of second", f"account:{BROKER}")
        )
        flattens = self.world.draw.random() < 0.3
        self.world.tally["halt"] += 1
        self.halting[scope] = flattens or self.halting.get(scope, False)
        if scope in self.world.laws.halted:
            self.world.laws.halted[scope] = self.halting[scope]
        self._ask(SetTradingState(scope, TradingState.HALTED, "the simulation", "ann", flattens, 3.0))
        if self.world.draw.random() < 0.75:
            self.world.at(self.world.draw.uniform(0.2, 1.5), partial(self._reset, scope))

    def _reset(self, scope: str) -> None:
        if not self.world.calm and self.world.node is not None and self.world.node.up:
            self.world.tally["reset"] += 1
            self.world.laws.halted.pop(scope, None)
            self.halting.pop(scope, None)
            self._ask(SetTradingState(scope, TradingState.ACTIVE, "the simulation", "ann"))

    def approve(self) -> None:
        """Have an operator approve what has differed for a while."""
        if self.world.node is None or not (
            self.world.node.runs("desk") and self.world.tally["trade of a stranger"]
        ):
            return
        account = self.world.node.actor("desk").accounts.get(BROKER)
        if account is not None and account.state is AccountState.DIFFERS:
            self.world.tally["approval"] += 1
            self._ask(ApproveAccount(BROKER, "ann"))

    def want_more(self) -> None:
        """See that who is halted stays so."""
        for portfolio in HELD_BY:
            for _ in range(2):
                self.want(portfolio)
