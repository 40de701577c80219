"""The actors of a portfolio: what its pipeline starts, under which names, and the plugins that they are."""

from collections.abc import Iterator
from typing import NamedTuple

from lts.config.schema import PortfolioPlan
from lts.domain.plugins import StartPlugin


class Check(NamedTuple):
    """A plugin that a portfolio asks for."""

    key: str
    """Where its name stands among the settings."""
    params: str
    """Where its parameters stand."""
    wanted: StartPlugin


def actors_of(plan: PortfolioPlan) -> tuple[str, ...]:
    """Return the names of a portfolio's actors, who starts others first, who keeps the books last."""
    strategies = (f"strategy/{plan.name}/{asset.label}" for asset in plan.assets)
    return (f"pipeline/{plan.name}", *strategies, f"portfolio/{plan.name}")


def checks_of(plan: PortfolioPlan) -> Iterator[Check]:
    """Return each plugin that a portfolio asks for; one that is asked for as before is the same."""

    def wanted(kind: str, plugin: str, actor: str, params: dict[str, object], where: str) -> StartPlugin:
        return StartPlugin(kind, plugin, actor, params, where, None)

    name, place = plan.name, plan.place
    pipeline = wanted(
        "pipeline", plan.pipeline, f"pipeline/{name}", {**plan.pipeline_params}, f"{place}, pipeline_params"
    )
    yield Check("pipeline", "pipeline_params", pipeline)
    allocator = wanted("portfolio", plan.plugin, f"portfolio/{name}", {**plan.params}, f"{place}, params")
    yield Check("plugin", "params", allocator)
    for number, asset in enumerate(plan.assets):
        where = f"{place}, {asset.place}, params"
        actor = f"strategy/{name}/{asset.label}"
        strategy = wanted("strategy", asset.strategy, actor, {**asset.params}, where)
        yield Check(f"asset.{number}.strategy", f"asset.{number}.params", strategy)
