"""The server: uvicorn within the loop that runs already, with patience for slow callers that has an end."""

import asyncio
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from actors.api.envelope import CORRELATION_HEADER, SECURITY
from actors.api.params import ApiLimits, ApiParams
from actors.api.problems import MEDIA_TYPE, Kind, Problem, correlated
from actors.api.stream.wire import Wire

KEEP_ALIVE_S = 15
HEAD_BYTES = 32_768
MESSAGE_BYTES = 65_536
"""Of one message over a WebSocket."""


class Server(uvicorn.Server):
    """A server that leaves signals to the process that it runs in."""

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Capture none."""
        yield


def server(app: ASGIApp, params: ApiParams) -> Server:
    """Return a server of an application.

    Raises:
        OSError: the certificate or its key cannot be read, or do not belong together.
    """
    limits = params.limits
    config = uvicorn.Config(
        app,
        http=_impatient(limits),
        ws=Wire,
        ws_max_size=MESSAGE_BYTES,
        ws_ping_interval=None,  # who serves a stream pings by itself
        ws_per_message_deflate=False,
        lifespan="off",
        log_config=None,
        log_level="critical",  # what goes wrong in a request is logged by the envelope
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=True,
        limit_concurrency=limits.connections,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=max(1, round(limits.drain_s)),
        h11_max_incomplete_event_size=HEAD_BYTES,
        ssl_certfile=params.certificate or None,
        ssl_keyfile=params.key or None,
        reset_contextvars=True,
    )
    config.load()
    return Server(config)


def _impatient(limits: ApiLimits) -> type[H11Protocol]:
    """Return a protocol that hangs up on whoever does not send the head of a request in time."""
    own = {"head_s": limits.head_s, "most": limits.connections, "waiting": {}}
    return type("Impatient", (_Impatient,), own)


class _Impatient(H11Protocol):
    head_s: float
    most: int
    waiting: dict["_Impatient", None]
    """Connections on which no request is under way; the one that waits longest makes room for others."""
    _patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as above it
        super().connection_made(transport)
        self.app_state = {**self.app_state, "transport": transport}
        if len(self.connections) >= self.most and self.waiting:
            next(iter(self.waiting)).hang_up()
        self._wait()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.cycle is not None and not self.cycle.response_complete:
            self._rest()
        elif self._patience is None and self.transport.get_protocol() is self:
            self._wait()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if not self.transport.is_closing() and (self.cycle is None or self.cycle.response_complete):
            self.waiting[self] = None

    def handle_websocket_upgrade(self, event: Any) -> None:
        self._rest()
        super().handle_websocket_upgrade(event)

    def connection_lost(self, exc: Exception | None) -> None:
        self._rest()
        super().connection_lost(exc)

    def _wait(self) -> None:
        self.waiting[self] = None
        self._patience = self.loop.call_later(self.head_s, self.hang_up)

    def _rest(self) -> None:
        self.waiting.pop(self, None)
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - what is wrong with it is not said
        """Answer what is no HTTP with a problem, unless an answer is under way."""
        if self.cycle is None or self.cycle.response_complete or not self.cycle.response_started:
            self.transport.write(_no_http())
        self.transport.close()

    def hang_up(self) -> None:
        """Let it go, as nothing comes over it."""
        self._rest()
        self.transport.close()


def _no_http() -> bytes:
    correlation = correlated(None)
    body = Problem(Kind.MALFORMED, "this is not HTTP as it is spoken here").body(correlation)
    headers = [
        *SECURITY,
        (CORRELATION_HEADER, correlation.encode()),
        (b"content-type", MEDIA_TYPE.encode()),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
    ]
    lines = [b"HTTP/1.1 400 Bad Request", *(b": ".join(each) for each in headers)]
    return b"\r\n".join([*lines, b"", body])
