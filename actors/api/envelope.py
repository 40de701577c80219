"""The envelope of every answer: a correlation id, headers of security, a problem if all else failed."""

from asyncio import timeout
from contextlib import suppress

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from actors.api.problems import MEDIA_TYPE, Kind, Problem, correlated

log = structlog.get_logger("api")

CORRELATION_HEADER = b"x-correlation-id"
SECURITY = [
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'; base-uri 'none'"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
]
"""For every answer that says nothing else of the same."""
_SAID = frozenset({b"cache-control", b"content-security-policy"})
"""What some answers say otherwise."""
UNREAD = frozenset({Kind.TOO_LARGE.status, Kind.MEDIA_TYPE.status})
"""What is told before a body is read."""
LINGER_S = 1.0
STRICT_TRANSPORT = (b"strict-transport-security", b"max-age=31536000")


class Envelope:
    """The outermost layer: whatever an application raises, its caller gets an answer, and nothing of it."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["type"] not in {"http", "websocket"}:
            await self.app(scope, receive, send)
            return
        given = next((value for name, value in scope["headers"] if name == CORRELATION_HEADER), None)
        correlation = scope.setdefault("state", {})["correlation"] = correlated(given)
        if scope["type"] == "websocket":
            await self._open(scope, receive, send)
            return
        begun = unread = False

        async def sealed(message: Message) -> None:
            nonlocal begun, unread
            if message["type"] == "http.response.start":
                begun, unread = True, message["status"] in UNREAD
                _seal(scope, message)
            elif unread and not message.get("more_body", False):
                await send({**message, "more_body": True})
                await linger(receive)
                message = {"type": "http.response.body"}
            await send(message)

        try:
            await self.app(scope, receive, sealed)
        except Problem as problem:
            if not begun:
                await answer(problem, scope, sealed)
        except Exception:  # whatever it is, it stays here
            log.exception("a request failed", correlation=correlation, method=scope["method"])
            if not begun:
                await answer(Problem(Kind.INTERNAL), scope, sealed)

    async def _open(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a WebSocket; who is not let in gets an answer of HTTP."""
        try:
            await self.app(scope, receive, send)
        except Problem as problem:
            await deny(problem, scope, send)
        except Exception:  # whatever it is, it stays here
            log.exception("a stream failed", correlation=scope["state"]["correlation"])


async def deny(problem: Problem, scope: Scope, send: Send) -> None:
    """Answer who wanted to open a WebSocket with a problem."""
    start: Message = {
        "type": "websocket.http.response.start",
        "status": problem.kind.status,
        "headers": [
            (b"content-type", MEDIA_TYPE.encode()),
            *((name.lower().encode(), value.encode("latin-1")) for name, value in problem.headers.items()),
        ],
    }
    _seal(scope, start)
    await send(start)
    body = problem.body(scope["state"]["correlation"])
    await send({"type": "websocket.http.response.body", "body": body})


async def answer(problem: Problem, scope: Scope, send: Send) -> None:
    """Answer a request with a problem."""
    body = problem.body(scope["state"]["correlation"])
    headers = [
        (b"content-type", MEDIA_TYPE.encode()),
        (b"content-length", str(len(body)).encode()),
        *((name.lower().encode(), value.encode("latin-1")) for name, value in problem.headers.items()),
    ]
    await send({"type": "http.response.start", "status": problem.kind.status, "headers": headers})
    told = b"" if scope["method"] == "HEAD" else body
    await send({"type": "http.response.body", "body": told})


async def linger(receive: Receive) -> None:
    """Take what is still on its way for a moment: who is cut off while they send never reads the answer."""
    with suppress(TimeoutError):
        async with timeout(LINGER_S):
            while (await receive()).get("more_body", False):
                pass


def _seal(scope: Scope, message: Message) -> None:
    headers = message["headers"] = list(message["headers"])
    said = _SAID.intersection(name for name, _ in headers)
    headers += [each for each in SECURITY if each[0] not in said] if said else SECURITY
    headers.append((CORRELATION_HEADER, scope["state"]["correlation"].encode()))
    if limit := scope["state"].get("limit"):
        buckets, asker = limit
        headers.append((b"ratelimit-policy", buckets.policy.encode()))
        headers.append((b"ratelimit", buckets.told(asker).encode()))
    if scope["scheme"] == "https":
        headers.append(STRICT_TRANSPORT)
