"""The revisions: the steps that the schema takes, and a schema built as it is after any of them."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from actors.persistence import migrations

_MIGRATIONS = Path(migrations.__file__).parent


def revisions() -> tuple[str, ...]:
    """Return the names of all revisions, the first one first."""
    return tuple(each.revision for each in ScriptDirectory(str(_MIGRATIONS)).walk_revisions())[::-1]


def build(connection: Connection, revision: str) -> None:
    """Make the tables of a revision in an empty database, within the transaction that has begun."""
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)
