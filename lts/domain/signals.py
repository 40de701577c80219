"""What a strategy wants, before anybody has asked what it costs."""

from bus.message import Event


class SignalRaised(Event, key="portfolio", gc=False):
    """A strategy's wish for one instrument of one portfolio.

    `target` runs from -1 (as short as the portfolio goes) through 0 (flat) to +1 (as long as it
    goes); `confidence` from 0 to 1.
    """

    portfolio: str
    instrument: str
    target: float
    reason: str
    confidence: float = 1.0
    asset: str = ""
    """Whose wish it is, of the assets of an account that hedges; empty where positions are netted."""
