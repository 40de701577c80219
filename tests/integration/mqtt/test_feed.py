"""Market data that goes from one node to another over a real broker, and comes from outside."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from actors.mqtt.actor import Mqtt
from actors.mqtt.params import MqttAssignment, MqttParams
from bus import SECOND, Actor, Bus, LiveDriver, SystemClock, pause
from lts.domain.market import Bar, BarOpened, Instrument, Quote, Trade
from lts.kinds.feed import FeedAssignment
from lts.testing import Bench
from plugins.feed.mqtt.plugin import MqttFeed
from tests.brokers import Broker, Subscriber, broker

pytestmark = [pytest.mark.requirement("INT-4.4"), pytest.mark.timeout(60)]

BTC = Instrument("BTC/USD", "USD", Decimal("0.01"), Decimal("0.0001"))


class Market(Actor[None]):
    """Says what happens at a node."""

    publishes = (Quote, Bar, Trade)


@pytest.fixture
def one_broker(tmp_path: Path) -> Any:
    with broker(tmp_path) as found:
        yield found


@asynccontextmanager
async def north(port: int, directory: Path) -> AsyncIterator[Any]:
    """A node that tells its market data."""
    bus = Bus(LiveDriver(), hopeless=())
    market: Any = bus.spawn(Market, None, name="market").actor
    params = MqttParams("127.0.0.1", port, node="north", publish=("quotes", "bars", "trades"))
    where = MqttAssignment((), str(directory / "mqtt.cursor"))
    mqtt: Any = bus.spawn(Mqtt, params, name="mqtt", assignment=where).actor
    await bus.started()
    await until(lambda: mqtt.bridge.state.value == "connected")
    try:
        yield market
    finally:
        await bus.stop()


def feed(port: int, topics: str, *sources: str) -> Bench[Any]:
    params = {"host": "127.0.0.1", "port": port, "topics": topics, "sources": sources}
    return Bench(MqttFeed, params, assignment=FeedAssignment(BTC, Path("/")))


async def until(said: Callable[[], Any]) -> Any:
    async with asyncio.timeout(10):
        while not (found := said()):
            await pause(0.01)
    return found


async def live(bench: Bench[Any]) -> None:
    await until(lambda: bench.actor.is_live)


async def test_one_node_feeds_another(one_broker: Broker, tmp_path: Path) -> None:
    now = SystemClock().now()
    async with (
        north(one_broker.port, tmp_path) as market,
        feed(one_broker.port, "lts/v1/north/market", "north") as bench,
    ):
        await live(bench)
        sent = [
            Bar("BTC/USD", now - 60 * SECOND, now, 99.0, 102.0, 98.0, 100.0, 7.0),
            *(Trade("BTC/USD", now + number, 100.0, 0.5, f"{number}") for number in range(50)),
        ]
        for event in (*sent, Quote("ETH/USD", now, 1.0, 2.0, 1.0, 1.0)):
            market.publish(event)
        await until(lambda: len(bench.published(Trade)) == 50)
        assert [*bench.published(Bar), *bench.published(Trade)] == sent
        assert len(bench.published(BarOpened)) == 2
        market.publish(Quote("BTC/USD", now, 99.0, 101.0, 1.0, 1.0))
        (quote,) = await until(lambda: bench.published(Quote))
        assert (quote.bid, quote.ask) == (99.0, 101.0)
        assert (await bench.debug())["refused"] == {}


async def test_outside_sources_feed_a_node_if_they_are_named_and_make_sense(one_broker: Broker) -> None:
    topics, now = "lts/v1/south/in/market", SystemClock().now()
    async with feed(one_broker.port, topics, "lab") as bench:
        await live(bench)
        outside = Subscriber(one_broker.port, "none")

        def send(node: str, **body: Any) -> None:
            told = {"instrument": "BTC/USD", "at": now, "price": 100.0, "size": 1.0} | body
            payload = json.dumps({"schema": "Trade/1", "node": node, "body": told})
            outside.client.publish(f"{topics}/BTC%2FUSD/trade", payload, 1)

        send("somebody")
        send("lab", price=-1)
        send("lab", at=now + 3_600 * SECOND)
        send("lab", price=100.5)
        send("lab", price=1_000_000.0)
        outside.client.publish(f"{topics}/BTC%2FUSD/trade", None, 1)
        await until(lambda: bench.actor.refused.total() == 5)
        assert [each.price for each in bench.published(Trade)] == [100.5]
        refused = {"unknown-source": 1, "out-of-range": 1, "ahead": 1, "jump": 1, "malformed": 1}
        assert (await bench.debug())["refused"] == refused
        outside.close()


async def test_a_broker_that_comes_back_is_heard_again(one_broker: Broker) -> None:
    async with feed(one_broker.port, "lts/v1/south/in/market", "lab") as bench:
        await live(bench)
        await asyncio.to_thread(one_broker.end, kill=True)
        await until(lambda: "is not reached" in bench.actor.trouble)
        assert not bench.actor.is_live
        await asyncio.to_thread(one_broker.begin)
        await live(bench)


async def test_a_node_takes_nothing_back_of_what_it_has_said(one_broker: Broker, tmp_path: Path) -> None:
    now = SystemClock().now()
    async with north(one_broker.port, tmp_path) as market:
        async with feed(one_broker.port, "lts/v1/north/market", "somebody else") as bench:
            await live(bench)
            market.publish(Trade("BTC/USD", now, 100.0, 1.0))
            await until(lambda: bench.actor.refused["unknown-source"])
            assert not bench.published(Trade)
        async with feed(one_broker.port, "lts/v1/north/market", "north") as bench:
            await live(bench)
            trade = Trade("BTC/USD", now, 100.0, 1.0)
            market.publish(trade)
            await until(lambda: bench.published(Trade))
            market.publish(trade)  # it comes around, as if it were this node's own
            await until(lambda: bench.actor.refused["out-of-order"])
            assert bench.published(Trade) == [trade]
