"""What the guard takes for reading, without a database."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.persistence import guard
from actors.persistence.guard import only_reads

pytestmark = pytest.mark.requirement("INT-010")

READS = [
    "SELECT 1", "  select * from users;  ", "-- DELETE\nSELECT 1", "/* DELETE */ SELECT 1 /* INSERT INTO */",
    "SELECT 'DELETE FROM users'", "SELECT 'it''s; DELETE' AS \"INSERT\"\"INTO\"",
    "SELECT 'e', '`', '$$', '[''', '/* /* */', '--\r'", "SELECT a[1], $1 FROM x -- ` $$ [' \r\n, b",
    "SELECT replace(name, 'a', 'b'), deleted, created_at, updated FROM users",
    "WITH a AS (SELECT 1), b AS (SELECT 2) SELECT * FROM a, b", "VALUES (1), (2)",
    "EXPLAIN QUERY PLAN SELECT 1", "SHOW transaction_isolation",
    "BEGIN", "BEGIN IMMEDIATE", "COMMIT", "ROLLBACK", "SAVEPOINT a", "RELEASE SAVEPOINT a",
    "ROLLBACK TO SAVEPOINT a", 'PRAGMA main.table_xinfo("users")', "PRAGMA table_info(users)",
    "PRAGMA integrity_check", "pragma quick_check",
]  # fmt: skip
CHANGES = [
    "", ";", "-- nothing", "INSERT INTO users VALUES (1)", "insert/**/into users values (1)",
    "DELETE FROM users", "UPDATE users SET id = 1", "REPLACE INTO users VALUES (1)",
    "MERGE INTO users USING x ON true", "TRUNCATE users", "CREATE TABLE x (y INTEGER)", "DROP TABLE users",
    "ALTER TABLE users RENAME TO x", "GRANT ALL ON users TO x", "REINDEX", "ANALYZE", "VACUUM INTO 'x'",
    "ATTACH 'x' AS x", "COPY users TO STDOUT", "LOCK users", "SET x = y", "RESET ALL",
    "PREPARE x AS DELETE FROM users", "EXECUTE x", "CALL x()", "DO 'x'", "NOTIFY x", "LISTEN x",
    "PRAGMA query_only = OFF", "PRAGMA query_only(0)", "PRAGMA optimize", "PRAGMA user_version = 1",
    "PRAGMA wal_checkpoint", "PRAGMA foreign_keys = table_info", "PRAGMA foreign_keys(table_info)",
    "EXPLAIN ANALYZE DELETE FROM users", "EXPLAIN (ANALYZE) INSERT INTO users VALUES (1)",
    "EXPLAIN ANALYZE CREATE TABLE x AS SELECT 1", "EXPLAIN ANALYZE EXECUTE x",
    "WITH x AS (SELECT 1) DELETE FROM users", "WITH x AS (DELETE FROM users RETURNING *) SELECT * FROM x",
    "WITH x AS MATERIALIZED (UPDATE users SET id = 1 RETURNING *) SELECT * FROM x",
    "WITH x AS (SELECT 1) REPLACE INTO users SELECT * FROM x", "SELECT 1 INTO x",
    "SELECT * FROM users FOR UPDATE", "SELECT 1; DELETE FROM users", "SELECT 1;\n;DELETE FROM users",
    # What one engine ends where the other reads on.
    "/* /* */ SELECT ' */ DELETE FROM users -- '",
    "SELECT E'\\'', (SELECT 1); DELETE FROM users --'",
    "SELECT $$'$$; DELETE FROM users; SELECT $$'$$",
    "SELECT $a$'$a$; DELETE FROM users; SELECT $a$'$a$",
    "WITH x AS (SELECT 1 AS [']) DELETE FROM users WHERE 1 OR [']",
    "WITH x AS (SELECT 1 AS [--]) DELETE FROM users",
    "WITH x AS (SELECT 1 AS [/*]) DELETE FROM users --*/",
    "WITH x AS (SELECT 1 AS `'`) DELETE FROM users WHERE 1 OR `'`",
    "WITH x AS (SELECT 1) --\r DELETE FROM users",
    "WITH x AS (SELECT 1) --\r'\n DELETE FROM users --'",
    "SELECT 'never ended; DELETE FROM users",
    "SELECT 1 /* never ended */ */ DELETE FROM users",
]  # fmt: skip


@pytest.mark.parametrize("statement", READS)
def test_what_reads_is_let_through(statement: str) -> None:
    assert only_reads(statement)


@pytest.mark.parametrize("statement", CHANGES)
def test_what_could_change_something_is_not(statement: str) -> None:
    assert not only_reads(statement)


NOISE = st.sampled_from(["", " ", "\n", "\t", "/* SELECT */", "-- SELECT\n", "/**/", "/*;*/"])


@given(
    st.lists(NOISE, min_size=1, max_size=4), st.sampled_from(["INSERT", "delete", "Update", "Merge", "drop"])
)
def test_nothing_before_a_change_hides_it(before: list[str], word: str) -> None:
    assert not only_reads(f"{''.join(before)}{word}{before[0]} INTO users")
    assert not only_reads(f"WITH x AS ({''.join(before)} SELECT 1){before[0]} {word} INTO users")


@given(st.text(alphabet="'\"-/*;()[]`$SELECTDELETE \n\r", max_size=40))
def test_a_literal_hides_any_word_and_never_what_follows_it(words: str) -> None:
    literal = "'" + words.replace("'", "''") + "'"
    assert only_reads(f"SELECT {literal}")
    assert not only_reads(f"SELECT {literal}; DELETE FROM users")  # noqa: S608
    assert not only_reads(f"WITH x AS (SELECT {literal}) DELETE FROM users")  # noqa: S608


def test_there_is_one_public_way_to_open_a_unit() -> None:
    own = {name for name, value in vars(guard).items() if getattr(value, "__module__", "") == guard.__name__}
    assert {name for name in own if not name.startswith("_")} == {
        "Unaudited",
        "unit",
        "writes",
        "stand",
        "only_reads",
    }
