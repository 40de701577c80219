"""Another check for a column of a table that there is already."""

from alembic import op
from sqlalchemy import text

_CHANGE = text(
    "UPDATE sqlite_schema SET sql = replace(sql, :before, :after) "
    "WHERE type = 'table' AND name = :table AND instr(sql, :before) > 0"
)


def replace_check(table: str, name: str, before: str, after: str) -> None:
    """Put another check in the place of one.

    SQLite cannot alter a check, and a table that others refer to cannot be made anew within a
    transaction. Its documentation allows to change the text of the check in the schema itself, where
    no row has to be looked at again: the new check must not refuse what the old one let pass.
    """
    connection = op.get_bind()
    if connection.dialect.name != "sqlite":
        op.drop_constraint(name, table, type_="check")
        op.create_check_constraint(op.f(name), table, after)
        return
    connection.exec_driver_sql("PRAGMA writable_schema = ON")
    changed = connection.execute(_CHANGE, {"table": table, "before": before, "after": after})
    connection.exec_driver_sql("PRAGMA writable_schema = RESET")
    if changed.rowcount != 1:
        raise RuntimeError(f"{table} has no check {before!r}")
