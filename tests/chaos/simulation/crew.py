"""Who else is in the simulated system: feeds, strategies and portfolios that do as told, and a hand."""

from collections.abc import AsyncGenerator
from decimal import Decimal

from bus import Actor, Event, on
from lts.domain.market import Quote
from lts.domain.order_flow import (
    CancelAll,
    CancelOrder,
    ModificationApproved,
    ModificationDenied,
    ModifyOrder,
    OrderProposed,
)
from lts.domain.orders import Order, client_order_id
from lts.domain.reconciliation import AccountApproved, AccountNotApproved, ApproveAccount
from lts.domain.risk import SetTradingState, TradingStateNotSet, TradingStateSet
from lts.kinds.feed import Feed
from lts.kinds.plugin import Params
from lts.kinds.portfolio import Portfolio
from lts.kinds.strategy import Strategy
from lts.sdk import Instrument, SignalRaised, exact
from tests.chaos.simulation.broker import Arrived
from tests.chaos.simulation.journal import Troubled


class Ticked(Event, key="instrument"):
    """A market has moved."""

    instrument: str
    at: int
    price: float


class Whim(Event, key="portfolio"):
    """A strategy is to change its mind."""

    portfolio: str
    instrument: str
    target: float


class Wanted(Event, key="portfolio"):
    """A portfolio is to propose orders, the first of which may be the parent of the others.

    The ids that they come with are places in this list; the portfolio gives them their own.
    """

    portfolio: str
    orders: tuple[Order, ...]


class ToldFeed(Feed[Params]):
    """Publishes the prices that it is told."""

    @on
    def tell(self, ticked: Ticked) -> None:
        """Say what a market does."""
        self.publish(Quote(ticked.instrument, ticked.at, ticked.price, ticked.price, 1.0, 1.0))


class ToldStrategy(Strategy[Params]):
    """Signals when it is told to."""

    @on
    def change(self, whim: Whim) -> None:
        """Want something else."""
        if whim.instrument == self.instrument.symbol:
            self.signal(whim.target, "it was told to")


class ToldPortfolio(Portfolio[Params]):
    """Pursues signals as any other, and proposes orders of every kind when it is told to."""

    def size(self, signal: SignalRaised, instrument: Instrument) -> Decimal:  # noqa: ARG002 - every one alike
        """Return ten at a full signal."""
        return 10 * exact(signal.target)

    @on
    def propose(self, wanted: Wanted) -> None:
        """Propose orders under the next ids."""
        names: dict[str, str] = {}
        for order in wanted.orders:
            self.sequences[order.instrument] += 1
            name = client_order_id(order.portfolio, order.instrument, self.sequences[order.instrument])
            names[order.client_order_id] = name
            own = _named(order, names)
            if not own.reduce_only:
                self.leaves[own.instrument][name] = own.side.signed(own.quantity)
                self.ordered[name] = own.side.signed(own.quantity)
            self.publish(OrderProposed(own.portfolio, own))


def _named(order: Order, names: dict[str, str]) -> Order:
    fields = {name: getattr(order, name) for name in Order.__struct_fields__}
    fields["client_order_id"] = names[order.client_order_id]
    fields["parent"] = names.get(order.parent, "")
    fields["group"] = names.get(order.group, "")
    return Order(**fields)


Answer = (
    TradingStateSet
    | TradingStateNotSet
    | ModificationApproved
    | ModificationDenied
    | AccountApproved
    | AccountNotApproved
)


class Hand(Actor[None]):
    """By which the world reaches into a node: what arrives, what people want, what breaks."""

    publishes = (Arrived, Ticked, Whim, Wanted, Troubled)
    asks = (ModifyOrder, CancelOrder, CancelAll, SetTradingState, ApproveAccount)

    async def lifespan(self) -> AsyncGenerator[None, None]:
        """Begin without an answer."""
        self.answers: list[Answer] = []
        yield

    @on
    def note(
        self,
        answer: TradingStateSet
        | TradingStateNotSet
        | AccountApproved
        | AccountNotApproved
        | ModificationDenied,
    ) -> None:
        """Keep an answer."""
        self.answers.append(answer)
