"""Troubles: what a database error means for who wanted something, and the one sentence that tells of it."""

import sqlite3
from enum import Enum, auto

from sqlalchemy import URL
from sqlalchemy.exc import DBAPIError, StatementError
from sqlalchemy.exc import TimeoutError as NoConnectionFree

from actors.persistence.engine import parse
from lts.refusal import Refused


class Trouble(Enum):
    """What is to be done about an error."""

    CONSTRAINT = auto()
    """Refuse what was asked: it contradicts the schema, and always will."""
    RETRY = auto()
    """Try again at once: somebody else was in the way."""
    PAUSE = auto()
    """Try again later: the database cannot be reached or cannot write."""
    DAMAGED = auto()
    """Stop: what is stored cannot be read."""
    OTHER = auto()
    """Refuse what was asked: it is a defect, or takes too long."""


_C, _R, _P, _D, _O = Trouble
_LOCKED = "{where} is locked by another process: stop that one, or wait for it"
_UNWRITABLE = "{where} cannot be written: make the file and its directory writable for this user"
_FULL = "there is no room left on the disk of {where}: make some"
_FAILING = "the disk of {where} fails ({what}): see to the disk, then restore a backup if need be"
_DAMAGED = "{where} is damaged ({what}): restore a backup with `lts db restore`"
_REFUSED_ROW = "{where} refuses a row: {what}"
_TOO_SLOW = "{where} took too long to answer: is it overloaded, or is too much asked at once?"
_SILENT = "{where} cannot be reached ({what}): is it running, and is the address right?"
_BROKEN_OFF = "the connection to {where} was lost ({what})"
_LOGIN = "{where} refuses the user or the password of the database URL: correct them"
_DEFECT = "{where} reports: {what}"

_SQLITE = {
    sqlite3.SQLITE_PERM: (_P, _UNWRITABLE),
    sqlite3.SQLITE_BUSY: (_R, _LOCKED),
    sqlite3.SQLITE_LOCKED: (_R, _LOCKED),
    sqlite3.SQLITE_NOMEM: (_P, "there is no memory left to work with {where}"),
    sqlite3.SQLITE_READONLY: (_P, _UNWRITABLE),
    sqlite3.SQLITE_INTERRUPT: (_O, _TOO_SLOW),
    sqlite3.SQLITE_IOERR: (_P, _FAILING),
    sqlite3.SQLITE_CORRUPT: (_D, _DAMAGED),
    sqlite3.SQLITE_FULL: (_P, _FULL),
    sqlite3.SQLITE_CANTOPEN: (
        _P,
        "{where} cannot be opened: is it a file that this user may read and write?",
    ),
    sqlite3.SQLITE_PROTOCOL: (_R, _LOCKED),
    sqlite3.SQLITE_TOOBIG: (_C, _REFUSED_ROW),
    sqlite3.SQLITE_CONSTRAINT: (_C, _REFUSED_ROW),
    sqlite3.SQLITE_MISMATCH: (_C, _REFUSED_ROW),
    sqlite3.SQLITE_NOTADB: (_D, "{where} is not a SQLite database: name another file, or restore a backup"),
}
"""By primary result code (https://sqlite.org/rescode.html)."""

_POSTGRESQL = {
    "08": (_P, _BROKEN_OFF),
    "22": (_C, _REFUSED_ROW),
    "23": (_C, _REFUSED_ROW),
    "25006": (_P, "{where} is read-only: is it a standby?"),
    "25P03": (_P, _BROKEN_OFF),
    "28": (_P, _LOGIN),
    "3D": (_P, "{where} does not exist: make it with `createdb`, or correct the database URL"),
    "40": (_R, "{where} could not keep two transactions apart: {what}"),
    "40002": (_C, _REFUSED_ROW),
    "42501": (_O, "the user of the database URL may not do this in {where}: {what}"),
    "53": (_P, "{where} has no resources left: {what}"),
    "53100": (_P, _FULL),
    "55P03": (_R, _LOCKED),
    "57": (_P, _BROKEN_OFF),
    "57014": (_O, _TOO_SLOW),
    "58": (_P, _FAILING),
    "XX001": (_D, _DAMAGED),
    "XX002": (_D, _DAMAGED),
}
"""By SQLSTATE or the class of it (https://www.postgresql.org/docs/16/errcodes-appendix.html)."""

_OF_A_CLOSED_CONNECTION = frozenset({"InterfaceError", "OperationalError", "ProgrammingError"})

_ELSE: tuple[tuple[type[BaseException], tuple[Trouble, str]], ...] = (
    (NoConnectionFree, (_R, _TOO_SLOW)),
    (TimeoutError, (_P, _TOO_SLOW)),
    (OSError, (_P, _SILENT)),
    (ValueError, (_C, _REFUSED_ROW)),
    (TypeError, (_C, _REFUSED_ROW)),
    (OverflowError, (_C, _REFUSED_ROW)),
)
"""What comes without a code: no server, or a value that no column could take."""


def classify(error: BaseException) -> Trouble:
    """Return what is to be done about an error that came out of the engine."""
    return _look_up(error)[0]


def sentence(error: BaseException, url: str | URL) -> str:
    """Return what happened and what to do, in one sentence for the operator; the password is not in it."""
    if isinstance(error, Refused):
        return str(error)
    parsed = parse(url) if isinstance(url, str) else url
    said = " ".join(_said(error).split()) or type(error).__name__
    if parsed.password and parsed.password != "***":  # noqa: S105  # how a URL shows that it has one
        said = said.replace(str(parsed.password), "***")
    return _look_up(error)[1].format(where=where(parsed), what=said)


def _look_up(error: BaseException) -> tuple[Trouble, str]:
    """Return what an error means, and how it is said."""
    cause = _cause(error)
    if isinstance(code := getattr(cause, "sqlite_errorcode", None), int):
        return _SQLITE.get(code & 0xFF, (_O, _DEFECT))
    if isinstance(state := getattr(cause, "sqlstate", None), str):
        return _POSTGRESQL.get(state) or _POSTGRESQL.get(state[:2]) or (_O, _DEFECT)
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return _P, _BROKEN_OFF
    if "closed" in str(cause) and type(cause).__name__ in _OF_A_CLOSED_CONNECTION:
        return _P, _BROKEN_OFF
    return next((meaning for kind, meaning in _ELSE if isinstance(cause, kind)), (_O, _DEFECT))


def _cause(error: BaseException) -> BaseException:
    """Return the driver's own error; a value that could not even be sent has one, too."""
    inner = error.orig if isinstance(error, StatementError) else error
    if inner is None:
        return error
    return inner.__cause__ or inner if isinstance(error, DBAPIError) else inner


def _said(error: BaseException) -> str:
    """Return the driver's own words, without the row: PostgreSQL tells of that in the lines below."""
    cause = _cause(error)
    if isinstance(cause, OSError) and cause.strerror:
        return cause.strerror
    return str(getattr(cause, "message", None) or cause).partition("\n")[0]


def where(url: URL) -> str:
    """Return how a database is called in a sentence."""
    if url.get_backend_name() == "sqlite":
        return f"the database {url.database}"
    host = url.host or url.query.get("host") or "localhost"
    return f"the PostgreSQL database {url.database or ''} at {host}{f':{url.port}' if url.port else ''}"
