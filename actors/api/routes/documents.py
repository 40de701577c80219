"""The API's description of itself: for programs, and as a page for people."""

from typing import Any

from starlette.responses import Response

from actors.api.call import Call
from actors.api.table import Needs, Rule, Table

routes = Table("documents", "The API's description of itself.")
ANYBODY = Rule(needs=Needs.PUBLIC)
PAGE = "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
READ_AGAIN = "public, max-age=60"


@routes.get("/openapi.json", ANYBODY, answers=dict[str, Any])
async def read_openapi(call: Call) -> Response:
    """Read the description of the API (OpenAPI 3.1)."""
    return call.answer(call.app.openapi(), headers={"Cache-Control": READ_AGAIN})


@routes.get("/docs", ANYBODY, answers=str, form="text/html")
async def read_docs(call: Call) -> Response:
    """Read the API's description as a page."""
    headers = {"Content-Security-Policy": PAGE, "Cache-Control": READ_AGAIN}
    return Response(call.app.state.page, headers=headers, media_type="text/html; charset=utf-8")


@routes.get("/docs.css", ANYBODY, answers=str, form="text/css")
async def read_style(call: Call) -> Response:
    """Read how that page looks."""
    headers = {"Cache-Control": READ_AGAIN}
    return Response(call.app.state.style, headers=headers, media_type="text/css; charset=utf-8")
