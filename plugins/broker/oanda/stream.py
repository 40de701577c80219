"""The account's transactions as they come in: from the stream, from questions, from answers."""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

from lts.sdk import Unanswered, pause

from .account import Account
from .cursor import Cursor, Transaction

HEARTBEAT = "HEARTBEAT"
LATE_S, MOST_LATE = 0.1, 30
"""Seconds between two looks at what the venue does not show yet, and how many there are."""


class Transactions:
    """Hands every transaction on once, in order, and says after each burst how far it is.

    Args:
        account: which.
        cursor: up to where they were handed on before; None begins with what happens from now on.
        tell: takes a transaction.
        seen: takes the id up to which all were told.
    """

    def __init__(
        self,
        account: Account,
        cursor: int | None,
        tell: Callable[[Transaction], None],
        seen: Callable[[int], None],
    ) -> None:
        self._account = account
        self._cursor = None if cursor is None else Cursor(cursor)
        self._tell = tell
        self._seen = seen
        self._catching = asyncio.Lock()
        self._begun = self._finished = 0
        """The rounds of catching up that have begun, and the last that came to the end of all."""
        self.live = False
        """Whether the stream brings what happens."""

    @property
    def at(self) -> int | None:
        """The id up to which all were handed on."""
        return self._cursor.at if self._cursor else None

    @property
    def early(self) -> int:
        """How many wait for one that came before them."""
        return self._cursor.early if self._cursor else 0

    def take(self, transactions: Iterable[Transaction]) -> None:
        """Take some in, wherever they come from, and hand on what is in turn."""
        if (cursor := self._cursor) is None:
            return
        before = cursor.at
        cursor.offer(transactions)
        for each in cursor.take():
            self._tell(each)
        if cursor.at > before:
            self._seen(cursor.at)

    async def begin(self, last: int) -> None:
        """Catch up with an account that has come to an id, at the very first time from there on."""
        if self._cursor is None:
            self._cursor = Cursor(last)
            self._seen(last)
        await self.catch_up(last)

    async def catch_up(self, to: int | None = None) -> None:
        """Fetch what has happened up to an id, by default up to now, and hand it on.

        Raises:
            Unanswered: the venue cannot be asked, or nothing has been heard of it yet.
        """
        asked, everything = self._begun, to is None
        async with self._catching:
            if everything and self._finished > asked:
                return  # somebody has fetched all that there was when this was asked
            self._begun += 1
            late = 0
            while to is None or self._behind(to):
                last = await self._fetch()
                to = last if to is None else to
                if last < to:
                    late += 1
                    await self._let_it_appear(last, to, late)
            if everything:
                self._finished = self._begun

    async def hear(self, burst: list[dict[str, Any]]) -> None:
        """Take in what the stream brings, and fetch what it has left out."""
        known = [int(each["lastTransactionID" if _is_heartbeat(each) else "id"]) for each in burst]
        self.take(each for each in burst if not _is_heartbeat(each))
        await self.catch_up(max(known, default=0))

    async def _let_it_appear(self, last: int, to: int, times: int) -> None:
        """Wait for a venue that has told of what it does not show yet; raises Unanswered."""
        if times > MOST_LATE:
            raise Unanswered(f"the venue has told of transaction {to}, and shows none behind {last}")
        await pause(LATE_S)

    def _behind(self, to: int) -> bool:
        return self._cursor is None or self._cursor.at < to

    async def _fetch(self) -> int:
        """Take in the next page; return the id of the last transaction that there is."""
        cursor = self._cursor
        if cursor is None:
            raise Unanswered("the account has not been reached yet")
        page = await self._account.since(cursor.at)
        cursor.settle(max((int(each["id"]) for each in page.transactions), default=page.last))
        self.take(page.transactions)
        return page.last


def _is_heartbeat(message: dict[str, Any]) -> bool:
    return bool(message["type"] == HEARTBEAT)
