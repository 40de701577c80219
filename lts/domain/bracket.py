"""A bracket: the orders that take what a portfolio holds of an instrument out of the market by themselves.

Each entry has its own: a stop-loss (fixed or trailing) and a take-profit that wait for it, only reduce,
and end each other. They are priced from the last close when the entry is proposed: their intents are
durable before anything trades.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from types import MappingProxyType

from lts.config.schema import ProtectionPlan
from lts.domain.fills import Fill
from lts.domain.journal import OrdersRecalled
from lts.domain.legs import asset_of, legs
from lts.domain.market import Instrument
from lts.domain.money import ZERO, unrounded
from lts.domain.order_flow import OrderFilled
from lts.domain.order_record import OrderRecord
from lts.domain.orders import Order, OrderType, Side, Terms, TimeInForce

_BUY, _SELL, _LIMIT = Side.BUY, Side.SELL, OrderType.LIMIT
_FULL = Decimal(10_000)
TRIES = 6
"""How often an exit is put at its venue anew, one after the other, that does not take it."""
LONGEST_PAUSE_S = 8.0

Number = Callable[[], str]
"""Gives the next client order id."""
Exits = Sequence[tuple[OrderType, Terms]]
"""The type and the terms of each order that protects something."""


class Bracket:
    """What protects one instrument in one portfolio, or one position of it, and what closes it."""

    __slots__ = ("_entries", "_exits", "_tries", "closing", "instrument", "plan", "position")

    def __init__(
        self, instrument: Instrument, plan: ProtectionPlan | None = None, position: str = ""
    ) -> None:
        self.instrument = instrument
        self.position = position
        """Its id in an account that hedges; empty where positions are netted."""
        self.plan = plan
        """None: nothing new is protected, and what was protected before is looked after."""
        self._exits: dict[str, Order] = {}
        self._entries: set[str] = set()
        """The entries of exits that have traded, so that the exits may have been sent."""
        self._tries: Counter[tuple[str, OrderType]] = Counter()
        """How often an exit of an entry was not taken, by its type."""
        self.closing: set[str] = set()
        """Open orders that only reduce and wait for nothing."""

    @property
    def exits(self) -> tuple[str, ...]:
        """The open protective orders, by client order id."""
        return tuple(self._exits)

    def protect(
        self, entry: Order, quantity: Decimal, reference: Decimal | None, number: Number, own: Exits = ()
    ) -> Iterator[Order]:
        """Yield the orders that protect so much of an entry, and look after them.

        What the entry wants itself (`own`) takes the place of what the plan says: a stop of a stop, a
        profit of a profit.
        """
        if not quantity:
            return
        planned: Exits = ()
        if self.plan is not None and reference is not None:
            planned = exits(self.plan, self.instrument, entry.side, quantity, reference)
        takes_profit = {kind is _LIMIT for kind, _ in own}
        for kind, terms in (*own, *(each for each in planned if (each[0] is _LIMIT) not in takes_profit)):
            made = _exit(entry, number(), kind, terms)
            self._exits[made.client_order_id] = made
            yield made

    def recall(self, order: Order, entry: OrderRecord | None = None) -> None:
        """Look after an open order that only reduces and was proposed before, and its entry."""
        if not is_exit(order):
            self.closing.add(order.client_order_id)
            return
        self._exits[order.client_order_id] = order
        if entry is not None and entry.filled:
            self._entries.add(order.parent)

    def trade(self, filled: OrderFilled) -> None:
        """Take note that an order has traded."""
        name = filled.fill.client_order_id
        if any(order.parent == name for order in self._exits.values()):
            self._entries.add(name)
        if filled.status.is_closed:
            self.end(name)

    def end(self, client_order_id: str) -> None:
        """Take note that an order is over."""
        self.closing.discard(client_order_id)
        if self._exits.pop(client_order_id, None):
            self._entries.intersection_update({order.parent for order in self._exits.values()})

    def lose(self, client_order_id: str) -> tuple[Order, float] | None:
        """Take note that its venue has not taken an order, or never had it.

        Returns:
            The exit that has to be put there again, and in how many seconds; None if it is no exit of what
            has traded, or that has been tried often enough: then the watch over protection is what is left.
        """
        lost = self._exits.get(client_order_id)
        if lost is None or lost.parent not in self._entries:
            return None
        self._tries[lost.parent, lost.type] += 1
        tries = self._tries[lost.parent, lost.type]
        pause_s = 0.0 if tries == 1 else min(2.0 ** (tries - 2), LONGEST_PAUSE_S)
        return None if tries > TRIES else (lost, pause_s)

    def restore(self, lost: Order, held: Decimal, number: Number, at: int) -> Order | None:
        """Return the order that takes the place of a lost exit; None if there is nothing to protect."""
        if not held or (lost.side is _BUY) is (held > 0):
            return None
        fields = {name: getattr(lost, name) for name in Order.__struct_fields__}
        made = Order(**fields | {"client_order_id": number(), "created_at": at})
        self._exits[made.client_order_id] = made
        self._entries.add(made.parent)
        return made

    def idle(self, held: Decimal, entering: Collection[str]) -> list[str]:
        """Return the protective orders that protect nothing any more, by client order id.

        The desk ends the exits of an entry that never traded; those of one that may still trade
        (`entering`) have to stay.
        """
        return [
            name
            for name, order in self._exits.items()
            if order.parent in self._entries
            and order.parent not in entering
            and (not held or (order.side is _BUY) is (held > 0))
        ]


class Brackets(dict[str, Bracket]):
    """The brackets of a portfolio by place: of what is to be protected, or was when it was opened.

    Args:
        plans: by instrument, or by the name of an asset in an account that hedges.
        instruments: what is traded, by symbol.
        hedged: the instrument of each of these assets, by name.
    """

    def __init__(
        self,
        plans: Mapping[str, ProtectionPlan],
        instruments: Mapping[str, Instrument],
        hedged: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        super().__init__()
        self._instruments = instruments
        for name, plan in plans.items():
            if name in hedged:
                for leg in legs(name, hedged[name]):
                    self[leg.id] = Bracket(instruments[leg.instrument], plan, leg.id)
            else:
                self[name] = Bracket(instruments[name], plan)

    def recall(self, journal: OrdersRecalled, under_way: Iterable[Order] = ()) -> dict[str, float]:
        """Take up what is open, and return the targets of assets that an exit took out of the market last.

        That was wanted until then, and a strategy that is born again need not enter once more.

        Args:
            journal: what was journalled.
            under_way: what was approved, of which the last may not have been journalled yet.
        """
        records = {record.order.client_order_id: record for record in journal.records}
        reducing = [each.order for each in journal.records if each.leaves and each.order.reduce_only]
        reducing += [each for each in under_way if each.reduce_only and each.client_order_id not in records]
        for order in filter(is_exit, reducing):
            instrument = self._instruments[order.instrument]
            self.setdefault(order.place, Bracket(instrument, position=order.position))
        for order in reducing:
            if order.place in self:
                self[order.place].recall(order, records.get(order.parent))
        fills = {asset_of(each.place): each for each in journal.booked if isinstance(each, Fill)}
        return {
            asset: float(-fill.side.sign)
            for asset, fill in fills.items()
            if fill.client_order_id in records and is_exit(records[fill.client_order_id].order)
        }

    def leads_on(self, order: Order) -> bool:
        """Whether an open order that was journalled before is one that leads to a target."""
        closes = bool(order.position) or order.instrument in self
        return not order.reduce_only or (closes and not is_exit(order))


def is_exit(order: Order) -> bool:
    """Whether an order protects what another one opens: it trades nothing that is not there by then."""
    return bool(order.reduce_only and order.parent)


def split(closable: Decimal, missing: Decimal) -> tuple[Decimal, Decimal]:
    """Return how much of what is to be traded closes what is held, and how much opens; all have a sign.

    What closes can then be told to only reduce: should a stop trade before it, it opens no other side.
    """
    if not closable or (closable > 0) is (missing > 0):
        return ZERO, missing
    closing = missing if abs(missing) <= abs(closable) else closable.copy_negate()
    return closing, missing - closing


@unrounded
def exits(
    plan: ProtectionPlan, instrument: Instrument, entered: Side, quantity: Decimal, reference: Decimal
) -> list[tuple[OrderType, Terms]]:
    """Return what protects an entry: prices are whole ticks, snapped towards the reference price.

    So a stop never loses more, and a profit is never taken later, than was asked for. Each stays at least
    one tick away from the reference.
    """
    tick, long = instrument.tick_size, entered is _BUY
    found: list[tuple[OrderType, Terms]] = []
    if plan.stop_loss_bps is not None:
        trigger = _beside(reference, plan.stop_loss_bps, tick, below=long)
        found.append((OrderType.STOP, Terms(quantity, trigger_price=trigger)))
    if plan.trailing_bps is not None:
        offset = max(reference * plan.trailing_bps / _FULL // tick, Decimal(1)) * tick
        found.append((OrderType.TRAILING_STOP, Terms(quantity, trailing_offset=offset)))
    if plan.take_profit_bps is not None:
        limit = _beside(reference, plan.take_profit_bps, tick, below=not long)
        found.append((OrderType.LIMIT, Terms(quantity, limit_price=limit)))
    return found


def _beside(reference: Decimal, bps: Decimal, tick: Decimal, *, below: bool) -> Decimal:
    """A price so many basis points below or above another one, in whole ticks towards it."""
    distance = reference * bps / _FULL
    if below:
        nearest = _up(reference, tick) - 1
        return max(min(_up(reference - distance, tick), nearest), Decimal(1)) * tick
    return max((reference + distance) // tick, reference // tick + 1) * tick


def _up(price: Decimal, tick: Decimal) -> Decimal:
    """How many ticks a price is, rounded up."""
    return price // tick + (1 if price % tick else 0)


def _exit(entry: Order, name: str, kind: OrderType, terms: Terms) -> Order:
    return Order(
        name,
        entry.portfolio,
        entry.instrument,
        entry.broker,
        _SELL if entry.side is _BUY else _BUY,
        terms.quantity,
        kind,
        terms.limit_price,
        TimeInForce.GTC,
        entry.created_at,
        trigger_price=terms.trigger_price,
        trailing_offset=terms.trailing_offset,
        reduce_only=True,
        parent=entry.client_order_id,
        group=entry.client_order_id,
        position=entry.position,
    )
