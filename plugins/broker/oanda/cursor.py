"""How far an account's transactions were taken in: each once, in order, wherever it came from."""

from collections.abc import Iterable, Mapping
from typing import Any

Transaction = Mapping[str, Any]


class Cursor:
    """The id up to which every transaction was handed on, and those that came too early.

    Ids are whole numbers that count up by one. What is missing may still come; what was asked for
    and is not there does not exist, and is settled.
    """

    __slots__ = ("_early", "_settled", "at")

    def __init__(self, at: int) -> None:
        self.at = self._settled = at
        self._early: dict[int, Transaction] = {}

    def offer(self, transactions: Iterable[Transaction]) -> None:
        """Take transactions in, in any order and any number of times."""
        for transaction in transactions:
            number = int(transaction["id"])
            if number > self.at:
                self._early[number] = transaction

    def settle(self, last: int) -> None:
        """Note that all transactions up to an id were offered that there are."""
        self._settled = max(self._settled, last)

    def take(self) -> list[Transaction]:
        """Return what follows without a gap, and go on behind it."""
        taken = []
        while True:
            if (following := self._early.pop(self.at + 1, None)) is not None:
                taken.append(following)
            elif self.at >= self._settled:
                return taken
            self.at += 1

    @property
    def early(self) -> int:
        """How many transactions wait for one that came before them."""
        return len(self._early)
