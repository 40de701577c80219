"""The laws of DESIGN §3, held against what the venue has and what the journal keeps."""

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import msgspec

from bus.calls import Call
from lts.domain.money import ZERO
from lts.domain.order_flow import ExecType, OrderChanged, OrderFilled
from lts.domain.order_status import OrderStatus
from lts.domain.orders import OrderType
from lts.domain.reconciliation import AccountState, AccountStateChanged, CursorMoved, PositionAdjusted
from lts.domain.register import Register
from lts.domain.risk import TradingState, TradingStateSet
from tests.chaos.simulation.journal import Kept, Store
from tests.chaos.simulation.node import HELD_BY
from tests.chaos.simulation.protocol import Place, Request
from tests.chaos.simulation.venue import LIFETIME, Held, Venue
from tests.chaos.simulation.wire import Wire

REGISTER = Register(owners={name: f"owner of {name}" for name in HELD_BY})
_ENDED = frozenset({OrderStatus.REJECTED, OrderStatus.CANCELED, OrderStatus.EXPIRED})


class Violation(msgspec.Struct, frozen=True):
    """A law that was broken, by what, and at which step."""

    law: str
    what: str
    step: int
    at: int


class Laws:
    """Looks at each boundary that something crosses: what is written, sent, taken in, said."""

    def __init__(self, venue: Venue, wire: Wire, store: Store, step: Callable[[], int]) -> None:
        self.broken: list[Violation] = []
        self.sent: set[str] = set()
        """Every order that ever went on the wire."""
        self.halted: dict[str, bool] = {}
        """The scopes of which a halt was acknowledged, and whether they are being flattened."""
        self.booked: set[str] = set()
        """The executions in the journal."""
        self.adjusted: dict[str, Decimal] = {}
        self.unwanted: set[str] = set()
        """Orders that the desk was told to cancel."""
        self.cursor = 0
        self.venue, self._wire, self.store, self._step = venue, wire, store, step
        venue.arrived = self.arrive
        store.committed = self.commit

    def breach(self, law: str, what: str) -> None:
        """Note that a law is broken."""
        self.broken.append(Violation(law, what, self._step(), self.store.now()))

    # What crosses a boundary

    def leave(self, request: Request) -> None:
        """Look at what a broker puts on the wire."""
        if not isinstance(request, Place):
            return
        order = request.order
        name = order.client_order_id
        if name not in self.store.intents:
            self.breach("an intent is durable before it goes on the wire", name)
        if name in self.sent:
            self.breach("a client order id goes on the wire once", name)
        self.sent.add(name)
        for scope in REGISTER.scopes(order):
            if scope in self.halted:
                closes = order.type is OrderType.MARKET and order.reduce_only
                if not (self.halted[scope] and closes):
                    self.breach("no order is sent after a halt was acknowledged", f"{name}, {scope}")

    def arrive(self, held: Held) -> None:
        """Look at what the venue has been given."""
        order = held.order
        if len(self.venue.by_client[order.client_order_id]) > 1:
            self.breach("a client order id is at the venue at most once", order.client_order_id)
        if order.parent:
            parents = self.venue.by_client.get(order.parent, [])
            if not any(parent.filled for parent in parents):
                what = f"{order.client_order_id} waits for {order.parent}"
                self.breach("a child is sent when its parent has traded", what)

    def commit(self, kept: Kept) -> None:
        """Look at what has been committed."""
        match kept:
            case OrderFilled(fill=fill):
                if fill.exec_id in self.booked:
                    self.breach("a fill is booked once", f"{fill.client_order_id} {fill.exec_id}")
                self.booked.add(fill.exec_id)
                self._compare_fill(kept)
            case PositionAdjusted(instrument=instrument, quantity=quantity):
                self.adjusted[instrument] = self.adjusted.get(instrument, ZERO) + quantity
            case CursorMoved(cursor=cursor):
                missing = [*self._not_booked(int(cursor))]
                if missing:
                    self.breach("a cursor is never ahead of a fact", f"{cursor}: {missing}")
                self.cursor = int(cursor)
            case _:
                pass

    def say(self, message: Any) -> None:
        """Look at what somebody says."""
        if isinstance(message, Call):
            return
        match message:
            case OrderChanged(client_order_id=name, status=status):
                if status in _ENDED:
                    self._check_end(name, status)
                elif status is OrderStatus.DENIED and name in self.sent:
                    self.breach("what was sent is not denied", name)
            case OrderFilled(fill=fill, status=OrderStatus.FILLED):
                held = self.held(fill.client_order_id)
                if held is None or held.open:
                    self.breach("what is over here is over at the venue", f"{fill.client_order_id} filled")
            case AccountStateChanged(state=AccountState.READY):
                self._check_ready(message)
            case _:
                pass

    def acknowledge(self, answer: TradingStateSet, *, flattens: bool) -> None:
        """Look at the answer to a halt."""
        if answer.state is TradingState.HALTED:
            if not (answer.durable or answer.trouble):
                self.breach("a halt is durable before it is acknowledged", answer.scope)
            if answer.durable:
                self.halted[answer.scope] = flattens

    def _compare_fill(self, filled: OrderFilled) -> None:
        fill = filled.fill
        number = fill.exec_id.removeprefix("x")
        told = self.venue.log[int(number) - 1] if number.isdecimal() else None
        if told is None or (told.client_order_id, told.signed) != (
            fill.client_order_id,
            fill.side.signed(fill.quantity),
        ):
            self.breach("a trade is never invented", f"{fill.client_order_id} {fill.exec_id}")

    def _not_booked(self, number: int) -> Iterator[str]:
        """The fills of ours up to a transaction that the journal does not have."""
        for told in self.venue.log[:number]:
            if told.kind is ExecType.FILLED and told.client_order_id and f"x{told.number}" not in self.booked:
                yield f"x{told.number}"

    def _check_end(self, name: str, status: OrderStatus) -> None:
        held = self.held(name)
        if held is not None:
            if held.open:
                self.breach("what is over here is over at the venue", f"{name} {status}")
        elif self._may_arrive(name):
            self.breach("absence is proved", f"{name} {status}, and may yet arrive")

    def _may_arrive(self, name: str) -> bool:
        return any(
            isinstance(message, Place)
            and message.order.client_order_id == name
            and at - message.sent_at <= LIFETIME
            and message.request not in self.venue.seen
            for at, _, _, message in self._wire.heap
        )

    def _check_ready(self, changed: AccountStateChanged) -> None:
        """Nothing may be READY that lacks what its venue did before it was heard last."""
        del changed
        missing = [*self._not_booked(self.cursor)]
        if missing:
            self.breach("an account is ready only when it is clean", f"{missing}")

    def held(self, name: str) -> Held | None:
        """Return an order as the venue has it."""
        return next(iter(self.venue.by_client.get(name, ())), None)
