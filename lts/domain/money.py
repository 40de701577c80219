"""Amounts as exact decimals: how they are computed, read from numbers, and written as text.

Arithmetic in Python rounds to the context of the thread, 28 digits unless somebody changed it.
What must not round is therefore computed in a function that is `unrounded`.
"""

from collections.abc import Callable
from decimal import (
    Context,
    Decimal,
    DivisionByZero,
    Inexact,
    InvalidOperation,
    Overflow,
    getcontext,
    setcontext,
)
from functools import lru_cache, wraps
from math import isfinite
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

ZERO = Decimal(0)
ONE = Decimal(1)

EXACT = Context(prec=100, traps=[InvalidOperation, DivisionByZero, Overflow])
"""Wide enough that adding and multiplying prices, quantities and rates never rounds; a quotient may."""

UNROUNDED = Context(prec=100, traps=[InvalidOperation, DivisionByZero, Overflow, Inexact])
"""The same width for the books, where a digit that does not fit is an error and not a rounding."""


def unrounded(compute: Callable[P, R]) -> Callable[P, R]:
    """Make a plain function (no coroutine) compute under `UNROUNDED`.

    `localcontext` would do the same and copy the context each time, which costs as much as ten
    additions; within another such function this one costs next to nothing.
    """

    @wraps(compute)
    def computed(*args: P.args, **kwargs: P.kwargs) -> R:
        before = getcontext()
        if before is UNROUNDED:
            return compute(*args, **kwargs)
        setcontext(UNROUNDED)
        try:
            return compute(*args, **kwargs)
        finally:
            setcontext(before)

    return computed


def exact(value: float | str | Decimal) -> Decimal:
    """Return the decimal that a number is written as: 0.1 is one tenth.

    Raises ValueError for text that is no number, and for NaN and the infinities.
    """
    if isinstance(value, float):
        return _written(value + 0.0)  # which makes one of the two zeros
    try:
        number = Decimal(value)
    except InvalidOperation:
        raise ValueError(f"{value!r} is not a number") from None
    if not number.is_finite():
        raise ValueError(f"{value!r} is not a finite number")
    return number


@lru_cache(maxsize=256)
def _written(value: float) -> Decimal:
    """The decimal that a float is written as.

    Writing and reading it takes twenty times as long as finding it again, and prices lie on a grid.
    """
    if not isfinite(value):
        raise ValueError(f"{value!r} is not a finite number")
    return Decimal(float.__repr__(value))


def plain(amount: Decimal) -> str:
    """Return the one text of a finite amount: no exponent, no trailing zeros, never a negative zero."""
    text = format(amount, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
