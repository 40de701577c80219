"""A proposal: what somebody would like to trade, beside all that it is judged by."""

from collections.abc import Callable
from decimal import Decimal
from functools import partial

from lts.domain.exposure import Exposure
from lts.domain.market import Instrument
from lts.domain.money import ONE, UNROUNDED
from lts.domain.orders import Order
from lts.domain.prices import Prices

_multiply = UNROUNDED.multiply


class Proposal:
    """An order, or an order on other terms, at one instant of market time."""

    __slots__ = (
        "added",
        "currency",
        "exits",
        "exposure",
        "instrument",
        "modifies",
        "now",
        "order",
        "prices",
        "reduces",
    )

    def __init__(  # noqa: PLR0913, PLR0917 - all that it is judged by
        self,
        order: Order,
        instrument: Instrument,
        exposure: Exposure,
        prices: Prices,
        now: int,
        added: Decimal | None = None,
        currency: str = "",
    ) -> None:
        self.currency = currency
        """What its portfolio is kept in, where that may be another one than the instrument's."""
        self.order = order
        """On the terms that are proposed."""
        self.instrument = instrument
        self.exposure = exposure
        self.prices = prices
        self.now = now
        self.modifies = added is not None
        self.added = order.quantity if added is None else added
        """By how much more may trade if this is let through; negative if it is less."""
        self.reduces = order.reduce_only or (exposure.reduces(order) if added is None else added <= 0)
        """Whether it can add nothing to what is at risk."""
        self.exits = order.reduce_only or (added is None and self.reduces)
        """Whether all that it can do is to bring what is held closer to zero: no limit stands in its way."""

    @property
    def reference(self) -> Decimal:
        """The price by which orders are judged; there has to be one."""
        return self.prices.reference(self.order.instrument)

    @property
    def price(self) -> Decimal:
        """The price at which it counts."""
        return self.prices.counts_at(self.order)

    @property
    def value(self) -> Decimal:
        """What the whole order is worth at that price, to its portfolio."""
        price = self.prices.counts_at(self.order)
        value = _multiply(_multiply(self.order.quantity, price), self.instrument.multiplier)
        return _multiply(value, self.rate) if self.currency else value

    @property
    def rate(self) -> Decimal:
        """What one unit of the instrument's currency is in its portfolio's."""
        return self.prices.rate(self.order.instrument, self.currency) or ONE

    @property
    def worth(self) -> Callable[[str], Decimal]:
        """What tells what one of an instrument is worth to its portfolio, at the last price."""
        value = self.prices.value
        return partial(value, currency=self.currency) if self.currency else value
