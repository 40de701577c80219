"""Fingerprints of schemas: what the migrations make is known by one query; only what differs is compared.

A comparison takes a third of a second and a hundred queries, which each start would wait for.
"""

from hashlib import sha256

from sqlalchemy import Connection, text

_WHOLE = {
    "sqlite": "SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY type, name",
    "postgresql": """
        WITH own AS (
            SELECT oid, relname, relkind FROM pg_class WHERE relnamespace = current_schema()::regnamespace
        )
        SELECT 'relation' AS what, concat_ws(' ', relname, relkind) AS said FROM own
        UNION ALL SELECT 'column', concat_ws(
                ' ', relname, attname, format_type(atttypid, atttypmod), attnotnull, attidentity,
                pg_get_expr(adbin, adrelid)
            )
            FROM own JOIN pg_attribute ON attrelid = oid AND attnum > 0 AND NOT attisdropped
            LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
            WHERE relkind <> 'i'
        UNION ALL SELECT 'constraint', concat_ws(' ', relname, conname, pg_get_constraintdef(c.oid))
            FROM own JOIN pg_constraint c ON conrelid = own.oid
        UNION ALL SELECT 'index', replace(pg_get_indexdef(oid), current_schema() || '.', '')
            FROM own WHERE relkind = 'i'
        UNION ALL SELECT 'trigger', pg_get_triggerdef(t.oid)
            FROM own JOIN pg_trigger t ON tgrelid = own.oid WHERE NOT tgisinternal
        ORDER BY 1, 2
    """,
}
"""All that there is of a schema, by engine."""

KNOWN = frozenset(
    {
        "b992c9c47c6f62e1079daea77aee382f7dd447dee87fec2be3f0968d8c9658b3",
        "362185d86da677a7bda154fa04a0ed1fe69037e105bde1f04c47742d356f83e1",
    }
)
"""Of what the migrations make, up to the last one: on SQLite, and on PostgreSQL 16."""


def fingerprint(connection: Connection) -> str:
    """Return a hash of all that a schema consists of."""
    rows = connection.execute(text(_WHOLE[connection.dialect.name])).all()
    return sha256(repr([tuple(row) for row in rows]).encode()).hexdigest()


def drift_of(connection: Connection) -> list[str]:
    """Return how the tables of a database differ from what the rows say, in words; see `drift`."""
    if fingerprint(connection) in KNOWN:
        return []
    from actors.persistence.drift import drift  # noqa: PLC0415 - it brings Alembic, which a start does without

    return drift(connection)
