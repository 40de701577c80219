"""The order in which ready actors run is no business of the result."""

from pathlib import Path

import pytest

from bus import ReplayDriver
from lts.config.file import read_system
from lts.config.schema import SystemPlan
from lts.domain.outcome import Outcome
from lts.main import Extras, System

pytestmark = [pytest.mark.requirement("INT-002", "INT-4.3"), pytest.mark.timeout(300)]

SEEDS = 500
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
params = {{ path = "{samples}/btcusdt_1day_2020.csv", bar = "1d" }}

[[feed]]
plugin = "csv"
instrument = "BTC2"
params = {{ path = "{samples}/btcusdt_1day_2020.csv", bar = "1d" }}

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


async def test_every_seed_gives_the_digest_of_the_common_order(tmp_path: Path) -> None:
    file = tmp_path / "system.toml"
    file.write_text(SYSTEM.format(samples=Path(__file__).parents[2] / "lts" / "samples"), encoding="utf-8")
    plan = read_system(file)
    common, turns = await outcome(plan, None)
    assert common.fills > 100
    assert common.denied > 0
    assert turns < common.events

    for seed in range(SEEDS):
        permuted, turns = await outcome(plan, seed)
        assert permuted.digest == common.digest, f"seed {seed}"
        assert turns > permuted.events, "a seed sends every message through a lane"
