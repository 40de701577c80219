"""A venue that the harness simulates, with a book of its own: what it has is what is true."""

from collections.abc import Callable, Iterator
from decimal import Decimal
from functools import partial
from random import Random

from lts.domain.money import ZERO
from lts.domain.order_flow import ExecType
from lts.domain.orders import ApprovedOrder, Order, OrderType, Side, Terms, TimeInForce
from lts.domain.reconciliation import VenueOrder, VenuePosition
from tests.chaos.simulation.protocol import (
    Amend,
    Beat,
    Cancel,
    Caught,
    Dial,
    Done,
    Ended,
    Fetch,
    Found,
    Look,
    Place,
    Query,
    Reply,
    Request,
    Snapshot,
    Told,
    Transaction,
)

SECOND = 1_000_000_000
LIFETIME = 3 * SECOND
"""How old a request to place an order may be when it arrives: the venue states it, and keeps to it."""
_TRIGGERED = frozenset({OrderType.STOP, OrderType.STOP_LIMIT, OrderType.TRAILING_STOP})
_AT_ONCE = frozenset({TimeInForce.IOC, TimeInForce.FOK})


class Held:
    """An order as the venue has it."""

    def __init__(self, order: Order, venue_order_id: str) -> None:
        self.order = order
        self.terms = order.terms
        self.venue_order_id = venue_order_id
        self.filled = ZERO
        self.triggered = order.type not in _TRIGGERED
        self.open = True
        self.history: list[Transaction] = []

    @property
    def leaves(self) -> Decimal:
        """What may still trade."""
        return self.terms.quantity - self.filled if self.open else ZERO


