"""What a scope has lost: since its best moment, and since its day began.

Measured in floats at the last prices, as a picture of the books and not the books themselves.
"""

from collections.abc import Mapping

import msgspec

from bus.clock import SECOND
from lts.domain.conversion import NO_CONVERSIONS, Conversions
from lts.domain.fills import Fill
from lts.domain.loss_marks import LossMarks
from lts.domain.market import Instrument
from lts.domain.trading_day import TradingDay


class Losses:
    """Follows the equity of a scope by its fills and prices, and says when it has lost too much.

    Args:
        capital: what its portfolios began with.
        max_drawdown_pct: per cent of the highest equity that may be lost; None is no limit.
        max_daily_loss: money that may be lost since the day began; None is no limit.
        day: when days begin.
        currency: what its portfolios are kept in.
        conversions: how other currencies become that.
    """

    __slots__ = (
        "_cash",
        "_conversions",
        "_currency",
        "_daily",
        "_day",
        "_drawdown",
        "_fell",
        "_foreign",
        "_opening",
        "_peak",
        "_since",
        "_told",
        "_told_at",
        "_units",
    )

    def __init__(  # noqa: PLR0913, PLR0917 - what it measures, and how
        self,
        capital: float,
        max_drawdown_pct: float | None,
        max_daily_loss: float | None,
        day: TradingDay,
        currency: str = "",
        conversions: Conversions = NO_CONVERSIONS,
    ) -> None:
        self._currency = currency
        self._conversions = conversions
        self._foreign: dict[str, str] = {}
        self._cash = capital
        self._drawdown = max_drawdown_pct
        self._daily = max_daily_loss
        self._day = day
        self._units: dict[str, float] = {}
        self._peak: float | None = None
        self._opening = 0.0
        self._since = 0
        self._fell = ""
        self._told, self._told_at = LossMarks(), 0

    def resume(self, marks: LossMarks) -> None:
        """Measure from where it was measured before a restart."""
        self._told = marks
        self._peak, self._opening, self._since, self._fell = msgspec.structs.astuple(marks)

    def news(self, now: int) -> LossMarks | None:
        """Return what it is measured from, if that changed and is to be kept: a peak, once a second."""
        told, marks = self._told, LossMarks(self._peak, self._opening, self._since, self._fell)
        if marks == told:
            return None
        only_higher = (marks.since, marks.fell, marks.peak is None) == (told.since, told.fell, False)
        if only_higher and 0 <= now - self._told_at < SECOND:
            return None
        self._told, self._told_at = marks, now
        return marks

    def holds(self, symbol: str) -> bool:
        """Whether the price of an instrument moves the equity."""
        return bool(self._units.get(symbol)) or (bool(self._foreign) and symbol in self._conversions.symbols)

    def fill(self, fill: Fill, instrument: Instrument) -> None:
        """Book what traded."""
        units = float(fill.side.signed(fill.quantity) * instrument.multiplier)
        self._cash -= (units * float(fill.price) + float(fill.fee)) * float(fill.rate)
        self._add(instrument, units)

    def carry(self, instrument: Instrument, units: float, cost: float) -> None:
        """Book what was held before, or adjusted: so many units, for which so much was paid."""
        self._cash -= cost
        self._add(instrument, units)

    def count_on(self, capital: float) -> None:
        """Begin to count what another portfolio was opened with: nobody has gained it."""
        self._cash += capital
        self._opening += capital
        if self._peak is not None:
            self._peak += capital

    def pay(self, amount: float) -> None:
        """Book money that comes in or, if negative, goes without a trade."""
        self._cash += amount

    def measure(self, marks: Mapping[str, float], now: int) -> str:
        """Return which limit is broken at these prices; empty if none is, or it cannot be told yet."""
        if any(units and symbol not in marks for symbol, units in self._units.items()):
            return self._fell
        held = self._converted(marks) if self._foreign else self._units
        if held is None:
            return self._fell
        equity = self._cash + sum(units * marks[symbol] for symbol, units in held.items() if units)
        start = self._day.start(now)
        if self._peak is None or start != self._since:
            self._opening, self._since = equity, start
        self._peak = equity if self._peak is None else max(self._peak, equity)
        self._fell = self._fell or self._broken(equity, self._peak)
        return self._fell

    @property
    def fell(self) -> str:
        """Which limit was broken since the measurement began; empty if none was."""
        return self._fell

    def begin_anew(self) -> None:
        """Measure from the next time on: somebody has seen what was lost."""
        self._peak, self._fell = None, ""

    def _converted(self, marks: Mapping[str, float]) -> dict[str, float] | None:
        """Return what is held, each times the rate of its currency; None if a rate is not known."""
        held = dict(self._units)
        for symbol, currency in self._foreign.items():
            if held[symbol]:
                rate = self._conversions.rate(currency, self._currency, marks)
                if rate is None:
                    return None
                held[symbol] *= float(rate)
        return held

    def _broken(self, equity: float, peak: float) -> str:
        if self._drawdown is not None and peak > 0:
            lost = (peak - equity) / peak * 100
            if lost > self._drawdown:
                return f"max_drawdown_pct: {lost:.2f} % of {peak:.2f} is lost, {self._drawdown:g} % may be"
        if self._daily is not None and self._opening - equity > self._daily:
            lost = self._opening - equity
            return f"max_daily_loss: {lost:.2f} is lost since the day began, {self._daily:g} may be"
        return ""

    def _add(self, instrument: Instrument, units: float) -> None:
        symbol = instrument.symbol
        self._units[symbol] = self._units.get(symbol, 0.0) + units
        if self._currency and instrument.currency != self._currency:
            self._foreign[symbol] = instrument.currency
