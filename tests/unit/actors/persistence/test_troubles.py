"""What is to be done about an error, and the sentence that tells of it."""

import re
import sqlite3
from typing import Any

import pytest
from sqlalchemy.exc import DBAPIError, StatementError
from sqlalchemy.exc import TimeoutError as NoConnectionFree

from actors.persistence.guard import Unaudited
from actors.persistence.troubles import Trouble, classify, sentence
from lts.refusal import Refused

pytestmark = pytest.mark.requirement("INT-006", "INT-026", "INT-027")

FILE = "sqlite:////var/lib/lts/lts.db"
SERVER = "postgresql://lts:s3cret@db.example:5433/trading"


class Postgres(Exception):
    """What asyncpg raises, as far as anybody looks at it."""

    def __init__(self, sqlstate: str, message: str = "it failed") -> None:
        super().__init__(message)
        self.sqlstate, self.message = sqlstate, message


def of_sqlite(code: int, message: str = "it failed") -> DBAPIError:
    inner = sqlite3.OperationalError(message)
    inner.sqlite_errorcode = code
    return DBAPIError("SELECT 1", {}, inner)


def of_postgresql(sqlstate: str, message: str = "it failed") -> DBAPIError:
    outer = Exception(f"<class 'asyncpg'>: {message}")
    outer.__cause__ = Postgres(sqlstate, message)
    return DBAPIError("SELECT 1", {}, outer)


SQLITE = [
    (sqlite3.SQLITE_BUSY, Trouble.RETRY, "is locked by another process"),
    (sqlite3.SQLITE_BUSY_SNAPSHOT, Trouble.RETRY, "is locked by another process"),
    (sqlite3.SQLITE_LOCKED, Trouble.RETRY, "is locked by another process"),
    (sqlite3.SQLITE_FULL, Trouble.PAUSE, "no room left on the disk"),
    (sqlite3.SQLITE_IOERR, Trouble.PAUSE, "the disk of .* fails"),
    (sqlite3.SQLITE_IOERR_FSYNC, Trouble.PAUSE, "the disk of .* fails"),
    (sqlite3.SQLITE_READONLY, Trouble.PAUSE, "cannot be written"),
    (sqlite3.SQLITE_READONLY_DIRECTORY, Trouble.PAUSE, "cannot be written"),
    (sqlite3.SQLITE_CANTOPEN, Trouble.PAUSE, "cannot be opened"),
    (sqlite3.SQLITE_CORRUPT, Trouble.DAMAGED, "is damaged .*restore a backup"),
    (sqlite3.SQLITE_NOTADB, Trouble.DAMAGED, "is not a SQLite database"),
    (sqlite3.SQLITE_CONSTRAINT, Trouble.CONSTRAINT, "refuses a row: it failed"),
    (sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY, Trouble.CONSTRAINT, "refuses a row: it failed"),
    (sqlite3.SQLITE_INTERRUPT, Trouble.OTHER, "took too long"),
    (sqlite3.SQLITE_ERROR, Trouble.OTHER, "reports: it failed"),
]
POSTGRESQL = [
    ("40001", Trouble.RETRY, "keep two transactions apart"),
    ("40P01", Trouble.RETRY, "keep two transactions apart"),
    ("55P03", Trouble.RETRY, "is locked"),
    ("23505", Trouble.CONSTRAINT, "refuses a row: it failed"),
    ("23514", Trouble.CONSTRAINT, "refuses a row: it failed"),
    ("22001", Trouble.CONSTRAINT, "refuses a row: it failed"),
    ("40002", Trouble.CONSTRAINT, "refuses a row: it failed"),
    ("53100", Trouble.PAUSE, "no room left"),
    ("53300", Trouble.PAUSE, "no resources left"),
    ("58030", Trouble.PAUSE, "the disk of .* fails"),
    ("57P01", Trouble.PAUSE, "the connection to .* was lost"),
    ("08006", Trouble.PAUSE, "the connection to .* was lost"),
    ("25006", Trouble.PAUSE, "is read-only"),
    ("28P01", Trouble.PAUSE, "refuses the user or the password"),
    ("3D000", Trouble.PAUSE, "does not exist: make it"),
    ("XX001", Trouble.DAMAGED, "is damaged"),
    ("57014", Trouble.OTHER, "took too long"),
    ("42501", Trouble.OTHER, "may not do this"),
    ("42P01", Trouble.OTHER, "reports: it failed"),
]
ELSE: list[tuple[BaseException, Trouble, str]] = [
    (ConnectionRefusedError(111, "Connection refused"), Trouble.PAUSE, r"reached \(Connection refused\)"),
    (TimeoutError(), Trouble.PAUSE, "took too long"),
    (NoConnectionFree("QueuePool limit"), Trouble.RETRY, "took too long"),
    (StatementError("no", "", {}, ValueError("0.1 is no amount")), Trouble.CONSTRAINT, "0.1 is no amount"),
    (OverflowError("Python int too large"), Trouble.CONSTRAINT, "refuses a row: Python int too large"),
    (DBAPIError("", {}, sqlite3.ProgrammingError("on a closed database")), Trouble.PAUSE, "was lost"),
    (DBAPIError("", {}, Exception("gone"), connection_invalidated=True), Trouble.PAUSE, "was lost"),
    (StatementError("x", "", {}, None), Trouble.OTHER, "reports: "),
    (Unaudited("only a unit"), Trouble.OTHER, "reports: only a unit"),
    (KeyError("name"), Trouble.OTHER, "reports: 'name'"),
]  # fmt: skip


