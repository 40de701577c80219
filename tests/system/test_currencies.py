"""A system that trades in several currencies comes to what is reckoned anew, also when it is killed."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from random import Random
from typing import Any

import pytest

pytestmark = pytest.mark.requirement("INT-4.6", "LTS-002", "LTS-003")

LTS = (sys.executable, "-c", "from lts.cli import main; main()")
BARS = 1_500
BEGIN = datetime(2024, 1, 1, tzinfo=UTC)
SYSTEM = """
[[instrument]]
symbol = "DE"
currency = "EUR"
tick_size = "0.01"
lot_size = "1"
multiplier = "2"

[[instrument]]
symbol = "JP"
currency = "JPY"
tick_size = "0.01"
lot_size = "1"

[[instrument]]
symbol = "EUR/USD"
currency = "USD"
tick_size = "0.00001"
lot_size = "1"

[[conversion]]
from = "EUR"
to = "USD"
instrument = "EUR/USD"

[[conversion]]
from = "USD"
to = "JPY"
rate = "150"

[[broker]]
name = "paper"
plugin = "paper"
positions = "{positions}"
params = {{ commission_bps = "3", financing_long_pct_per_year = "5" }}

[risk]
max_order_value = "120000"

[[portfolio]]
name = "world"
owner = "demo"
currency = "USD"
cash = "100000"
plugin = "fixed_fraction"
params = {{ fraction = "0.4" }}
{tables}
"""
TABLES = """
  [[portfolio.asset]]
  {name}instrument = "{symbol}"
  broker = "paper"
  strategy = "sma_cross"
  params = {{ fast = {fast}, slow = {slow}, direction = "long_short" }}
"""
ASSETS = {
    "netting": (("", "DE", 5, 20), ("", "JP", 5, 20)),
    "hedging": (("quick", "DE", 5, 20), ("slow", "DE", 20, 80), ("yen", "JP", 5, 20)),
}
FEED = """
[[feed]]
plugin = "csv"
instrument = "{symbol}"
params = {{ path = "{file}.csv", bar = "1h" }}
"""


def written(file: Path, start: float, seed: int, deviation: float) -> None:
    """Write hourly bars of a price that walks at random."""
    draw, price, at = Random(seed), start, BEGIN
    lines = ["datetime,open,high,low,close,volume"]
    for _ in range(BARS):
        before, price = price, round(price * (1 + draw.gauss(0, deviation)), 5)
        high, low = max(before, price), min(before, price)
        lines.append(f"{at:%Y-%m-%d %H:%M:%S},{before},{high},{low},{price},100")
        at += timedelta(hours=1)
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")


@pytest.fixture(params=ASSETS)
def system(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A portfolio in dollars that trades in euros, at a price, and in yen, at a stated rate."""
    for seed, (name, start) in enumerate((("DE", 100.0), ("JP", 2_000.0), ("EURUSD", 1.1))):
        written(tmp_path / f"{name}.csv", start, seed, 0.002 if start < 2 else 0.004)
    tables = "".join(
        TABLES.format(name=f'name = "{name}"\n  ' if name else "", symbol=symbol, fast=fast, slow=slow)
        for name, symbol, fast, slow in ASSETS[request.param]
    )
    for symbol in ("DE", "JP", "EUR/USD"):
        tables += FEED.format(symbol=symbol, file=symbol.replace("/", ""))
    file = tmp_path / "world.toml"
    file.write_text(SYSTEM.format(tables=tables, positions=request.param), encoding="utf-8")
    return file


@pytest.fixture
def run(lts: Callable[..., Any]) -> Callable[..., Any]:
    """What a command that succeeds prints."""

    def run(*words: Any) -> Any:
        done = lts(*words)
        assert done.code == 0, done.err
        return json.loads(done.out, parse_float=str) if "--json" in words else done.out

    return run


def closes(file: Path) -> list[tuple[int, Fraction]]:
    """Return when each bar closed, and where."""
    lines = file.read_text(encoding="utf-8").splitlines()[1:]
    hour = 3_600 * 10**9
    begin = round(BEGIN.timestamp()) * 10**9
    return [(begin + n * hour, Fraction(line.split(",")[4])) for n, line in enumerate(lines, 1)]


