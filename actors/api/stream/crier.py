"""The crier: says what the API hears to whoever follows it, from the bus or from the journal."""

from collections.abc import Callable, Mapping
from typing import Any

from actors.api.port import Port
from actors.api.stream.accounts import Accounts
from actors.api.stream.alerts import alert_data
from actors.api.stream.market import bar_data, quote_data, trade_data
from actors.api.stream.tail import Tail
from actors.api.views.accounts import position_view
from bus import Event
from lts.domain.alerts import alerts
from lts.domain.market import Bar, Quote, Trade
from lts.domain.positions import PositionChanged

Told = tuple[str, Callable[[Any], str], Callable[[Any], Any]]
"""A topic, of what an event of it is, and how it is told."""

_TOLD: Mapping[type[Event], Told] = {
    Quote: ("quotes", lambda quote: quote.instrument, quote_data),
    Bar: ("bars", lambda bar: bar.instrument, bar_data),
    Trade: ("trades", lambda trade: trade.instrument, trade_data),
    PositionChanged: (
        "positions",
        lambda changed: changed.portfolio,
        lambda changed: position_view(changed.position),
    ),
    **dict.fromkeys(alerts(), ("alerts", lambda _: "", alert_data)),
}


class Crier:
    """Tells the streams."""

    def __init__(self, port: Port) -> None:
        self._streams = port.streams
        self.tail = Tail(port.streams, port.ask)
        self.accounts = Accounts(port)

    def cry(self, event: Event) -> None:
        """Tell an event to those who want it; it is put into words if there are any."""
        topic, of, data = _TOLD[type(event)]
        channel = (topic, of(event))
        if seq := self._streams.wanted(channel):
            part = event.position.place if isinstance(event, PositionChanged) else ""
            self._streams.tell(channel, seq, data(event), part)
