"""The wire: a WebSocket over which frames go that were made once for all, to readers who may be slow."""

import asyncio
import socket
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from actors.api.envelope import CORRELATION_HEADER, SECURITY
from actors.api.problems import MEDIA_TYPE, Kind, Problem, correlated
from actors.api.stream.endings import Ending
from actors.api.stream.reader import last_words

EXTENSION = "lts.wire"
BUFFER = 65_536
"""Bytes that are on their way to a reader here, and as many in the system, before it counts as slow."""
LINGER_S = 10.0
"""For a reader to take the last words, once the stream is over."""


class Wire(WebSocketsSansIOProtocol):
    """What uvicorn speaks with a WebSocket, and a shorter way for what is framed already."""

    unanswered = 0
    """Pings since anything was heard."""

    def connection_made(self, transport: Any) -> None:
        """Keep little on the way: what waits, waits in an outbox, where the newest takes its place."""
        super().connection_made(transport)
        narrow(transport)

    def handle_connect(self, event: Request) -> None:
        """Begin the handshake, and be known to whoever serves it; what is none is answered by a problem."""
        accept = self.conn.accept
        self.conn.accept = lambda request: _as_problem(accept(request))  # type: ignore[method-assign]
        super().handle_connect(event)
        if not self.handshake_complete:
            extensions: Any = self.scope["extensions"]
            extensions[EXTENSION] = self

    def data_received(self, data: bytes) -> None:
        """Take what comes; whatever it is, somebody is there."""
        self.unanswered = 0
        super().data_received(data)

    def put(self, frames: bytes) -> None:
        """Send frames."""
        if not (self.close_sent or self.transport.is_closing()):
            self.transport.write(frames)

    def ping(self) -> None:
        """Ask whether anybody is there."""
        if not (self.close_sent or self.transport.is_closing()):
            self.unanswered += not self.read_paused
            self.conn.send_ping(b"")
            self.transport.write(b"".join(self.conn.data_to_send()))

    def hang_up(self, ending: Ending) -> None:
        """Say why, close, and go, whether or not it is taken."""
        if self.close_sent or self.transport.is_closing():
            return
        self.transport.write(last_words(ending).frame)
        self.conn.send_close(ending.code, ending.word)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self.queue.put_nowait({"type": "websocket.disconnect", "code": ending.code, "reason": ending.word})
        if self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()
        linger = LINGER_S if ending is not Ending.STOPPING else 1.0
        self.close_timer = self.loop.call_later(linger, self.transport.abort)

    def shutdown(self) -> None:
        """Go when the server does; whoever has hung up goes by themselves."""
        if not self.close_sent:
            super().shutdown()


def _as_problem(response: Response) -> Response:
    """Say in the words of the API what the library refuses in its own."""
    if response.status_code == HTTPStatus.SWITCHING_PROTOCOLS:
        return response
    correlation = correlated(None)
    problem = Problem(Kind.MALFORMED, "this is no handshake of a WebSocket as it is spoken here")
    body = problem.body(correlation)
    headers = Headers(
        [
            *((name.decode(), value.decode()) for name, value in SECURITY),
            (CORRELATION_HEADER.decode(), correlation),
            ("content-type", MEDIA_TYPE),
            ("content-length", str(len(body))),
            ("connection", "close"),
        ]
    )
    return Response(HTTPStatus.BAD_REQUEST, HTTPStatus.BAD_REQUEST.phrase, headers, body)


def narrow(transport: asyncio.Transport) -> None:
    """Let little be on its way over a connection, so that a reader who is slow is known to be."""
    transport.set_write_buffer_limits(high=BUFFER)
    if (connection := transport.get_extra_info("socket")) is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER)
