"""Findings: what a verification found wrong, as sentences."""

import sqlite3
from collections.abc import Awaitable

from sqlalchemy.exc import SQLAlchemyError, StatementError

from actors.persistence.troubles import Trouble, classify

MOST = 100
"""Sentences that are kept; the others are counted."""


class Findings:
    """What is wrong: the first sentences, and how many there are in all."""

    def __init__(self) -> None:
        self.sentences: list[str] = []
        self.count = 0

    def add(self, sentence: str) -> None:
        """Add what is wrong."""
        self.count += 1
        if len(self.sentences) < MOST:
            self.sentences.append(sentence)

    async def look(self, at: str, looking: Awaitable[None]) -> None:
        """Await a part of the verification; what cannot be read there is a finding as well.

        A database that is out of reach or takes too long says nothing: that error is raised.
        """
        try:
            await looking
        except (SQLAlchemyError, ValueError, TypeError, ArithmeticError, LookupError) as error:
            if isinstance(error, SQLAlchemyError) and _says_nothing(error):
                raise
            reason = error.orig if isinstance(error, StatementError) and error.orig else error
            self.add(f"{at} cannot be read: {str(reason).partition(chr(10))[0]}")


def _says_nothing(error: SQLAlchemyError) -> bool:
    """Whether an error is none of the data's."""
    cause = error.orig if isinstance(error, StatementError) else None
    too_slow = (
        getattr(cause, "sqlite_errorcode", None) == sqlite3.SQLITE_INTERRUPT
        or getattr(cause, "sqlstate", None) == "57014"
    )
    return too_slow or classify(error) in {Trouble.RETRY, Trouble.PAUSE}
