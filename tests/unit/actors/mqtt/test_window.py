"""The window: as much is under way as the broker takes, in order; one that takes nothing is found."""

import asyncio

import pytest
from aiomqtt import MqttError

from actors.mqtt.letters import Letter
from actors.mqtt.window import Window

pytestmark = pytest.mark.requirement("LTS-003")


def letters(*names: str) -> list[Letter]:
    return [Letter("topic", name.encode(), 1) for name in names]


class Client:
    """Takes messages, and acknowledges them when it is told to."""

    def __init__(self) -> None:
        self.given: list[str] = []
        self.window = Window(self.put)
        self.window.most = 2

    def put(self, letter: Letter) -> int:
        if letter.payload == b"bad":
            raise MqttError("no")
        self.given.append(letter.payload.decode())
        return len(self.given)

    async def take(self, *numbers: int) -> None:
        for number in numbers:
            self.window.take(number)
        for _ in range(5):
            await asyncio.sleep(0)  # noqa: TID251 - a turn for each who waits


async def test_lots_overlap_in_order_within_what_the_broker_takes_at_once() -> None:
    client = Client()
    one = asyncio.create_task(client.window.send(letters("a", "b", "c"), 5))
    two = asyncio.create_task(client.window.send(letters("d", "e"), 5))
    await client.take()
    assert client.given == ["a", "b"]
    await client.take(2)
    assert client.given == ["a", "b", "c"]
    await client.take(1, 3)
    assert client.given == ["a", "b", "c", "d", "e"]
    assert (one.done(), two.done()) == (True, False)
    await client.take(4, 5)
    await asyncio.gather(one, two)
    assert client.window.taken == 5


async def test_a_broker_that_takes_nothing_is_given_up_and_what_waited_is_not_sent_later() -> None:
    client = Client()
    with pytest.raises(MqttError, match="timed out"):
        await client.window.send(letters("a", "b", "c"), 0.02)
    await client.take(1, 2)
    assert client.given == ["a", "b"]


async def test_what_cannot_be_sent_is_said_and_holds_nobody_else_up() -> None:
    client = Client()
    with pytest.raises(MqttError, match="no"):
        await client.window.send(letters("bad", "c"), 5)
    sending = asyncio.create_task(client.window.send(letters("d"), 5))
    await client.take()
    await client.take(1)
    await sending
    assert client.given == ["d"]
