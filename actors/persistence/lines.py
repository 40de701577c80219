"""Rows as lines: a JSON list a row, the same text for the same row from either engine.

Amounts and other text are text, bytes are base64, NaN and the infinities are text, and there is one zero.
"""

from base64 import b64decode, b64encode
from collections.abc import Callable, Container, Iterable, Sequence
from decimal import Decimal
from math import isfinite
from types import NoneType
from typing import Any

import msgspec

from actors.persistence.blueprint import Kind, TablePlan

Convert = Callable[[Any], Any]

_ENCODER = msgspec.json.Encoder()


class Unfit(ValueError):
    """A value that its column cannot hold, and that no LTS wrote there; the sentence says where."""


class LineWriter:
    """Makes lines of the rows of one table, as the driver of either engine gives them."""

    def __init__(self, plan: TablePlan) -> None:
        self._plan = plan
        self._forms: dict[tuple[type, ...], list[tuple[int, Convert]]] = {}

    def lines(self, rows: Iterable[Sequence[Any]]) -> bytes:
        """Return the lines of these rows; raise Unfit for what does not belong into its column."""
        return _ENCODER.encode_lines([self._values(row) for row in rows])

    def _values(self, row: Sequence[Any]) -> list[Any]:
        values = list(row)
        form = tuple(map(type, row))
        converts = self._forms.get(form)
        if converts is None:
            converts = self._forms[form] = self._converts(form)
        for place, convert in converts:
            values[place] = convert(values[place])
        return values

    def _converts(self, form: tuple[type, ...]) -> list[tuple[int, Convert]]:
        """Return what is to be done to rows whose values are of these types."""
        converts = []
        for place, (found, (name, kind)) in enumerate(zip(form, self._plan.columns.items(), strict=True)):
            if (kind, found) not in _WAYS and found is not NoneType:
                raise Unfit(f"the table {self._plan.name} holds a value in {name} that is no {kind}")
            if convert := _WAYS.get((kind, found)):
                converts.append((place, convert))
        return converts


class LineReader:
    """Makes rows of the lines of one table.

    Args:
        plan: the table.
        exact: its columns that take a Decimal; SQLite keeps amounts as text, and has none.
    """

    def __init__(self, plan: TablePlan, exact: Container[str] = ()) -> None:
        self._names = tuple(plan.columns)
        self._converts = [
            (place, Decimal if name in exact else _BACK[kind])
            for place, (name, kind) in enumerate(plan.columns.items())
            if name in exact or kind in _BACK
        ]

    def rows(self, lines: Sequence[bytes]) -> list[dict[str, Any]]:
        """Return the rows of these lines, as parameters of an insert."""
        return [self._row(msgspec.json.decode(line)) for line in lines]

    def _row(self, values: list[Any]) -> dict[str, Any]:
        for place, convert in self._converts:
            if values[place] is not None:
                values[place] = convert(values[place])
        return dict(zip(self._names, values, strict=True))


def _truth(stored: int) -> bool:
    if stored not in {0, 1}:
        raise Unfit(f"there is a boolean that is {stored}, and neither 0 nor 1")
    return stored == 1


def _real(stored: float) -> float | str:
    return stored + 0.0 if isfinite(stored) else str(stored)  # -0.0 + 0.0 is 0.0: SQLite has no other


def _plain(stored: Decimal) -> str:
    return format(stored, "f")


def _base64(stored: bytes) -> str:
    return b64encode(stored).decode()


_WAYS: dict[tuple[Kind, type], Convert | None] = {
    ("text", str): None,
    ("text", Decimal): _plain,
    ("integer", int): None,
    ("boolean", bool): None,
    ("boolean", int): _truth,
    ("real", float): _real,
    ("bytes", bytes): _base64,
}
"""What may be found in a column, and what is to be done to it."""


_BACK: dict[Kind, Convert] = {"real": float, "bytes": b64decode}
"""What is to be done to what was read."""
