"""A limit for each topic: what has no turn waits if it counts, and makes room for newer if it does not."""

import asyncio

import pytest

from actors.mqtt.letters import Letter, Letters, Update
from actors.mqtt.outbox import Outbox
from actors.mqtt.pace import Pace
from actors.mqtt.params import MqttParams
from bus import SECOND, pause
from lts.domain.market import Quote, Trade

pytestmark = pytest.mark.requirement("LTS-003")
LETTERS = Letters(MqttParams("broker"), 1)
TOPIC = "lts/v1/lts/portfolio/main/fill"


class Rig:
    def __init__(self, most: int = 10, **rates: float) -> None:
        self.at = 100 * SECOND
        self.outbox = Outbox(1_000)
        self.pace = Pace(rates, self.outbox, most, lambda: self.at)

    def quote(self, bid: float, instrument: str = "A") -> None:
        self.pace.put(LETTERS.market(Quote(instrument, 1, bid, 2.0, 3.0, 4.0)))

    def trade(self, price: float) -> None:
        self.pace.put(LETTERS.market(Trade("A", 1, price, 1.0)))

    async def later(self, seconds: float) -> list[float]:
        """Return the prices of what has its turn by then."""
        self.at += round(seconds * SECOND)
        running = asyncio.create_task(self.pace.run())
        await pause(0.03)
        running.cancel()
        return self.told()

    def told(self) -> list[float]:
        return [price(each) for each in self.outbox.take(1_000)]


def price(update: Update) -> float:
    body: Quote | Trade = update.told.body
    return body.bid if isinstance(body, Quote) else body.price


async def test_of_what_only_the_latest_counts_the_newest_has_the_next_turn() -> None:
    rig = Rig(quotes=2)
    for bid in (1.0, 2.0, 3.0):
        rig.quote(bid)
    rig.quote(9.0, "B")
    assert rig.told() == [1.0, 9.0]
    assert await rig.later(0.4) == []
    assert await rig.later(0.2) == [3.0]
    assert (rig.outbox.conflated, len(rig.pace)) == (1, 0)


async def test_what_each_one_counts_waits_in_order_and_what_finds_no_room_is_counted() -> None:
    rig = Rig(most=3, trades=1)
    for each in range(6):
        rig.trade(float(each))
    assert rig.told() == [0.0]
    assert (len(rig.pace), rig.outbox.dropped) == (3, 2)
    told = [await rig.later(1.0) for _ in range(4)]
    assert told == [[1.0], [2.0], [3.0], []]


async def test_families_without_a_rate_go_at_once() -> None:
    rig = Rig(quotes=1)
    for each in range(5):
        rig.trade(float(each))
    assert rig.told() == [0.0, 1.0, 2.0, 3.0, 4.0]


async def test_a_clock_that_is_set_back_holds_nothing_up() -> None:
    rig = Rig(trades=1)
    rig.trade(0.0)
    rig.at -= 50 * SECOND
    rig.trade(1.0)
    assert rig.told() == [0.0, 1.0]


async def test_what_is_journalled_is_sent_in_order_and_whole() -> None:
    async def send(letters: list[Letter], /) -> None:
        await pause(0)
        lots.append([each.payload for each in letters])
        rig.at += SECOND

    rig = Rig(fills=1)
    lots: list[list[bytes]] = []
    states = Letter("lts/v1/lts/system/trading-state", b"state", 1)
    await rig.pace.send([Letter(TOPIC, b"1", 1), states, Letter(TOPIC, b"2", 1), states], send)
    assert lots == [[b"1", b"state"], [b"2", b"state"]]
