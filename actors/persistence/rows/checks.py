"""Checks: what a row must satisfy, in SQL that means the same on both engines.

A word is compared with one after the other: of a list, SQLite would make a table again for each row.
"""

from collections.abc import Iterable, Iterator
from enum import Enum

from sqlalchemy import CheckConstraint


def one_of(column: str, allowed: type[Enum] | Iterable[str]) -> CheckConstraint:
    """Return the check that a text is the value of an enum's member, or one of these words."""
    return CheckConstraint(" OR ".join(f"{column} = '{word}'" for word in _words(allowed)), name=column)


def none_of(column: str, words: type[Enum] | Iterable[str]) -> str:
    """Return what holds where a text is none of these words: for an index, and for queries that use it."""
    return " AND ".join(f"{column} <> '{word}'" for word in _words(words))


def at_least(column: str, least: int) -> CheckConstraint:
    """Return the check that a whole number is this or more."""
    return CheckConstraint(f"{column} >= {least}", name=column)


def above_zero(column: str) -> CheckConstraint:
    """Return the check that an exact number is more than zero; on SQLite it is text, hence the cast."""
    return CheckConstraint(f"CAST({column} AS NUMERIC) > 0", name=column)


def not_negative(column: str) -> CheckConstraint:
    """Return the check that an exact number is zero or more."""
    return CheckConstraint(f"CAST({column} AS NUMERIC) >= 0", name=column)


def bytes_long(column: str, length: int) -> CheckConstraint:
    """Return the check that bytes are as many as they must be."""
    return CheckConstraint(f"length({column}) = {length}", name=column)


def _words(allowed: type[Enum] | Iterable[str]) -> Iterator[str]:
    return (str(word.value) if isinstance(word, Enum) else word for word in allowed)
