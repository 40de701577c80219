"""What a portfolio has, as it reports it."""

from decimal import Decimal

from bus.message import Event, Request
from lts.domain.performance import EquityCurve
from lts.domain.positions import Position


class AccountReported(Event, key="portfolio"):
    """A portfolio's money and positions, valued at the last closes; flat positions are included."""

    portfolio: str
    owner: str
    currency: str
    at: int
    capital: Decimal
    cash: Decimal
    equity: Decimal
    fees: Decimal
    financing: Decimal
    realised: Decimal
    positions: tuple[Position, ...]

    @property
    def round_trips(self) -> int:
        """How many positions were opened and closed again, or reversed."""
        return sum(position.round_trips for position in self.positions)


class GetAccount(Request[AccountReported], key="portfolio"):
    """Asks a portfolio what it has."""

    portfolio: str


class EquityCurveReported(Event, key="portfolio"):
    """How the equity of a portfolio has moved; it belongs to whoever asked to look at, not to change."""

    portfolio: str
    curve: EquityCurve


class GetEquityCurve(Request[EquityCurveReported], key="portfolio"):
    """Asks a portfolio how its equity has moved: within this process, for it can be long."""

    portfolio: str


class TargetStood(Event):
    """The target that a portfolio pursues in an asset: what was signalled last, or the side it is on."""

    target: float


class StandingTarget(Request[TargetStood], key="portfolio"):
    """Asks a portfolio which target it pursues, so that a strategy born again knows what it said last."""

    portfolio: str
    instrument: str
    asset: str = ""
    """Which of the assets of an account that hedges; empty where positions are netted."""
