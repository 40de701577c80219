"""The gate: what the venue holds an order against before it works it."""

from collections.abc import Mapping
from decimal import Decimal

from lts.sdk import Instrument, OrderType, Refused, Terms, breach, exact

from .amendment import objection_to_amending
from .margin import Margin
from .params import PaperParams
from .ticket import Ticket

_MARKET = OrderType.MARKET  # looked up once: reading it off the class takes longer than the comparison


class Gate:
    """The rules of instruments and accounts. `marks` are the last prices, None where no rule asks."""

    __slots__ = ("_instruments", "_strict", "margin", "marks")

    def __init__(self, params: PaperParams, instruments: Mapping[str, Instrument]) -> None:
        self._instruments, self._strict = instruments, params.strict
        self.margin: Margin | None = None
        if params.balance is not None:
            currencies = sorted({each.currency for each in instruments.values()})
            if len(currencies) > 1:
                raise Refused(f"margin counts one currency, not {', '.join(currencies)}; take balance away")
            self.margin = Margin(params.balance, params.leverage, instruments)
        asked = params.strict or params.finances
        self.marks: dict[str, float | Decimal] | None = {} if asked else None
        if self.margin is not None:
            self.marks = self.margin.marks

    def objection_to_instrument(self, instrument: Instrument) -> str:
        """Return why an instrument cannot be traded beside the others; empty if it can."""
        others = {each.currency for each in self._instruments.values()} - {instrument.currency}
        if self.margin is None or not others:
            return ""
        return f"margin counts one currency, not {instrument.currency} and {', '.join(sorted(others))}"

    def objection(self, ticket: Ticket, tickets: Mapping[str, Ticket], now: int) -> str:
        """Return why an order that comes in is not taken, beside the others; empty if it is."""
        order = ticket.order
        if order.instrument not in self._instruments:
            return f"{order.instrument} is not traded here"
        if order.type is not _MARKET and (objection := order.objection()):
            return objection  # a market order has no terms that could contradict each other
        if ticket.expires_at is not None and ticket.expires_at <= now:
            return "its time was over when it came"
        return self._breach(ticket, ticket.terms, tickets) if self.marks is not None else ""

    def objection_to_amending(self, ticket: Ticket, terms: Terms, tickets: Mapping[str, Ticket]) -> str:
        """Return why an order is not worked on other terms; empty if it is."""
        objection = objection_to_amending(ticket, terms)
        return objection or (self._breach(ticket, terms, tickets) if self.marks is not None else "")

    def _breach(self, ticket: Ticket, terms: Terms, tickets: Mapping[str, Ticket]) -> str:
        symbol = ticket.order.instrument
        mark = self.marks.get(symbol) if self.marks else None
        if self._strict:
            objection = breach(terms, self._instruments[symbol], None if mark is None else exact(mark))
            if objection:
                return objection
        return self.margin.objection(ticket, terms, tickets) if self.margin else ""
