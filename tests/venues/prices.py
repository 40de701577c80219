"""What the venue asks and bids: set by hand, read from a file, or walking at random from a seed."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from random import Random

from tests.venues.candles import Candles
from tests.venues.instants import Clock, written
from tests.venues.instruments import LISTED, Instrument, Json

PLENTY = Decimal(10_000_000)
"""The liquidity shown where none is limited."""


@dataclass
class Quote:
    """The best bid and ask of an instrument, and what is left to be had at each."""

    bid: Decimal
    ask: Decimal
    at: int
    left: dict[int, Decimal | None] = field(default_factory=dict)
    """By the sign of an order, the units still to be had: None is plenty."""

    @property
    def mid(self) -> Decimal:
        return (self.bid + self.ask) / 2

    def side(self, sign: int) -> Decimal:
        """Return what a buyer (+1) pays, or a seller (-1) gets."""
        return self.ask if sign > 0 else self.bid


class Prices:
    """The quotes of all instruments, and who wants to hear of a new one."""

    def __init__(self, clock: Clock, home: str = "USD", liquidity: Decimal | None = None) -> None:
        self.clock, self.home, self.liquidity = clock, home, liquidity
        self.quotes: dict[str, Quote] = {}
        self.halted: set[str] = set()
        self.candles = Candles()
        self.listeners: list[Callable[[str], None]] = []
        self.begin()

    def begin(self) -> None:
        """Quote everything as it is listed."""
        self.halted.clear()
        self.candles.minutes.clear()
        for each in LISTED.values():
            mid = Decimal(each.mid)
            self.set(each.name, mid - each.spread / 2, mid + each.spread / 2)

    def set(self, name: str, bid: Decimal, ask: Decimal, liquidity: Decimal | None = None) -> None:
        """Quote anew, with fresh liquidity on both sides."""
        left = self.liquidity if liquidity is None else liquidity
        self.quotes[name] = quote = Quote(bid, ask, self.clock.now(), {1: left, -1: left})
        self.candles.add(name, quote.at, quote.mid)
        for tell in self.listeners:
            tell(name)

    def available(self, name: str, sign: int) -> Decimal | None:
        return self.quotes[name].left[sign]

    def take(self, name: str, sign: int, amount: Decimal) -> None:
        """Use up liquidity, where there is a limit to it."""
        left = self.quotes[name].left
        if (there := left[sign]) is not None:
            left[sign] = there - amount

    def home_factor(self, currency: str) -> Decimal:
        """Return how much of the account's currency one unit of another is worth, at the mid price."""
        if currency == self.home:
            return Decimal(1)
        if direct := self.quotes.get(f"{currency}_{self.home}"):
            return direct.mid
        return 1 / self.quotes[f"{self.home}_{currency}"].mid

    def written(self, name: str) -> Json:
        """Return a quote as v20 streams it."""
        quote, instrument = self.quotes[name], LISTED[name]
        shown = {sign: int(PLENTY if left is None else left) for sign, left in quote.left.items()}
        bid, ask = instrument.price(quote.bid), instrument.price(quote.ask)
        return {
            "type": "PRICE",
            "instrument": name,
            "time": written(quote.at),
            "bids": [{"price": bid, "liquidity": shown[-1]}],
            "asks": [{"price": ask, "liquidity": shown[1]}],
            "closeoutBid": bid,
            "closeoutAsk": ask,
            "status": "non-tradeable" if name in self.halted else "tradeable",
            "tradeable": name not in self.halted,
        }


def walk(prices: Prices, seed: int) -> Iterator[str]:
    """Move every instrument a little at random, for ever; yield after each round."""
    draw = Random(seed)
    while True:
        for each in LISTED.values():
            quote = prices.quotes[each.name]
            steps = round(draw.gauss(0, 6))
            moved = max(quote.mid + steps * each.tick, each.spread * 2)
            bid = (moved - each.spread / 2).quantize(each.tick)
            prices.set(each.name, bid, bid + each.spread)
        yield "walked"


def script(prices: Prices, file: Path) -> Iterator[str]:
    """Play `{"EUR_USD": [["1.1", "1.1002"], …], …}`, one pair of bid and ask a round, to its end."""
    told = json.loads(file.read_text(encoding="utf-8"))
    for row in range(max(map(len, told.values()))):
        for name, pairs in told.items():
            if row < len(pairs):
                prices.set(name, *map(Decimal, pairs[row][:2]))
        yield "played"


def backfill(prices: Prices, seed: int, minutes: int) -> None:
    """Invent the minutes before the start, so that there are candles to ask for."""
    draw, now = Random(seed), prices.clock.now()
    for each in LISTED.values():
        prices.candles.invent(each.name, now, minutes, prices.quotes[each.name].mid, draw)


def crossing(instrument: Instrument, bid: Decimal, ask: Decimal) -> str:
    """Say what is wrong with a price that somebody wants to set."""
    if bid <= 0 or ask < bid:
        return "bid must be above 0, and ask not below it"
    if bid % instrument.tick or ask % instrument.tick:
        return f"{instrument.name} is quoted to {instrument.precision} places"
    return ""
