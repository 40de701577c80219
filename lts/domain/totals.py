"""Sums of exposures over all portfolios of a scope, kept as they change: asking costs no fold."""

from collections.abc import Callable
from decimal import Decimal

from lts.domain.money import UNROUNDED, ZERO, unrounded

Ends = tuple[Decimal, Decimal]
"""The lowest and the highest position that can come about."""


class Totals:
    """What a scope holds and could come to hold of each instrument."""

    __slots__ = ("gross", "highest", "lowest", "positions")

    def __init__(self) -> None:
        self.positions: dict[str, Decimal] = {}
        """Net quantities."""
        self.gross: dict[str, Decimal] = {}
        """For each instrument the worse end of each portfolio's exposure, added up without sign."""
        self.lowest: dict[str, Decimal] = {}
        """Net quantities if all open sales fill."""
        self.highest: dict[str, Decimal] = {}
        """Net quantities if all open buys fill."""

    @unrounded
    def move(self, symbol: str, held: Decimal, before: Ends, after: Ends) -> None:
        """Take note that one exposure holds so much more, and has other ends than before."""
        self._add(self.positions, symbol, held)
        self._add(self.gross, symbol, worse(after) - worse(before))
        self._add(self.lowest, symbol, after[0] - before[0])
        self._add(self.highest, symbol, after[1] - before[1])

    @unrounded
    def gross_value(self, value: Callable[[str], Decimal]) -> Decimal:
        """Return the sum of all that could be held, long and short alike, by the value of one of each."""
        return sum((quantity * value(symbol) for symbol, quantity in self.gross.items()), ZERO)

    @unrounded
    def net_values(self, value: Callable[[str], Decimal]) -> Ends:
        """Return the lowest and the highest sum of all that could be held, short against long."""
        low = sum((quantity * value(symbol) for symbol, quantity in self.lowest.items()), ZERO)
        high = sum((quantity * value(symbol) for symbol, quantity in self.highest.items()), ZERO)
        return low, high

    @staticmethod
    def _add(sums: dict[str, Decimal], symbol: str, amount: Decimal) -> None:
        """Add to a sum; one that comes to nothing is not kept."""
        if amount:
            added = sums[symbol] = UNROUNDED.add(sums.get(symbol, ZERO), amount)
            if not added:
                del sums[symbol]


def worse(ends: Ends) -> Decimal:
    """Return the larger of two positions, without its sign."""
    return max(abs(ends[0]), abs(ends[1]))
