"""Pipelines, which lead from signals to orders, and what their parameters have to be."""

from starlette.responses import Response

from actors.api.call import Call
from actors.api.pages import Page
from actors.api.problems import Kind
from actors.api.table import Rule, Table
from actors.api.texts import InPath
from actors.api.views.offered import OfferedView, list_offered, read_offered
from lts.domain.permissions import Permission

routes = Table("pipelines", "What leads from signals to orders: the `pipeline` of a portfolio.")
READ = Rule(needs=Permission.READ_PLUGINS)
KIND = "pipeline"


@routes.get("/pipelines", READ, answers=Page[OfferedView])
async def list_pipelines(call: Call) -> Response:
    """List the pipelines that there are."""
    return await list_offered(call, KIND)


@routes.get("/pipelines/{name:name}", READ, answers=OfferedView, problems=(Kind.NOT_FOUND,))
async def read_pipeline(call: Call, name: InPath) -> Response:
    """Read what a pipeline is, and what its parameters have to be."""
    return await read_offered(call, KIND, name)