@pytest.mark.parametrize(("code", "trouble", "said"), SQLITE)
def test_an_error_of_sqlite(code: int, trouble: Trouble, said: str) -> None:
    for error in (of_sqlite(code), of_sqlite(code).orig):
        assert error is not None
        assert classify(error) is trouble
        assert_sentence(sentence(error, FILE), said, "/var/lib/lts/lts.db")


@pytest.mark.parametrize(("state", "trouble", "said"), POSTGRESQL)
def test_an_error_of_postgresql(state: str, trouble: Trouble, said: str) -> None:
    for error in (of_postgresql(state), Postgres(state)):
        assert classify(error) is trouble
        assert_sentence(sentence(error, SERVER), said, "trading at db.example:5433")


@pytest.mark.parametrize(("error", "trouble", "said"), ELSE)
def test_an_error_without_a_code(error: BaseException, trouble: Trouble, said: str) -> None:
    assert classify(error) is trouble
    for url in (FILE, SERVER):
        assert_sentence(sentence(error, url), said, "")


def assert_sentence(found: str, said: str, where: str) -> None:
    assert "\n" not in found
    assert "s3cret" not in found
    assert where in found
    assert found[0].islower()
    assert not found.endswith(".")
    assert re.search(said, found)


def test_a_row_that_is_refused_is_not_shown() -> None:
    error = of_postgresql(
        "23505", 'duplicate key value violates "uq_users_name"\nDETAIL:  Key (name)=(ann) exists.'
    )
    assert sentence(error, SERVER).endswith('refuses a row: duplicate key value violates "uq_users_name"')


def test_a_password_is_shown_by_nobody() -> None:
    error = OSError(1, "s3cret was refused")
    assert "*** was refused" in sentence(error, SERVER)


def test_what_is_a_sentence_already_stays_one() -> None:
    assert sentence(Refused("no database at /x: make one"), FILE) == "no database at /x: make one"


def test_a_url_may_hide_its_password_already() -> None:
    found = sentence(of_postgresql("28P01"), "postgresql+asyncpg://lts:***@db.example/trading")
    assert found.startswith("the PostgreSQL database trading at db.example refuses the user")


def test_every_trouble_is_known() -> None:
    known: set[Any] = {trouble for table in (SQLITE, POSTGRESQL, ELSE) for _, trouble, _ in table}
    assert known == set(Trouble)
