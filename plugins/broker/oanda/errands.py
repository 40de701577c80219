"""What is asked of the venue for one order, and what it means if it does not answer."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from decimal import Decimal
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from lts.sdk import SECOND, ExecType, ExecutionReport, Terms, Unanswered, WebAnswer

from .account import Account, objection_in, transactions_in
from .book import ENDS, Book, Held
from .names import Names
from .requests import order_request
from .stream import Transactions
from .transactions import TAKEN

if TYPE_CHECKING:
    from .plugin import OandaBroker

Sending = Callable[[dict[str, Any]], Awaitable[WebAnswer]]


class Errands:
    """Sends, cancels, modifies and looks up orders, and reports what came of it."""

    def __init__(
        self, broker: "OandaBroker", account: Account, stream: Transactions, book: Book, names: Names
    ) -> None:
        self._broker = broker
        self._account = account
        self._stream = stream
        self._book = book
        self._names = names
        self.looking_up: set[str] = set()
        """The orders of which somebody has asked what became of them, and is not answered yet."""

    async def send(self, held: Held) -> None:
        """Send an order, once; one that only reduces goes first, and again if the venue is too busy."""
        if held.order.reduce_only:
            await self._send(held, partial(self._account.place_first, wanted=lambda: not held.withdrawn))
        else:
            async with self._account.turn():
                await self._send(held, self._account.place)

    async def _send(self, held: Held, place: Sending) -> None:
        name = held.order.client_order_id
        if held.withdrawn:
            self._book.drop(name)
            self._broker.canceled(name, "it had not been sent")
            return
        held.sent = True
        try:
            if await self._was_sent_before(name):
                return
            answer = await place(self._request(held, held.terms, held.order.quantity))
        except Unanswered as doubt:
            self._doubt(held, str(doubt), over=doubt.over)
            return
        await self._take(answer)
        self._conclude(held, answer)

    async def cancel(self, name: str, held: Held | None) -> None:
        """Ask for the end of an order; of one that is over, or was never here, nothing is told.

        A venue that was too busy all the time has not said no: the order is in doubt, and asked after.
        """
        try:
            if held and self._book.get(name) is not held:
                return
            answer = await self._account.cancel(name)
        except Unanswered as doubt:
            if held:
                self._broker.unknown(name, f"of its cancel: {doubt}")
            return
        finally:
            if held:
                held.canceling = False
        await self._take(answer)
        if held and answer.status == HTTPStatus.TOO_MANY_REQUESTS:
            self._broker.unknown(name, f"of its cancel: {objection_in(answer)}")
        elif held and not (answer.is_yes or transactions_in(answer)):
            self._broker.cancel_rejected(name, objection_in(answer))

    async def amend(self, held: Held, terms: Terms) -> None:
        """Ask for other terms of an order: what has traded of it counts."""
        name = held.order.client_order_id
        if held.order.reduce_only:
            first = partial(self._account.replace_first, name, wanted=lambda: not held.withdrawn)
            await self._amend(held, terms, first)
        else:
            async with self._account.turn():
                await self._amend(held, terms, partial(self._account.replace, name))

    async def _amend(self, held: Held, terms: Terms, replace: Sending) -> None:
        name, left = held.order.client_order_id, terms.quantity - held.filled
        if self._book.get(name) is not held:
            return
        if left <= 0:
            self._broker.update_rejected(name, f"{held.filled} of it have traded")
            return
        try:
            answer = await replace(self._request(held, terms, left))
        except Unanswered as doubt:
            self._broker.unknown(name, f"of its modification: {doubt}")
            return
        await self._take(answer)
        if not answer.is_yes:
            self._broker.update_rejected(name, objection_in(answer))

    async def look_up(self, name: str) -> None:
        """Find out what became of an order: from the transactions, else by asking for it.

        That there is no such order proves nothing before the venue can no longer act on the request, and
        would show what it did.
        """
        held, now = self._book.get(name), self._broker.system.monotonic()
        lifetime_s = self._lifetime_s(held)
        left = lifetime_s - (now - (held.doubted_at if held else self._book.born)) / SECOND
        try:
            order = await self._account.order(name)
            await self._stream.catch_up()
            if first := order["id"] if order else held.venue_order_id if held else "":
                await self._retell(name, first, order)
            elif self._book.get(name) is held:  # else its end has been told meanwhile
                self._not_found(name, left, lifetime_s)
        except Unanswered as doubt:
            self._broker.unknown(name, str(doubt))
        finally:
            self.looking_up.discard(name)

    def _lifetime_s(self, held: Held | None) -> float:
        params = self._broker.params
        if held and held.is_over:
            return min(params.failure_settles_s, params.request_lifetime_s)
        return params.request_lifetime_s

    def _not_found(self, name: str, left: float, lifetime_s: float) -> None:
        if left > 0:
            self._broker.unknown(name, f"it is not at the venue, and may yet get there within {left:.1f} s")
        else:
            self._broker.absent(name, f"it was not at the venue {lifetime_s:g} s after it was sent")
            self._book.drop(name)

    async def _retell(self, name: str, first: str, order: Mapping[str, Any] | None) -> None:
        """Report once more what the venue has: the fills, and where the order stands."""
        held = self._book.adopt(name)
        last, number = None, int(first) - 1
        while last is None or number < last:
            page = await self._account.since(number)
            last, number = page.last, max((int(each["id"]) for each in page.transactions), default=page.last)
            await self._stream.catch_up(last)  # no stock that was taken before this may be told after it
            for each in page.transactions:
                report = self._broker.interpreter.report(each)
                if report and report.client_order_id == name and self._is_worth_telling_again(report):
                    self._broker.report(report)
        if order and order["state"] == "PENDING" and held and self._book.get(name) is held:
            held.venue_order_id = order["id"]
            self._broker.accepted(name, order["id"])

    async def _was_sent_before(self, name: str) -> bool:
        """Whether an order that was inherited as not sent is at the venue all the same: then it is told."""
        if not self._book.is_inherited(name):
            return False
        order = await self._account.order(name)
        await self._stream.catch_up()
        if order:
            await self._retell(name, order["id"], order)
        return order is not None

    async def _take(self, answer: WebAnswer) -> None:
        """Take in the transactions of an answer; those that come too early wait for the stream."""
        self._stream.take(transactions_in(answer))
        if self._stream.early and not self._stream.live:
            with suppress(Unanswered):  # then they come when the account is reached again
                await self._stream.catch_up()

    def _conclude(self, held: Held, answer: WebAnswer) -> None:
        """Report an order of which no transaction tells, or which the venue says that it has already."""
        name, told = held.order.client_order_id, transactions_in(answer)
        if any(each.get("rejectReason") == TAKEN for each in told):
            self._doubt(held, "the venue has an order of this id already")
        elif not told and answer.is_yes:
            self._doubt(held, "the venue agrees, and does not say to what")
        elif not told:
            self._broker.rejected(name, objection_in(answer))
            self._book.drop(name)

    def _doubt(self, held: Held, reason: str, *, over: bool = False) -> None:
        """Report that the fate of an order is unknown, unless it has been told meanwhile."""
        held.doubted_at, held.is_over = self._broker.system.monotonic(), over
        name = held.order.client_order_id
        if self._book.get(name) is held and not held.venue_order_id:
            self._broker.unknown(name, reason)

    def _request(self, held: Held, terms: Terms, units: Decimal) -> dict[str, Any]:
        return order_request(held.order, terms, units, self._names)

    def _is_worth_telling_again(self, report: ExecutionReport) -> bool:
        """Whether a report says something of an order that is looked up: an end is told of what is open."""
        return report.kind is ExecType.FILLED or (
            report.kind in ENDS and self._book.get(report.client_order_id) is not None
        )
