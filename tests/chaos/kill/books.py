"""Both books, read without LTS: the venue's from its file or its mouth, the node's from its database."""

import asyncio
import importlib
import json
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

asyncpg: Any = importlib.import_module("asyncpg")  # which has no types
Rows = list[dict[str, Any]]


def our(client_order_id: str) -> str:
    """A client order id as the node has it."""
    return client_order_id.replace("~", "/")


class NodeBook:
    """The node's database, read only."""

    def __init__(self, file: Path, url: str = "") -> None:
        self.file, self.url = file, url

    def exists(self) -> bool:
        """Whether there is one."""
        tables = "SELECT name FROM sqlite_master WHERE type = 'table'"
        if self.url:
            tables = "SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public'"
        elif not self.file.exists():
            return False
        return "orders" in {row["name"] for row in self.rows(tables)}

    def rows(self, query: str) -> Rows:
        """Return what a query finds."""
        if self.url:
            return asyncio.run(self._ask(query))
        with closing(sqlite3.connect(f"file:{self.file}?mode=ro", uri=True, timeout=10)) as connection:
            connection.row_factory = sqlite3.Row
            return [dict(row) for row in connection.execute(query)]

    def orders(self) -> set[str]:
        """Return the ids of all orders of which an intent is on disk."""
        return {row["client_order_id"] for row in self.rows("SELECT client_order_id FROM orders")}

    def statuses(self) -> dict[str, int]:
        """Return how many orders are in each state."""
        found = self.rows("SELECT status, count(*) AS number FROM orders GROUP BY status")
        return {row["status"]: row["number"] for row in found}

    async def _ask(self, query: str) -> Rows:
        connection = await asyncpg.connect(self.url)
        try:
            return [dict(row) for row in await connection.fetch(query)]
        finally:
            await connection.close()


class Receipts:
    """The orders that the venue has received, as it has them on disk, alive or dead."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.read = 0

    def new(self) -> list[str]:
        """Return the client order ids that have come since the last time."""
        query = "SELECT number, client_id FROM receipts WHERE number > ? ORDER BY number"
        found = self._rows(query, (self.read,))
        self.read = max((row[0] for row in found), default=self.read)
        return [our(row[1]) for row in found]

    def last(self) -> str:
        """Return the id of the venue's last transaction."""
        [(last,)] = self._rows("SELECT max(id) FROM transactions")
        return str(last)

    def times(self) -> dict[str, list[tuple[str, str]]]:
        """Return when each order was received, and the body of it."""
        found: dict[str, list[tuple[str, str]]] = {}
        for name, at, body in self._rows("SELECT client_id, at, body FROM receipts ORDER BY number"):
            found.setdefault(our(name), []).append((at, json.dumps(json.loads(body))))
        return found

    def _rows(self, query: str, values: Sequence[Any] = ()) -> list[Any]:
        with closing(sqlite3.connect(f"file:{self.file}?mode=ro", uri=True, timeout=10)) as connection:
            return list(connection.execute(query, values))
