"""Margin: an order is taken only if its portfolio's equity carries all that could come of it."""

from collections.abc import Iterable, Mapping
from decimal import Decimal

from lts.sdk import Instrument, Order, Position, Terms, exact, plain, unrounded

from .ticket import ZERO, Ticket

Place = tuple[str, str]
"""An instrument, and the position there in an account that hedges: each is carried by itself."""


class Margin:
    """What each portfolio has at the venue, and what it may carry: so many times its equity.

    Prices are the last that were heard; of what was only traded yet, the price of that.
    """

    __slots__ = ("_balance", "_cash", "_held", "_instruments", "_leverage", "marks")

    def __init__(self, balance: Decimal, leverage: Decimal, instruments: Mapping[str, Instrument]) -> None:
        self._balance, self._leverage, self._instruments = balance, leverage, instruments
        self._cash: dict[str, Decimal] = {}
        self._held: dict[str, dict[Place, Decimal]] = {}
        self.marks: dict[str, float | Decimal] = {}

    def bring_forward(self, position: Position) -> None:
        """Take in what archived fills came to; for callers that are `unrounded`."""
        portfolio, instrument = position.portfolio, position.instrument
        paid = position.cost - position.realised + position.fees
        self._held.setdefault(portfolio, {})[instrument, position.id] = position.quantity
        self._cash[portfolio] = self._cash.get(portfolio, self._balance) - paid
        if position.quantity:
            self.marks.setdefault(instrument, position.average_price)

    def add(self, order: Order, quantity: Decimal, price: Decimal, fee: Decimal) -> None:
        """Take in an execution; for callers that are `unrounded`."""
        held = self._held.setdefault(order.portfolio, {})
        traded = order.side.signed(quantity)
        place = (order.instrument, order.position)
        held[place] = held.get(place, ZERO) + traded
        paid = traded * price * self._instruments[order.instrument].multiplier + fee
        self._cash[order.portfolio] = self._cash.get(order.portfolio, self._balance) - paid
        self.marks.setdefault(order.instrument, price)

    @unrounded
    def pay(self, portfolio: str, amount: Decimal) -> None:
        """Take in money that comes without a trade, or goes if negative."""
        self._cash[portfolio] = self._cash.get(portfolio, self._balance) + amount

    @unrounded
    def objection(self, wanted: Ticket, terms: Terms, tickets: Mapping[str, Ticket]) -> str:
        """Return why an order is not carried on these terms, beside the orders that work; empty if it is.

        What adds nothing to the most that can be held in its place is always carried.
        """
        order = wanted.order
        place = (order.instrument, order.position)
        mark = self.marks.get(order.instrument) or terms.limit_price or terms.trigger_price
        if mark is None:
            return f"{order.instrument} has no price yet to reckon its margin by"
        working = [(each, each.leaves) for each in tickets.values()]
        others = [(each, leaves) for each, leaves in working if each is not wanted]
        before = self._most(order, working).get(place, ZERO)
        after = self._most(order, [*others, (wanted, terms.quantity - wanted.filled)])
        if after.get(place, ZERO) <= before:
            return ""
        carried = ZERO
        for (symbol, _), quantity in after.items():
            if quantity:
                price = exact(self.marks.get(symbol, mark))
                carried += quantity * price * self._instruments[symbol].multiplier
        limit = self._equity(order.portfolio) * self._leverage
        if carried <= limit:
            return ""
        return f"positions and orders could come to {plain(carried)}, and {plain(limit)} can be carried"

    def _most(self, order: Order, tickets: Iterable[tuple[Ticket, Decimal]]) -> dict[Place, Decimal]:
        """The most that a portfolio's positions and orders together can come to, in each place."""
        up = dict(self._held.get(order.portfolio, {}))
        down = dict(up)
        for ticket, leaves in tickets:
            if ticket.order.portfolio == order.portfolio and not ticket.order.reduce_only:
                way = up if ticket.is_buy else down
                place = (ticket.order.instrument, ticket.order.position)
                way[place] = way.get(place, ZERO) + ticket.order.side.signed(leaves)
        return {each: max(abs(up.get(each, ZERO)), abs(down.get(each, ZERO))) for each in up | down}

    def _equity(self, portfolio: str) -> Decimal:
        equity = self._cash.get(portfolio, self._balance)
        for (symbol, _), quantity in self._held.get(portfolio, {}).items():
            if quantity:
                equity += quantity * exact(self.marks[symbol]) * self._instruments[symbol].multiplier
        return equity
