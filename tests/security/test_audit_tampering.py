"""Whoever gets at the files of a node, and has not its key, leaves traces.

The database holds a life: users, instruments, portfolios, orders with their events, fills, positions and
bookings, two rotations of all keys, and a retention in between. Each attack is made on a copy of it,
by SQL from outside and by exchanging the head file; each seed draws other ones.
"""
# ruff: noqa: S608 - the attacker's SQL is made of names of our own

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from random import Random
from typing import Any

import pytest

from actors.persistence.engine import make_engine
from actors.persistence.images import audited_tables
from actors.persistence.verify import Report, verify

pytestmark = pytest.mark.requirement("INT-010", "INT-024", "INT-025", "INT-5.3")

SEEDS = 100


class Attacker:
    """Somebody with the files of a node, and without its key."""

    def __init__(self, life: Any, directory: Path, seed: int) -> None:
        shutil.copy(life.directory / "lts.db", directory)
        shutil.copy(life.head, directory)
        self.path = directory / "lts.db"
        self.head = directory / "audit.head"
        self.heads = life.heads
        self.node_keys = life.node_keys
        self.random = Random(seed)
        self.sealed = self.ask("SELECT max(last_seq) FROM audit_seal WHERE kind = 'segment'")[0][0]
        self.first = self.ask("SELECT min(seq) FROM audit_log")[0][0]
        self.untouched = self.state()

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.path)) as connection:
            return connection.execute(query).fetchall()

    def execute(self, statement: str, *values: Any) -> None:
        with closing(sqlite3.connect(self.path, isolation_level=None)) as connection:
            connection.execute("PRAGMA ignore_check_constraints = ON")
            connection.execute("PRAGMA foreign_keys = OFF")
            connection.execute(statement, values)

    def state(self) -> tuple[str, bytes | None]:
        """All that there is, to see whether an attack has changed anything."""
        with closing(sqlite3.connect(self.path)) as connection:
            dump = "\n".join(connection.iterdump())
        return dump, self.head.read_bytes() if self.head.exists() else None

    def seq(self) -> int:
        """A sealed audit row."""
        return self.random.randint(self.first, self.sealed)

    def another(self, value: Any) -> Any:
        """A value that differs a little, or altogether."""
        random = self.random
        match value:
            case int():
                return random.choice([value + 1, value - 1, -value, value ^ 1 << random.randrange(40), None])
            case str() if value:
                place = random.randrange(len(value))
                changed = value[:place] + chr(ord(value[place]) ^ 1) + value[place + 1 :]
                return random.choice(
                    [changed, value[:place], value + " ", value.encode(), value.swapcase(), None]
                )
            case bytes() if value:
                place = random.randrange(len(value))
                flipped = bytearray(value)
                flipped[place] ^= 1 << random.randrange(8)
                return random.choice([bytes(flipped), value[:-1], bytes(len(value)), value.hex(), None])
            case _:
                return random.choice([0, "", b"", "eve"])

    def edit(self, table: str, where: str, columns: list[str] | None = None) -> None:
        """Change a column of a row."""
        names = columns or [row[1] for row in self.ask(f"PRAGMA table_info({table})")]
        name = self.random.choice(names)
        [(value,)] = self.ask(f"SELECT {name} FROM {table} WHERE {where}")
        try:
            self.execute(f"UPDATE {table} SET {name} = ? WHERE {where}", self.another(value))
        except sqlite3.IntegrityError:  # taken, or NOT NULL: another one will be drawn
            return

    def swap(self, table: str, key: str, one: int, other: int, columns: list[str]) -> None:
        """Exchange columns of two rows."""
        names = ", ".join(columns)
        rows = {
            this: self.ask(f"SELECT {names} FROM {table} WHERE {key} = {this}")[0] for this in (one, other)
        }
        if key in columns:
            self.execute(f"UPDATE {table} SET {key} = -1 WHERE {key} = {one}")
            self.execute(f"UPDATE {table} SET {key} = {one} WHERE {key} = {other}")
            self.execute(f"UPDATE {table} SET {key} = {other} WHERE {key} = -1")
            return
        assigned = ", ".join(f"{name} = ?" for name in columns)
        for this, that in ((one, other), (other, one)):
            self.execute(f"UPDATE {table} SET {assigned} WHERE {key} = {this}", *rows[that])

    def some_row(self, table: str) -> str:
        """The condition that finds one row of a table."""
        rows = self.ask(f"SELECT rowid FROM {table}")
        return f"rowid = {self.random.choice(rows)[0]}"

    # The attacks

    def edit_audit(self) -> None:
        self.edit("audit_log", f"seq = {self.seq()}")

    def delete_audit(self) -> None:
        self.execute(f"DELETE FROM audit_log WHERE seq = {self.seq()}")

    def delete_much_audit(self) -> None:
        low, high = sorted((self.seq(), self.seq()))
        self.execute(f"DELETE FROM audit_log WHERE seq BETWEEN {low} AND {high}")

    def delete_audit_of_a_row(self) -> None:
        [(entity, key)] = self.ask(f"SELECT entity, row_key FROM audit_log WHERE seq = {self.seq()}")
        self.execute("DELETE FROM audit_log WHERE entity = ? AND row_key = ?", entity, key)

    def reorder_audit(self) -> None:
        self.swap("audit_log", "seq", self.seq(), self.seq(), ["seq"])

    def exchange_audit(self) -> None:
        columns = ["at", "who", "cause", "action", "entity", "row_key", "before", "after", "key_id", "mac"]
        self.swap("audit_log", "seq", self.seq(), self.seq(), columns)

    def move_audit_up(self) -> None:
        seq = self.seq()
        self.execute(f"DELETE FROM audit_log WHERE seq = {seq}")
        self.execute(f"UPDATE audit_log SET seq = -seq WHERE seq > {seq}")
        self.execute("UPDATE audit_log SET seq = -seq - 1 WHERE seq < 0")

    def cut_off(self) -> None:
        self.execute(f"DELETE FROM audit_log WHERE seq >= {self.seq()}")

    def cut_off_with_seals(self) -> None:
        [(last,)] = self.ask("SELECT max(number) FROM audit_seal")
        number = self.random.randint(1, last)
        self.execute(
            "DELETE FROM audit_log WHERE seq >= (SELECT min(first_seq) FROM audit_seal "
            f"WHERE number >= {number} AND kind = 'segment')"
        )
        self.execute(f"DELETE FROM audit_seal WHERE number >= {number}")

    def cut_off_with_seals_and_head(self) -> None:
        self.head.write_bytes(self.random.choice(self.heads[:-1]))
        [(number,)] = self.ask(f"SELECT {self.head_number()}")
        self.execute(f"DELETE FROM audit_seal WHERE number > {number}")
        if self.random.random() < 0.5:
            self.execute(
                "DELETE FROM audit_log WHERE seq > "
                "(SELECT max(last_seq) FROM audit_seal WHERE kind = 'segment')"
            )

    def head_number(self) -> int:
        return int(self.head.read_bytes().partition(b":")[2].partition(b",")[0])

    def empty(self) -> None:
        tables = ["audit_log", "audit_seal", "data_keys"]
        self.random.shuffle(tables)
        for table in tables[: self.random.randint(1, 3)]:
            self.execute(f"DELETE FROM {table}")

    def edit_seal(self) -> None:
        self.edit("audit_seal", self.some_row("audit_seal"))

    def delete_seal(self) -> None:
        self.execute(f"DELETE FROM audit_seal WHERE {self.some_row('audit_seal')}")

    def delete_last_seals(self) -> None:
        self.execute(f"DELETE FROM audit_seal WHERE number > {self.random.randint(0, len(self.heads) - 1)}")

    def reorder_seals(self) -> None:
        [(last,)] = self.ask("SELECT max(number) FROM audit_seal")
        one, other = self.random.sample(range(1, last + 1), 2)
        columns = ["kind", "first_seq", "last_seq", "root", "previous", "at", "key_id", "signature"]
        self.swap("audit_seal", "number", one, other, self.random.choice([["number"], columns]))

    def take_head_away(self) -> None:
        self.head.unlink()

    def put_old_head(self) -> None:
        self.head.write_bytes(self.random.choice(self.heads[:-1]))

    def edit_head(self) -> None:
        content = bytearray(self.head.read_bytes())
        content[self.random.randrange(len(content) - 1)] ^= 1 << self.random.randrange(7)
        self.head.write_bytes(content)

    def edit_row(self) -> None:
        table = self.some_table()
        self.edit(table, self.some_row(table))

    def delete_row(self) -> None:
        table = self.some_table()
        self.execute(f"DELETE FROM {table} WHERE {self.some_row(table)}")

    def insert_row(self) -> None:
        table = self.some_table()
        [row] = self.ask(f"SELECT * FROM {table} WHERE {self.some_row(table)}")
        values = [value + 1000 if isinstance(value, int) else value for value in row]
        values[0] = values[0] if isinstance(values[0], int) else f"{values[0]}x"
        values[1] = values[1] if isinstance(values[1], int) else f"{values[1]}x"
        marks = ", ".join("?" * len(values))
        self.execute(f"INSERT INTO {table} VALUES ({marks})", *values)

    def move_ciphertext(self) -> None:
        one, other = self.ask("SELECT params FROM portfolios ORDER BY id")
        self.execute("UPDATE portfolios SET params = ? WHERE id = 1", other[0])
        self.execute("UPDATE portfolios SET params = ? WHERE id = 2", one[0])

    def append_audit(self) -> None:
        [row] = self.ask(f"SELECT * FROM audit_log WHERE seq = {self.seq()}")
        [(last,)] = self.ask("SELECT max(seq) FROM audit_log")
        self.execute(f"INSERT INTO audit_log VALUES ({', '.join('?' * len(row))})", last + 1, *row[1:])

    def forge_audit_of_a_row(self) -> None:
        self.edit_row()
        self.append_audit()

    def edit_key(self) -> None:
        self.edit("data_keys", self.some_row("data_keys"))

    def exchange_keys(self) -> None:
        one, other, *_ = self.random.sample(self.ask("SELECT id, wrapped FROM data_keys"), 9)
        for (this, _), (_, wrapped) in ((one, other), (other, one)):
            self.execute("UPDATE data_keys SET wrapped = ? WHERE id = ?", wrapped, this)

    def some_table(self) -> str:
        filled = [table.name for table in audited_tables() if self.ask(f"SELECT 1 FROM {table.name} LIMIT 1")]
        return str(self.random.choice(filled))


