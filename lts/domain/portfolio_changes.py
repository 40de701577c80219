"""What becomes of the settings of a portfolio when somebody commands others: read as strictly as a file."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from lts.config.consistency import contradictions
from lts.config.params import Misfit, parse_tables
from lts.config.schema import AssetPlan, PortfolioPlan, SystemPlan
from lts.config.sentence import listed, quoted, with_others
from lts.domain.legs import legs
from lts.domain.order_flow import OrdersUnderWay
from lts.domain.orders import Order, Side
from lts.domain.portfolio_settings import (
    AddAsset,
    ChangeAsset,
    ChangePortfolio,
    RemoveAsset,
    SetActive,
    recalled,
    table_of,
)
from lts.domain.risk import ExposureReported, Holding
from lts.domain.units import PutPortfolio
from lts.refusal import Refused

Change = ChangePortfolio | AddAsset | ChangeAsset | RemoveAsset | SetActive

_OF_PORTFOLIO = frozenset({"plugin", "params", "pipeline", "pipeline_params", "active"})
_OF_ASSET = frozenset({"strategy", "params", "broker", "protection", "active"})


def with_made(plan: SystemPlan, made: Iterable[PutPortfolio]) -> SystemPlan:
    """Return the plan of a file together with the portfolios that were made at run time.

    Raises:
        Refused: the two do not go together.
    """
    own = {portfolio.name for portfolio in plan.portfolios}
    others = tuple(map(recalled, made))
    for each in others:
        if each.name in own:
            raise Refused(
                f"{plan.file}: {each.place} was made at run time already; "
                "give the one in the file another name"
            )
    whole = plan.model_copy(update={"portfolios": (*plan.portfolios, *others)})
    if others and (found := [*contradictions(whole, {each.name for each in others})]):
        raise Refused(f"{plan.file}, with the portfolios that were made at run time: {with_others(found)}")
    return whole


def created(settings: Mapping[str, Any]) -> PortfolioPlan:
    """Return the portfolio that a command describes; raises Misfit if it cannot be read."""
    return parse_tables(PortfolioPlan, dict(settings), "the portfolio")


def changed(plan: PortfolioPlan, change: Change) -> PortfolioPlan:
    """Return what a command makes of a portfolio; raises Misfit if it cannot be read.

    An asset that is named has to be there.
    """
    assets: tuple[AssetPlan, ...]
    match change:
        case ChangePortfolio(changes=changes):
            return _changed(plan, changes)
        case SetActive(asset="", active=active):
            return plan.model_copy(update={"active": active})
        case AddAsset(settings=settings):
            added = parse_tables(AssetPlan, dict(settings), f"{plan.place}, the new asset")
            if any(asset.label == added.label for asset in plan.assets):
                key = "name" if added.name else "instrument"
                raise Misfit(f"{plan.place} has {added.place} already; give it another name", (key,))
            assets = (*plan.assets, added)
        case RemoveAsset(asset=label):
            assets = tuple(asset for asset in plan.assets if asset.label != label)
        case ChangeAsset(asset=label, changes=changes):
            assets = tuple(
                _changed_asset(plan, asset, changes) if asset.label == label else asset
                for asset in plan.assets
            )
        case SetActive(asset=label, active=active):
            assets = tuple(
                asset.model_copy(update={"active": active}) if asset.label == label else asset
                for asset in plan.assets
            )
    return plan.model_copy(update={"assets": assets})


def left_alone(before: PortfolioPlan, after: PortfolioPlan) -> Iterator[AssetPlan]:
    """The assets that are dropped, led to another broker or protected otherwise: they have to be flat."""
    kept = {asset.label: asset for asset in after.assets}
    for asset in before.assets:
        now = kept.get(asset.label)
        if now is None or (now.broker, now.protection) != (asset.broker, asset.protection):
            yield asset


def not_flat(asset: AssetPlan, held: ExposureReported, under_way: OrdersUnderWay) -> bool:
    """Whether something is held of an asset, or an order of it may still trade."""
    return any(_is_of(asset, each) for each in held.held) or any(
        _is_of(asset, each) for each in under_way.orders
    )


def entering(asset: AssetPlan, held: ExposureReported, under_way: OrdersUnderWay) -> list[str]:
    """Return the orders of an asset that may open a position or add to one: no exit is among them."""
    own = [order for order in under_way.orders if _is_of(asset, order) and not order.reduce_only]
    if asset.name:
        return [order.client_order_id for order in own]
    quantity = sum(each.quantity for each in held.held if _is_of(asset, each))
    closing = [order for order in own if (order.side is Side.SELL) is (quantity > 0)]
    if quantity and sum(order.quantity for order in closing) <= abs(quantity):
        own = [order for order in own if order not in closing]
    return [order.client_order_id for order in own]


def _is_of(asset: AssetPlan, found: Order | Holding) -> bool:
    if found.instrument != asset.instrument:
        return False
    return not asset.name or found.position in {leg.id for leg in legs(asset.name, asset.instrument)}


def _changed(plan: PortfolioPlan, changes: Mapping[str, Any]) -> PortfolioPlan:
    _refuse_others(changes, _OF_PORTFOLIO, plan.place)
    raw = {key: value for key, value in table_of(plan).items() if key != "asset"}
    return parse_tables(PortfolioPlan, {**raw, **changes}, plan.place).model_copy(
        update={"assets": plan.assets}
    )


def _changed_asset(plan: PortfolioPlan, asset: AssetPlan, changes: Mapping[str, Any]) -> AssetPlan:
    place = f"{plan.place}, {asset.place}"
    _refuse_others(changes, _OF_ASSET, place)
    return parse_tables(AssetPlan, {**table_of(asset), **changes}, place)


def _refuse_others(changes: Mapping[str, Any], known: frozenset[str], place: str) -> None:
    for key in changes:
        if key not in known:
            raise Misfit(f"{place}: {quoted(key)} cannot be changed; {listed(known)}", (key,))
