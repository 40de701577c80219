"""Streams of market data as who watches them speaks of them."""

from bus.message import Delivery, Event


class DataStale(Event, key="instrument", delivery=Delivery.URGENT):
    """Nothing is heard of an instrument, though its market is open and its feed is up."""

    instrument: str
    since: int
    """When something was heard last; 0 if nothing ever was. UTC nanoseconds."""
    after_s: float
    """How long its feed may be silent."""


class DataResumed(Event, key="instrument", delivery=Delivery.URGENT):
    """An instrument that was stale is heard of again, or its market has closed."""

    instrument: str
    at: int
