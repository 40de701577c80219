"""A hundred thousand payloads at each way in: all are counted, none raises, and memory stays flat."""

import asyncio
import gc
import tracemalloc
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest

from actors.mqtt.command import Outcome
from actors.mqtt.commands import WAITING, Commands
from actors.mqtt.params import MqttAssignment, MqttParams
from bus import SystemClock
from lts.domain.market import Instrument
from lts.kinds.feed import FeedAssignment
from lts.testing import Bench
from plugins.feed.mqtt.plugin import MqttFeed
from tests.brokers import free_port
from tests.chaos.commands.messages import ROOT, Sender
from tests.chaos.replays.robot import Robot

pytestmark = [
    pytest.mark.requirement("INT-012"),
    pytest.mark.chaos,
    pytest.mark.timeout(1800),
]
PAYLOADS = 100_000
MOST_GROWN = 2 * 2**20
TOPICS = f"{ROOT}/in/market/BTC%2FUSD"


def grown_by(send: Callable[[], None]) -> int:
    """Return by how many bytes memory grows with all payloads but the first tenth."""
    tracemalloc.start()
    try:
        for _ in range(PAYLOADS // 10):
            send()
        gc.collect()
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(PAYLOADS - PAYLOADS // 10):
            send()
        gc.collect()
        return tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()


def sender(draw: Random) -> Sender:
    robot: Any = Robot(SimpleNamespace())  # type: ignore[arg-type]  # it signs, and needs no node for that
    robot.key = "key"
    return Sender(robot, draw)


async def test_whatever_comes_as_a_command_is_counted() -> None:
    async def ask(*_: Any) -> Any:
        await asyncio.Event().wait()

    params = MqttParams("127.0.0.1", node="here", commands=True, commands_per_s=100_000)
    commands = Commands(params, MqttAssignment(), ask, SystemClock().now)
    draws = sender(Random(1))
    sent = 0

    def send() -> None:
        nonlocal sent
        told = draws.generated()
        commands.take(SimpleNamespace(topic=told.topic, payload=told.payload, retain=False, properties=None))
        sent += 1

    assert grown_by(send) < MOST_GROWN
    assert sent == PAYLOADS
    assert commands.counts.total() + commands._waiting.qsize() == PAYLOADS
    assert commands._waiting.qsize() == WAITING
    assert {"malformed", "unknown-name", "busy"} <= commands.counts.keys() <= {*Outcome}


async def test_whatever_comes_as_market_data_is_counted() -> None:
    params = {"host": "127.0.0.1", "port": free_port(), "topics": f"{ROOT}/in/market", "sources": ("lab",)}
    btc = Instrument("BTC/USD", "USD", Decimal("0.01"), Decimal("0.0001"))
    async with Bench(MqttFeed, params, assignment=FeedAssignment(btc, Path("/"))) as bench:
        feed: Any = bench.actor
        draw = Random(1)
        draws = sender(draw)

        def send() -> None:
            topic = f"{TOPICS}/{draw.choice(('quote', 'trade', 'bar', 'x'))}"
            schema = draw.choice(("Quote/1", "Trade/1", "Bar/1"))
            payload = draws.generated().payload
            if draw.random() < 0.5:
                payload = b'{"schema": "%s", "node": "lab", "body": %s}' % (schema.encode(), payload)
            feed.hear(topic, payload)

        assert grown_by(send) < MOST_GROWN
        assert feed.refused.total() == PAYLOADS
