"""Actors that keep each other busy while market time stands still: found out, and named."""

from collections.abc import AsyncGenerator, Callable
from typing import Any

import pytest

from bus import SECOND, Actor, Bus, Event, Livelock, ReplayDriver, on, pause

pytestmark = [
    pytest.mark.requirement("LTS-002", "INT-8.1"),
    pytest.mark.usefixtures("short_logs"),
]

MakeBus = Callable[..., Bus]


class Opened(Event, key="feed"):
    feed: str
    number: int


class Decided(Event):
    number: int


class Feed(Actor[tuple[tuple[int, int], ...]]):
    """Opens number n at each (time, n)."""

    publishes = (Opened,)
    external = True

    async def lifespan(self) -> AsyncGenerator[None, None]:
        self.replay((at, 0, Opened(self.name, number)) for at, number in self.params)
        yield


class Ear(Actor[list[Any]]):
    @on
    def note(self, heard: Opened | Decided) -> None:
        self.params.append(heard)


THREE = ((1, 1), (2, 2), (3, 3))


class Ping(Event, key="to"):
    to: str


class Pong(Event, key="to"):
    to: str


class Player(Actor[None]):
    publishes = (Ping, Pong)

    @on
    def hit(self, ping: Ping) -> None:
        self.publish(Ping("b" if ping.to == "a" else "a"))


class AsyncPlayer(Actor[None]):
    publishes = (Ping, Pong)

    @on
    async def hit(self, ping: Ping) -> None:
        await pause(0)
        self.publish(Ping("b" if ping.to == "a" else "a"))


class Server(Actor[None]):
    """Sets the ball in motion at the second moment."""

    publishes = (Ping,)

    @on
    def serve(self, opened: Opened) -> None:
        if opened.number == 2:
            self.publish(Ping("a"))


@pytest.mark.parametrize("seed", [None, 1])
@pytest.mark.parametrize("player", [Player, AsyncPlayer])
async def test_actors_that_keep_each_other_busy_are_named(
    bus_of: MakeBus, player: type[Actor[None]], seed: int | None
) -> None:
    bus = bus_of(ReplayDriver(livelock=3000), seed=seed)
    for name in "ab":
        bus.spawn(player, None, name=f"player {name}", scope={"to": name})
    bus.spawn(Server, None, name="server")
    bus.spawn(Feed, THREE, name="feed")
    with pytest.raises(Livelock, match=r"player [ab] was still busy after 3000 messages at one instant"):
        await bus.run()
    assert bus.clock.now() == 2
    begun = bus.system.monotonic()
    await bus.stop(within=5.0)
    assert bus.system.monotonic() - begun < 2 * SECOND


async def test_a_crowd_that_keeps_itself_busy_is_named(bus_of: MakeBus) -> None:
    class Breeder(Actor[None]):
        publishes = (Ping,)

        @on
        def hit(self, ping: Ping) -> None:
            self.publish(ping)
            self.publish(ping)

    bus = bus_of(ReplayDriver(livelock=20_000))
    bus.spawn(Breeder, None, name="breeder")
    bus.spawn(Server, None, name="server")
    bus.spawn(Feed, THREE, name="feed")
    with pytest.raises(Livelock, match="breeder was still busy"):
        await bus.run()


@pytest.mark.parametrize("player", [Player, AsyncPlayer])
async def test_actors_that_keep_each_other_busy_from_the_start_are_named(
    bus_of: MakeBus, player: type[Actor[None]]
) -> None:
    bus = bus_of(ReplayDriver(livelock=3000))
    first, _ = (bus.spawn(player, None, name=f"player {name}", scope={"to": name}).actor for name in "ab")
    first.publish(Ping("a"))
    with pytest.raises(Livelock, match=r"player [ab]"):
        await bus.started()


async def test_much_that_is_done_one_after_the_other_is_no_livelock(bus_of: MakeBus) -> None:
    class Awaiting(Actor[None]):
        publishes = (Decided,)

        @on
        async def hear(self, opened: Opened) -> None:
            for _ in range(5):
                await pause(0)
                self.publish(Decided(opened.number))

    bus = bus_of(ReplayDriver(livelock=50))
    heard: list[Any] = []
    bus.spawn(Awaiting, None, name="awaiting")
    bus.spawn(Ear, heard, name="ear")
    bus.spawn(Feed, tuple((7, number) for number in range(100)), name="a")
    await bus.run()
    assert len(heard) == 600
