"""A venue in a process of its own that speaks OANDA's v20, for tests.

    python -m tests.venues.v20 --book book.sqlite --port 0 --port-file port [--walk 7 --tick-ms 50]

It shares no code with LTS: it stands for somebody else's system.
"""

import argparse
import asyncio
import signal
import socket
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import uvicorn
from starlette.types import Receive, Scope, Send

from tests.venues.app import Api
from tests.venues.control import Control
from tests.venues.prices import backfill, script, walk
from tests.venues.streams import End
from tests.venues.venue import Venue
from tests.venues.wire import Wire


def parsed(words: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="tests.venues.v20", description="A v20 venue for tests")
    add = parser.add_argument
    add("--book", type=Path, required=True, help="the SQLite file that everything is kept in")
    add("--port", type=int, default=0, help="on the loopback; 0 takes a free one")
    add("--port-file", type=Path, help="where to write the port, once requests are heard")
    add("--account", default="101-001-1000001-001")
    add("--token", default="venue-token")
    add("--control-token", default="control-token")
    add("--balance", type=Decimal, default=Decimal(100_000), help="in USD, of a new book")
    add("--commission", type=Decimal, default=Decimal(0), help="as a part of the notional: 0.00005")
    add("--liquidity", type=Decimal, help="units to be had at each quote and side; no limit if absent")
    add("--prices", type=Path, help='play {"EUR_USD": [["bid", "ask"], …]}, a pair a tick')
    add("--walk", type=int, metavar="SEED", help="move all prices at random")
    add("--tick-ms", type=float, default=50.0)
    add("--heartbeat", type=float, default=5.0, help="seconds between the heartbeats of a stream")
    add("--history", type=int, default=0, metavar="MINUTES", help="candles invented before the start")
    add("--seed", type=int, default=0, help="of the faults")
    add("--lookup", choices=("any", "pending"), default="any", help="which orders @clientid finds")
    return parser.parse_args(words)


class Server(uvicorn.Server):
    """Ends the streams first: they would keep it from ending."""

    venue: Venue

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take a signal as the wish to end well: uvicorn would raise it again afterwards."""
        loop = asyncio.get_running_loop()
        for sig in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(sig, self.end)
        yield

    def end(self) -> None:
        self.venue.streams.end(End.CLOSED)
        self.should_exit = True


def listening(port: int) -> socket.socket:
    """Return a socket on the loopback; it is said to be TCP, or asyncio would leave Nagle's algorithm on."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(128)
    return listener


def end_with(task: asyncio.Task[None]) -> None:
    """End the process if what should go on for ever has failed."""
    if not task.cancelled():
        traceback.print_exception(task.exception())
        signal.raise_signal(signal.SIGABRT)


async def serve(options: argparse.Namespace) -> None:
    """Serve until a signal ends it."""
    venue = Venue(
        options.book,
        options.account,
        balance=options.balance,
        commission=options.commission,
        liquidity=options.liquidity,
        heartbeat=options.heartbeat,
        seed=options.seed,
    )
    backfill(venue.prices, options.walk or 0, options.history)
    rounds = script(venue.prices, options.prices) if options.prices else None
    rounds = walk(venue.prices, options.walk) if options.walk is not None else rounds
    v20 = Api(venue, options.token, any_client_id=options.lookup == "any").app()
    wire = Wire(v20, venue.faults)
    control = Control(venue, wire, options.control_token).app()

    async def either(scope: Scope, receive: Receive, send: Send) -> None:
        behind = scope["type"] == "http" and scope["path"].startswith("/control/")
        await (control if behind else wire)(scope, receive, send)

    listener = listening(options.port)
    port = listener.getsockname()[1]
    server = Server(
        uvicorn.Config(
            either,
            http="h11",
            lifespan="off",
            log_level="warning",
            timeout_graceful_shutdown=2,
            timeout_keep_alive=60,
        )
    )
    server.venue = venue
    living = asyncio.create_task(venue.live(rounds, options.tick_ms / 1000))
    living.add_done_callback(end_with)
    print(port, flush=True)  # noqa: T201 - who starts it reads where it is
    if options.port_file:
        partly = options.port_file.with_suffix(".part")
        partly.write_text(str(port), encoding="ascii")
        partly.replace(options.port_file)
    await server.serve([listener])
    living.cancel()
    venue.log.close()


if __name__ == "__main__":
    asyncio.run(serve(parsed()))
