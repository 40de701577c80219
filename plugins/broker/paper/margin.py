"""Margin: an order is taken only if its portfolio's equity carries all that could come of it."""

from collections.abc import Iterable, Mapping
from decimal import Decimal

from lts.sdk import Instrument, Order, Position, Terms, exact, plain, unrounded

from .ticket import ZERO, Ticket


class Margin:
    """What each portfolio has at the venue, and what it may carry: so many times its equity.

    Prices are the last that were heard; of what was only traded yet, the price of that.
    """

    __slots__ = ("_balance", "_cash", "_held", "_instruments", "_leverage", "marks")

    def __init__(self, balance: Decimal, leverage: Decimal, instruments: Mapping[str, Instrument]) -> None:
        self._balance, self._leverage, self._instruments = balance, leverage, instruments
        self._cash: dict[str, Decimal] = {}
        self._held: dict[str, dict[str, Decimal]] = {}
        self.marks: dict[str, float | Decimal] = {}

    def bring_forward(self, position: Position) -> None:
        """Take in what archived fills came to; for callers that are `unrounded`."""
        portfolio, instrument = position.portfolio, position.instrument
        paid = position.cost - position.realised + position.fees
        self._held.setdefault(portfolio, {})[instrument] = position.quantity
        self._cash[portfolio] = self._cash.get(portfolio, self._balance) - paid
        if position.quantity:
            self.marks.setdefault(instrument, position.average_price)

    def add(self, order: Order, quantity: Decimal, price: Decimal, fee: Decimal) -> None:
        """Take in an execution; for callers that are `unrounded`."""
        held = self._held.setdefault(order.portfolio, {})
        traded = order.side.signed(quantity)
        held[order.instrument] = held.get(order.instrument, ZERO) + traded
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

        What adds nothing to the most that can be held of its instrument is always carried.
        """
        order = wanted.order
        mark = self.marks.get(order.instrument) or terms.limit_price or terms.trigger_price
        if mark is None:
            return f"{order.instrument} has no price yet to reckon its margin by"
        working = [(each, each.leaves) for each in tickets.values()]
        others = [(each, leaves) for each, leaves in working if each is not wanted]
        before = self._most(order, working).get(order.instrument, ZERO)
        after = self._most(order, [*others, (wanted, terms.quantity - wanted.filled)])
        if after.get(order.instrument, ZERO) <= before:
            return ""
        carried = ZERO
        for symbol, quantity in after.items():
            if quantity:
                price = exact(self.marks.get(symbol, mark))
                carried += quantity * price * self._instruments[symbol].multiplier
        limit = self._equity(order.portfolio) * self._leverage
        if carried <= limit:
            return ""
        return f"positions and orders could come to {plain(carried)}, and {plain(limit)} can be carried"

    def _most(self, order: Order, tickets: Iterable[tuple[Ticket, Decimal]]) -> dict[str, Decimal]:
        """The most that a portfolio's positions and orders together can come to, of each instrument."""
        up = dict(self._held.get(order.portfolio, {}))
        down = dict(up)
        for ticket, leaves in tickets:
            if ticket.order.portfolio == order.portfolio and not ticket.order.reduce_only:
                way, symbol = up if ticket.is_buy else down, ticket.order.instrument
                way[symbol] = way.get(symbol, ZERO) + ticket.order.side.signed(leaves)
        return {each: max(abs(up.get(each, ZERO)), abs(down.get(each, ZERO))) for each in up | down}

    def _equity(self, portfolio: str) -> Decimal:
        equity = self._cash.get(portfolio, self._balance)
        for symbol, quantity in self._held.get(portfolio, {}).items():
            if quantity:
                equity += quantity * exact(self.marks[symbol]) * self._instruments[symbol].multiplier
        return equity
