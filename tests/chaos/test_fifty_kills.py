"""The demo is killed fifty times, at moments drawn at random, and goes on each time with all that it had."""

import csv
import json
import os
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from decimal import Decimal
from itertools import groupby
from pathlib import Path
from random import Random
from typing import Any

import pytest

import lts
from lts.domain.money import ZERO, unrounded

pytestmark = [
    pytest.mark.chaos,
    pytest.mark.timeout(1800),
    pytest.mark.requirement("INT-006", "INT-007", "INT-5.3", "LTS-003"),
]

LTS = (sys.executable, "-c", "from lts.cli import main; main()")
DATA = Path(lts.__file__).parent / "samples/btcusd_1min_2020-01-01.csv"
KILLS = 50
LONGEST = 1.5
"""Of what a start and a stop take, how long it lives at most: about half of the kills meet a start."""


def closes() -> list[Decimal]:
    """Return the close of each bar of the recorded day."""
    with DATA.open(encoding="utf-8") as file:
        return [Decimal(row["close"]) for row in csv.DictReader(file)]


def rows(state: Path, statement: str) -> list[sqlite3.Row]:
    with closing(sqlite3.connect(state / "lts.db")) as connection:
        connection.row_factory = sqlite3.Row
        return connection.execute(statement).fetchall()


def kill_somewhere(state: Path, draw: Random, longest: float) -> None:
    """Start the demo, and kill it after so many seconds, or fewer."""
    words = (*LTS, "demo", "--speed", "60000", "--json", "--state-dir", state)
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        time.sleep(draw.uniform(0.05, longest))  # noqa: TID251 - the child's time, not ours
        assert process.poll() is None, process.communicate()[1]
        process.kill()


def look(state: Path) -> Any:
    """Start the demo so slowly that next to nothing happens, and return what it says at its end."""
    words = (*LTS, "demo", "--speed", "0.001", "--for", "0.2", "--json", "--state-dir", state)
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout, parse_float=Decimal, parse_int=Decimal)


def check_whole(state: Path) -> None:
    """Check whatever has to be so at every instant."""
    assert [row[0] for row in rows(state, "PRAGMA integrity_check")] == ["ok"]
    assert rows(state, "PRAGMA foreign_key_check") == []
    for table in ("audit_log", "order_events"):
        numbers = [row[0] for row in rows(state, f"SELECT seq FROM {table} ORDER BY seq")]  # noqa: S608 - ours
        assert numbers == [*range(1, len(numbers) + 1)]
    orders = rows(state, "SELECT portfolio_id, client_order_id AS id FROM orders ORDER BY 1, 2")
    for _, own in groupby(orders, key=lambda row: row["portfolio_id"]):
        sequence = [int(row["id"][-6:]) for row in own]
        assert sequence == [*range(1, len(sequence) + 1)]


@unrounded
def check_money(state: Path, said: Any, prices: list[Decimal]) -> None:
    """Compare what the demo says with the deposits, the fills and the last close, computed anew."""
    names = {row["name"]: row["id"] for row in rows(state, "SELECT id, name FROM portfolios")}
    bars = (
        sum(row["moments"] for row in rows(state, "SELECT moments FROM feed_progress")) // 2
    )  # each opens and closes
    cash = dict.fromkeys(names.values(), ZERO)
    held = dict.fromkeys(names.values(), ZERO)
    sums: dict[tuple[int, str], Decimal] = {}
    for row in rows(state, "SELECT portfolio_id, booking, account, amount FROM ledger_entries"):
        key, amount = (row["portfolio_id"], row["booking"]), Decimal(row["amount"])
        sums[key] = sums.get(key, ZERO) + amount
        if row["account"] == "capital":
            cash[row["portfolio_id"]] -= amount
    assert not any(sums.values())
    for row in rows(state, "SELECT * FROM fills"):
        signed = Decimal(row["quantity"]) * (1 if row["side"] == "buy" else -1)
        held[row["portfolio_id"]] += signed
        cash[row["portfolio_id"]] -= signed * Decimal(row["price"]) + Decimal(row["fee"])
    for row in rows(state, "SELECT portfolio_id, quantity FROM positions"):
        assert Decimal(row["quantity"]) == held[row["portfolio_id"]]
    for portfolio in said["portfolios"]:
        own = names[portfolio["name"]]
        assert portfolio["cash"] == cash[own]
        value = held[own] * prices[(bars - 1) % len(prices)] if held[own] else ZERO
        assert portfolio["equity"] == cash[own] + value, (portfolio["name"], bars)


def test_the_demo_is_killed_fifty_times_and_loses_nothing(tmp_path: Path) -> None:
    seed = int(os.environ.get("LTS_CHAOS_SEED", "0")) or int.from_bytes(os.urandom(4))
    print(f"LTS_CHAOS_SEED={seed}")  # noqa: T201 - what a failure is repeated with
    draw, prices, state = Random(seed), closes(), tmp_path / "state"
    orders = progress = 0
    began = time.monotonic()
    look(tmp_path / "tried")
    longest = LONGEST * (time.monotonic() - began)
    for _ in range(KILLS):
        kill_somewhere(state, draw, longest)
        if not (state / "lts.db").exists() or not rows(state, "SELECT 1 FROM sqlite_master"):
            continue
        check_whole(state)
        said = look(state)
        check_whole(state)
        check_money(state, said, prices)
        before = (orders, progress)
        orders = rows(state, "SELECT count(*) FROM orders")[0][0]
        progress = sum(row[0] for row in rows(state, "SELECT moments FROM feed_progress"))
        assert (orders, progress) >= before
    assert orders > 100
    assert progress > 2 * len(prices)
    words = (*LTS, "db", "verify", "--state-dir", state, "--json")
    verified = subprocess.run(words, capture_output=True, text=True, check=False)
    assert json.loads(verified.stdout)["ok"], verified.stderr
