"""An order ticket: what somebody who enters an order by hand says of it."""

from collections.abc import Iterator, Mapping
from decimal import Decimal

import msgspec

from lts.domain.bracket import Exits
from lts.domain.legs import legs
from lts.domain.market import Instrument
from lts.domain.money import unrounded
from lts.domain.orders import Entered, Order, OrderType, Side, Terms, TimeInForce
from lts.domain.rulebook import breach

_DRAFT = "draft"
_DIGITS = 15
"""Digits before and behind the point of an amount, at most: books hold a hundred digits, of products too."""
_LONGEST = 64
"""Characters of a name, at most."""


class OrderTicket(msgspec.Struct, frozen=True, gc=False):
    """What is to be traded, at what price, for how long, and how it is to be protected."""

    instrument: str
    side: Side
    quantity: Decimal
    type: OrderType = OrderType.MARKET
    limit_price: Decimal | None = None
    trigger_price: Decimal | None = None
    trailing_offset: Decimal | None = None
    time_in_force: TimeInForce = TimeInForce.GTC
    expires_at: int | None = None
    """Of a GTD order: UTC nanoseconds."""
    reduce_only: bool = False
    post_only: bool = False
    asset: str = ""
    """In an account that hedges: the asset whose long or short leg it opens or closes."""
    position: str = ""
    """In an account that hedges: a position, instead of an asset; without either it opens one of its own."""
    stop_loss: Decimal | None = None
    """Where what it opens is sold, or bought back, at a loss; it waits until the order trades."""
    take_profit: Decimal | None = None
    """Where what it opens is sold, or bought back, at a profit; it waits until the order trades."""

    @property
    def terms(self) -> Terms:
        """What of the order can be modified."""
        return Terms(self.quantity, self.limit_price, self.trigger_price, self.trailing_offset)

    @property
    def price(self) -> Decimal | None:
        """At what price it is expected to trade; None if it says nothing of that."""
        return self.limit_price or self.trigger_price

    def nonsense(self) -> str:
        """Return what no system can even keep; empty if there is nothing of the kind."""
        for name in ("instrument", "asset", "position"):
            if len(getattr(self, name)) > _LONGEST:
                return f"the {name} has at most {_LONGEST} characters"
        exits = Terms(self.quantity, self.stop_loss, self.take_profit)
        if self.expires_at is not None and not 0 <= self.expires_at < 2**63:
            return "expires_at is a time in nanoseconds since 1970"
        return nonsense_in(self.terms) or nonsense_in(exits)

    def order(self, portfolio: str, broker: str, now: int, entered: Entered) -> Order:
        """Return the order, as yet without an id and a position."""
        return Order(
            _DRAFT,
            portfolio,
            self.instrument,
            broker,
            self.side,
            self.quantity,
            self.type,
            self.limit_price,
            self.time_in_force,
            now,
            self.trigger_price,
            self.trailing_offset,
            self.expires_at,
            self.reduce_only,
            self.post_only,
            entered=entered,
        )

    @unrounded
    def objection(self, order: Order, instrument: Instrument, reference: Decimal | None) -> str:
        """Return why its order cannot be worked; empty if it can.

        Args:
            order: as the ticket says it.
            instrument: whose rules it has to keep.
            reference: at what price it would trade now, if that is known.
        """
        objection = order.objection() or breach(order.terms, instrument, reference)
        return objection or next(self._objections_to_exits(instrument, reference), "")

    def place(self, hedged: Mapping[str, str]) -> str:
        """Return the position that it is about; empty for one of its own, or where positions are netted.

        Args:
            hedged: the instrument of each asset that keeps positions of its own, by its name.

        Raises:
            ValueError: there is no such place, in one sentence.
        """
        if not (self.asset or self.position):
            return ""
        if self.asset and self.position:
            raise ValueError("an order names an asset or a position, not both")
        if self.instrument not in hedged.values():
            raise ValueError(f"positions in {self.instrument} are netted, and an order there names none")
        if self.position:
            return self.position
        if hedged.get(self.asset) != self.instrument:
            raise ValueError(f"there is no asset {self.asset} in {self.instrument}")
        long, short = legs(self.asset, self.instrument)
        return (long if (self.side is Side.BUY) is not self.reduce_only else short).id

    def exits(self, quantity: Decimal) -> Exits:
        """Return what it wants to protect so much of it."""
        wanted = []
        if self.stop_loss is not None:
            wanted.append((OrderType.STOP, Terms(quantity, trigger_price=self.stop_loss)))
        if self.take_profit is not None:
            wanted.append((OrderType.LIMIT, Terms(quantity, limit_price=self.take_profit)))
        return tuple(wanted)

    def _objections_to_exits(self, instrument: Instrument, reference: Decimal | None) -> Iterator[str]:
        buys = self.side is Side.BUY
        for name, price, below in (
            ("stop loss", self.stop_loss, buys),
            ("take profit", self.take_profit, not buys),
        ):
            if price is None:
                continue
            if self.reduce_only:
                yield f"an order that only reduces opens nothing for a {name} to protect"
            if price <= 0 or price % instrument.tick_size:
                yield f"the {name} {price} is no positive whole number of ticks of {instrument.tick_size}"
            if reference is not None and (price >= reference if below else price <= reference):
                side = "below" if below else "above"
                yield f"the {name} of a {self.side} order has to be {side} {reference}"


def nonsense_in(terms: Terms) -> str:
    """Return which amount no ledger can hold: it is no number, or has too many digits. Empty if none is."""
    for name in Terms.__struct_fields__:
        amount = getattr(terms, name)
        if amount is None:
            continue
        if not amount.is_finite():
            return f"the {name} {amount} is not a number"
        if amount.adjusted() >= _DIGITS or int(amount.as_tuple().exponent) < -_DIGITS:
            return f"the {name} has more than {_DIGITS} digits before or behind its point"
    return ""
