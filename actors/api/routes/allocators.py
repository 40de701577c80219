"""Allocators: plugins of the kind `portfolio`, which size orders, and what their parameters have to be."""

from starlette.responses import Response

from actors.api.call import Call
from actors.api.pages import Page
from actors.api.problems import Kind
from actors.api.table import Rule, Table
from actors.api.texts import InPath
from actors.api.views.offered import OfferedView, list_offered, read_offered
from lts.domain.permissions import Permission

routes = Table("allocators", "Who sizes the orders of a portfolio: its `plugin`.")
READ = Rule(needs=Permission.READ_PLUGINS)
KIND = "portfolio"


@routes.get("/allocators", READ, answers=Page[OfferedView])
async def list_allocators(call: Call) -> Response:
    """List the allocators that there are."""
    return await list_offered(call, KIND)


@routes.get("/allocators/{name:name}", READ, answers=OfferedView, problems=(Kind.NOT_FOUND,))
async def read_allocator(call: Call, name: InPath) -> Response:
    """Read what an allocator is, and what its parameters have to be."""
    return await read_offered(call, KIND, name)
