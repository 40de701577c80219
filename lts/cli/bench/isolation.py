"""What a child process costs an actor: a question and its answer, messages one way, and a start.

Beside the question stands the least that a round trip to another process can take: a few bytes over a
bare socket pair, which a process that blocks on it sends back at once.
"""

import asyncio
import socket
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from statistics import median
from time import perf_counter_ns

import msgspec

from bus import Actor, Bus, ChildProcess, LiveDriver, pause
from bus.echo import Call, Echo, Shout
from lts.cli.bench.rounds import bare_call, settled

BURST = 256
BYTES = 64
REFLECT = """
import socket, sys
line = socket.socket(fileno=int(sys.argv[1]))
while data := line.recv(64):
    line.send(data)
"""


class Caller(Actor[None]):
    """Asks and tells a body in a child process."""

    publishes = (Shout,)
    asks = (Call,)

    async def round_trips(self, times: int) -> list[int]:
        """Nanoseconds of each of so many questions, one after the other."""
        took = []
        for number in range(times):
            began = perf_counter_ns()
            await self.ask(Call(number), within=60.0)
            took.append(perf_counter_ns() - began)
        return took

    async def one_way(self, times: int) -> float:
        """Nanoseconds a message, from the first until the child has handled the last."""
        began = perf_counter_ns()
        for first in range(0, times, BURST):
            for number in range(first, min(first + BURST, times)):
                self.publish(Shout(number))
            await pause(0)
        await self.ask(Call(0), within=60.0)
        return (perf_counter_ns() - began) / times


class IsolationReport(msgspec.Struct, frozen=True):
    """What a body in a child process costs."""

    call_ns: float
    round_trip_p50_us: float
    socketpair_p50_us: float
    ratio_to_socketpair: float
    per_s: int
    start_ms: float


async def measure_isolation(rounds: int, asks: int, messages: int) -> IsolationReport:
    """Measure so many questions, and messages one way, a round; each round starts a child of its own."""
    bare, trips, one_way, starts, ratios, calls = [], [], [], [], [], []
    with mirror() as line:
        bounces(line, asks)
        for _ in range(rounds):
            bus = Bus(LiveDriver())
            began = perf_counter_ns()
            bus.spawn(Echo, None, name="echo", home=ChildProcess(loop=_loop_of_this_kind()))
            await bus.started()
            starts.append((perf_counter_ns() - began) / 1e6)
            caller = bus.spawn(Caller, None, name="caller").actor
            assert isinstance(caller, Caller)  # noqa: S101 - it was just spawned
            await caller.round_trips(asks // 5)
            with settled():
                calls.append(bare_call())
                bare.append(median(bounces(line, asks)))
                trips.append(median(await caller.round_trips(asks)))
                ratios.append(trips[-1] / bare[-1])
                one_way.append(await caller.one_way(messages))
            await bus.stop()
    return IsolationReport(
        call_ns=round(median(calls), 1),
        round_trip_p50_us=round(median(trips) / 1000, 2),
        socketpair_p50_us=round(median(bare) / 1000, 2),
        ratio_to_socketpair=round(median(ratios), 2),
        per_s=round(1e9 / median(one_way)),
        start_ms=round(median(starts), 1),
    )


@contextmanager
def mirror() -> Generator[socket.socket, None, None]:
    """A process that sends back what it gets, at the other end of a socket pair."""
    ours, theirs = socket.socketpair()
    command = [sys.executable, "-c", REFLECT, str(theirs.fileno())]
    with ours, subprocess.Popen(command, pass_fds=(theirs.fileno(),)):  # noqa: S603 - a constant
        theirs.close()
        yield ours
        ours.close()  # the other side ends when it has nothing more to read


def bounces(line: socket.socket, times: int) -> list[int]:
    """Nanoseconds of each of so many round trips over a bare socket pair."""
    data = bytes(BYTES)
    took = []
    for _ in range(times):
        began = perf_counter_ns()
        line.send(data)
        line.recv(BYTES)
        took.append(perf_counter_ns() - began)
    return took


def _loop_of_this_kind() -> str | None:
    """The import path of what makes event loops of the kind that runs here, if it is not asyncio's own."""
    kind = type(asyncio.get_running_loop()).__module__.partition(".")[0]
    return None if kind == "asyncio" else f"{kind}:new_event_loop"
