"""A guard: the limits of one scope, and what has to be remembered to enforce them."""

from collections.abc import Mapping
from decimal import Decimal

from lts.config.schema import Limits
from lts.domain.conversion import NO_CONVERSIONS, Conversions
from lts.domain.credit import Credit
from lts.domain.fills import Fill
from lts.domain.losses import Losses
from lts.domain.market import Instrument
from lts.domain.orders import Order, Terms
from lts.domain.prices import Prices
from lts.domain.repetition import Repetition
from lts.domain.reservation import Reservation
from lts.domain.risk import TradingState
from lts.domain.throttle import Throttle
from lts.domain.totals import Totals
from lts.domain.trading_day import TradingDay

_SUMMED = ("max_position", "max_exposure", "max_net_exposure")


class Guard:
    """Remembers of one scope what its limits measure, and nothing that no limit asks for."""

    __slots__ = (
        "breached",
        "capital",
        "credit",
        "currency",
        "limits",
        "losses",
        "recent",
        "repetition",
        "scope",
        "throttle",
        "totals",
    )

    def __init__(  # noqa: PLR0913, PLR0917 - whose limits, and by what they are measured
        self,
        scope: str,
        limits: Limits,
        capital: Decimal,
        day: TradingDay,
        currency: str = "",
        conversions: Conversions = NO_CONVERSIONS,
    ) -> None:
        self.scope = scope
        self.limits = limits
        self.currency = currency
        """What its money is counted in; empty where nothing is converted."""
        self.breached = False
        """Whether it was told that a limit is broken of which the breach is more than a denial."""
        summed = any(getattr(limits, name) is not None for name in _SUMMED)
        self.capital = capital
        """What the portfolios of the scope began with."""
        self.totals = Totals() if summed else None
        self.credit = Credit(day) if limits.credit_limit is not None else None
        self.losses: Losses | None = None
        if limits.max_drawdown_pct is not None or limits.max_daily_loss is not None:
            drawdown, daily = limits.max_drawdown_pct, limits.max_daily_loss
            self.losses = Losses(
                float(capital),
                None if drawdown is None else float(drawdown),
                None if daily is None else float(daily),
                day,
                currency,
                conversions,
            )
        self.repetition: Repetition | None = None
        if limits.max_repeated_executions is not None:
            self.repetition = Repetition(float(limits.repeated_executions_s))
        self.throttle: Throttle | None = None
        if limits.max_messages_per_s is not None:
            self.throttle = Throttle(
                float(limits.max_messages_per_s), float(limits.messages_kept_for_reducing)
            )
        self.recent: dict[tuple[str, str, str, Terms], int] | None = None
        """When the like of an order was approved last."""
        if limits.duplicate_window_s is not None:
            self.recent = {}

    def count_on(self, capital: Decimal) -> None:
        """Count on so much in all from now on: a portfolio was opened in the scope."""
        if self.losses is not None:
            self.losses.count_on(float(capital - self.capital))
        self.capital = capital

    @property
    def calls_for(self) -> TradingState:
        """The trading state that a breach leads to."""
        return TradingState(self.limits.on_breach)

    def commit(self, reservation: Reservation, prices: Prices, now: int) -> None:
        """Take note that an order was approved at these prices."""
        if self.credit is not None:
            self.credit.commit(reservation, prices.value_at(reservation.order, self.currency))
        if self.recent is not None:
            self.recent[likeness(reservation.order)] = now

    def release(self, client_order_id: str) -> None:
        """Take note that an order is over."""
        if self.credit is not None:
            self.credit.release(client_order_id)

    def trade(self, fill: Fill, instrument: Instrument, now: int) -> None:
        """Take note that an order traded."""
        if self.credit is not None:
            self.credit.trade(fill, instrument.multiplier, now)
        if self.losses is not None:
            self.losses.fill(fill, instrument)
        if self.repetition is not None:
            self.repetition.note(fill, fill.at)

    def measure(self, marks: Mapping[str, float], now: int) -> str:
        """Return by which limit too much is lost; empty if it is not."""
        return "" if self.losses is None else self.losses.measure(marks, now)

    def begin_anew(self) -> None:
        """Measure from now on, if an operator has seen which limit was broken."""
        if not (self.breached or (self.losses is not None and self.losses.fell)):
            return
        self.breached = False
        if self.losses is not None:
            self.losses.begin_anew()
        if self.repetition is not None:
            self.repetition.begin_anew()


def likeness(order: Order) -> tuple[str, str, str, Terms]:
    """Return what two orders have in common that are the same but for their ids."""
    named = "" if order.position == order.client_order_id else order.position
    kind = f"{order.side} {order.type} {order.reduce_only} {named}"
    return (order.portfolio, order.instrument, kind, order.terms)
