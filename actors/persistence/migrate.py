"""Migrations: Alembic at work on a connection, imported only where a database is migrated."""

from collections.abc import Callable
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script.revision import RevisionError
from alembic.util import CommandError
from sqlalchemy import Connection

from actors.persistence.troubles import where
from lts.refusal import Refused

MIGRATIONS = Path(__file__).parent / "migrations"


def upgrade(connection: Connection, revision: str) -> None:
    """Bring a database up to a revision, in the transaction that has begun, or raise Refused."""
    _run(command.upgrade, connection, revision)


def downgrade(connection: Connection, revision: str) -> None:
    """Take a database back to a revision, in the transaction that has begun, or raise Refused."""
    _run(command.downgrade, connection, revision)


def _run(way: Callable[[Config, str], None], connection: Connection, revision: str) -> None:
    try:
        way(_settings(connection), revision)
    except (CommandError, RevisionError) as error:
        raise Refused(f"{where(connection.engine.url)} cannot be migrated: {error}") from error


def _settings(connection: Connection) -> Config:
    """Return Alembic's settings, which know where the revisions are, wherever LTS is installed."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
