"""The least that a message costs with aiomqtt, and nothing around it: what `lts bench mqtt` compares with."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from socket import IPPROTO_TCP, TCP_NODELAY
from time import perf_counter_ns

from lts.refusal import Refused

try:
    from aiomqtt import Client, ProtocolVersion
except ModuleNotFoundError as error:  # whoever bridges nothing has no client of MQTT
    raise Refused(f"lts bench mqtt needs {error.name}, which is not installed; install lts[mqtt]") from None

PAYLOAD = b"x" * 150
TOPIC = "bench/bare"
QUEUED = 1_000_000


@asynccontextmanager
async def client(host: str, port: int, in_flight: int) -> AsyncGenerator[Client, None]:
    """A client as the library makes it, MQTT 5 without delay."""
    async with Client(
        host,
        port,
        protocol=ProtocolVersion.V5,
        max_inflight_messages=in_flight,
        max_queued_incoming_messages=QUEUED,
        socket_options=[(IPPROTO_TCP, TCP_NODELAY, 1)],
    ) as made:
        made.pending_calls_threshold = in_flight
        yield made


async def publish(host: str, port: int, qos: int, messages: int, in_flight: int) -> float:
    """Nanoseconds a message: one after the other at QoS 0, so many unacknowledged at QoS 1."""
    async with client(host, port, in_flight) as ours:

        async def some(count: int) -> None:
            for _ in range(count):
                await ours.publish(TOPIC, PAYLOAD, qos)

        at_once = in_flight if qos else 1
        began = perf_counter_ns()
        await asyncio.gather(*(some(messages // at_once) for _ in range(at_once)))
        return (perf_counter_ns() - began) / (messages // at_once * at_once)


class Ear:
    """A bare subscriber, which notes when something has come."""

    def __init__(self, heard: Client) -> None:
        self._client = heard
        self.came: deque[tuple[int, bytes]] = deque()
        self.changed = asyncio.Event()

    async def listen(self) -> None:
        """Note what comes, and when, for good."""
        async for message in self._client.messages:
            assert isinstance(message.payload, bytes)  # noqa: S101 - as the library gives what has come
            self.came.append((perf_counter_ns(), message.payload))
            self.changed.set()

    async def next(self, within_s: float = 10.0) -> tuple[int, bytes]:
        """Return what has come next, and when; raises TimeoutError."""
        async with asyncio.timeout(within_s):
            while not self.came:
                self.changed.clear()
                await self.changed.wait()
        return self.came.popleft()


@asynccontextmanager
async def ear(host: str, port: int, topic: str) -> AsyncGenerator[Ear, None]:
    """A bare subscriber to a topic."""
    async with client(host, port, 100) as ours:
        await ours.subscribe(topic, qos=0)
        made = Ear(ours)
        task = asyncio.create_task(made.listen())
        try:
            yield made
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def latencies(host: str, port: int, times: int) -> list[int]:
    """Nanoseconds from a bare publish to a bare subscriber, one by one."""
    took = []
    async with client(host, port, 100) as ours, ear(host, port, TOPIC) as heard:
        for _ in range(times):
            began = perf_counter_ns()
            await ours.publish(TOPIC, PAYLOAD, 0)
            at, _ = await heard.next()
            took.append(at - began)
    return took
