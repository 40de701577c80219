"""Trades an account at OANDA: requests go out, and the account's transactions say what became of them."""

from collections.abc import AsyncGenerator
from functools import partial
from typing import Any

from lts.sdk import (
    SECOND,
    AmendOrder,
    Broker,
    ExecutionReport,
    Instrument,
    OrderStatus,
    PlaceOrder,
    QueryOrder,
    Refused,
    Silent,
    Unanswered,
    WithdrawOrder,
    from_rfc3339,
    is_loopback,
    on,
    pause,
    persist,
)

from .account import Account
from .book import Book
from .cursor import Transaction
from .errands import Errands
from .financing import financings_in
from .lanes import Lanes
from .names import Names
from .params import OandaParams
from .requests import objection_to
from .snapshot import orders_in, positions_in
from .stream import Transactions
from .transactions import Interpreter

TRIES = 20
"""Snapshots that are taken until one is of an account that nothing happened in meanwhile."""
ASKED = frozenset({OrderStatus.SUBMITTED, OrderStatus.PENDING_CANCEL, OrderStatus.PENDING_UPDATE})
"""The states of an order that an answer is awaited for."""
TOO_OLD_S = 3600
"""By how much market time may be off the wall clock's: real orders are of the present."""


class OandaBroker(Broker[OandaParams]):
    """One account, its orders in lanes of their own, and its transactions, which are the truth.

    Handlers return at once. What a request came to is told by the transactions in its answer or in
    the stream, whichever come first; where there is no answer, its fate is unknown.
    """

    external = True

    async def lifespan(self) -> AsyncGenerator[None, None]:
        """Take up where the journal says that it stood, and keep following the account."""
        self._refuse_other_times()
        self._refuse_contracts()
        records = await self.recalled_orders()
        cursor = await self.recalled_cursor()
        self.names = Names(self.instruments, self.params.symbols)
        self.book = Book(records, self.system.monotonic())
        self.lanes = Lanes(self.background)
        self.interpreter = Interpreter(self.assignment.broker, self.book)
        self.trouble, self.was_silent = "it has not been reached yet", False
        self.lost(self.trouble)
        for record in records:
            if record.status in ASKED:
                self.unknown(record.order.client_order_id, "its broker was started anew")
        async with self.reach() as self.account:
            self.stream = Transactions(
                self.account, int(cursor) if cursor else None, self.tell, lambda last: self.seen(str(last))
            )
            self.errands = Errands(self, self.account, self.stream, self.book, self.names)
            self.background(persist(self.follow, Unanswered))
            self.background(self.take_stock_regularly())
            yield

    def reach(self) -> Account:
        """Return the account at the venue."""
        api, streams = map(self.params.service, self.params.addresses)
        return Account(self.params.account, api, streams, self.params.insist_s)

    @on
    def place(self, request: PlaceOrder) -> None:
        """Have an order sent, once; one of a sort that the venue does not have is rejected at once."""
        order = request.order
        if objection := objection_to(order, self.instruments):
            self.rejected(order.client_order_id, objection)
        elif self.book.get(order.client_order_id):
            self.log.error("an order is not sent again", order=order.client_order_id)
            self.lanes.add(order.client_order_id, partial(self.errands.look_up, order.client_order_id))
        else:
            self.lanes.add(order.client_order_id, partial(self.errands.send, self.book.add(order)))

    @on
    def withdraw(self, request: WithdrawOrder) -> None:
        """Have an order cancelled, whatever is known of it; one that has not been sent is not sent."""
        name = request.client_order_id
        held = self.book.get(name)
        if held:
            held.withdrawn = True
        if (not held or held.sent) and not (held and held.canceling):
            self.lanes.add(name, partial(self.errands.cancel, name, held))
            if held:
                held.canceling = True

    @on
    def amend(self, request: AmendOrder) -> None:
        """Have an order replaced by one on other terms, under the same client order id."""
        if held := self.book.get(request.client_order_id):
            self.lanes.add(request.client_order_id, partial(self.errands.amend, held, request.terms))

    @on
    def query(self, request: QueryOrder) -> None:
        """Have an order looked up, after all that was asked of it before; once at a time is enough."""
        name = request.client_order_id
        if name not in self.errands.looking_up:
            self.errands.looking_up.add(name)
            self.lanes.add(name, partial(self.errands.look_up, name))

    # What comes in

    async def follow(self) -> None:
        """Follow the account until its stream breaks: listen first, then catch up, then take stock.

        After a stream that was silent, one that is merely open is not believed.
        """
        try:
            async with self.account.transactions(self.params.heartbeat_timeout_s) as bursts:
                first = await anext(bursts) if self.was_silent else []
                await self.take_stock()
                self.stream.live, self.trouble, self.was_silent = True, "", False
                await self.stream.hear(first)
                async for burst in bursts:
                    await self.stream.hear(burst)
        except Unanswered as trouble:
            self.stream.live, self.was_silent = False, isinstance(trouble, Silent)
            if str(trouble) != self.trouble:
                self.trouble = str(trouble)
                self.lost(self.trouble)
            raise

    async def take_stock(self) -> None:
        """Report all that is open, as of a moment at which everything up to it had been told."""
        for _ in range(TRIES):
            account = await self.account.details()
            last = int(account["lastTransactionID"])
            await self.stream.begin(last)
            if self.stream.at == last:
                orders = tuple(orders_in(account, self.names, self.book))
                self.venue_reported(str(last), orders, tuple(positions_in(account, self.names)))
                return
            await pause(0.05)
        raise Unanswered("the account does not come to rest")

    async def take_stock_regularly(self) -> None:
        """Report all that is open from time to time, as long as the stream is there."""
        while True:
            await pause(self.params.reconcile_every_s)
            if self.stream.live:
                try:
                    await self.take_stock()
                except Unanswered as trouble:
                    self.log.warning("no stock was taken", reason=str(trouble))

    def tell(self, transaction: Transaction) -> None:
        """Report what a transaction says of what is held, and of an order.

        What a fill is charged for was held before it.
        """
        for financing in financings_in(transaction):
            instrument, at = self.names.ours(financing.instrument), from_rfc3339(transaction["time"])
            if instrument in self.instruments:
                self.financed(instrument, financing.amount, financing.id, at=at)
            else:
                self.log.warning("financing of somebody else's position", instrument=instrument)
        if report := self.interpreter.report(transaction):
            self.report(report)

    def report(self, report: ExecutionReport) -> None:
        """Publish a report, and follow it."""
        self.publish(report)
        self.book.heed(report)

    # What it is not for

    def _refuse_other_times(self) -> None:
        """Refuse to be part of a backtest or a replay, unless the venue is a test's, on this machine."""
        off = abs(self.clock.now() - self.system.now()) / SECOND
        if off > TOO_OLD_S and not all(map(is_loopback, self.params.addresses)):
            raise Refused(
                f"broker {self.assignment.broker!r} trades at a real venue, and market time is not the "
                "present; use it with live feeds, and the paper broker for everything else"
            )

    def _refuse_contracts(self) -> None:
        """Refuse instruments of which one is not one unit."""
        for instrument in self.instruments.values():
            if objection := self.objection_to_instrument(instrument):
                raise Refused(f"{objection}; leave it out")

    def objection_to_instrument(self, instrument: Instrument) -> str:
        """Return why an instrument cannot be traded there: one of it is not one unit."""
        if instrument.multiplier == 1:
            return ""
        return f"instrument {instrument.symbol!r} has a multiplier, and units at OANDA have none"

    def take_up_instrument(self, instrument: Instrument) -> None:
        """Know what it is called there."""
        self.names.add(instrument.symbol)

    def debug_info(self) -> dict[str, Any]:
        """What is open, how far it is, and whether the stream is there."""
        return super().debug_info() | {
            "open": len(self.book),
            "busy": len(self.lanes),
            "cursor": self.stream.at,
            "early": self.stream.early,
            "live": self.stream.live,
        }
