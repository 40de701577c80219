"""The socket: `/api/v1/stream`, a WebSocket that is let in by a ticket."""

import asyncio
from asyncio import timeout
from contextlib import suppress
from urllib.parse import parse_qs

import msgspec
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from actors.api.params import ApiParams
from actors.api.port import Port
from actors.api.problems import Kind, Problem, not_found, unavailable
from actors.api.stream.endings import Ending
from actors.api.stream.reader import Reader
from actors.api.stream.subscriptions import Subscribe, Subscriptions
from actors.api.stream.told import Told
from actors.api.stream.wire import EXTENSION, Wire
from actors.api.table import ROOT
from bus import SECOND

PATH = f"{ROOT}/stream"
STALL_S = 5.0
"""Within which a reader has to take something, if there is anything."""
PING_S = 2.0
MISSED = 3
"""Pings without an answer after which nobody is there: all of it takes eight seconds at most."""


class Unsubscribe(
    msgspec.Struct, frozen=True, tag_field="type", tag="unsubscribe", forbid_unknown_fields=True
):
    """Asks to be told no more of a topic, or of some keys of it."""

    topic: str
    keys: tuple[str, ...] = ()


class Renew(msgspec.Struct, frozen=True, tag_field="type", tag="renew", forbid_unknown_fields=True):
    """Shows another ticket, so that the stream goes on for as long as that one's token."""

    ticket: str


class RefusedView(msgspec.Struct, frozen=True, tag_field="type", tag="refused"):
    """A message came to nothing, for this reason."""

    id: str
    problem: str
    """As the last part of a problem's type."""
    detail: str


class Renewed(msgspec.Struct, frozen=True, tag_field="type", tag="renewed"):
    """The stream goes on."""


_read = msgspec.json.Decoder(Subscribe | Unsubscribe | Renew).decode


class Socket:
    """Serves WebSockets, and leaves all else to an application."""

    def __init__(self, app: ASGIApp, port: Port, params: ApiParams) -> None:
        self.app = app
        self._port = port
        self._origins = {origin.lower() for origin in params.origins}
        self._subscriptions = Subscriptions(port)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["type"] != "websocket":
            await self.app(scope, receive, send)
            return
        if scope["path"] != PATH:
            raise not_found()
        if self._port.pressed:
            raise unavailable("the system has too much to do")
        self._check_origin(scope)
        identity = self._port.tickets.take(_ticket(scope))
        if identity is None:
            raise Problem(Kind.UNAUTHENTICATED, "ask for a ticket, and use it once, within seconds")
        reader = self._port.streams.admit(identity)
        try:
            await receive()
            await send({"type": "websocket.accept"})
            await _Talk(reader, scope["extensions"][EXTENSION], self._port, self._subscriptions).hold(receive)
        finally:
            self._port.streams.leave(reader)

    def _check_origin(self, scope: Scope) -> None:
        """Let pages of other sites in only where they are named; what is no page says no origin."""
        headers = Headers(scope=scope)
        origin = headers.get("origin", "").lower()
        secure = scope["scheme"] in {"wss", "https"}
        own = f"{'https' if secure else 'http'}://{headers['host'].lower()}"
        if origin and origin != own and origin not in self._origins:
            raise Problem(Kind.FORBIDDEN, "pages of this origin may not follow")


def _ticket(scope: Scope) -> str:
    values = parse_qs(scope["query_string"].decode("latin-1")).get("ticket", [])
    return values[0] if len(values) == 1 else ""


class _Talk:
    """One WebSocket: what comes in, and what goes out."""

    def __init__(self, reader: Reader, wire: Wire, port: Port, subscriptions: Subscriptions) -> None:
        self._reader = reader
        self._wire = wire
        self._port = port
        self._subscriptions = subscriptions

    async def hold(self, receive: Receive) -> None:
        """Talk until it is over."""
        reader, wire = self._reader, self._wire
        reader.hang_up = wire.hang_up
        if reader.ending is not None:
            wire.hang_up(reader.ending)
        going_out = asyncio.create_task(self._deliver())
        going_out.add_done_callback(lambda _: reader.end(Ending.BROKEN))
        self._beating = asyncio.get_running_loop().call_later(PING_S, self._beat)
        try:
            while (message := await receive())["type"] == "websocket.receive":
                await self._take(message.get("text") or "")
        except Exception:
            reader.end(Ending.BROKEN)
            raise
        finally:
            self._beating.cancel()
            going_out.cancel()
            with suppress(asyncio.CancelledError):
                await going_out

    async def _take(self, text: str) -> None:
        """Do as a message says, or say why not."""
        reader, mark = self._reader, ""
        if self._port.users.take(reader.identity.user):
            reader.end(Ending.TOO_MANY)
            return
        try:
            match _read(text):
                case Subscribe(id=mark) as wanted:
                    await self._subscriptions.begin(reader, wanted)
                case Unsubscribe(topic, keys):
                    self._subscriptions.end(reader, topic, keys)
                case Renew(ticket):
                    self._renew(ticket)
        except Problem as problem:
            detail = problem.detail or problem.kind.title
            reader.tell(Told(RefusedView(mark, problem.kind.slug, detail), "refused"))
        except (msgspec.MsgspecError, RecursionError):
            detail = "a message is a JSON object of type subscribe, unsubscribe or renew"
            reader.tell(Told(RefusedView("", Kind.MALFORMED.slug, detail), "refused"))

    def _renew(self, ticket: str) -> None:
        reader = self._reader
        identity = self._port.tickets.take(ticket)
        before = reader.identity
        if identity is None or (identity.user, identity.permissions) != (before.user, before.permissions):
            raise Problem(Kind.UNAUTHENTICATED, "this is no ticket to go on with here")
        reader.identity = identity
        reader.tell(Told(Renewed(), "renewed"))

    async def _deliver(self) -> None:
        """Send what waits, as fast as it is taken."""
        reader, wire = self._reader, self._wire
        while reader.ending is None:
            await reader.ready.wait()
            wire.put(b"".join([told.frame for told in reader.taken()]))
            if not wire.writable.is_set():
                try:
                    async with timeout(STALL_S):
                        await wire.writable.wait()
                except TimeoutError:
                    reader.end(Ending.STALLED)

    def _beat(self) -> None:
        """See whether somebody is there, and may be."""
        reader, wire = self._reader, self._wire
        left = (reader.identity.expires_at - self._port.now()) / SECOND
        if left <= 0:
            reader.end(Ending.EXPIRED)
        elif wire.unanswered >= MISSED:
            reader.end(Ending.SILENT)
        else:
            wire.ping()
            loop = asyncio.get_running_loop()
            self._beating = loop.call_later(min(PING_S, left + 0.001), self._beat)
