"""A broker that accepts and reads nothing: what waits is bounded, and trading does not notice."""

import os
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from random import Random
from threading import Thread
from typing import Any

import msgspec

from actors.mqtt.actor import Mqtt
from actors.mqtt.params import MqttAssignment, MqttParams
from bus import Actor, ChildProcess, on, pause
from lts.cli.bench.tick_to_order import FEW, LatencyReport, Trading, latency
from lts.domain.bridge import BridgeReported

BUFFER = 500
TIMES = 1.5
"""By how much the slowest orders may be slower."""
GROWN = 1.1
"""By how much the memory of the bridge may have grown since its buffer was full."""
AT_ONCE = 20
EVERY_S = 0.002
CONNACK = bytes((0x20, 3, 0, 0, 0))


class StalledReport(msgspec.Struct):
    """How trading and the bridge were while the broker read nothing."""

    alone: LatencyReport
    stalled: LatencyReport
    ratio_p99: float
    connections: int
    """How often the broker accepted us."""
    waiting: int
    dropped: int
    memory_grown: float
    """The memory of the bridge at the end, to that when its buffer was full."""

    @property
    def good(self) -> bool:
        """Whether it is as it has to be."""
        bounded = self.waiting <= BUFFER + 200 and self.memory_grown <= GROWN
        return bounded and self.dropped > 0 and self.ratio_p99 <= TIMES


class Listener(Actor[None]):
    """Keeps how the bridge is."""

    last: BridgeReported | None = None

    @on
    def note(self, report: BridgeReported) -> None:
        """Keep it."""
        self.last = report


@contextmanager
def stalling() -> Iterator[int]:
    """A broker that says that we are let in, and reads nothing; its port."""
    accepted: list[socket.socket] = []

    def accept() -> None:
        with suppress(OSError):
            while True:
                accepted.append(server.accept()[0])
                accepted[-1].sendall(CONNACK)

    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        accepting = Thread(target=accept)
        accepting.start()
        try:
            yield server.getsockname()[1]
        finally:
            server.shutdown(socket.SHUT_RDWR)
            accepting.join()
            for each in accepted:
                each.close()


async def stalled(directory: Path, ticks: int) -> StalledReport:
    """Trade so many ticks without a bridge and with one whose broker reads nothing, in turn."""
    random = Random(1)
    one, other = Trading(FEW), Trading(FEW)
    await one.start()
    await other.start()
    before = _children()
    with stalling() as port:
        params = MqttParams("127.0.0.1", port, timeout_s=1.0, buffer=BUFFER)
        told = MqttAssignment((), str(directory / "stalled.cursor"))
        bus = other.system.bus
        ear: Any = bus.spawn(Listener, None, name="listener").actor
        bus.spawn(Mqtt, params, name="mqtt", assignment=told, home=ChildProcess())
        await bus.started()
        (child,) = _children() - before
        try:
            full = 0
            took: tuple[list[int], list[int]] = ([], [])
            for done in range(0, ticks, AT_ONCE):
                for trading, times in zip((one, other), took, strict=True):
                    for _ in range(AT_ONCE):
                        times.extend(await trading.nanoseconds(1, random))
                        await pause(EVERY_S)
                if not full and done > 2 * BUFFER:
                    full = _memory(child)
            await pause(6)  # the bridge says how it is every 5 s
            alone, beside = map(latency, took)
            return StalledReport(
                alone,
                beside,
                round(beside.p99_us / alone.p99_us, 2),
                ear.last.connections,
                ear.last.waiting,
                ear.last.dropped,
                round(_memory(child) / full, 3),
            )
        finally:
            await other.stop()
            await one.stop()


def _children() -> set[int]:
    return {int(pid) for pid in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()}


def _memory(pid: int) -> int:
    """Bytes that a process has in memory."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