ATTACKS = [name for name, each in vars(Attacker).items() if callable(each)]
ATTACKS = ATTACKS[ATTACKS.index("edit_audit") : ATTACKS.index("some_table")]
ATTACKS.remove("head_number")


@pytest.fixture
def attacker(life: Any, tmp_path: Path) -> Callable[[int], Attacker]:
    return lambda seed: Attacker(life, tmp_path, seed)


async def _verify(attacker: Attacker) -> Report:
    engine = make_engine(f"sqlite:///{attacker.path}")
    try:
        return await verify(engine, attacker.node_keys, attacker.head)
    finally:
        await engine.dispose()


@pytest.fixture
def audit_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look for traces in what is stored only, not in the schema: that takes longest, and is not touched."""
    monkeypatch.setattr("actors.persistence.verify.drift_of", lambda _: [])


async def test_a_life_that_nobody_touched_is_proved(attacker: Callable[[int], Attacker]) -> None:
    report = await _verify(attacker(0))

    assert report.findings == ()
    assert report.dropped_through > 50
    assert report.seals > 10
    assert report.unsealed == 2
    assert report.rows > 200


def _attack(attacker: Attacker, names: list[str]) -> str:
    """Make an attack that leaves something else than there was, and return its name."""
    before = attacker.state()
    while True:
        name = attacker.random.choice(names)
        with suppress(LookupError, ValueError, TypeError, OSError):  # nothing is left to attack there
            getattr(attacker, name)()
        if attacker.state() not in {before, attacker.untouched}:
            return name


@pytest.mark.usefixtures("audit_alone")
@pytest.mark.parametrize("name", ATTACKS)
async def test_each_kind_of_attack_is_found(attacker: Callable[[int], Attacker], name: str) -> None:
    attacking = attacker(1)
    _attack(attacking, [name])

    report = await _verify(attacking)
    assert not report.ok
    assert report.findings


@pytest.mark.usefixtures("audit_alone")
@pytest.mark.parametrize("seed", range(SEEDS))
async def test_a_hundred_attacks_of_a_hundred_are_found(
    attacker: Callable[[int], Attacker], seed: int
) -> None:
    attacking = attacker(1000 + seed)
    made = [_attack(attacking, ATTACKS) for _ in range(1 + seed % 2)]

    report = await _verify(attacking)
    assert not report.ok, made
    assert all("\n" not in sentence for sentence in report.findings)
