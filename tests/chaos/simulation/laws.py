"""The laws of DESIGN §3, held against what the venue has and what the journal keeps."""

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import msgspec

from bus.calls import Call
from lts.domain.money import ZERO
from lts.domain.order_flow import ExecType, OrderChanged, OrderFilled
from lts.domain.order_record import OrderRecord
from lts.domain.order_status import OrderStatus
from lts.domain.orders import OrderType
from lts.domain.reconciliation import AccountState, AccountStateChanged, CursorMoved, PositionAdjusted
from lts.domain.register import Register
from lts.domain.risk import TradingState, TradingStateSet
from tests.chaos.simulation.journal import Kept, Store
from tests.chaos.simulation.node import HELD_BY, Node
from tests.chaos.simulation.protocol import BROKER, Place, Request
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
    """Looks at each boundary that something crosses, and at the whole when it has come to rest."""

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
        self._venue, self._wire, self._store, self._step = venue, wire, store, step
        venue.arrived = self.arrive
        store.committed = self.commit

    def breach(self, law: str, what: str) -> None:
        """Note that a law is broken."""
        self.broken.append(Violation(law, what, self._step(), self._store.now()))

    # What crosses a boundary

    def leave(self, request: Request) -> None:
        """Look at what a broker puts on the wire."""
        if not isinstance(request, Place):
            return
        order = request.order
        name = order.client_order_id
        if name not in self._store.intents:
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
        if len(self._venue.by_client[order.client_order_id]) > 1:
            self.breach("a client order id is at the venue at most once", order.client_order_id)
        if order.parent:
            parents = self._venue.by_client.get(order.parent, [])
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
                held = self._held(fill.client_order_id)
                if held is None or held.open:
                    self.breach("what is over here is over at the venue", f"{fill.client_order_id} filled")
            case AccountStateChanged(state=AccountState.READY):
                self._check_ready(message)
            case _:
                pass

    def acknowledge(self, answer: Any, flattens: bool) -> None:  # noqa: FBT001
        """Look at the answer to a halt."""
        if isinstance(answer, TradingStateSet) and answer.state is TradingState.HALTED:
            if not (answer.durable or answer.trouble):
                self.breach("a halt is durable before it is acknowledged", answer.scope)
            if answer.durable:
                self.halted[answer.scope] = flattens

    def _compare_fill(self, filled: OrderFilled) -> None:
        fill = filled.fill
        number = fill.exec_id.removeprefix("x")
        told = self._venue.log[int(number) - 1] if number.isdecimal() else None
        if told is None or (told.client_order_id, told.signed) != (
            fill.client_order_id,
            fill.side.signed(fill.quantity),
        ):
            self.breach("a trade is never invented", f"{fill.client_order_id} {fill.exec_id}")

    def _not_booked(self, number: int) -> Iterator[str]:
        """The fills of ours up to a transaction that the journal does not have."""
        for told in self._venue.log[:number]:
            if told.kind is ExecType.FILLED and told.client_order_id and f"x{told.number}" not in self.booked:
                yield f"x{told.number}"

    def _check_end(self, name: str, status: OrderStatus) -> None:
        held = self._held(name)
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
            and message.request not in self._venue.seen
            for at, _, _, message in self._wire.heap
        )

    def _check_ready(self, changed: AccountStateChanged) -> None:
        """Nothing may be READY that lacks what its venue did before it was heard last."""
        del changed
        missing = [*self._not_booked(self.cursor)]
        if missing:
            self.breach("an account is ready only when it is clean", f"{missing}")

    def _held(self, name: str) -> Held | None:
        return next(iter(self._venue.by_client.get(name, ())), None)

    # What has come to rest

    def at_rest(self, node: Node) -> Iterator[tuple[str, str]]:
        """Look at a node in which nothing is under way, whatever is on the wire."""
        if not node.runs("desk"):
            return
        records: dict[str, OrderRecord] = node.actor("desk").records
        for name, record in records.items():
            held = self._held(name)
            if record.filled > (held.filled if held else ZERO):
                yield "0 ≤ filled ≤ quantity", f"{name}: {record.filled} here"
            if record.status is OrderStatus.FILLED and record.filled < record.quantity:
                yield "0 ≤ filled ≤ quantity", f"{name} is filled by {record.filled} of {record.quantity}"
        held_here = _fold(records)
        for portfolio, symbols in HELD_BY.items():
            if node.runs(f"portfolio/{portfolio}"):
                yield from self._look_at_books(node, portfolio, symbols, held_here)
            yield from _look_at_leaves(node, portfolio, records) if node.runs(f"portfolio/{portfolio}") else ()
        if node.runs("risk"):
            yield from _look_at_risk(node, records, held_here)

    def _look_at_books(
        self, node: Node, portfolio: str, symbols: tuple[str, ...], held: dict[tuple[str, str], Decimal]
    ) -> Iterator[tuple[str, str]]:
        book = node.actor(f"portfolio/{portfolio}").book
        if book.ledger.total("USD"):
            yield "the ledger sums to zero", portfolio
        for symbol in symbols:
            adjusted = _adjusted(node, portfolio, symbol)
            quantity = held.get((portfolio, symbol), ZERO) + adjusted
            if book.positions[symbol].quantity != quantity:
                yield (
                    "a position is the fold of its fills",
                    f"{portfolio} {symbol}: {book.positions[symbol].quantity}, and the fold is {quantity}",
                )

    def at_the_end(self, node: Node) -> Iterator[tuple[str, str]]:
        """Look at a node that has had time to find out everything."""
        if not node.up:
            yield "a node comes up again", "it is not up"
            return
        for name, cell in node.bus.cells.items():
            if not node.runs(name):
                yield "every actor comes up again", f"{name} is {cell.state.value}: {cell.reason}"
                return
        yield from self.at_rest(node)
        desk = node.actor("desk")
        account = desk.accounts.get(BROKER)
        if account is None or account.state is not AccountState.READY:
            yield "the account is ready in the end", f"{account and (account.state, account.reason)}"
        yield from self._look_at_orders(desk.records)
        yield from self._look_at_positions(desk)
        yield from self._look_at_journal(node, desk.records)
        yield from self._look_at_states(node)

    def _look_at_states(self, node: Node) -> Iterator[tuple[str, str]]:
        """Whatever was set, and nothing else, has to hold: all causes that end by themselves are over."""
        set_ = {each.scope: each.state for each in self._store.states.values()}
        strict = {scope: state for scope, state in set_.items() if state is not TradingState.ACTIVE}
        law = "what was set is what holds"
        barred = {
            scope: TradingState.HALTED if each.flattening else each.state
            for scope, each in node.actor("risk").barriers._states.items()
        }
        if barred != strict:
            yield law, f"risk has {barred}, and {strict} was set"
        flattening = {each.scope for each in node.actor("risk").barriers._states.values() if each.flattening}
        halted = {scope for scope, state in strict.items() if state is TradingState.HALTED} - flattening
        if node.actor("desk").halted != halted:
            yield law, f"the desk has {node.actor('desk').halted}, and {halted} was halted"
        for name, reservation in node.actor("risk").book.reservations.items():
            if reservation.wanted is not None:
                yield "what is open is reserved", f"{name} is said to be modified still"

    def _look_at_orders(self, records: dict[str, OrderRecord]) -> Iterator[tuple[str, str]]:
        law = "the venue's book equals the node's"
        for name, (held, *_) in self._venue.by_client.items():
            if name not in records:
                yield law, f"{name} is not known here"
                continue
            record = records[name]
            theirs = {f"x{told.number}" for told in held.history if told.kind is ExecType.FILLED}
            ours = {fill.exec_id for fill in record.fills}
            if ours != theirs:
                yield law, f"{name} has fills {sorted(ours)} here and {sorted(theirs)} there"
            if record.status.is_open is not held.open:
                yield law, f"{name} is {record.status} here, and {'open' if held.open else 'over'} there"
            if held.open and record.terms != held.terms:
                yield law, f"{name} works for {record.terms} here and {held.terms} there"
        for name, record in records.items():
            if record.status is OrderStatus.UNKNOWN:
                yield "no order stays unknown", name
            elif record.status.is_open and self._held(name) is None and record.status is not OrderStatus.INITIALIZED:
                yield law, f"{name} is {record.status} here, and not there"
            elif record.status.is_open and name in self.unwanted:
                yield "a cancel is not forgotten", f"{name} is {record.status}"

    def _look_at_positions(self, desk: Any) -> Iterator[tuple[str, str]]:
        folded: dict[str, Decimal] = dict(self.adjusted)
        for (_, symbol), quantity in _fold(desk.records).items():
            folded[symbol] = folded.get(symbol, ZERO) + quantity
        for symbol in folded.keys() | self._venue.positions.keys():
            ours, theirs = folded.get(symbol, ZERO), self._venue.positions.get(symbol, ZERO)
            if ours != theirs:
                yield "the venue's book equals the node's", f"{symbol}: {ours} here, {theirs} there"

    def _look_at_journal(self, node: Node, records: dict[str, OrderRecord]) -> Iterator[tuple[str, str]]:
        from actors.journal import MemoryJournal
        from lts.domain.journal import RecallOrders

        del node
        folded = MemoryJournal()
        folded.facts = self._store.facts
        kept = {each.order.client_order_id: each for each in folded.recall(RecallOrders()).records}
        for name, record in records.items():
            twin = kept.get(name)
            if twin is None or (twin.status, twin.filled) != (record.status, record.filled):
                stands = "not there" if twin is None else f"{twin.status} {twin.filled}"
                yield "the journal has what happened", f"{name}: {record.status} {record.filled}, and there {stands}"


