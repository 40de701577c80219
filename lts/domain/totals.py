"""Sums of exposures over all portfolios of a scope, kept as they change: asking costs no fold."""

from collections.abc import Callable
from decimal import Decimal

from lts.domain.money import UNROUNDED, ZERO, unrounded

_add, _subtract, _multiply = UNROUNDED.add, UNROUNDED.subtract, UNROUNDED.multiply

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

    def move(self, symbol: str, held: Decimal, before: Ends, after: Ends) -> None:
        """Take note that one exposure holds so much more, and has other ends than before."""
        if held:
            _grow(self.positions, symbol, held)
        if worst := _subtract(worse(after), worse(before)):
            _grow(self.gross, symbol, worst)
        if lower := _subtract(after[0], before[0]):
            _grow(self.lowest, symbol, lower)
        if higher := _subtract(after[1], before[1]):
            _grow(self.highest, symbol, higher)

    def gross_value(self, value: Callable[[str], Decimal]) -> Decimal:
        """Return the sum of all that could be held, long and short alike, by the value of one of each."""
        whole = ZERO
        for symbol, quantity in self.gross.items():
            whole = _add(whole, _multiply(quantity, value(symbol)))
        return whole

    @unrounded
    def net_values(self, value: Callable[[str], Decimal]) -> Ends:
        """Return the lowest and the highest sum of all that could be held, short against long."""
        low = sum((quantity * value(symbol) for symbol, quantity in self.lowest.items()), ZERO)
        high = sum((quantity * value(symbol) for symbol, quantity in self.highest.items()), ZERO)
        return low, high


def worse(ends: Ends) -> Decimal:
    """Return the larger of two positions, without its sign."""
    return max(ends[0].copy_abs(), ends[1].copy_abs())


def _grow(sums: dict[str, Decimal], symbol: str, amount: Decimal) -> None:
    """Add to a sum; one that comes to nothing is not kept."""
    if symbol not in sums:
        sums[symbol] = amount
    elif added := _add(sums[symbol], amount):
        sums[symbol] = added
    else:
        del sums[symbol]
