"""Registration: what a plan makes known, to the residents and to whoever keeps everything."""

from lts.config.schema import SystemPlan
from lts.domain.conversion import Conversion, Conversions
from lts.domain.market import Instrument
from lts.domain.portfolio_settings import entry_of, stored
from lts.domain.register import Register
from lts.domain.units import Command, PutInstrument, PutUser


def register_of(plan: SystemPlan) -> Register:
    """Return what the residents have to know of a plan."""
    register = Register(
        instruments_of(plan),
        hedging=frozenset(each.name for each in plan.brokers if each.positions == "hedging"),
        conversions=conversions_of(plan),
    )
    register.enter(*map(entry_of, plan.portfolios))
    return register


def registration(plan: SystemPlan) -> tuple[Command, ...]:
    """Return the commands that make the plan's instruments, owners and portfolios known."""
    return (
        *(PutInstrument(instrument) for instrument in instruments_of(plan).values()),
        *(PutUser(owner) for owner in dict.fromkeys(portfolio.owner for portfolio in plan.portfolios)),
        *map(stored, plan.portfolios),
    )


def instruments_of(plan: SystemPlan) -> dict[str, Instrument]:
    """Return the plan's instruments as the domain has them, by symbol."""
    return {
        each.symbol: Instrument(
            each.symbol, each.currency, each.tick_size, each.lot_size, each.multiplier, each.min_notional
        )
        for each in plan.instruments
    }


def conversions_of(plan: SystemPlan) -> Conversions:
    """Return how the plan says that currencies are converted."""
    priced_in = {each.symbol: each.currency for each in plan.instruments}
    return Conversions(
        Conversion(
            each.source,
            each.target,
            each.rate,
            each.instrument or "",
            each.instrument is not None and priced_in[each.instrument] == each.source,
        )
        for each in plan.conversions
    )