def _fold(records: dict[str, OrderRecord]) -> dict[tuple[str, str], Decimal]:
    held: dict[tuple[str, str], Decimal] = {}
    for record in records.values():
        if record.filled:
            key = (record.order.portfolio, record.order.instrument)
            held[key] = held.get(key, ZERO) + record.order.side.signed(record.filled)
    return held


def _adjusted(node: Node, portfolio: str, symbol: str) -> Decimal:
    adjustments: list[PositionAdjusted] = node.actor("desk").adjustments
    own = (each.quantity for each in adjustments if (each.portfolio, each.instrument) == (portfolio, symbol))
    return sum(own, ZERO)


def _look_at_leaves(
    node: Node, portfolio: str, records: dict[str, OrderRecord]
) -> Iterator[tuple[str, str]]:
    """What a portfolio takes for under way has to be so, or it would trade too much or never again."""
    law = "what is under way is counted"
    known: dict[str, Decimal] = {}
    for leaves in node.actor(f"portfolio/{portfolio}").leaves.values():
        known |= leaves
    for name, record in records.items():
        order = record.order
        if order.portfolio == portfolio and (name in known or not order.reduce_only):
            left = known.pop(name, ZERO)
            if left != order.side.signed(record.leaves):
                yield law, f"{portfolio} {name}: {left}, and it is {record.status} {record.leaves}"
    if node.up and not node.resting:
        for name, left in known.items():
            yield law, f"{portfolio} {name}: {left}, and nobody knows it"


def _look_at_risk(
    node: Node, records: dict[str, OrderRecord], held: dict[tuple[str, str], Decimal]
) -> Iterator[tuple[str, str]]:
    """Reserved has to be what open orders may trade; an order that is being looked at may be known to risk only."""
    book = node.actor("risk").book
    for portfolio, symbols in HELD_BY.items():
        for symbol in symbols:
            quantity = held.get((portfolio, symbol), ZERO) + _adjusted(node, portfolio, symbol)
            position = book.exposure(portfolio, BROKER, symbol).position
            if position != quantity:
                yield "a position is the fold of its fills", f"risk {portfolio} {symbol}: {position}, not {quantity}"
    for name, record in records.items():
        reservation = book.reservations.get(name)
        left = reservation.left if reservation else ZERO
        if reservation is not None and reservation.wanted is not None:
            continue
        if left != record.leaves:
            yield "what is open is reserved", f"{name} ({record.status}): {left}, and {record.leaves} may trade"
    for name in book.reservations.keys() - records.keys():
        yield "what is open is reserved", f"{name} is not known to the desk"
