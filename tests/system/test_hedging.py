"""Two strategies hold one instrument long and short at once, over kills and restarts, in books that agree."""

import json
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import lts
from bus import ReplayDriver
from lts.config.file import read_system
from lts.domain.accounts import AccountReported
from lts.domain.digest import digest
from lts.domain.money import unrounded
from lts.domain.order_record import OrderRecord
from lts.domain.order_status import OrderStatus
from lts.domain.portfolio import Book
from lts.main import Extras, System

pytestmark = [
    pytest.mark.requirement("INT-4.6", "INT-5.3", "LTS-002", "LTS-003"),
    pytest.mark.timeout(300),
]

SAMPLES = Path(lts.__file__).parent / "samples"
DATA = "btcusd_1min_2020-01-01.csv"
LTS = (sys.executable, "-c", "from lts.cli import main; main()")
OF_ONE = """
  [[portfolio.asset]]
  name = "slow"
  instrument = "BTC/USD"
  broker = "paper"
  strategy = "ema_cross"
  params = { fast = 50, slow = 120 }
"""
PROTECTION = "  protection = { stop_loss_bps = 30, take_profit_bps = 60, emergency_exit_after_s = 10 }\n"


def system(directory: Path, more: str = "", *, protected: bool = False) -> Path:
    """A day of one-minute bars, traded by two strategies through an account that hedges."""
    shutil.copy(SAMPLES / DATA, directory)
    plain = (SAMPLES / "btcusd.toml").read_text(encoding="utf-8")
    text = plain.replace('plugin = "paper"\n', 'plugin = "paper"\npositions = "hedging"\n')
    text = text.replace(
        '  instrument = "BTC/USD"\n  broker', '  name = "fast"\n  instrument = "BTC/USD"\n  broker'
    )
    file = directory / "hedging.toml"
    file.write_text(text + (PROTECTION if protected else "") + OF_ONE + more, encoding="utf-8")
    return file


async def traded(
    file: Path, seed: int | None = None
) -> tuple[tuple[OrderRecord, ...], AccountReported, Book]:
    """Every order of a backtest, what the portfolio has at its end, and its books."""
    it = System(read_system(file), ReplayDriver(), Extras(seed=seed))
    await it.start()
    await it.run()
    try:
        portfolio: Any = it.bus.cells["portfolio/scalp"].actor
        (account,) = await it.accounts()
        return await it.records(), account, portfolio.book
    finally:
        await it.stop()


@pytest.mark.parametrize("protected", [False, True], ids=["plain", "protected"])
async def test_both_sides_are_held_at_once_and_no_position_ever_turns(
    tmp_path: Path, *, protected: bool
) -> None:
    file = system(tmp_path, protected=protected)
    records, account, book = await traded(file)
    fills = sorted((fill for record in records for fill in record.fills), key=lambda fill: fill.at)
    held: dict[str, Decimal] = {}
    both = 0
    for fill in fills:
        held[fill.position] = held.get(fill.position, Decimal(0)) + fill.side.signed(fill.quantity)
        assert held[fill.position] * (1 if fill.position.endswith(":long") else -1) >= 0
        both += max(held.values()) > 0 > min(held.values())
    assert held.keys() == {"fast:long", "fast:short", "slow:long", "slow:short"}
    assert both > 20
    assert {each.id: each.quantity for each in account.positions} == held
    _check(account, book)
    for other in (1, 2):
        again, _, _ = await traded(file, other)
        assert digest(again) == digest(records), f"seed {other}"


@unrounded
def _check(account: AccountReported, book: Book) -> None:
    """Equity is cash and positions, and capital and profit less fees, to the last digit."""
    marks = {"BTC/USD": Decimal("7174.33")}
    equity = book.equity(marks)
    value = sum(each.value(marks["BTC/USD"]) for each in account.positions)
    assert equity == account.cash + value
    assert equity == account.capital + account.realised - account.fees + book.unrealised(marks)
    assert account.realised == sum(each.realised for each in account.positions)
    assert book.ledger.total("USD") == 0


async def test_what_goes_beyond_the_gross_limit_is_denied_though_net_it_is_nothing(tmp_path: Path) -> None:
    records, *_ = await traded(system(tmp_path, '\n[risk]\nmax_exposure = "5000"\n'))
    denied = [record for record in records if record.status is OrderStatus.DENIED]
    assert denied
    assert not any(record.order.reduce_only for record in denied)
    netted, *_ = await traded(system(tmp_path, '\n[risk]\nmax_net_exposure = "5000"\n'))
    both_long = [record for record in netted if record.status is OrderStatus.DENIED]
    assert 0 < len(both_long) < len(denied)


Run = Callable[..., Any]


@pytest.fixture
def run(lts: Callable[..., Any]) -> Run:
    """What a command that succeeds prints."""

    def run(*words: str | Path) -> Any:
        done = lts(*words)
        assert done.code == 0, done.err
        return json.loads(done.out)

    return run


