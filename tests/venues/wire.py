"""Between the socket and the venue: here requests and answers are lost, late and refused."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tests.venues.faults import AFTER, Faults
from tests.venues.instants import pause
from tests.venues.instruments import Json

ABORT = "venue.abort"
"""Where the scope of a request has what ends its connection, without another byte."""


class Wire:
    """The venue as it is reached over a network that fails."""

    def __init__(self, venue: ASGIApp, faults: Faults) -> None:
        self.venue, self.faults = venue, faults
        self.requests = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith("/v3/"):
            await self.venue(scope, receive, send)
            return
        self.requests += 1
        scope[ABORT] = aborter(send)
        receive = await whole(receive)
        method, path = scope["method"], scope["path"]
        if not await self.before(method, path, scope, send):
            return
        drawn = {} if path.endswith("/stream") else {k: self.faults.struck(k, method, path) for k in AFTER}
        if not any(drawn.values()):
            await self.venue(scope, receive, send)
            return
        answer: list[Message] = []

        async def keep(message: Message) -> None:
            answer.append(message)

        await self.venue(scope, receive, keep)
        if late := drawn["delay_after"]:
            await pause(late.seconds)
        if drawn["lost_ack"]:
            await scope[ABORT]()
        elif drawn["torn_ack"]:
            await tear(answer, send)
            await scope[ABORT]()
        elif fault := drawn["error_after"]:
            await say(send, fault.status, {"errorMessage": "Internal server error"})
        else:
            for message in answer:
                await send(message)

    async def before(self, method: str, path: str, scope: Scope, send: Send) -> bool:
        """Let a request through, sooner or later, or answer it here."""
        if self.faults.struck("maintenance", method, path):
            await say(send, 503, {"errorMessage": "The service is down for maintenance"})
            return False
        if self.faults.struck("lost_request", method, path):
            await scope[ABORT]()
            return False
        if fault := self.faults.struck("rate_limit", method, path):
            await say(send, 429, {"errorMessage": "Rate limit violation"}, retry_after=fault.seconds)
            return False
        if fault := self.faults.struck("error_before", method, path):
            await say(send, fault.status, {"errorMessage": "Service unavailable"})
            return False
        if fault := self.faults.struck("delay_before", method, path):
            await pause(fault.seconds)
        return True


def aborter(send: Send) -> Callable[[], Awaitable[None]]:
    """Return what closes the socket under a request: ASGI has no word for it, so uvicorn's cycle is asked."""
    cycle: Any = getattr(send, "__self__")  # noqa: B009 - no type knows that it is bound

    async def abort() -> None:
        cycle.disconnected = True
        cycle.transport.abort()

    return abort


async def whole(receive: Receive) -> Receive:
    """Read a request to its end, so that it is handled even if its sender has gone away meanwhile."""
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    parts: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return parts.pop() if parts else await receive()

    return again


async def tear(answer: list[Message], send: Send) -> None:
    """Send the first half of an answer."""
    start, *bodies = answer
    body = b"".join(message.get("body", b"") for message in bodies)
    await send(start)
    await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})


async def say(send: Send, status: int, body: Json, retry_after: float = 0.0) -> None:
    """Answer without asking the venue."""
    headers = [(b"content-type", b"application/json")]
    if retry_after:
        headers.append((b"retry-after", f"{retry_after:g}".encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(body).encode()})
