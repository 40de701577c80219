"""An account at OANDA, by the endpoints of the v20 API."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from http import HTTPStatus
from typing import Any, NamedTuple, Self

from lts.sdk import Unanswered, Urgency, WebAnswer, WebService

from .cursor import Transaction
from .names import specifier

Json = dict[str, Any]
GONE = HTTPStatus.NOT_FOUND


class Page(NamedTuple):
    """Transactions in order, and the id of the last one that there is."""

    transactions: list[Transaction]
    last: int


class Account:
    """What can be asked of an account, and commanded.

    Questions are repeated, and so is a cancel, also where nobody can tell what came of it: for
    `insist_s`, and before all else. What only reduces is repeated where the venue says that it has no
    time for it; all else is sent once.

    Raises:
        Unanswered: by each of them: nobody can tell what came of it.
    """

    def __init__(self, account: str, api: WebService, streams: WebService, insist_s: float) -> None:
        self._path = f"/v3/accounts/{account}"
        self._insist_s = insist_s
        self._api = api
        self._streams = streams
        self._open = AsyncExitStack()

    async def __aenter__(self) -> Self:
        """Connections are made as they are needed."""
        await self._open.enter_async_context(self._api)
        await self._open.enter_async_context(self._streams)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close all connections."""
        await self._open.aclose()

    def turn(self) -> AbstractAsyncContextManager[None]:
        """Wait until an order may be sent that may add to what is held; what is sent within is that order."""
        return self._api.turn(Urgency.LATER)

    async def place(self, request: Json) -> WebAnswer:
        """Ask for an order, within its `turn`."""
        return await self._api.command("POST", f"{self._path}/orders", request)

    async def place_first(self, request: Json, wanted: Callable[[], bool]) -> WebAnswer:
        """Ask for an order that only reduces, as long as it is wanted and the venue has no time for it."""
        path = f"{self._path}/orders"
        return await self._api.insist("POST", path, request, within_s=self._insist_s, wanted=wanted)

    async def replace(self, client_order_id: str, request: Json) -> WebAnswer:
        """Ask for an order in the place of another, within its `turn`."""
        return await self._api.command("PUT", self._order(client_order_id), request)

    async def replace_first(
        self, client_order_id: str, request: Json, wanted: Callable[[], bool]
    ) -> WebAnswer:
        """Ask for one that only reduces in the place of another, as `place_first` does."""
        path = self._order(client_order_id)
        return await self._api.insist("PUT", path, request, within_s=self._insist_s, wanted=wanted)

    async def cancel(self, client_order_id: str) -> WebAnswer:
        """Ask for the end of an order, until it is certain what came of that."""
        path = f"{self._order(client_order_id)}/cancel"
        return await self._api.insist("PUT", path, within_s=self._insist_s, repeatable=True)

    async def order(self, client_order_id: str) -> Json | None:
        """Return an order, None if the venue says that there is none."""
        answer = await self._api.question(self._order(client_order_id))
        return None if answer.status == GONE else dict(_yes(answer)["order"])

    async def since(self, number: int) -> Page:
        """Return the transactions behind an id, or the first of them if there are many."""
        body = _yes(await self._api.question(f"{self._path}/transactions/sinceid", id=number))
        return Page(body["transactions"], int(body["lastTransactionID"]))

    async def details(self) -> Json:
        """Return all that is open, as of the `lastTransactionID` in it."""
        body = _yes(await self._api.question(self._path))
        return {**body["account"], "lastTransactionID": body["lastTransactionID"]}

    def transactions(self, silence_s: float) -> AbstractAsyncContextManager[AsyncIterator[list[Json]]]:
        """Open the stream of transactions and heartbeats."""
        return self._streams.listen(f"{self._path}/transactions/stream", silence_s)

    def _order(self, client_order_id: str) -> str:
        return f"{self._path}/orders/{specifier(client_order_id)}"


def objection_in(answer: WebAnswer) -> str:
    """Return why the venue does not do as it was told, in its own words."""
    said = answer.body.get("errorMessage") or answer.body.get("errorCode") or "it gives no reason"
    return f"{said} ({answer.status})"


def transactions_in(answer: WebAnswer) -> list[Transaction]:
    """Return the transactions that an answer tells of."""
    return [value for name, value in answer.body.items() if name.endswith("Transaction")]


def _yes(answer: WebAnswer) -> Json:
    if not answer.is_yes:
        raise Unanswered(f"the venue says: {objection_in(answer)}")
    return answer.body
