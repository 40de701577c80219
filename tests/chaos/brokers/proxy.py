"""A network that can be cut: passes on what comes at one port to another; a process of its own.

A line on stdin is a command: `cut` ends all connections and takes no more, `open` takes them again.
"""

import asyncio
import sys
from contextlib import suppress


class Proxy:
    """Connections from one port to another."""

    def __init__(self, port: int, to: int) -> None:
        self._port, self._to = port, to
        self._server: asyncio.Server | None = None
        self._passing: set[asyncio.StreamWriter] = set()

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", self._port)

    async def cut(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        for each in self._passing:
            each.transport.abort()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self._to)
        except OSError:
            writer.transport.abort()
            return
        ends = {writer, back}
        self._passing |= ends
        await asyncio.gather(_pass_on(reader, back), _pass_on(there, writer))
        self._passing -= ends


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    writer.transport.abort()


async def main(port: int, to: int) -> None:
    proxy = Proxy(port, to)
    await proxy.open()
    print("open", flush=True)  # noqa: T201 - who has begun it waits for that
    while command := await asyncio.to_thread(sys.stdin.readline):
        await (proxy.cut() if command.strip() == "cut" else proxy.open())
        print("done", flush=True)  # noqa: T201 - the same


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
