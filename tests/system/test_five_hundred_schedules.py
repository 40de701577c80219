"""The order in which ready actors run is no business of the result."""

from functools import cache
from itertools import islice
from pathlib import Path

import pytest

import lts
from bus import ReplayDriver
from lts.config.file import read_system
from lts.config.schema import SystemPlan
from lts.domain.outcome import Outcome
from lts.main import Extras, System, catalogue

pytestmark = [pytest.mark.requirement("INT-002", "INT-4.3"), pytest.mark.timeout(300)]

SEEDS = range(500)
PARTS = 4
"""Tests that share the seeds, and so the cores."""
DAYS = 90
SYSTEM = """
[[instrument]]
symbol = "BTC"
currency = "USD"
tick_size = "0.01"
lot_size = "0.0001"

[[instrument]]
symbol = "BTC2"
currency = "USD"
tick_size = "0.01"
lot_size = "0.0001"

[[feed]]
plugin = "csv"
instrument = "BTC"
params = {{ path = "{data}", bar = "1d" }}

[[feed]]
plugin = "csv"
instrument = "BTC2"
params = {{ path = "{data}", bar = "1d" }}

[[broker]]
name = "paper"
plugin = "paper"
params = {{ commission_bps = "2.5", slippage_bps = "1" }}

[risk]
max_exposure = "25000"
max_messages_per_s = "1"

[[portfolio]]
name = "both"
owner = "a"
currency = "USD"
cash = "20000"
plugin = "fixed_fraction"
params = {{ fraction = "0.8" }}

  [[portfolio.asset]]
  instrument = "BTC"
  broker = "paper"
  strategy = "sma_cross"
  params = {{ fast = 2, slow = 5, direction = "long_short" }}

  [[portfolio.asset]]
  instrument = "BTC2"
  broker = "paper"
  strategy = "ema_cross"
  params = {{ fast = 3, slow = 8 }}

[[portfolio]]
name = "one"
owner = "b"
currency = "USD"
cash = "20000"
plugin = "fixed_quantity"
params = {{ quantity = "1" }}

  [[portfolio.asset]]
  instrument = "BTC"
  broker = "paper"
  strategy = "ema_cross"
  params = {{ fast = 2, slow = 4 }}
"""


async def outcome(plan: SystemPlan, seed: int | None) -> tuple[Outcome, int]:
    system = System(plan, ReplayDriver(), Extras(seed=seed))
    await system.start()
    await system.run()
    try:
        return await system.outcome(), system.bus.dispatcher.turns
    finally:
        await system.stop()


@pytest.mark.parametrize("part", range(PARTS))
async def test_every_seed_gives_the_digest_of_the_common_order(
    part: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lts.main.catalogue", cache(catalogue))  # whose directories stay as they are
    file, data = tmp_path / "system.toml", tmp_path / "days.csv"
    with (Path(lts.__file__).parent / "samples" / "btcusdt_1day_2020.csv").open(encoding="utf-8") as year:
        data.write_text("".join(islice(year, 1 + DAYS)), encoding="utf-8")
    file.write_text(SYSTEM.format(data=data), encoding="utf-8")
    plan = read_system(file)
    common, turns = await outcome(plan, None)
    assert common.fills > 25
    assert common.denied > 15
    assert turns < common.events

    for seed in SEEDS[part::PARTS]:
        permuted, turns = await outcome(plan, seed)
        assert permuted.digest == common.digest, f"seed {seed}"
        assert turns > permuted.events, "a seed sends every message through a lane"
