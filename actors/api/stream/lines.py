"""Lines: the stream as server-sent events, for scripts that only read."""

import asyncio
from asyncio import timeout
from collections.abc import Sequence
from contextlib import suppress

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from actors.api.port import Port
from actors.api.problems import Problem
from actors.api.stream.endings import Ending
from actors.api.stream.reader import Reader, last_words
from actors.api.stream.subscriptions import Subscribe, Subscriptions
from actors.api.stream.wire import narrow
from lts.domain.access import Identity

STALL_S = 5.0
QUIET_S = 2.4
"""After which a line without meaning shows that the stream goes on."""
LINGER_S = 0.5
"""For a reader to take the last words."""
MEDIA_TYPE = "text/event-stream; charset=utf-8"


class Lines(Response):
    """An answer that goes on until its reader goes, or may read no more.

    Args:
        port: of the routes.
        identity: who reads.
        wanted: what is followed.
        once: whether it is over when what is so now has been told.
    """

    def __init__(self, port: Port, identity: Identity, wanted: Sequence[Subscribe], *, once: bool) -> None:
        super().__init__(media_type=MEDIA_TYPE)
        self._port = port
        self._identity = identity
        self._wanted = wanted
        self._once = once
        self._begun = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer.

        Raises:
            Problem: there are too many streams.
        """
        reader = self._port.streams.admit(self._identity)
        connection = _Connection(scope, reader)
        work = [self._subscribe(reader), _watch(receive, reader)]
        beside = [asyncio.create_task(each) for each in work]
        try:
            headers = [each for each in self.raw_headers if each[0] != b"content-length"]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await self._deliver(reader, send)
        except TimeoutError:
            connection.cut()
        finally:
            connection.rest()
            self._port.streams.leave(reader)
            for task in beside:
                task.cancel()
            await asyncio.gather(*beside, return_exceptions=True)

    async def _subscribe(self, reader: Reader) -> None:
        subscriptions = Subscriptions(self._port)
        try:
            for each in self._wanted:
                await subscriptions.begin(reader, each)
        except Problem:
            reader.end(Ending.BROKEN)
        self._begun = True
        reader.ready.set()

    async def _deliver(self, reader: Reader, send: Send) -> None:
        """Send what waits, as fast as it is taken; raises TimeoutError if nothing is."""
        while reader.ending is None and not (self._once and self._begun and not reader.outbox):
            with suppress(TimeoutError):
                async with timeout(QUIET_S):
                    await reader.ready.wait()
            if reader.identity.expires_at <= self._port.now():
                reader.end(Ending.EXPIRED)
            elif reader.ending is None:
                lines = b"".join([told.line for told in reader.taken()])
                await _send(send, lines or b":\n\n")
        last = b"" if reader.ending is None else last_words(reader.ending).line
        await _send(send, last, more=False)


class _Connection:
    """What carries an answer: cut where its reader takes nothing."""

    def __init__(self, scope: Scope, reader: Reader) -> None:
        self._transport: asyncio.Transport | None = scope["state"].get("transport")
        self._cutting: asyncio.TimerHandle | None = None
        if self._transport is not None:
            narrow(self._transport)
            reader.hang_up = self._hang_up

    def cut(self) -> None:
        """Let it go as it is."""
        if self._transport is not None:
            self._transport.abort()

    def rest(self) -> None:
        """Let it be."""
        if self._cutting is not None:
            self._cutting.cancel()

    def _hang_up(self, _: Ending) -> None:
        self._cutting = asyncio.get_running_loop().call_later(LINGER_S, self.cut)


async def _send(send: Send, body: bytes, *, more: bool = True) -> None:
    async with timeout(STALL_S):
        await send({"type": "http.response.body", "body": body, "more_body": more})


async def _watch(receive: Receive, reader: Reader) -> None:
    """End a stream whose reader has gone."""
    with suppress(Problem):  # of a body that has no business here
        while (await receive())["type"] != "http.disconnect":
            pass
    reader.end(Ending.SILENT)
