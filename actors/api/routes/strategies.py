"""Strategies that can be asked for, and what their parameters have to be."""

from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.responses import Response

from actors.api.call import Call
from actors.api.pages import Page
from actors.api.problems import Kind, not_found
from actors.api.table import Rule, Table
from actors.api.texts import InPath
from lts.domain.permissions import Permission
from lts.domain.plugins import DescribePlugins, PluginDescribed

routes = Table("strategies", "Strategies that can be asked for.")
READ = Rule(needs=Permission.READ_PLUGINS)


class StrategyView(msgspec.Struct, frozen=True):
    """A strategy, and the JSON Schema of its parameters."""

    name: str
    release: str
    about: str
    params: Mapping[str, Any]


@routes.get("/strategies", READ, answers=Page[StrategyView])
async def list_strategies(call: Call) -> Response:
    """List the strategies that there are."""
    return call.listed([_view(each) for each in await _strategies(call)])


@routes.get("/strategies/{name:name}", READ, answers=StrategyView, problems=(Kind.NOT_FOUND,))
async def read_strategy(call: Call, name: InPath) -> Response:
    """Read what a strategy is, and what its parameters have to be."""
    for each in await _strategies(call):
        if each.name == name:
            return call.answer(_view(each))
    raise not_found()


async def _strategies(call: Call) -> tuple[PluginDescribed, ...]:
    return (await call.ask(DescribePlugins("strategy"))).plugins


def _view(each: PluginDescribed) -> StrategyView:
    return StrategyView(each.name, each.release, each.about, each.params)
