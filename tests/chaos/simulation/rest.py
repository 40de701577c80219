"""The laws that hold for a node as a whole: while nothing is under way, and when all has come to rest."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from actors.journal import MemoryJournal
from lts.domain.journal import RecallOrders
from lts.domain.money import ZERO
from lts.domain.order_flow import ExecType
from lts.domain.order_record import OrderRecord
from lts.domain.order_status import OrderStatus
from lts.domain.reconciliation import AccountState, PositionAdjusted
from lts.domain.risk import TradingState
from tests.chaos.simulation.laws import Laws
from tests.chaos.simulation.node import HELD_BY, Node
from tests.chaos.simulation.protocol import BROKER


class Rest:
    """Compares what the node has with what the venue has and the journal keeps."""

    def __init__(self, laws: Laws) -> None:
        self.laws = laws

    def at_rest(self, node: Node) -> Iterator[tuple[str, str]]:
        """Look at a node in which nothing is under way, whatever is on the wire."""
        if not node.runs("desk"):
            return
        records: dict[str, OrderRecord] = node.actor("desk").records
        for name, record in records.items():
            held = self.laws.held(name)
            if record.filled > (held.filled if held else ZERO):
                yield "0 ≤ filled ≤ quantity", f"{name}: {record.filled} here"
            if record.status is OrderStatus.FILLED and record.filled < record.quantity:
                yield "0 ≤ filled ≤ quantity", f"{name} is filled by {record.filled} of {record.quantity}"
        held_here = _fold(records)
        for portfolio, symbols in HELD_BY.items():
            if node.runs(f"portfolio/{portfolio}"):
                yield from self._look_at_books(node, portfolio, symbols, held_here)
            yield from (
                _look_at_leaves(node, portfolio, records) if node.runs(f"portfolio/{portfolio}") else ()
            )
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
        yield from self._look_at_journal(desk.records)
        yield from self._look_at_states(node)

    def _look_at_states(self, node: Node) -> Iterator[tuple[str, str]]:
        """Whatever was set, and nothing else, has to hold: all causes that end by themselves are over."""
        set_ = {each.scope: each.state for each in self.laws.store.states.values()}
        strict = {scope: state for scope, state in set_.items() if state is not TradingState.ACTIVE}
        law = "what was set is what holds"
        barred = {
            scope: TradingState.HALTED if each.flattening else each.state
            for scope, each in node.actor("risk").barriers.states.items()
        }
        if barred != strict:
            yield law, f"risk has {barred}, and {strict} was set"
        flattening = {each.scope for each in node.actor("risk").barriers.states.values() if each.flattening}
        halted = {scope for scope, state in strict.items() if state is TradingState.HALTED} - flattening
        if node.actor("desk").halted.scopes != halted:
            yield law, f"the desk has {node.actor('desk').halted.scopes}, and {halted} was halted"
        for name, reservation in node.actor("risk").book.reservations.items():
            if reservation.wanted is not None:
                yield "what is open is reserved", f"{name} is said to be modified still"

    def _look_at_orders(self, records: dict[str, OrderRecord]) -> Iterator[tuple[str, str]]:
        law = "the venue's book equals the node's"
        for name, (held, *_) in self.laws.venue.by_client.items():
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
            elif (
                record.status.is_open
                and self.laws.held(name) is None
                and record.status is not OrderStatus.INITIALIZED
            ):
                yield law, f"{name} is {record.status} here, and not there"
            elif record.status.is_open and name in self.laws.unwanted:
                yield "a cancel is not forgotten", f"{name} is {record.status}"

    def _look_at_positions(self, desk: Any) -> Iterator[tuple[str, str]]:
        folded: dict[str, Decimal] = dict(self.laws.adjusted)
        for (_, symbol), quantity in _fold(desk.records).items():
            folded[symbol] = folded.get(symbol, ZERO) + quantity
        for symbol in folded.keys() | self.laws.venue.positions.keys():
            ours, theirs = folded.get(symbol, ZERO), self.laws.venue.positions.get(symbol, ZERO)
            if ours != theirs:
                yield "the venue's book equals the node's", f"{symbol}: {ours} here, {theirs} there"

    def _look_at_journal(self, records: dict[str, OrderRecord]) -> Iterator[tuple[str, str]]:
        folded = MemoryJournal()
        folded.facts = self.laws.store.facts
        kept = {each.order.client_order_id: each for each in folded.recall(RecallOrders()).records}
        for name, record in records.items():
            twin = kept.get(name)
            if twin is None or (twin.status, twin.filled) != (record.status, record.filled):
                stands = "not there" if twin is None else f"{twin.status} {twin.filled}"
                yield (
                    "the journal has what happened",
                    f"{name}: {record.status} {record.filled}, and there {stands}",
                )


def _fold(records: dict[str, OrderRecord]) -> dict[tuple[str, str], Decimal]:
    held: dict[tuple[str, str], Decimal] = {}
    for record in records.values():
        if record.filled:
            key = (record.order.portfolio, record.order.instrument)
            held[key] = held.get(key, ZERO) + record.order.side.signed(record.filled)
    return held


def _adjusted(node: Node, portfolio: str, symbol: str) -> Decimal:
    adjustments: list[PositionAdjusted] = node.actor("desk").accounts.folded(BROKER)._adjustments
    own = (each.quantity for each in adjustments if (each.portfolio, each.instrument) == (portfolio, symbol))
    return sum(own, ZERO)


def _look_at_leaves(node: Node, portfolio: str, records: dict[str, OrderRecord]) -> Iterator[tuple[str, str]]:
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
    """Reserved has to be what open orders may trade, and held what they have traded."""
    book = node.actor("risk").book
    for portfolio, symbols in HELD_BY.items():
        for symbol in symbols:
            quantity = held.get((portfolio, symbol), ZERO) + _adjusted(node, portfolio, symbol)
            position = book.exposure(portfolio, BROKER, symbol).position
            if position != quantity:
                yield (
                    "a position is the fold of its fills",
                    f"risk {portfolio} {symbol}: {position}, not {quantity}",
                )
    for name, record in records.items():
        reservation = book.reservations.get(name)
        left = reservation.left if reservation else ZERO
        if reservation is not None and reservation.wanted is not None:
            continue
        if left != record.leaves:
            yield (
                "what is open is reserved",
                f"{name} ({record.status}): {left}, and {record.leaves} may trade",
            )
    for name in book.reservations.keys() - records.keys():
        yield "what is open is reserved", f"{name} is not known to the desk"
