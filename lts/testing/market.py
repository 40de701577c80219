"""A market for tests: an instrument called TEST, and bars of it by the minute."""

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from random import Random

from bus import SECOND, Event
from lts.domain.market import Bar, BarOpened, Instrument, Quote, Trade

TEST = Instrument("TEST", "USD", tick_size=Decimal("0.01"), lot_size=Decimal(1))
"""What is traded in tests, in whole lots of one."""
BEGIN = 1_577_836_800 * SECOND
"""When tests begin: 2020-01-01 00:00 UTC, in nanoseconds."""
MINUTE = 60 * SECOND


def bars(
    closes: Iterable[float],
    *,
    instrument: str = TEST.symbol,
    begin: int = BEGIN,
    span: int = MINUTE,
) -> list[Bar]:
    """Return bars without gaps that close at these prices; each opens where the one before it closed.

    Args:
        closes: the prices.
        instrument: whose bars they are.
        begin: when the first one opens, in UTC nanoseconds.
        span: how long each is, in nanoseconds.
    """
    made: list[Bar] = []
    for close in closes:
        opened_at = made[-1].closed_at if made else begin
        first = made[-1].close if made else close
        made.append(
            Bar(
                instrument,
                opened_at,
                opened_at + span,
                first,
                max(first, close),
                min(first, close),
                close,
                volume=1.0,
            )
        )
    return made


def random_walk(
    count: int,
    seed: int = 0,
    *,
    start: float = 100.0,
    instrument: str = TEST.symbol,
    begin: int = BEGIN,
) -> list[Bar]:
    """Return bars whose closes wander, by cents, never below one; the same for the same seed."""
    random = Random(seed)  # noqa: S311 - a market, not a secret
    cents = round(start * 100)
    closes = []
    for _ in range(count):
        cents = max(100, cents + round(random.gauss(0, cents / 100)))
        closes.append(cents / 100)
    return bars(closes, instrument=instrument, begin=begin)


def tape(series: Sequence[Bar], spread: float = 0.01) -> Iterator[Event]:
    """Yield all that a market says while these bars form: open, quote and trade, then the bar itself."""
    for bar in series:
        yield BarOpened(bar.instrument, bar.opened_at, bar.open)
        yield Quote(
            bar.instrument, bar.opened_at, bar.open - spread / 2, bar.open + spread / 2, 1_000.0, 1_000.0
        )
        yield Trade(bar.instrument, bar.opened_at, bar.open, 1.0)
        yield bar