def to_the_end(run: Run, file: Path) -> Any:
    return run("run", "--config", file, "--speed", "max", "--until-end", "--json")


RESULTS = ("final_equity", "fees", "portfolios")


@pytest.mark.chaos
def test_a_backtest_a_run_that_was_killed_and_a_replay_are_one(tmp_path: Path, run: Run) -> None:
    file = system(tmp_path, protected=True)
    expected = run("backtest", file, "--json")
    assert len(expected["portfolios"][0]["positions"]) == 2
    with _in_the_middle(file):
        pass
    left = _rows(file, "SELECT position_ref, quantity FROM hedged_positions WHERE quantity <> '0'")
    assert left
    whole = to_the_end(run, file)
    assert [whole[name] for name in RESULTS] == [expected[name] for name in RESULTS]
    assert run("db", "verify", "--config", file, "--json")["ok"]

    archived = run("db", "archive", "--config", file, "--before", "2020-01-02", "--json")
    assert archived["orders"] > 100
    assert _rows(file, "SELECT count(*) FROM hedged_snapshots") == [(4,)]
    again = to_the_end(run, file)
    assert [again[name] for name in RESULTS] == [expected[name] for name in RESULTS]
    assert run("db", "verify", "--config", file, "--json")["ok"]

    shutil.rmtree(tmp_path / "state")
    words = (
        "run",
        "--config",
        file,
        "--speed",
        "max",
        "--until-end",
        "--json",
        "--record",
        tmp_path / "day.rec",
    )
    assert run(*words)["digest"] == expected["digest"]
    assert run("replay", tmp_path / "day.rec", "--json")["digest"] == expected["digest"]


@contextmanager
def _in_the_middle(file: Path) -> Iterator[None]:
    """Have a node run that holds both sides, and kill it."""
    words = (*LTS, "run", "--config", file, "--speed", "3600", "--until-end")
    process = subprocess.Popen(words, cwd=file.parent, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 120
        while {str(quantity).startswith("-") for _, quantity in _rows(file, _OPEN)} != {True, False}:
            assert time.monotonic() < deadline, "both sides are never held"
            time.sleep(0.1)  # noqa: TID251 - another process's time
        yield
    finally:
        process.kill()
        process.wait()


_OPEN = "SELECT position_ref, quantity FROM hedged_positions WHERE quantity <> '0'"


def _rows(file: Path, statement: str) -> Sequence[Any]:
    path = file.parent / "state" / "lts.db"
    if not path.exists():
        return []
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            return connection.execute(statement).fetchall()
    except sqlite3.OperationalError:  # it is being made
        return []


def test_a_halt_that_flattens_closes_each_position(tmp_path: Path, run: Run) -> None:
    file = system(tmp_path, protected=True)
    with _in_the_middle(file):
        words = ("halt", "system", "--flatten", "--within", "600", "--config", file, "--json")
        answer = run(*words)
        assert (answer["held"], answer["open"], answer["unknown"]) == ([], [], [])
        assert answer["trouble"] == ""
        deadline = time.monotonic() + 30
        while _rows(file, _OPEN):  # the fills are told of before they are on disk
            assert time.monotonic() < deadline, "what was told is not written"
            time.sleep(0.05)  # noqa: TID251 - another process's time
    kept = _rows(file, "SELECT position_ref FROM hedged_positions")
    assert {position for (position,) in kept} <= {"fast:long", "fast:short", "slow:long", "slow:short"}
    assert run("db", "verify", "--config", file, "--json")["ok"]


def test_an_account_that_only_nets_does_not_start_as_one_that_hedges(tmp_path: Path, lts: Run) -> None:
    file = system(tmp_path)
    text = file.read_text(encoding="utf-8").replace('plugin = "paper"', 'plugin = "oanda"')
    file.write_text(text, encoding="utf-8")
    done = lts("backtest", file)
    assert done.code == 1
    assert done.err.strip() == (
        f'{file}: broker \'paper\': positions = "hedging" is not what its plugin can do; say "netting"'
    )


def test_a_node_does_not_go_on_netting_what_was_hedged(tmp_path: Path, lts: Run, run: Run) -> None:
    file = system(tmp_path)
    to_the_end(run, file)
    done = lts("db", "upgrade", "--to", "0017", "--yes", "--config", file)
    assert done.code == 1
    assert "positions are hedged, and before this revision they would be netted" in done.err
    text = file.read_text(encoding="utf-8").replace('positions = "hedging"\n', "").replace(OF_ONE, "")
    file.write_text(text.replace('  name = "fast"\n', ""), encoding="utf-8")
    done = lts("run", "--config", file, "--speed", "max", "--until-end")
    assert done.code == 1
    assert "broker 'paper' had positions = \"hedging\"; say that again and close them first" in done.err
