"""Financing: what a venue charges, or credits, for positions that are held over night."""

from collections.abc import Mapping
from decimal import ROUND_DOWN, Decimal

from bus.message import Event
from lts.domain.money import EXACT, ONE, ZERO, unrounded
from lts.domain.register import Register

STEP = Decimal("1E-10")
"""To what part of the currency a share is reckoned; what is left of the amount is the last one's."""


class FinancingCharged(Event, key="portfolio", gc=False):
    """A portfolio has paid, or been paid, for what it held over night."""

    portfolio: str
    broker: str
    instrument: str
    amount: Decimal
    """Money that comes in, negative if it was paid."""
    currency: str
    id: str
    """Unique in the account of a portfolio at a broker."""
    at: int
    rate: Decimal = ONE
    """What one unit of this currency was in the portfolio's when it was booked."""

    @property
    def uid(self) -> tuple[str, ...]:
        """What makes it the same charge when it arrives again."""
        return ("financing", self.broker, self.portfolio, self.id)


class FinancingReport(Event, key="broker", gc=False):
    """What a venue says that it has charged or credited for a position in its account."""

    broker: str
    instrument: str
    amount: Decimal
    """Money that comes in, negative if it was paid."""
    currency: str
    id: str
    """Unique in the account, and for a venue that knows portfolios in each of them."""
    at: int
    portfolio: str = ""
    """Whose position it was; empty where the venue knows of no portfolios."""

    def share_of(self, portfolio: str, amount: Decimal, rate: Decimal) -> FinancingCharged:
        """Return what a portfolio has of it, converted at a rate."""
        place, said = (portfolio, self.broker, self.instrument), (self.currency, self.id, self.at)
        return FinancingCharged(*place, amount, *said, rate)


@unrounded
def divided(amount: Decimal, held: Mapping[str, Decimal]) -> dict[str, Decimal]:
    """Return what each of several portfolios has of an amount that a venue states for all of them.

    It is in proportion to what they hold, with its sign: one that is short where all are long together
    is paid where the others pay. Where that is nothing in sum, size alone counts; where nobody holds
    anything (any more), all have the same. Shares are cut off at `STEP`, and the last one has what is
    left, so that together they are the amount exactly.

    Args:
        amount: what is to be divided.
        held: the signed quantity of each portfolio, at least of one.
    """
    weights = dict(held)
    if not sum(weights.values(), ZERO):
        weights = {name: abs(quantity) for name, quantity in held.items()}
    if not any(weights.values()):
        weights = dict.fromkeys(held, ONE)
    whole = sum(weights.values(), ZERO)
    shares: dict[str, Decimal] = {}
    left = amount
    for name, weight in weights.items():
        if weight:
            part = EXACT.divide(EXACT.multiply(amount, weight), whole)
            shares[name] = part.quantize(STEP, ROUND_DOWN, EXACT)
            left -= shares[name]
    last = next(reversed(shares))
    shares[last] += left
    return shares


def bearers(report: FinancingReport, register: Register) -> tuple[str, ...]:
    """Return the portfolios among which a charge is divided: the one it names, or all that trade there."""
    if report.portfolio:
        return (report.portfolio,)
    return register.traders.get((report.broker, report.instrument), ())


def objection_to_charge(report: FinancingReport, register: Register) -> str:
    """Return why nobody can be charged for what a venue reports; empty if somebody can."""
    traders = register.traders.get((report.broker, report.instrument), ())
    if not (report.id and report.amount.is_finite()):
        return "financing has no id, or no amount that a ledger can hold"
    if report.instrument not in register.instruments or not traders:
        return f"nobody here trades {report.instrument} through {report.broker}"
    if report.portfolio and report.portfolio not in traders:
        return f"{report.portfolio} does not trade {report.instrument} through {report.broker}"
    for portfolio in bearers(report, register):
        if not register.converts(report.currency, portfolio, report.instrument):
            home = register.currency_of(portfolio, report.instrument)
            return f"{portfolio} is in {home}, and nothing converts financing in {report.currency}"
    return ""
