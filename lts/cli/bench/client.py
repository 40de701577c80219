"""A client for `lts bench api`, in a process of its own: one request after the other on a few connections."""

import asyncio
import sys
from statistics import quantiles
from time import perf_counter_ns
from typing import Any

import msgspec
from uvloop import new_event_loop

_LENGTH = b"content-length: "
LONGEST_S = 120.0


class Told(msgspec.Struct, frozen=True):
    """What to ask, how often, and on how many connections."""

    host: str
    port: int
    path: str
    token: str
    requests: int
    connections: int
    per_s: float = 0.0
    """At the most so many requests a second, on all connections; 0: one after the other."""


class Took(msgspec.Struct, frozen=True):
    """How it went."""

    per_s: float
    p99_ms: float


class Caller(asyncio.Protocol):
    """One connection; `done` is answered when it has had all its answers."""

    def __init__(self, request: bytes, requests: int, done: asyncio.Future[None], every_s: float) -> None:
        self.took: list[int] = []
        self._request = request
        self._left = requests
        self._done = done
        self._heard = b""
        self._began = 0
        self._every_s = every_s
        self._due = 0.0

    def connection_made(self, transport: Any) -> None:
        """Ask for the first time."""
        self._transport = transport
        self._ask()

    def data_received(self, data: bytes) -> None:
        """Take a part of an answer; ask again when it is whole."""
        self._heard += data
        head, end, body = self._heard.partition(b"\r\n\r\n")
        if not end:
            return
        if not head.startswith(b"HTTP/1.1 200"):
            told = head.partition(b"\r\n")[0].decode("latin-1")
            self._done.set_exception(ConnectionError(f"the server answered {told}"))
            self._transport.close()
            return
        length = head.lower().partition(_LENGTH)[2].partition(b"\r\n")[0]
        if len(body) < int(length):
            return
        self.took.append(perf_counter_ns() - self._began)
        self._left -= 1
        if self._left:
            self._ask_when_due()
        else:
            self._transport.close()
            self._done.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        """Take note that there will be no more answers."""
        if not self._done.done():
            self._done.set_exception(exc or ConnectionError("the server hung up"))

    def _ask_when_due(self) -> None:
        """Ask at once, unless that is earlier than told."""
        loop = asyncio.get_running_loop()
        self._due = max(self._due + self._every_s, loop.time())
        if self._every_s:
            loop.call_at(self._due, self._ask)
        else:
            self._ask()

    def _ask(self) -> None:
        self._heard = b""
        self._began = perf_counter_ns()
        self._transport.write(self._request)


async def call(told: Told) -> Took:
    """Ask as told."""
    loop = asyncio.get_running_loop()
    request = (
        f"GET {told.path} HTTP/1.1\r\nHost: {told.host}:{told.port}\r\n"
        f"Authorization: Bearer {told.token}\r\nAccept: application/json\r\n\r\n"
    ).encode()
    each = told.requests // told.connections
    every_s = told.connections / told.per_s if told.per_s else 0.0
    done = [loop.create_future() for _ in range(told.connections)]
    began = perf_counter_ns()
    callers = [Caller(request, each, one, every_s) for one in done]
    for caller in callers:
        await loop.create_connection(lambda: caller, told.host, told.port)  # noqa: B023 - called at once
    async with asyncio.timeout(LONGEST_S):
        await asyncio.gather(*done)
    seconds = (perf_counter_ns() - began) / 1e9
    took = [nanoseconds for caller in callers for nanoseconds in caller.took]
    return Took(len(took) / seconds, quantiles(took, n=100)[98] / 1e6)


def main() -> None:
    """Read what to do from the arguments, and write how it went; in one sentence if it did not."""
    told = msgspec.json.decode(sys.argv[1], type=Told)
    try:
        with asyncio.Runner(loop_factory=new_event_loop) as runner:
            took = runner.run(call(told))
    except TimeoutError:
        sys.exit(f"not all answers had come after {LONGEST_S:.0f} s")
    except OSError as error:
        sys.exit(str(error))
    sys.stdout.buffer.write(msgspec.json.encode(took))


if __name__ == "__main__":
    main()
