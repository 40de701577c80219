"""The venue's durable log: every transaction of the account, and every order that was ever received.

One SQLite file. What a request did is committed before it is answered: WAL with `synchronous=NORMAL`, so that
a commit is in the hands of the operating system and outlives SIGKILL (not a loss of power, which no test here
causes).
"""

import json
import os
import sqlite3
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.venues.instants import Clock, read, written
from tests.venues.instruments import Json

SCHEMA = """
CREATE TABLE IF NOT EXISTS transactions (id INTEGER PRIMARY KEY, body TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS receipts (
    number INTEGER PRIMARY KEY, at TEXT NOT NULL, client_id TEXT NOT NULL, request_id TEXT NOT NULL,
    transaction_id TEXT NOT NULL, refused TEXT NOT NULL, body TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS marks (name TEXT PRIMARY KEY, body TEXT NOT NULL) STRICT;
"""
RECEIPT = ("at", "clientOrderID", "requestID", "transactionID", "refused", "order")
USER = 1000001
PAGE = 1000
"""The most transactions that one answer holds."""


class Transactions:
    """The log, in memory as on disk; what it adds it applies, and tells once it is committed."""

    def __init__(self, file: Path, account: str, clock: Clock) -> None:
        self.account, self.clock = account, clock
        self.database = sqlite3.connect(file, isolation_level=None)
        self.database.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;" + SCHEMA)
        bodies = self.database.execute("SELECT body FROM transactions ORDER BY id")
        self.entries: list[Json] = [json.loads(body) for (body,) in bodies]
        self.receipts: list[Json] = []
        for row in self.database.execute("SELECT * FROM receipts ORDER BY number"):
            self.receipts.append(dict(zip(RECEIPT, (*row[1:6], json.loads(row[6])), strict=True)))
        self.apply: Callable[[Json], None] = lambda _: None
        self.listeners: list[Callable[[Json], None]] = []
        self.batch_of: tuple[str, str, str, int] | None = None
        """The batch's first id, its request, its time, and whose it is."""

    @property
    def last(self) -> str:
        return str(len(self.entries))

    @property
    def next(self) -> str:
        return str(len(self.entries) + 1)

    @contextmanager
    def batch(self, request_id: str = "", user: int = USER) -> Iterator[list[Json]]:
        """Commit together what is added within, then tell the streams; one within another is part of it."""
        if self.batch_of is not None:
            yield []
            return
        self.batch_of, added = (self.next, request_id, self.clock.text(), user), len(self.entries)
        mine: list[Json] = []
        self.database.execute("BEGIN IMMEDIATE")
        try:
            yield mine
        except BaseException:  # noqa: BLE001 - memory is ahead of the disk: nothing said now could be believed
            traceback.print_exc()
            os._exit(70)
        self.database.execute("COMMIT")
        self.batch_of = None
        mine += self.entries[added:]
        for entry in mine:
            for tell in self.listeners:
                tell(entry)

    def add(self, kind: str, **fields: object) -> Json:
        """Append one transaction to the batch, and apply it."""
        assert self.batch_of is not None
        first, request_id, time, user = self.batch_of
        entry: Json = {
            "id": self.next,
            "accountID": self.account,
            "userID": user,
            "batchID": first,
            "requestID": request_id,
            "time": time,
            "type": kind,
        } | {name: value for name, value in fields.items() if value is not None}
        self.entries.append(entry)
        self.database.execute("INSERT INTO transactions VALUES (?, ?)", (int(entry["id"]), json.dumps(entry)))
        self.apply(entry)
        return entry

    def receive(self, client_id: str, request_id: str, made: tuple[str, str], body: Json) -> None:
        """Note that an order was received, and the transaction or the refusal that was made of it."""
        row = (self.clock.text(), client_id, request_id, *made)
        self.receipts.append(dict(zip(RECEIPT, (*row, body), strict=True)))
        values = (len(self.receipts), *row, json.dumps(body))
        self.database.execute("INSERT INTO receipts VALUES (?, ?, ?, ?, ?, ?, ?)", values)

    def mark(self, name: str, body: object) -> None:
        """Keep something that is no transaction: a price, the best price a trailing stop has seen."""
        self.database.execute("INSERT OR REPLACE INTO marks VALUES (?, ?)", (name, json.dumps(body)))

    def marks(self) -> Json:
        return {name: json.loads(body) for name, body in self.database.execute("SELECT * FROM marks")}

    def between(self, first: int, last: int, kinds: set[str]) -> list[Json]:
        """Return the transactions of a range of ids, both ends included, of some kinds or (empty) of all."""
        return [each for each in self.entries[max(first, 1) - 1 : last] if not kinds or each["type"] in kinds]

    def within(self, start: str, end: str, kinds: set[str]) -> list[Json]:
        """Return those of a range of time."""
        at = read(start) if start else 0, read(end) if end else self.clock.now()
        found = self.between(1, len(self.entries), kinds)
        return [each for each in found if written(at[0]) <= each["time"] <= written(at[1])]

    def forget(self) -> None:
        """Begin anew, with nothing."""
        self.database.executescript("DELETE FROM transactions; DELETE FROM receipts; DELETE FROM marks;")
        self.entries.clear()
        self.receipts.clear()

    def close(self) -> None:
        self.database.close()