class Venue:
    """Takes requests, works orders at random, and tells what happens to the session that listens.

    It takes whatever it is sent: who sends an order twice has it twice.

    Args:
        draw: where its whims come from.
        send: the way to the broker.
        now: market time.
    """

    def __init__(self, draw: Random, send: Callable[[Reply], None], now: Callable[[], int]) -> None:
        self.log: list[Transaction] = []
        self.orders: list[Held] = []
        self.by_client: dict[str, list[Held]] = {}
        self.positions: dict[str, Decimal] = {}
        self.prices: dict[str, Decimal] = {}
        self.seen: set[int] = set()
        """The requests that have arrived: one that the network brings twice is taken once."""
        self.session: int | None = None
        self.arrived: Callable[[Held], None] = lambda _: None
        self._draw = draw
        self._send = send
        self._now = now

    # What it is asked

    def take(self, request: Request) -> None:
        """Take whatever comes in."""
        match request:
            case Dial(session, since) if self.session is None or session > self.session:
                self.session = session
                self._send(self._caught(session, since))
            case Fetch(session, since) if session == self.session:
                self._send(self._caught(session, since))
            case Look(session) if session == self.session:
                self._send(self._caught(session, len(self.log)))
            case Place():
                self._once(request.request, partial(self._place, request))
            case Cancel(number, client_order_id):
                self._once(number, partial(self._cancel, number, client_order_id))
            case Amend(number, client_order_id, terms):
                self._once(number, partial(self._amend, number, client_order_id, terms))
            case Query(number, client_order_id):
                self._send(self._found(number, client_order_id))

    def hang_up(self, *, tell: bool) -> None:
        """End the session that listens."""
        if self.session is not None and tell:
            self._send(Ended(self.session))
        self.session = None

    def beat(self) -> None:
        """Give the session a sign of life."""
        if self.session is not None:
            self._send(Beat(self.session, len(self.log)))

    # What it does by itself

    def work(self) -> None:
        """Let something happen to one of the open orders."""
        working = [held for held in self.orders if held.open]
        if not working:
            return
        held = self._draw.choice(working)
        whim = self._draw.random()
        if not held.triggered:
            held.triggered = True
            self._note(held, ExecType.TRIGGERED)
        elif whim < 0.06 and held.order.time_in_force in {TimeInForce.DAY, TimeInForce.GTD}:
            self._end(held, ExecType.EXPIRED, "the session is over")
        elif whim < 0.08:
            self._end(held, ExecType.CANCELED, "the venue does not want it")
        else:
            self._fill(held, whole=whim < 0.5)

    def trade_elsewhere(self, instrument: str) -> None:
        """Let somebody else trade in the account, or leave an order there."""
        side = self._draw.choice((Side.BUY, Side.SELL))
        order = Order(
            "", "", instrument, "", side, Decimal(self._draw.randint(1, 3)), OrderType.LIMIT,
            self.prices[instrument], TimeInForce.GTC, self._now(),
        )  # fmt: skip
        held = Held(order, f"foreign-{len(self.orders)}")
        self.orders.append(held)
        if self._draw.random() < 0.7:
            self._fill(held, whole=True)

    # How it does it

    def _once(self, request: int, do: Callable[[], None]) -> None:
        if request not in self.seen:
            self.seen.add(request)
            do()

    def _place(self, request: Place) -> None:
        order, number = request.order, request.request
        if self._now() - request.sent_at > LIFETIME:
            self._send(Done(number, "the request came too late"))
            return
        held = Held(order, f"v{len(self.orders)}")
        self.orders.append(held)
        self.by_client.setdefault(order.client_order_id, []).append(held)
        self.arrived(held)
        if objection := self._objection_to(order):
            self._end(held, ExecType.REJECTED, objection)
            self._send(Done(number, objection))
            return
        self._note(held, ExecType.ACCEPTED)
        self._send(Done(number, "", held.venue_order_id))
        if order.type is OrderType.MARKET or order.time_in_force in _AT_ONCE:
            self._trade_at_once(held)

    def _objection_to(self, order: ApprovedOrder) -> str:
        if order.reduce_only and not self._closes(order):
            return "there is nothing to reduce"
        return "the venue does not like it" if self._draw.random() < 0.03 else ""

    def _trade_at_once(self, held: Held) -> None:
        order, whim = held.order, self._draw.random()
        if order.time_in_force is TimeInForce.FOK:
            if whim < 0.5:
                self._fill(held, whole=True)
        elif whim < 0.9:
            self._fill(held, whole=whim < 0.6)
        if held.open and order.time_in_force in _AT_ONCE:
            self._end(held, ExecType.CANCELED, "what is left cannot trade at once")

    def _cancel(self, number: int, client_order_id: str) -> None:
        held = next(iter(self.by_client.get(client_order_id, ())), None)
        if held is None or not held.open:
            self._send(Done(number, "no such order is open"))
            return
        self._end(held, ExecType.CANCELED, "as wished")
        self._send(Done(number))

    def _amend(self, number: int, client_order_id: str, terms: Terms) -> None:
        held = next(iter(self.by_client.get(client_order_id, ())), None)
        if held is None or not held.open:
            self._send(Done(number, "no such order is open"))
        elif terms.quantity <= held.filled or self._draw.random() < 0.1:
            self._send(Done(number, "it cannot be modified so"))
        else:
            held.terms = terms
            held.venue_order_id += "'"
            self._note(held, ExecType.UPDATED)
            self._send(Done(number, "", held.venue_order_id))

    def _found(self, number: int, client_order_id: str) -> Found:
        now, last = self._now(), len(self.log)
        held = next(iter(self.by_client.get(client_order_id, ())), None)
        if held is None:
            return Found(number, now, last)
        return Found(number, now, last, tuple(held.history), held.open)

    def _closes(self, order: Order) -> Decimal:
        """How much an order can trade that may only reduce."""
        position = self.positions.get(order.instrument, ZERO)
        return max(ZERO, -order.side.signed(Decimal(1)) * position)

    def _fill(self, held: Held, *, whole: bool) -> None:
        order = held.order
        most = min(held.leaves, self._closes(order)) if order.reduce_only else held.leaves
        if not most:
            self._end(held, ExecType.CANCELED, "there is nothing left to reduce")
            return
        quantity = most if whole else Decimal(self._draw.randint(1, int(most)))
        held.filled += quantity
        held.open = held.filled < held.terms.quantity
        signed = order.side.signed(quantity)
        self.positions[order.instrument] = self.positions.get(order.instrument, ZERO) + signed
        self._note(
            held, ExecType.FILLED, signed=signed, price=self.prices[order.instrument], fee=Decimal("0.1")
        )

    def _end(self, held: Held, kind: ExecType, reason: str) -> None:
        held.open = False
        self._note(held, kind, reason=reason)

    def _note(  # noqa: PLR0917 - a transaction has as many parts
        self,
        held: Held,
        kind: ExecType,
        signed: Decimal = ZERO,
        price: Decimal = ZERO,
        fee: Decimal = ZERO,
        reason: str = "",
    ) -> None:
        told = Transaction(
            len(self.log) + 1, self._now(), kind, held.order.client_order_id, held.venue_order_id,
            held.order.instrument, signed, price, fee,
            held.terms if kind is ExecType.UPDATED else None, reason,
        )  # fmt: skip
        self.log.append(told)
        held.history.append(told)
        if self.session is not None:
            self._send(Told(self.session, told))

    def _caught(self, session: int, since: int) -> Caught:
        return Caught(session, tuple(self.log[since:]), self.snapshot())

    def snapshot(self) -> Snapshot:
        """Return what is open now."""
        return Snapshot(len(self.log), tuple(self._open_orders()), tuple(self._positions()))

    def position_as_of(self, number: int) -> dict[str, Decimal]:
        """Return what the account held after a transaction."""
        held: dict[str, Decimal] = {}
        for each in self.log[:number]:
            if each.signed:
                held[each.instrument] = held.get(each.instrument, ZERO) + each.signed
        return {instrument: quantity for instrument, quantity in held.items() if quantity}

    def _open_orders(self) -> Iterator[VenueOrder]:
        for held in self.orders:
            if held.open:
                order = held.order
                yield VenueOrder(
                    order.client_order_id, held.venue_order_id, order.instrument, order.side,
                    held.terms.quantity, held.filled,
                )  # fmt: skip

    def _positions(self) -> Iterator[VenuePosition]:
        for instrument, quantity in self.positions.items():
            if quantity:
                yield VenuePosition(instrument, quantity, self.prices[instrument])
