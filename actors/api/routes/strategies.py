"""Strategies that can be asked for, and what their parameters have to be."""

from starlette.responses import Response

from actors.api.call import Call
from actors.api.pages import Page
from actors.api.problems import Kind
from actors.api.table import Rule, Table
from actors.api.texts import InPath
from actors.api.views.offered import OfferedView, list_offered, read_offered
from lts.domain.permissions import Permission

routes = Table("strategies", "Strategies that can be asked for.")
READ = Rule(needs=Permission.READ_PLUGINS)
KIND = "strategy"


@routes.get("/strategies", READ, answers=Page[OfferedView])
async def list_strategies(call: Call) -> Response:
    """List the strategies that there are."""
    return await list_offered(call, KIND)


@routes.get("/strategies/{name:name}", READ, answers=OfferedView, problems=(Kind.NOT_FOUND,))
async def read_strategy(call: Call, name: InPath) -> Response:
    """Read what a strategy is, and what its parameters have to be."""
    return await read_offered(call, KIND, name)
