"""The same rules once more, in exact fractions and without any of the system's code."""

import csv
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.requirement("INT-4.3", "INT-4.4", "INT-4.5", "INT-4.6", "INT-002")

SAMPLES = Path(__file__).parents[2] / "lts" / "samples"
CENT = Fraction(1, 100)


@dataclass
class Reckoning:
    """What the independent calculation comes to."""

    cash: Fraction
    position: Fraction = Fraction(0)
    fees: Fraction = Fraction(0)
    orders: int = 0
    fills: list[tuple[Fraction, Fraction]] = field(default_factory=list)
    trades: int = 0
    equity: Fraction = Fraction(0)

    def fill(self, quantity: Fraction, price: Fraction, commission_bps: Fraction) -> None:
        fee = abs(quantity) * price * commission_bps / 10_000
        self.cash -= quantity * price + fee
        self.fees += fee
        before, self.position = self.position, self.position + quantity
        self.trades += before != 0 and (self.position == 0 or (before > 0) is not (self.position > 0))
        self.fills.append((quantity, price))


def reckon(rows: list[dict[str, str]], system: dict[str, Any]) -> Reckoning:
    columns = {name.lower(): name for name in rows[0]}
    opens = [Fraction(row[columns["open"]]) for row in rows]
    closes = [Fraction(row[columns["close"]]) for row in rows]
    fast, slow, short = system["fast"], system["slow"], system["direction"] == "long_short"
    slip, commission = Fraction(system["slippage"]), Fraction(system["commission"])
    book = Reckoning(Fraction(system["cash"]))
    side, pending = 0, Fraction(0)
    for day, (opened, close) in enumerate(zip(opens, closes, strict=True)):
        if pending:
            price = opened * (1 + (1 if pending > 0 else -1) * slip / 10_000)
            book.fill(pending, price, commission)
            pending = Fraction(0)
        if day + 1 < slow:
            continue
        fast_mean = sum(closes[day + 1 - fast : day + 1]) / fast
        slow_mean = sum(closes[day + 1 - slow : day + 1]) / slow
        above = fast_mean - slow_mean >= slow_mean / 10**10
        wanted = 1 if above else (-1 if short else 0)
        if wanted == side:
            continue
        side = wanted
        if "fraction" in system:
            worth = book.cash + book.position * close
            lot = Fraction(system.get("lot", "1"))
            lots = Fraction(system["fraction"]) * worth / close // lot
            target = side * lots * lot
        else:
            target = side * Fraction(system["quantity"])
        pending = target - book.position
        book.orders += pending != 0
    book.equity = book.cash + book.position * closes[-1]
    return book


def described(system: dict[str, Any], directory: Path) -> Path:
    sizing = "fraction" if "fraction" in system else "quantity"
    file = directory / "system.toml"
    file.write_text(
        f"""
[[instrument]]
symbol = "X"
currency = "USD"
tick_size = "0.01"
lot_size = "{system.get("lot", "1")}"

[[feed]]
plugin = "csv"
instrument = "X"
params = {{ path = "{SAMPLES / system["file"]}", bar = "{system["bar"]}" }}

[[broker]]
name = "paper"
plugin = "paper"
params = {{ commission_bps = "{system["commission"]}", slippage_bps = "{system["slippage"]}" }}

[[portfolio]]
name = "p"
owner = "o"
currency = "USD"
cash = "{system["cash"]}"
plugin = "fixed_{sizing}"
params = {{ {sizing} = "{system[sizing]}" }}

  [[portfolio.asset]]
  instrument = "X"
  broker = "paper"
  strategy = "sma_cross"
  params = {{ fast = {system["fast"]}, slow = {system["slow"]}, direction = "{system["direction"]}" }}
""",
        encoding="utf-8",
    )
    return file


def backtest(file: Path, *options: str, hash_seed: str = "0") -> dict[str, Any]:
    done = subprocess.run(
        [str(Path(sys.executable).parent / "lts"), "backtest", str(file), "--json", *options],
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONHASHSEED": hash_seed, "PATH": ""},
    )
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout, parse_float=Decimal)
    return result


SP500 = {"file": "sp500_1day_1999_2018.csv", "bar": "1d", "cash": "100000"}
NASDAQ = {"file": "nasdaq_1day_1999_2018.csv", "bar": "1d", "cash": "250000"}
BTC_MINUTES = {"file": "btcusd_1min_2020-01-01.csv", "bar": "1m", "cash": "50000.50"}
BTC_DAYS = {"file": "btcusdt_1day_2020.csv", "bar": "1d", "cash": "10000"}
FREE = {"commission": "0", "slippage": "0"}
COSTLY = {"commission": "2.5", "slippage": "3.7"}
LONG, BOTH = {"direction": "long_only"}, {"direction": "long_short"}


@pytest.mark.parametrize(
    "system",
    [
        SP500 | {"commission": "1.0", "slippage": "0", "quantity": "10", "fast": 10, "slow": 30} | LONG,
        SP500 | COSTLY | {"quantity": "7", "fast": 3, "slow": 200} | BOTH,
        SP500 | COSTLY | {"fraction": "0.95", "fast": 20, "slow": 50} | LONG,
        NASDAQ | COSTLY | {"quantity": "12.5", "fast": 5, "slow": 6} | BOTH,
        NASDAQ | COSTLY | {"fraction": "1.5", "lot": "0.1", "fast": 1, "slow": 2} | BOTH,
        BTC_MINUTES | COSTLY | {"quantity": "0.25", "fast": 5, "slow": 20} | BOTH,
        BTC_MINUTES | FREE | {"fraction": "0.5", "lot": "0.0001", "fast": 2, "slow": 7} | LONG,
        BTC_DAYS | COSTLY | {"quantity": "1", "fast": 7, "slow": 21} | LONG,
        BTC_DAYS | COSTLY | {"fraction": "0.3", "lot": "0.001", "fast": 4, "slow": 9} | BOTH,
        BTC_DAYS | FREE | {"quantity": "1", "fast": 100, "slow": 400} | BOTH,
    ],
    ids=lambda system: f"{system['file'][:6]}-{system['fast']}-{system['slow']}-{system['direction']}",
)
def test_a_backtest_comes_to_what_exact_fractions_come_to(
    lts: Callable[..., Any], system: dict[str, Any], tmp_path: Path
) -> None:
    with (SAMPLES / system["file"]).open(encoding="utf-8") as lines:
        expected = reckon(list(csv.DictReader(lines)), system)

    done = lts("backtest", described(system, tmp_path), "--json")

    assert done.code == 0, done.err
    result = json.loads(done.out, parse_float=Decimal)
    assert result["orders"] == expected.orders
    assert result["fills"] == len(expected.fills)
    assert result["trades"] == expected.trades
    assert abs(Fraction(result["fees"]) - expected.fees) < CENT
    assert abs(Fraction(result["final_equity"]) - expected.equity) < CENT
    [portfolio] = result["portfolios"]
    assert abs(Fraction(portfolio["cash"]) - expected.cash) < CENT
    held = sum(Fraction(position["quantity"]) for position in portfolio["positions"])
    assert held == expected.position


def test_the_digest_is_the_same_twice_and_for_every_hash_seed() -> None:
    file = SAMPLES / "sp500.toml"

    digests = {backtest(file, hash_seed=seed)["digest"] for seed in ("0", "0", "1", "4242")}

    assert len(digests) == 1
