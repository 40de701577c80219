"""The API's description of itself (OpenAPI 3.1), made of the table of routes."""

from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from inspect import signature
from typing import Any

import msgspec
from fastapi.openapi.utils import get_openapi

from actors.api import plugin_params
from actors.api.glossary import HEADERS, WORDS
from actors.api.guard import GuardedRoute
from actors.api.problems import MEDIA_TYPE, Kind, ProblemDocument
from actors.api.table import Declared, Needs, Rule, Table
from lts.web.meanings import explain

ALWAYS = ("X-Correlation-Id", "RateLimit", "RateLimit-Policy")
"""Headers of every answer."""
AGAIN = frozenset({Kind.TOO_MANY.status, Kind.UNAVAILABLE.status})
REF = "#/components/schemas/{name}"
ABOUT = """Log in with `logIn`, send the access token as `Authorization: Bearer …`, and ask.

Amounts are decimals written as text, times are RFC 3339 in UTC. Lists come in pages: `next` of one is the
`cursor` of the next. What is changed by `PATCH` has an `ETag`, which is sent back as `If-Match`; an order
has none. To submit an order or open a portfolio takes an `Idempotency-Key`: send the same one again where no
answer came, and it is done once (`Idempotent-Replayed: true`). `Location` says where something is that was
made; also an order that was denied, which is kept with the reason. A slash in a name is `%2F` in a path:
`BTC%2FUSD`.

Every error is a problem document (RFC 9457) with a stable `type`; its `correlation_id` names the request in
the log.

An API key signs what changes orders or is administration (RFC 9421, Ed25519): `@method`, `@authority`,
`@path`, `@query` and `content-digest`, with `created`, `keyid` and `nonce`."""
SECURITY = {
    "token": {"type": "http", "scheme": "bearer", "description": "An access token, or an API key."},
    "signature": {
        "type": "apiKey",
        "in": "header",
        "name": "Signature",
        "description": "With `Signature-Input`, as RFC 9421 has it: an API key's.",
    },
}


def operation_id(declared: Declared) -> str:
    """Return what a generated client calls an operation.

    >>> from actors.api.routes.auth import routes
    >>> operation_id(routes.routes[0])
    'logIn'
    """
    first, *rest = declared.endpoint.__name__.split("_")
    return first + "".join(word.capitalize() for word in rest)


def kinds(declared: Declared) -> tuple[Kind, ...]:
    """Return the problems that a route may answer with, beside those that are anybody's."""
    rule, found = (
        declared.rule,
        [Kind.TOO_MANY, Kind.UNAVAILABLE, Kind.INTERNAL, Kind.INVALID, Kind.MISDIRECTED],
    )
    if rule.needs is not Needs.PUBLIC:
        found.append(Kind.UNAUTHENTICATED)
        found += [] if rule.enrols else [Kind.ENROL]
    if rule.in_session or not isinstance(rule.needs, Needs):
        found.append(Kind.FORBIDDEN)
    if "cursor" in signature(declared.endpoint).parameters:
        found.append(Kind.NOT_FOUND)
    if declared.method in {"POST", "PUT", "PATCH"}:
        found += [Kind.MALFORMED, Kind.TOO_SLOW, Kind.TOO_LARGE, Kind.MEDIA_TYPE]
    return tuple(dict.fromkeys((*found, *declared.problems)))


def responses(declared: Declared) -> dict[int | str, dict[str, Any]]:
    """Return what a route answers, for the description."""
    told: dict[int | str, dict[str, Any]] = {declared.status: _answered(declared)}
    for kind in sorted(kinds(declared), key=lambda each: each.status):
        if kind.status in told:
            told[kind.status]["description"] += f" / {kind.title}"
        else:
            told[kind.status] = {
                "description": kind.title,
                "content": {MEDIA_TYPE: {"schema": {"$ref": REF.format(name="ProblemDocument")}}},
            }
    if "if_none_match" in signature(declared.endpoint).parameters:
        told[304] = {"description": "It is as it was"}
    for status, each in told.items():
        own = ("Retry-After",) if status in AGAIN else declared.headers
        each["headers"] = {name: _header(name) for name in (*ALWAYS, *own)}
    return told


def _header(name: str) -> dict[str, Any]:
    return {"description": HEADERS[name], "schema": {"type": "string"}}


def _answered(declared: Declared) -> dict[str, Any]:
    if declared.answers is None:
        return {"description": "Done"}
    if declared.answers is str:
        return {"description": "The text", "content": {declared.form: {"schema": {"type": "string"}}}}
    (schema,), _ = msgspec.json.schema_components([declared.answers], ref_template=REF)
    return {"description": "The answer", "content": {"application/json": {"schema": schema}}}


def extra(declared: Declared) -> dict[str, Any]:
    """Return what else the description says of a route: what it needs, and an example of its body."""
    rule = declared.rule
    said: dict[str, Any] = {"x-needs": needs(rule), "security": security(rule)}
    if declared.example is not None:
        said["requestBody"] = {"content": {"application/json": {"example": declared.example}}}
    return said


def needs(rule: Rule) -> str:
    """Return in words who is let in."""
    if rule.needs is Needs.PUBLIC:
        return "nothing: anybody may"
    words = ["a login" if rule.in_session else "a credential"]
    if not isinstance(rule.needs, Needs):
        words.append(f"with {rule.needs.value}")
    if rule.nobodys:
        words.append("and others")
    if rule.owned_by:
        words.append("(and others, for what is another user's)")
    if rule.signed:
        words.append("; an API key signs")
    return " ".join(words).replace(" ;", ";")


def security(rule: Rule) -> list[dict[str, list[str]]]:
    """Return by what a route is guarded, as OpenAPI has it."""
    if rule.needs is Needs.PUBLIC:
        return []
    return [{"token": []}] if rule.in_session else [{"token": []}, {"signature": []}]


def description(routes: Sequence[GuardedRoute], tables: Sequence[Table]) -> dict[str, Any]:
    """Return the whole description."""
    made: dict[str, Any] = get_openapi(
        title="LTS",
        version=version("lts"),
        summary="A multi-user, multi-portfolio live trading system.",
        description=ABOUT,
        routes=routes,
        tags=[{"name": table.tag, "description": table.about} for table in tables],
    )
    views = {each.answers for table in tables for each in table.routes if each.answers not in {None, str}}
    answers = [*views, ProblemDocument]
    _, components = msgspec.json.schema_components(answers, ref_template=REF)
    explain(components, answers)
    schemas = made.setdefault("components", {}).setdefault("schemas", {})
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    schemas.update(components | plugin_params.schemas())
    made["components"]["securitySchemes"] = SECURITY
    for operation in operations(made):
        for parameter in operation.get("parameters", ()):
            parameter["schema"] = _said(parameter["schema"])
            meant = parameter["schema"].get("description") or WORDS.get(parameter["name"], "")
            parameter.setdefault("description", meant)
    for schema in schemas.values():
        for name, field in schema.get("properties", {}).items():
            schema["properties"][name] = {"description": WORDS.get(name, "")} | field
    return made


def operations(described: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield each operation of a description."""
    for methods in described["paths"].values():
        yield from methods.values()


def _said(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a parameter that is there: one that is left out is no null."""
    one_of = [each for each in schema.pop("anyOf", ()) if each != {"type": "null"}]
    return {**one_of[0], **schema} if one_of else schema
