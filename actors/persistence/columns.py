"""Columns that a database does not have of itself: exact decimals, and sealed values."""

from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, Dialect, LargeBinary, Numeric, String
from sqlalchemy.orm import MappedColumn, mapped_column
from sqlalchemy.sql import operators
from sqlalchemy.sql.operators import OperatorType
from sqlalchemy.types import TypeDecorator, TypeEngine

from lts.domain.money import plain

_SAME_AS_TEXT = frozenset(
    {operators.eq, operators.ne, operators.is_, operators.is_not, operators.in_op, operators.not_in_op}
)


class Exact(TypeDecorator[Decimal]):
    """A finite decimal that comes back digit for digit, whatever its length.

    PostgreSQL keeps it as NUMERIC without limits, SQLite (whose numbers are floats) as the one text
    of `plain`. In SQL it can only be compared for being the same: as text, 9 is more than 10, and a
    sum would be a float. Who must order or add does so in Python.
    """

    impl = Numeric
    cache_ok = True

    class Comparator(TypeDecorator.Comparator[Decimal]):
        """Refuses what would mean one thing on PostgreSQL and another on SQLite."""

        def operate(self, op: OperatorType, *other: Any, **kwargs: Any) -> ColumnElement[Any]:
            """Compare for being the same."""
            if op not in _SAME_AS_TEXT:
                raise TypeError("exact decimals are ordered and added in Python: SQLite keeps them as text")
            return super().operate(op, *other, **kwargs)

    comparator_factory = Comparator

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Return the type that keeps every digit on this engine."""
        return dialect.type_descriptor(String() if dialect.name == "sqlite" else Numeric(asdecimal=True))

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> Any:
        """Return what is stored: one text or number for one amount, however it was written."""
        if value is None:
            return None
        if not isinstance(value, Decimal) or not value.is_finite():
            raise ValueError(f"{value!r} is no exact amount: a finite Decimal is wanted")
        text = plain(value)
        return text if dialect.name == "sqlite" else Decimal(text)

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:
        """Return the amount, the same Decimal from both engines."""
        if value is None:
            return None
        return Decimal(value if dialect.name == "sqlite" else plain(value))


def sealed_column() -> MappedColumn[Any]:
    """Return a column for ciphertext; the repositories seal and open what is in it."""
    return mapped_column(LargeBinary, info={"sealed": True})
