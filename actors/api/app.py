"""The application: the routes behind the guard, within what every request goes through."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from actors.api.bodies import Bodies
from actors.api.envelope import Envelope
from actors.api.gate import Gate
from actors.api.guard import GuardedRoute
from actors.api.openapi import description, extra, operation_id, responses
from actors.api.page import STYLE, page
from actors.api.params import ApiParams
from actors.api.port import Port
from actors.api.problems import MEDIA_TYPE, MOST_REASONS, Kind, Problem, Reason
from actors.api.routes import TABLES
from actors.api.stream.socket import Socket
from actors.api.table import Declared, Table

METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
HEADERS = [
    "Authorization",
    "Content-Type",
    "Idempotency-Key",
    "If-Match",
    "If-None-Match",
    "X-Correlation-Id",
]
SHOWN = ["ETag", "Idempotent-Replayed", "Location", "Retry-After", "X-Correlation-Id"]
"""Headers that pages of other sites may read."""


def served(port: Port, params: ApiParams) -> ASGIApp:
    """Return the whole application: envelope, gate, bodies, routes; what answers is `port`."""
    app: ASGIApp = Socket(Bodies(routed(port), params.limits), port, params)
    if params.origins:
        app = CORSMiddleware(
            app, params.origins, allow_methods=METHODS, allow_headers=HEADERS, expose_headers=SHOWN
        )
    return Envelope(Gate(app, params, port.addresses))


def commanded(port: Port) -> ASGIApp:
    """Return the routes as they answer commands that come as messages: these have no host and no address."""
    return Envelope(routed(port))


def routed(port: Port, tables: tuple[Table, ...] = TABLES) -> FastAPI:
    """Return the routes behind their guards.

    Raises:
        TypeError: a route says nothing of who may use it.
    """
    app = FastAPI(title="LTS", openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    app.state.port = port
    app.router.routes.extend(routes_of(tables))
    for raised in (Problem, RequestValidationError, HTTPException, Exception):
        app.add_exception_handler(raised, _explain)
    described = described_by(tables)
    app.openapi = lambda: described  # type: ignore[method-assign]  # as FastAPI has it done
    app.state.page, app.state.style = page(described), STYLE
    refuse_unguarded(app)
    return app


@cache
def routes_of(tables: tuple[Table, ...]) -> tuple[GuardedRoute, ...]:
    """Return the routes of some tables; they know nothing of who answers, and are made once."""
    return tuple(_route(declared) for table in tables for declared in table.routes)


@cache
def described_by(tables: tuple[Table, ...]) -> dict[str, Any]:
    """Return the description of some tables, which is made once as well."""
    return description(routes_of(tables), tables)


def _route(declared: Declared) -> GuardedRoute:
    return GuardedRoute(
        declared.path,
        declared.endpoint,
        rule=declared.rule,
        methods=[declared.method],
        response_model=None,
        response_class=Response,
        status_code=declared.status,
        operation_id=operation_id(declared),
        summary=(declared.endpoint.__doc__ or "").partition("\n")[0],
        tags=[declared.tag],
        responses=responses(declared),
        openapi_extra=extra(declared),
    )


def refuse_unguarded(app: FastAPI) -> None:
    """Raise TypeError for an application that has a route without a guard."""
    for route in app.routes:
        if not isinstance(route, GuardedRoute):
            raise TypeError(f"the route {getattr(route, 'path', route)} has no guard")


async def _explain(request: Request, error: Exception) -> Response:
    """Answer an exception with a problem; what is no fault of the caller goes on to the log."""
    problem = _problem(error)
    body = problem.body(request.scope["state"]["correlation"])
    return Response(body, problem.kind.status, dict(problem.headers), MEDIA_TYPE)


def _problem(error: Exception) -> Problem:
    match error:
        case Problem():
            return error
        case RequestValidationError():
            return Problem(Kind.INVALID, errors=tuple(map(_reason, error.errors()[:MOST_REASONS])))
        case HTTPException(status_code=404):
            return Problem(Kind.NOT_FOUND)
        case HTTPException(status_code=405):
            return Problem(Kind.METHOD, headers=error.headers)
        case HTTPException(status_code=400):
            return Problem(Kind.MALFORMED)
        case _:
            return Problem(Kind.INTERNAL)


def _reason(error: Mapping[str, Any]) -> Reason:
    where, *path = error["loc"]
    pointer = "".join(f"/{str(part)[:64].replace('~', '~0').replace('/', '~1')}" for part in path)
    return Reason(str(where), pointer, error["msg"].removeprefix("Value error, "))
