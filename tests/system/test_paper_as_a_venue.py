"""A whole system trades recorded days through the paper broker, by rules that are reckoned here once more."""

import csv
from bisect import bisect_left
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path

import pytest

import lts
from bus import ReplayDriver
from lts.config.file import read_system
from lts.domain.order_record import OrderRecord
from lts.domain.outcome import Outcome
from lts.main import System
from lts.sdk import SECOND, OrderStatus

pytestmark = pytest.mark.requirement("INT-4.3", "INT-4.5", "LTS-003")

SAMPLES = Path(lts.__file__).parent / "samples"
DATA = SAMPLES / "sp500_1day_1999_2018.csv"
DAY = 86_400 * SECOND
SYSTEM = """\
[[instrument]]
symbol = "SP500"
currency = "USD"
tick_size = "0.01"
lot_size = "1"

[[feed]]
plugin = "csv"
instrument = "SP500"
params = {{ path = "{data}", bar = "1d" }}

[[broker]]
name = "paper"
plugin = "paper"
params = {{ {params} }}

[[portfolio]]
name = "trend"
owner = "somebody"
currency = "USD"
cash = "100000"
plugin = "fixed_quantity"
params = {{ quantity = "10" }}

  [[portfolio.asset]]
  instrument = "SP500"
  broker = "paper"
  strategy = "sma_cross"
  params = {{ fast = 10, slow = 30 }}
"""

Row = tuple[int, Fraction, Fraction]


@pytest.fixture(scope="module")
def days() -> list[Row]:
    """When each day opens, at what price, and its volume."""
    with DATA.open(encoding="utf-8") as file:
        rows = [{name.lower(): value for name, value in row.items()} for row in csv.DictReader(file)]
    return [
        (
            int(datetime.strptime(row["date"], "%m/%d/%Y").replace(tzinfo=UTC).timestamp()) * SECOND,
            Fraction(row["open"]),
            Fraction(row["volume"]),
        )
        for row in rows
    ]


async def backtest(directory: Path, params: str) -> tuple[Outcome, tuple[OrderRecord, ...]]:
    file = directory / "system.toml"
    file.write_text(SYSTEM.format(data=DATA, params=params), encoding="utf-8")
    running = System(read_system(file), ReplayDriver())
    await running.start()
    try:
        await running.run()
        assert running.trouble() is None
        return await running.outcome(), await running.records()
    finally:
        await running.stop()


def opens_from(days: list[Row], at: int) -> list[Row]:
    return days[bisect_left(days, at, key=lambda day: day[0]) :]


async def test_an_order_that_takes_a_second_misses_the_open_and_pays_the_tariff(
    tmp_path: Path, days: list[Row]
) -> None:
    _, records = await backtest(
        tmp_path,
        'order_latency_ms = 1000, slippage_ticks = "3", commission_per_unit = "0.35", commission_max = "3"',
    )
    ended = [record for record in records if record.status is OrderStatus.FILLED]
    assert len(ended) > 50
    for record in ended:
        (fill,) = record.fills
        at, price, _ = opens_from(days, record.order.created_at + SECOND)[0]
        assert (fill.at, Fraction(fill.price)) == (at, price + record.order.side.sign * Fraction(3, 100))
        assert Fraction(fill.fee) == min(Fraction(35, 100) * Fraction(fill.quantity), 3)


async def test_a_thin_market_fills_in_parts_at_each_open(tmp_path: Path, days: list[Row]) -> None:
    _, records = await backtest(tmp_path, 'participation = "0.00000001"')
    parted, offered = 0, {at: int(volume / 100_000_000) for at, _, volume in days}
    for record in records:
        left, expected = Fraction(record.order.quantity), []
        for at, price, _ in opens_from(days, record.order.created_at):
            part = min(left, Fraction(offered[at]))  # what orders before it have left
            offered[at] -= int(part)
            if part:
                expected.append((at + DAY, price, part))
                left -= part
            if not left:
                break
        found = [(fill.at, Fraction(fill.price), Fraction(fill.quantity)) for fill in record.fills]
        assert found == expected[: len(found)]
        assert record.status is not OrderStatus.FILLED or len(found) == len(expected)
        parted += len(found) > 1
    assert parted > 10


@pytest.mark.parametrize(
    "params",
    [
        "",
        'participation = "0.00000001", commission_bps = "1", commission_min = "1"',
        "order_latency_ms = 250, report_latency_ms = 250",
        'balance = "100000", leverage = "2", strict = true',
    ],
)
async def test_the_same_rules_give_the_same_digest(tmp_path: Path, params: str) -> None:
    first, _ = await backtest(tmp_path, params)
    second, _ = await backtest(tmp_path, params)
    assert first.digest == second.digest
    assert first.fills > 50


async def test_rules_that_never_apply_change_nothing(tmp_path: Path) -> None:
    plain, _ = await backtest(tmp_path, "")
    spelled, _ = await backtest(
        tmp_path,
        'path = "low_first", commission_max = "0", balance = "100000000", trailing_step_ticks = 5, '
        'slippage_ticks = "0", match_on = "bars"',
    )
    assert plain.digest == spelled.digest
