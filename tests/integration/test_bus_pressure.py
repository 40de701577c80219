"""Push-back at the edges: a mailbox that fills says so, and feeds wait for room."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import Any

import pytest

from bus import (
    Actor,
    Bus,
    Event,
    Pressure,
    PressureChanged,
    Supervision,
    WaterMarks,
    dispatcher,
    on,
    pause,
)

pytestmark = pytest.mark.requirement("INT-8.2", "INT-004")

MakeBus = Callable[..., Bus]

MARKS = WaterMarks(low=5, high=20, hard=50)


class Came(Event):
    number: int


class Teller(Actor[None]):
    publishes = (Came,)


class Gated(Actor[list[Any]]):
    """Works only while its gate is open."""

    async def lifespan(self) -> AsyncGenerator[None, None]:
        self.gate = asyncio.Event()
        yield

    @on
    async def work(self, came: Came) -> None:
        await self.gate.wait()
        if came.number < 0:
            raise RuntimeError
        self.params.append(came.number)


class Alarm(Actor[list[Any]]):
    @on
    def note(self, changed: PressureChanged) -> None:
        self.params.append((changed.actor, changed.pressure, changed.depth))


@pytest.fixture
async def bus(bus_of: MakeBus) -> Bus:
    return bus_of(marks=MARKS)


@pytest.fixture
async def changes(bus: Bus) -> list[Any]:
    noted: list[Any] = []
    bus.spawn(Alarm, noted, name="alarm")
    return noted


@pytest.fixture
async def gated(bus: Bus) -> Gated:
    return bus.spawn(Gated, [], name="gated").actor  # type: ignore[return-value]


@pytest.fixture
async def teller(bus: Bus, gated: Gated) -> Teller:  # noqa: ARG001
    return bus.spawn(Teller, None, name="teller").actor  # type: ignore[return-value]


async def say(bus: Bus, teller: Teller, count: int) -> None:
    for number in range(count):
        teller.publish(Came(number))
    while bus.dispatcher.waiting:
        await pause(0)


async def test_each_mark_is_told_once_on_the_way_up_and_relief_once_on_the_way_down(
    bus: Bus, gated: Gated, teller: Teller, changes: list[Any]
) -> None:
    await say(bus, teller, 200)
    assert changes == [("gated", Pressure.HIGH, 20), ("gated", Pressure.HARD, 50)]
    gated.gate.set()
    await bus.started()
    assert changes[2:] == [("gated", Pressure.NORMAL, 5)]
    assert gated.params == list(range(200))


async def test_a_crowd_in_the_common_queue_is_somebody_s_full_mailbox(
    bus_of: MakeBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatcher, "CROWD", 10)

    class Slow(Actor[None]):
        @on
        def work(self, came: Came) -> None: ...

    bus = bus_of(marks=MARKS)
    noted: list[Any] = []
    bus.spawn(Alarm, noted, name="alarm")
    bus.spawn(Slow, None, name="slow")
    teller = bus.spawn(Teller, None, name="teller").actor
    for number in range(30):
        teller.publish(Came(number))
    await bus.started()
    assert [pressure for _, pressure, _ in noted] == [Pressure.HIGH, Pressure.NORMAL]


async def test_a_feed_that_awaits_room_does_not_fill_a_mailbox(bus: Bus, gated: Gated) -> None:
    class Feed(Teller):
        async def lifespan(self) -> AsyncGenerator[None, None]:
            self.background(self.read())
            yield

        async def read(self) -> None:
            for burst in range(100):
                await self.room()
                for number in range(10):
                    self.publish(Came(10 * burst + number))
                await pause(0)

    bus.spawn(Feed, None, name="feed")
    deepest = 0
    for turn in range(5_000):
        await pause(0)
        deepest = max(deepest, bus.cells["gated"].depth)
        if turn == 100:
            assert 0 < deepest < MARKS.high + 20, "it held back"
            gated.gate.set()
    await bus.started()
    assert gated.params == list(range(1000))
    assert deepest < MARKS.high + 20


@pytest.mark.parametrize("way", ["forgets", "is quarantined", "ends"])
async def test_a_mailbox_that_is_emptied_in_another_way_is_relieved_as_well(
    bus: Bus, gated: Gated, teller: Teller, changes: list[Any], way: str
) -> None:
    await say(bus, teller, 100)
    waiting = asyncio.create_task(gated.room())
    await pause(0)
    assert not waiting.done()
    match way:
        case "forgets":
            assert gated.forget(lambda _: True) > 0
        case "is quarantined":
            gated._cell.supervision = Supervision(restarts=0)
            bus.supervisor.failed(gated._cell, RuntimeError())
        case "ends":
            await bus.supervisor.end(gated._cell, 1.0)
    async with asyncio.timeout(1.0):
        await waiting
    while bus.dispatcher.waiting:
        await pause(0)
    assert changes[-1] == ("gated", Pressure.NORMAL, 0)
    gated.gate.set()


async def test_a_full_mailbox_survives_a_restart(bus_of: MakeBus) -> None:
    bus = bus_of(marks=MARKS)
    noted: list[Any] = []
    bus.spawn(Alarm, noted, name="alarm")
    gated = bus.spawn(Gated, [], name="gated", supervision=Supervision(first=1e6)).actor
    teller = bus.spawn(Teller, None, name="teller").actor
    assert isinstance(gated, Gated)
    teller.publish(Came(-1))
    for number in range(30):
        teller.publish(Came(number))
    while bus.dispatcher.waiting:
        await pause(0)
    gated.gate.set()
    await bus.started()
    assert [pressure for _, pressure, _ in noted] == [Pressure.HIGH]
    assert bus.cells["gated"].depth == 30, "they wait for the restart"
