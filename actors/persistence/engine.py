"""The engine: one a database URL, with everything that a connection must be set to."""

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Dialect, Engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry, PoolResetState

from actors.persistence import guard
from bus.clock import SECOND, SystemClock
from lts.refusal import Refused

_DRIVERS = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg"}
_FORMS = "write sqlite:////path/to/file or postgresql://user@host/name"
_LOCK_SECONDS = 5
_CONNECT_SECONDS = 10
_IDLE_SECONDS = 60
_SETTINGS = (
    f"busy_timeout = {_LOCK_SECONDS * 1000}",
    "journal_mode = WAL",
    "synchronous = FULL",
    "foreign_keys = ON",
    "trusted_schema = OFF",
)
_STEPS = 20_000  # of SQLite's machine, about a millisecond: how often it looks at the clock


def make_engine(
    url: str, *, pool_size: int = 5, statement_timeout: float = 10.0, create: bool = True
) -> AsyncEngine:
    """Return the engine of a database URL: `sqlite:///path` or `postgresql://…`, with or without the driver.

    Its transactions only read (a snapshot, on both engines) unless a `guard.unit` is open on the
    connection: those write, SERIALIZABLE on PostgreSQL, BEGIN IMMEDIATE on SQLite. A statement may
    take `statement_timeout` seconds. Without `create`, a SQLite file that does not exist is
    refused instead of made. Nothing is opened yet. Raises Refused for a URL that is none of these.
    """
    parsed = parse(url)
    sqlite = parsed.get_backend_name() == "sqlite"
    options: dict[str, Any] = {} if sqlite else _postgresql_options(statement_timeout)
    if not (sqlite and parsed.database in {None, "", ":memory:"}):  # which lives in one connection only
        options |= {"pool_size": pool_size, "max_overflow": 0, "pool_timeout": _CONNECT_SECONDS}
    try:
        engine = create_async_engine(parsed, **options)
    except ModuleNotFoundError as missing:
        raise Refused(f"{missing.name} is not installed: for PostgreSQL, install lts[postgresql]") from None
    if sqlite:
        _SQLite(statement_timeout, create=create).attend(engine.sync_engine)
    else:
        event.listen(engine.sync_engine, "begin", _begin_on_postgresql)
    guard.stand(engine.sync_engine)
    return engine


