"""Commands that come as messages: each is a request to a route, behind the same guard."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

import msgspec
from starlette.types import ASGIApp, Message, Scope

from actors.api.names import path_of
from actors.api.problems import Kind, Problem, Reason, correlated
from actors.api.table import ROOT
from lts.domain.access import SignedRequest
from lts.domain.commands import CarryOut, CommandCarriedOut

LONGEST_RESOURCE = 1_024
JSON = frozenset({"application/json", "application/problem+json"})
TOLD = frozenset({"etag", "idempotent-replayed", "location", "retry-after", "x-correlation-id"})
"""Headers of an answer that mean something without HTTP as well."""
_HEADERS = {"idempotency_key": "idempotency-key", "if_match": "if-match"}
"""Fields of a command that HTTP has as headers."""
_RESOURCE = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~%/")


class Form(msgspec.Struct, frozen=True):
    """How a command is a request: which of its fields stand where, and that the others are its body."""

    method: str
    path: str
    """With the names of fields in braces."""
    headers: tuple[str, ...] = ()
    query: tuple[str, ...] = ()
    body: bool = False


FORMS: Mapping[str, Form] = {
    "submit": Form("POST", "/portfolios/{portfolio}/orders", ("idempotency_key",), body=True),
    "revise": Form("PATCH", "/orders/{order}", body=True),
    "cancel": Form("DELETE", "/orders/{order}"),
    "cancel-all": Form("DELETE", "/portfolios/{portfolio}/orders", query=("instrument",)),
    "set-trading-state": Form("PUT", "/trading-states/{scope}", body=True),
    "activate": Form("POST", "/portfolios/{portfolio}/activate", ("if_match",)),
    "deactivate": Form("POST", "/portfolios/{portfolio}/deactivate", ("if_match",)),
    "ping": Form("GET", "/me"),
}
OF_ASSET: Mapping[str, Form] = {
    name: Form("POST", f"/portfolios/{{portfolio}}/assets/{{asset}}/{name}", ("if_match",))
    for name in ("activate", "deactivate")
}
"""The same for one asset of a portfolio, where a command names it."""


class Posted(msgspec.Struct, frozen=True):
    """A request that a command is."""

    method: str
    path: str
    """As it goes over the wire, without the query."""
    query: str = ""
    headers: Mapping[str, str] = {}
    body: bytes = b""


class Commands:
    """Has commands answered by an application, as if they had come over HTTP."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def carry_out(self, wanted: CarryOut) -> CommandCarriedOut:
        """Carry a command out, or say why not; raises nothing."""
        try:
            posted = posted_by(wanted.name, wanted.body)
        except Problem as problem:
            return CommandCarriedOut(problem.kind.status, problem.body(correlated(None)))
        return await self._answer(posted, wanted.request)

    async def _answer(self, posted: Posted, signed: SignedRequest) -> CommandCarriedOut:
        start: dict[str, Any] = {}
        told = bytearray()
        given = [{"type": "http.request", "body": posted.body, "more_body": False}]

        async def receive() -> Message:
            return given.pop() if given else {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            start.update(message) if message["type"] == "http.response.start" else None
            told.extend(message.get("body", b""))

        await self._app(_scope(posted, signed), receive, send)
        headers = {name.decode().lower(): value.decode("latin-1") for name, value in start["headers"]}
        if told and headers.get("content-type") not in JSON:
            problem = Problem(Kind.NOT_FOUND, "this is not told as JSON")
            return CommandCarriedOut(problem.kind.status, problem.body(headers["x-correlation-id"]))
        shown = {name: value for name, value in headers.items() if name in TOLD}
        return CommandCarriedOut(start["status"], bytes(told), shown)


def posted_by(name: str, body: bytes) -> Posted:
    """Return the request that a command is.

    Raises:
        Problem: there is no such command, or it does not say what it is about.
    """
    fields = _fields(body)
    if name == "get":
        return _read(fields)
    form = (OF_ASSET if "asset" in fields else FORMS).get(name) or FORMS.get(name)
    if form is None:
        raise Problem(Kind.NOT_FOUND, "there is no such command")
    return _formed(form, fields)


def _fields(body: bytes) -> dict[str, Any]:
    try:
        fields = msgspec.json.decode(body or b"{}")
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        fields = None
    if not isinstance(fields, dict):
        raise Problem(Kind.MALFORMED, "the body of a command is a JSON object")
    return fields


def _formed(form: Form, fields: dict[str, Any]) -> Posted:
    """Return the request of a form; what is no text where one is needed, and what is left, is refused."""
    path = ROOT
    for part in form.path.split("/")[1:]:
        said = _text(fields, part[1:-1]) if part.startswith("{") else part
        path += f"/{quote(said, safe='')}"
    headers = {_HEADERS[name]: _line(fields, name) for name in form.headers if name in fields}
    query = {name: _text(fields, name) for name in form.query if name in fields}
    if form.body:
        body = msgspec.json.encode(fields)
        return Posted(form.method, path, urlencode(query), headers, body)
    if fields:
        raise _wrong(min(fields), "there is no such field")
    return Posted(form.method, path, urlencode(query), headers)


def _read(fields: dict[str, Any]) -> Posted:
    """Return the request for what is read: a resource below the root, and what of it."""
    resource = _text(fields, "resource").strip("/")
    query = fields.pop("query", {})
    if fields:
        raise _wrong(min(fields), "there is no such field")
    if len(resource) > LONGEST_RESOURCE or not _RESOURCE.issuperset(resource):
        raise _wrong("resource", "it is a path below /api/v1, percent-encoded")
    if not isinstance(query, dict) or not all(isinstance(each, str | int) for each in query.values()):
        raise _wrong("query", "it is an object of texts and whole numbers")
    words = {name: str(each).lower() if isinstance(each, bool) else each for name, each in query.items()}
    try:
        return Posted("GET", f"{ROOT}/{resource}", urlencode(words))
    except UnicodeEncodeError:
        raise _wrong("query", "it is no text") from None


def _text(fields: dict[str, Any], name: str) -> str:
    """Take a text out of a command."""
    text = fields.pop(name, None)
    if not isinstance(text, str) or not text:
        raise _wrong(name, "it is missing" if text is None else "it is a text, and not empty")
    return text


def _line(fields: dict[str, Any], name: str) -> str:
    """Take a text that can be a header out of a command."""
    text = _text(fields, name)
    if not (text.isascii() and text.isprintable()):
        raise _wrong(name, "it is printable ASCII")
    return text


def _wrong(name: str, reason: str) -> Problem:
    pointer = f"/{name[:64].replace('~', '~0').replace('/', '~1')}"
    return Problem(Kind.INVALID, errors=(Reason("body", pointer, reason),))


def _scope(posted: Posted, signed: SignedRequest) -> Scope:
    headers = dict(posted.headers)
    if posted.body:
        headers["content-type"] = "application/json"
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": posted.method,
        "scheme": "mqtt",
        "path": path_of(posted.path),
        "raw_path": posted.path.encode(),
        "root_path": "",
        "query_string": posted.query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "client": ("mqtt", 0),
        "server": None,
        "state": {"signed": signed},
    }
