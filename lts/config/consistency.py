"""What the tables of a system's file must not say together, though each alone is well formed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Iterator
from typing import TYPE_CHECKING

from lts.config.sentence import did_you_mean

if TYPE_CHECKING:
    from lts.config.schema import (
        AssetPlan,
        ConversionPlan,
        InstrumentPlan,
        Limits,
        PortfolioPlan,
        SystemTables,
    )


_MONEY = ("max_exposure", "max_net_exposure", "credit_limit", "max_drawdown_pct", "max_daily_loss")


def contradictions(plan: SystemTables, made: Container[str] = ()) -> Iterator[str]:
    """Each contradiction, as a clause that says where it is and what to do about it.

    Args:
        plan: what is said.
        made: the portfolios that were made at run time, which may have no assets yet.
    """
    if not plan.feeds:
        yield "there is no [[feed]]: without one nothing ever happens; describe at least one"
    if not plan.portfolios:
        yield "there is no [[portfolio]]: without one nothing is traded; describe at least one"
    yield from _repetitions(plan, made)
    instruments = {instrument.symbol: instrument for instrument in plan.instruments}
    fed = {feed.instrument for feed in plan.feeds}
    brokers = {broker.name for broker in plan.brokers}
    converted = {frozenset((each.source, each.target)) for each in plan.conversions}
    for feed in plan.feeds:
        yield from _unknown("instrument", feed.instrument, instruments, feed.place)
    for portfolio in plan.portfolios:
        for asset in portfolio.assets:
            place = f"{portfolio.place}, {asset.place}"
            yield from _unknown("instrument", asset.instrument, instruments, place)
            yield from _unknown("broker", asset.broker, brokers, place)
            if instrument := instruments.get(asset.instrument):
                yield from _untradable(portfolio, instrument, fed, converted, place)
    for conversion in plan.conversions:
        yield from _inconvertible(conversion, instruments, fed)
    yield from _limits(plan)
    if plan.mqtt is not None and plan.mqtt.commands and plan.api is None:
        yield "[mqtt] takes commands, and these go by the rules of the API; describe [api] as well"


def _repetitions(plan: SystemTables, made: Container[str]) -> Iterator[str]:
    yield from _repeated("instrument", (instrument.symbol for instrument in plan.instruments))
    yield from _repeated("feed", (feed.name for feed in plan.feeds))
    yield from _repeated("broker", (broker.name for broker in plan.brokers))
    yield from _repeated("portfolio", (portfolio.name for portfolio in plan.portfolios))
    pairs = [" and ".join(sorted((each.source, each.target))) for each in plan.conversions]
    for pair in _twice(pairs):
        yield f"the conversion between {pair} is stated more than once; keep one [[conversion]] for both ways"
    for symbol in _twice(feed.instrument for feed in plan.feeds):
        yield f"instrument '{symbol}' has several feeds; keep one [[feed]] for it"
    for portfolio in plan.portfolios:
        if not portfolio.assets and portfolio.name not in made:
            yield f"{portfolio.place} has no [[portfolio.asset]], so it would never trade; add one"
        yield from _alike(
            portfolio, {broker.name for broker in plan.brokers if broker.positions == "hedging"}
        )
    assets = {(portfolio.name, asset.instrument) for portfolio, asset in _assets(plan)}
    for prefix in _twice(f"{portfolio}-{symbol}" for portfolio, symbol in assets):
        yield f"the orders of several assets would all be called '{prefix}-…'; rename a portfolio of them"
    labels = {(portfolio.name, asset.label) for portfolio, asset in _assets(plan)}
    for name in _twice(f"{portfolio}/{label}" for portfolio, label in labels):
        yield f"the strategies of several assets would all be called '{name}'; rename a portfolio of them"


def _alike(portfolio: PortfolioPlan, hedging: set[str]) -> Iterator[str]:
    """Assets of a portfolio that cannot be told apart, or that say how in an account that nets."""
    for symbol in _twice(asset.instrument for asset in portfolio.assets):
        found = {asset.broker for asset in portfolio.assets if asset.instrument == symbol}
        if not found <= hedging:
            yield (
                f"{portfolio.place} has several assets with the instrument '{symbol}'; keep one, or trade it "
                'through a broker with positions = "hedging"'
            )
        elif len(found) > 1:
            yield f"{portfolio.place} trades '{symbol}' through several brokers; keep to one of them"
    names = {asset.name for asset in portfolio.assets}
    for label in _twice(asset.label for asset in portfolio.assets):
        if label in names:
            yield f"{portfolio.place} has several assets that are called '{label}'; give each its own name"
    for asset in portfolio.assets:
        if asset.broker in hedging and not asset.name:
            yield (
                f"{portfolio.place}, {asset.place}: its positions stand by themselves at broker "
                f"'{asset.broker}', which hedges; give it a name"
            )
        elif asset.name and asset.broker not in hedging:
            yield (
                f"{portfolio.place}, {asset.place}: positions are netted at broker '{asset.broker}', and an "
                'asset has no name there; take it away, or say positions = "hedging" of the broker'
            )


def _untradable(
    portfolio: PortfolioPlan,
    instrument: InstrumentPlan,
    fed: set[str],
    converted: set[frozenset[str]],
    place: str,
) -> Iterator[str]:
    if instrument.symbol not in fed:
        yield f"{place}: no feed brings prices of the instrument; add a [[feed]] for it"
    pair = frozenset((instrument.currency, portfolio.currency))
    if len(pair) > 1 and pair not in converted:
        yield (
            f"{place}: the instrument is in {instrument.currency} and the portfolio in {portfolio.currency}, "
            "and nothing converts between them; add a [[conversion]], or use one currency"
        )


def _inconvertible(
    conversion: ConversionPlan, instruments: dict[str, InstrumentPlan], fed: set[str]
) -> Iterator[str]:
    if conversion.instrument is None:
        return
    yield from _unknown("instrument", conversion.instrument, instruments, conversion.place)
    if instrument := instruments.get(conversion.instrument):
        if instrument.symbol not in fed:
            yield f"{conversion.place}: no feed brings prices of '{instrument.symbol}'; add a [[feed]] for it"
        if instrument.currency not in {conversion.source, conversion.target}:
            yield (
                f"{conversion.place}: '{instrument.symbol}' is priced in {instrument.currency}, "
                "which is neither of the two; name an instrument that is priced in one of them"
            )


def _limits(plan: SystemTables) -> Iterator[str]:
    """What is said of limits: whose they are, and in what money."""
    risk = plan.risk
    portfolios = plan.portfolios
    brokers = {
        broker.name: [each for each in portfolios if any(a.broker == broker.name for a in each.assets)]
        for broker in plan.brokers
    }
    names = dict.fromkeys(portfolio.owner for portfolio in portfolios)
    owners = {name: [each for each in portfolios if each.owner == name] for name in names}
    named = {each.name: [each] for each in portfolios}
    for noun, limits, known in (
        ("user", risk.users, owners),
        ("portfolio", risk.portfolios, named),
        ("account", risk.accounts, brokers),
    ):
        yield from _repeated(f"risk.{noun}", (each.name for each in limits))
        for each in limits:
            yield from _unknown(noun, each.name, known, f"[[risk.{noun}]]")
            yield from _mixed(each, known.get(each.name, []), f"risk.{noun} '{each.name}'")
    if risk.system is not None:
        yield from _mixed(risk.system, portfolios, "risk.system")


def _mixed(limits: Limits, portfolios: Iterable[PortfolioPlan], place: str) -> Iterator[str]:
    """A limit on a sum of money that is not all of one currency."""
    currencies = sorted({portfolio.currency for portfolio in portfolios})
    if len(currencies) > 1:
        for name in _MONEY:
            if getattr(limits, name) is not None:
                yield f"{place}: {name} would add up {' and '.join(currencies)}; limit each portfolio instead"


def _unknown(noun: str, name: str, known: Iterable[str], place: str) -> Iterator[str]:
    if name not in known:
        yield f"{place}: there is no {noun} '{name}'; {did_you_mean(name, known)}"


def _repeated(noun: str, names: Iterable[str]) -> Iterator[str]:
    for name in _twice(names):
        yield f"{noun} '{name}' is described more than once; give each its own name"


def _twice(names: Iterable[str]) -> list[str]:
    return [name for name, count in Counter(names).items() if count > 1]


def _assets(plan: SystemTables) -> Iterator[tuple[PortfolioPlan, AssetPlan]]:
    return ((portfolio, asset) for portfolio in plan.portfolios for asset in portfolio.assets)
