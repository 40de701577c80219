"""Bodies: no larger, no slower and in no other form than is taken here."""

from asyncio import timeout
from collections.abc import Mapping

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from actors.api.params import ApiLimits
from actors.api.problems import Kind, Problem

JSON = frozenset({"application/json", "application/json; charset=utf-8", "application/json;charset=utf-8"})
BODILESS = frozenset({"GET", "HEAD"})
"""Methods whose bodies say nothing, in whatever form; they are as small and quick as others all the same."""
CLOSE = {"Connection": "close"}
"""What is left of a body that is refused is not read: the connection ends."""


class Bodies:
    """Lets bodies through to an application, whole, and raises a `Problem` for those that it does not."""

    def __init__(self, app: ASGIApp, limits: ApiLimits) -> None:
        self.app = app
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["type"] == "http":
            self._check(scope["method"], dict(scope["headers"]))
            receive = self._bounded(receive)
        await self.app(scope, receive, send)

    def _check(self, method: str, headers: Mapping[bytes, bytes]) -> None:
        length = headers.get(b"content-length", b"0")
        if int(length) > self._limits.body_bytes:
            raise self._too_large()
        if method in BODILESS or (length == b"0" and b"transfer-encoding" not in headers):
            return
        form = headers.get(b"content-type", b"").decode("latin-1").lower()
        if form not in JSON or headers.get(b"content-encoding", b"identity") != b"identity":
            raise Problem(Kind.MEDIA_TYPE, "send it as application/json, uncompressed", headers=CLOSE)

    def _bounded(self, receive: Receive) -> Receive:
        """Return what receives the body as one message, and then what comes after it."""
        arrived = False

        async def whole_then_rest() -> Message:
            nonlocal arrived
            if arrived:
                return await receive()
            arrived = True
            return await self._whole(receive)

        return whole_then_rest

    async def _whole(self, receive: Receive) -> Message:
        """Return all of a body as one message, or the news that whoever sends it is gone."""
        body = bytearray()
        try:
            async with timeout(self._limits.body_s):
                while True:
                    message = await receive()
                    if message["type"] != "http.request":
                        return message
                    body += message.get("body", b"")
                    if len(body) > self._limits.body_bytes:
                        raise self._too_large()
                    if not message.get("more_body", False):
                        return {"type": "http.request", "body": bytes(body), "more_body": False}
        except TimeoutError:
            detail = f"it has to be here within {self._limits.body_s:g} s"
            raise Problem(Kind.TOO_SLOW, detail, headers=CLOSE) from None

    def _too_large(self) -> Problem:
        return Problem(Kind.TOO_LARGE, f"at most {self._limits.body_bytes} bytes are taken", headers=CLOSE)