def orders(recording: Path) -> Iterator[dict[str, Any]]:
    ending = json.loads(recording.read_text(encoding="utf-8").splitlines()[-1])
    yield from ending["orders"]


def test_cash_and_equity_are_what_the_fills_come_to(system: Path, run: Callable[..., Any]) -> None:
    recording = system.parent / "session.jsonl"
    words = ("run", "--config", system, "--speed", "max", "--until-end", "--json")
    tested = run(*words, "--record", recording)
    (account,) = tested["portfolios"]
    assert tested["fills"] > 80
    euros, multiplier = closes(system.parent / "EURUSD.csv"), {"DE": 2, "JP": 1}
    cash, held, rates = Fraction(100_000), {"DE": Fraction(0), "JP": Fraction(0)}, {}
    places = {order["intent"].get("position", "") for order in orders(recording)}
    assert places == {""} or len(places) == 6, "netted, or two legs of each asset"
    for order in orders(recording):
        symbol = order["intent"]["instrument"]
        sign = 1 if order["intent"]["side"] == "buy" else -1
        for fill in order["fills"]:
            price, quantity, fee = (Fraction(fill[name]) for name in ("price", "quantity", "fee"))
            rates[symbol] = Fraction(fill["rate"])
            if symbol == "DE":
                assert rates[symbol] == max(each for each in euros if each[0] <= fill["at"])[1]
            cash -= (sign * price * quantity * multiplier[symbol] + fee) * rates[symbol]
            held[symbol] += sign * quantity
    assert abs(rates["JP"] - Fraction(1, 150)) < Fraction(1, 10**16)
    worth = {
        symbol: held[symbol] * multiplier[symbol] * closes(system.parent / f"{symbol}.csv")[-1][1]
        for symbol in held
    }
    assert all(held.values())
    financing = Fraction(account["cash"]) - cash
    assert -2_000 < financing < -10, "what is left is what the nights have cost"
    equity = Fraction(account["cash"]) + worth["DE"] * euros[-1][1] + worth["JP"] * rates["JP"]
    assert Fraction(account["equity"]) == equity


@pytest.mark.chaos
@pytest.mark.parametrize("system", ["hedging"], indirect=True)
def test_a_run_a_replay_and_a_run_that_is_killed_come_to_the_same(
    system: Path, run: Callable[..., Any]
) -> None:
    tested, recording = run("backtest", system, "--json"), system.parent / "session.jsonl"
    words = ("run", "--config", system, "--speed", "max", "--until-end", "--json")
    whole = run(*words, "--record", recording)
    assert whole["portfolios"] == tested["portfolios"]
    assert whole["digest"] == tested["digest"]
    assert "The same as recorded." in run("replay", recording)
    (system.parent / "state").rename(system.parent / "whole")
    draw = Random(5)
    for _ in range(3):
        process = subprocess.Popen(
            [*LTS, "run", "--config", system, "--speed", "2000000", "--until-end"],
            cwd=system.parent, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert process.stderr is not None
        for line in process.stderr:
            if "system started" in line:
                break
        time.sleep(draw.uniform(0.2, 0.7))  # noqa: TID251 - the child's time, not ours
        process.send_signal(signal.SIGKILL)
        process.communicate()
    ended = run(*words)
    assert 0 < ended["bars"] < whole["bars"], "it was killed under way"
    assert ended["portfolios"] == tested["portfolios"]
    assert run("db", "verify", "--state-dir", system.parent / "state", "--json")["ok"]


@pytest.mark.parametrize("system", ["netting"], indirect=True)
def test_what_is_archived_and_restored_goes_on_as_if_nothing_had_gone(
    system: Path, run: Callable[..., Any]
) -> None:
    words = ("run", "--config", system, "--speed", "max", "--until-end", "--json")
    before, state = run(*words), system.parent / "state"
    run("db", "archive", "--state-dir", state, "--before", "2024-02-15")
    assert run(*words)["portfolios"][0] | {"trades": 0} == before["portfolios"][0] | {"trades": 0}
    assert run("db", "verify", "--state-dir", state, "--json")["ok"]
