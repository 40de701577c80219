"""A small system that is in order, and ways to write it to a file."""

from collections.abc import Callable
from pathlib import Path

import pytest

SYSTEM = """\
[[instrument]]
symbol = "SP500"
currency = "USD"
tick_size = "0.000001"
lot_size = "1"

[[instrument]]
symbol = "BTC/EUR"
currency = "EUR"
tick_size = 0.01
lot_size = "0.00000001"

[[feed]]
plugin = "csv"
instrument = "SP500"
params = { path = "sp500.csv", bar = "1d" }

[[feed]]
name = "bitcoin"
plugin = "csv"
instrument = "BTC/EUR"

[[broker]]
name = "paper"
plugin = "paper"
params = { commission_bps = "1.0" }

[[portfolio]]
name = "trend"
owner = "demo"
currency = "USD"
cash = "100000"
plugin = "fixed_quantity"
params = { quantity = "10" }

  [[portfolio.asset]]
  instrument = "SP500"
  broker = "paper"
  strategy = "sma_cross"
  params = { fast = 10, slow = 30 }

[[portfolio]]
name = "coins"
owner = "second owner"
currency = "EUR"
cash = 0
plugin = "fixed_fraction"
pipeline = "other"
pipeline_params = { beat = 2.5 }

  [[portfolio.asset]]
  instrument = "BTC/EUR"
  broker = "paper"
  strategy = "ema_cross"

[risk]
max_exposure = "5000"
max_price_age_s = 60

[node]
state_dir = "kept"

[plugins]
directories = ["mine", "/opt/plugins"]
"""


@pytest.fixture
def system() -> str:
    return SYSTEM


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str], Path]:
    def to_file(text: str) -> Path:
        path = tmp_path / "system.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return to_file
