"""A system file to begin with: one portfolio that trades a recorded day of bitcoin on paper."""

from pathlib import Path

import lts

DAY = Path(lts.__file__).parent / "samples" / "btcusd_1min_2020-01-01.csv"


def bitcoin(
    portfolio: str = "house",
    owner: str = "carol",
    *,
    cash: str = "1000",
    quantity: str = "0.1",
    lot_size: str = "0.0001",
    slow: int = 13,
    repeat: bool = True,
) -> str:
    """Return the file's text, to which any other section can be added.

    Args:
        portfolio: its name.
        owner: whose it is.
        cash: what it begins with.
        quantity: how much it buys or sells at a signal.
        lot_size: the steps of that.
        slow: bars in the slower average; the faster one has five.
        repeat: whether the day begins anew when it has ended.
    """
    return f"""\
[[instrument]]
symbol = "BTC/USD"
currency = "USD"
tick_size = "0.01"
lot_size = "{lot_size}"

[[feed]]
plugin = "csv"
instrument = "BTC/USD"
params = {{ path = "{DAY}", bar = "1m", repeat = {str(repeat).lower()} }}

[[broker]]
name = "paper"
plugin = "paper"

[[portfolio]]
name = "{portfolio}"
owner = "{owner}"
currency = "USD"
cash = "{cash}"
plugin = "fixed_quantity"
params = {{ quantity = "{quantity}" }}

  [[portfolio.asset]]
  instrument = "BTC/USD"
  broker = "paper"
  strategy = "sma_cross"
  params = {{ fast = 5, slow = {slow} }}

"""
