"""Chunked lines of JSON: the transactions of the account, and the prices of its instruments."""

import asyncio
import json
from collections.abc import Callable
from enum import Enum, auto

from starlette.types import Receive, Scope, Send

from tests.venues.faults import Faults
from tests.venues.instruments import Json
from tests.venues.wire import ABORT


class End(Enum):
    """How a stream ends."""

    CLOSED = auto()
    """In an orderly way, with a last chunk."""
    CUT = auto()
    """The socket is gone in the middle of it."""
    LEFT = auto()
    """The reader has gone away."""


class Stream:
    """One reader of a stream; as an ASGI application it is the answer that never ends."""

    def __init__(
        self, streams: "Streams", path: str, beat: Callable[[], Json], names: frozenset[str]
    ) -> None:
        self.streams, self.path, self.beat, self.names = streams, path, beat, names
        self.queue: asyncio.Queue[Json | End] = asyncio.Queue()
        self.held: list[Json] = []
        """What another message is to overtake, or what a silent stream will say later."""

    def put(self, message: Json) -> None:
        """Hand over a message, unless something happens to it."""
        faults = self.streams.faults
        if faults.struck("disconnect", "", self.path):
            self.queue.put_nowait(End.CUT)
        elif faults.struck("drop", "", self.path):
            return
        elif faults.struck("reorder", "", self.path):
            self.held.append(message)
        else:
            again = 2 if faults.struck("duplicate", "", self.path) else 1
            for each in [message] * again + self.held:
                self.queue.put_nowait(each)
            self.held.clear()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.streams.readers.add(self)
        watch = asyncio.ensure_future(self._watch(receive))
        try:
            headers = [(b"content-type", b"application/octet-stream")]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            end = await self._speak(send)
        finally:
            self.streams.readers.discard(self)
            watch.cancel()
        if end is End.CUT:
            await scope[ABORT]()
        elif end is End.CLOSED:
            await send({"type": "http.response.body", "body": b""})

    async def _watch(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self.queue.put_nowait(End.LEFT)

    async def _speak(self, send: Send) -> End:
        loop, unsaid = asyncio.get_running_loop(), list[Json]()
        due = loop.time()
        while True:
            try:
                async with asyncio.timeout_at(due):
                    message = await self.queue.get()
            except TimeoutError:
                due = loop.time() + self.streams.heartbeat
                unsaid, self.held = unsaid + self.held, []
                message = self.beat()
            if isinstance(message, End):
                return message
            if fault := self.streams.faults.struck("silent", "", self.path):
                if fault.hold and message.get("type") != "HEARTBEAT":
                    unsaid.append(message)
                continue
            lines = "".join(json.dumps(each) + "\n" for each in [*unsaid, message])
            unsaid.clear()
            await send({"type": "http.response.body", "body": lines.encode(), "more_body": True})


class Streams:
    """All readers of all streams."""

    def __init__(self, faults: Faults, heartbeat: float) -> None:
        self.faults, self.heartbeat = faults, heartbeat
        self.readers: set[Stream] = set()

    def tell(self, path: str, message: Json) -> None:
        """Send a message to those who read a stream and want it."""
        for reader in list(self.readers):
            if reader.path == path and (not reader.names or message.get("instrument") in reader.names):
                reader.put(message)

    def end(self, how: End, path: str = "") -> int:
        """End the streams at once, and return how many."""
        ended = [reader for reader in self.readers if path in reader.path]
        for reader in ended:
            reader.queue.put_nowait(how)
        return len(ended)