def parse(url: str) -> URL:
    """Return a URL with the driver that is used for it, or raise Refused without repeating a password."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise Refused(f"the database URL cannot be read: {_FORMS}") from None
    if parsed.drivername not in {*_DRIVERS, *_DRIVERS.values()}:
        raise Refused(f"{parsed.drivername} is no database that LTS knows: {_FORMS}")
    parsed = parsed.set(drivername=_DRIVERS[parsed.get_backend_name()])
    if "sslmode" in parsed.query:  # as psql calls it; asyncpg calls it ssl, and takes the same words
        parsed = parsed.update_query_dict({"ssl": parsed.query["sslmode"]})
        parsed = parsed.difference_update_query(["sslmode"])
    return parsed


def may_change(connection: AsyncConnection) -> bool:
    """Whether the last transaction on a connection to SQLite could change the database: so can the next."""
    return connection.info.get("changes") is True


class _SQLite:
    """What SQLite must be told on each connection, and at the beginning of each transaction."""

    def __init__(self, statement_timeout: float, *, create: bool) -> None:
        self._limit = round(statement_timeout * SECOND)
        self._create = create
        self._clock = SystemClock()

    def attend(self, engine: Engine) -> None:
        event.listen(engine, "do_connect", self._find_file)
        event.listen(engine, "connect", self._set_up)
        event.listen(engine, "begin", self._begin)
        event.listen(engine, "reset", self._reset)
        event.listen(engine, "before_cursor_execute", self._start_timing)
        event.listen(engine, "after_cursor_execute", self._stop_timing)

    def _find_file(self, _dialect: Dialect, _entry: ConnectionPoolEntry, where: list[Any], _: Any) -> None:
        """See to the file before SQLite does: it would make one that everybody can read.

        A file that is there is not opened to look at it: closing it would drop SQLite's locks
        (https://sqlite.org/howtocorrupt.html, 2.2).
        """
        if str(where[0]).startswith((":memory:", "file:")):
            return
        path = Path(where[0])
        try:
            if path.exists():
                if not (path.is_file() and os.access(path, os.R_OK)):
                    raise Refused(
                        f"the database {path} cannot be opened: is it a file that this user may read?"
                    )
            elif not self._create:
                raise Refused(
                    f"there is no database at {path}: name another, or make it with `lts db upgrade`"
                )
            else:
                path.touch(mode=0o600)
        except OSError as error:
            raise Refused(f"no database can be opened or made at {path}: {error.strerror}") from None

    def _set_up(self, connection: Any, entry: ConnectionPoolEntry) -> None:
        entry.info["until"] = None
        try:
            connection.isolation_level = None  # the driver begins nothing by itself: `_begin` does
            connection.run_async(lambda driver: driver.set_progress_handler(self._watch(entry.info), _STEPS))
            for setting in _SETTINGS:
                _run(connection, f"PRAGMA {setting}")
            self._allow_changes(connection, entry.info, allowed=False)
        except BaseException:
            connection.close()  # nobody else knows of it yet
            raise

    def _begin(self, connection: Connection) -> None:
        writes = guard.writes(connection)
        self._allow_changes(connection.connection.dbapi_connection, connection.info, allowed=writes)
        begin = "BEGIN IMMEDIATE" if writes else "BEGIN"
        inner: Any = connection.connection.dbapi_connection
        try:
            inner.run_async(lambda driver: driver.execute_fetchall(begin))  # one way to its thread, not three
        except sqlite3.Error as error:
            raise DBAPIError.instance(begin, None, error, sqlite3.Error) from error

    def _reset(self, connection: Any, entry: ConnectionPoolEntry, state: PoolResetState) -> None:
        """Leave nothing behind that could change the database, when a connection returns to the pool."""
        if state.asyncio_safe and not state.terminate_only:
            self._allow_changes(connection, entry.info, allowed=False)

    def _allow_changes(self, connection: Any, info: dict[Any, Any], *, allowed: bool) -> None:
        if info.get("changes") is not allowed:
            _run(connection, f"PRAGMA query_only = {'OFF' if allowed else 'ON'}")
            info["changes"] = allowed

    def _watch(self, info: dict[Any, Any]) -> Callable[[], bool]:
        """Return what SQLite asks, in its own thread, as to whether it should break off."""
        return lambda: (until := info["until"]) is not None and self._clock.monotonic() > until

    def _start_timing(self, connection: Connection, *_: Any) -> None:
        connection.info["until"] = self._clock.monotonic() + self._limit

    def _stop_timing(self, connection: Connection, *_: Any) -> None:
        connection.info["until"] = None


def _run(connection: Any, statement: str) -> None:
    """Execute on the driver's connection, where no event is raised."""
    cursor = connection.cursor()
    cursor.execute(statement)
    cursor.close()


def _postgresql_options(statement_timeout: float) -> dict[str, Any]:
    settings = {
        "application_name": "lts",
        "statement_timeout": str(round(statement_timeout * 1000)),
        "lock_timeout": str(_LOCK_SECONDS * 1000),
        "idle_in_transaction_session_timeout": str(_IDLE_SECONDS * 1000),
    }
    # The server breaks off first; the driver's own limit is for a server that does not answer any more.
    limits = {"timeout": _CONNECT_SECONDS, "command_timeout": statement_timeout + _LOCK_SECONDS}
    return {"connect_args": {"server_settings": settings, **limits}, "pool_pre_ping": True}


def _begin_on_postgresql(connection: Connection) -> None:
    """Say how the transaction is to begin: asyncpg begins it with the first statement."""
    inner: Any = connection.connection.dbapi_connection
    writes = guard.writes(connection)
    inner.isolation_level = "serializable" if writes else "repeatable_read"
    inner.readonly = not writes
