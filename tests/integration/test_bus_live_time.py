"""Market time that follows the wall clock: taken at inputs and timers, and still while they are handled."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import Any

import pytest

from bus import (
    SECOND,
    Accepted,
    Actor,
    ActorFailed,
    ActorStarted,
    Bus,
    Event,
    LiveDriver,
    Livelock,
    Supervision,
    Time,
    every,
    on,
    pause,
)

pytestmark = pytest.mark.requirement("INT-8.1", "INT-001")

MakeBus = Callable[..., Bus]

START = 1_700_000_000 * SECOND


class Came(Event):
    number: int


class Echoed(Event):
    number: int


class Rang(Event):
    pass


class WallClock:
    """A wall clock that a test sets."""

    def __init__(self) -> None:
        self.time = START
        self.off = 0
        """By how much it was set wrong."""

    def now(self) -> int:
        return self.time + self.off

    def monotonic(self) -> int:
        return self.time

    def pass_ms(self, milliseconds: float) -> None:
        self.time += round(milliseconds * SECOND / 1000)


class Outside(Actor[None]):
    publishes = (Came,)
    external = True


@pytest.fixture
async def wall() -> WallClock:
    return WallClock()


@pytest.fixture
async def driver(wall: WallClock) -> LiveDriver:
    """A live driver that reads the test's wall clock."""
    driver = LiveDriver()
    driver.system = wall  # type: ignore[assignment]
    return driver


@pytest.fixture
async def bus(bus_of: MakeBus, driver: LiveDriver) -> Bus:
    return bus_of(driver)


@pytest.fixture
async def outside(bus: Bus) -> Outside:
    return bus.spawn(Outside, None, name="outside").actor  # type: ignore[return-value]


class Ear(Actor[list[Any]]):
    """Notes when it heard what, in milliseconds since the start."""

    publishes = (Echoed,)

    @on
    def note(self, heard: Came | Echoed | Rang) -> None:
        self.params.append(((self.clock.now() - START) // 1_000_000, heard))
        if isinstance(heard, Came):
            self.publish(Echoed(heard.number))


async def test_a_live_bus_begins_now_and_not_in_1970(bus: Bus) -> None:
    assert bus.clock.now() == START


async def test_an_input_finds_the_wall_clock_s_time(bus: Bus, outside: Outside, wall: WallClock) -> None:
    heard: list[Any] = []
    bus.spawn(Ear, heard, name="ear")
    for number in (1, 2):
        wall.pass_ms(10)
        outside.publish(Came(number))
        await bus.started()
    assert heard == [(10, Came(1)), (10, Echoed(1)), (20, Came(2)), (20, Echoed(2))]


async def test_time_stands_still_until_what_came_in_has_been_handled(
    bus: Bus, outside: Outside, wall: WallClock
) -> None:
    heard: list[Any] = []
    accepted: list[Any] = []

    class Slow(Ear):
        @on
        def note(self, heard: Came | Echoed) -> None:  # type: ignore[override]
            before = self.clock.now()
            wall.pass_ms(5)
            assert self.clock.now() == before
            super().note(heard)

    class Recorder(Actor[None]):
        @on
        def write(self, each: Accepted) -> None:
            accepted.append((each.at - START) // 1_000_000)

    bus.spawn(Slow, heard, name="slow")
    bus.spawn(Recorder, None, name="recorder")
    wall.pass_ms(10)
    outside.publish(Came(1))
    wall.pass_ms(10)
    outside.publish(Came(2))
    await bus.started()
    wall.pass_ms(10)
    outside.publish(Came(3))
    await bus.started()
    times = [when for when, _ in heard]
    assert times == [10, 10, 10, 10, 50, 50]
    assert accepted == [10, 10, 50]


async def test_an_input_in_the_middle_of_a_drain_does_not_move_time(
    bus: Bus, outside: Outside, wall: WallClock
) -> None:
    heard: list[Any] = []

    class Venue(Actor[None]):
        publishes = (Echoed,)
        external = True

        @on
        def report(self, came: Came) -> None:
            wall.pass_ms(7)
            self.publish(Echoed(came.number))

    class Noting(Actor[None]):
        @on
        def note(self, echoed: Echoed) -> None:
            heard.append(((self.clock.now() - START) // 1_000_000, echoed.number))

    bus.spawn(Venue, None, name="venue")
    bus.spawn(Noting, None, name="noting")
    outside.publish(Came(1))
    await bus.started()
    assert heard == [(0, 1)]


async def test_time_never_runs_backwards(bus: Bus, outside: Outside, wall: WallClock) -> None:
    heard: list[Any] = []
    bus.spawn(Ear, heard, name="ear")
    for step in (10, -5, 3, 10):
        wall.pass_ms(step)
        outside.publish(Came(step))
        await bus.started()
    assert [when for when, said in heard if isinstance(said, Came)] == [10, 10, 10, 18]


async def test_timers_due_before_an_input_come_before_it(bus: Bus, outside: Outside, wall: WallClock) -> None:
    heard: list[Any] = []
    ear = bus.spawn(Ear, heard, name="ear").actor
    for seconds in (0.02, 0.01):
        ear.after(seconds, Rang())
    wall.pass_ms(25)
    outside.publish(Came(1))
    await bus.started()
    assert heard == [(25, Rang()), (25, Rang()), (25, Came(1)), (25, Echoed(1))]


async def test_a_timer_comes_by_itself_and_finds_its_own_time(bus: Bus, wall: WallClock) -> None:
    heard: list[Any] = []
    ear = bus.spawn(Ear, heard, name="ear").actor
    ear.after(0.01, Rang())
    wall.pass_ms(12)
    await pause(0.02)
    assert heard == [(10, Rang())]


async def test_what_waits_is_handled_at_its_own_time_before_a_timer_comes(
    bus: Bus, driver: LiveDriver, outside: Outside, wall: WallClock
) -> None:
    heard: list[Any] = []
    ear = bus.spawn(Ear, heard, name="ear").actor
    await bus.started()
    ear.after(0.01, Rang())
    outside.publish(Came(1))
    wall.pass_ms(20)
    driver._ring()
    await bus.started()
    assert heard == [(0, Came(1)), (0, Echoed(1)), (10, Rang())]


async def test_a_wall_clock_that_is_set_back_holds_up_no_timer_and_no_time(
    bus: Bus, driver: LiveDriver, outside: Outside, wall: WallClock
) -> None:
    heard: list[Any] = []
    ear = bus.spawn(Ear, heard, name="ear").actor
    await bus.started()
    outside.publish(Came(1))
    await bus.started()
    wall.off = -3600 * SECOND
    ear.after(0.01, Rang())
    wall.pass_ms(12)
    await pause(0.02)
    outside.publish(Came(2))
    await bus.started()
    assert heard == [(0, Came(1)), (0, Echoed(1)), (10, Rang()), (12, Came(2)), (12, Echoed(2))]
    wall.off = 3600 * SECOND
    assert driver.now() == wall.now()


async def test_what_was_reached_before_a_restart_is_gone_on_from_at_the_pace_of_the_steady_clock(
    bus: Bus, outside: Outside, driver: LiveDriver, wall: WallClock
) -> None:
    heard: list[Any] = []
    ear = bus.spawn(Ear, heard, name="ear").actor
    await bus.started()
    hour = 3_600_000
    driver.resume(START + hour * SECOND // 1000)
    ear.after(0.01, Rang())
    wall.pass_ms(12)
    await pause(0.02)
    outside.publish(Came(1))
    await bus.started()
    assert heard == [(hour + 10, Rang()), (hour + 12, Came(1)), (hour + 12, Echoed(1))]
    driver.resume(START)
    assert driver.now() == wall.now() + hour * SECOND // 1000


async def test_after_counts_from_the_wall_clock_not_from_the_last_input(bus: Bus, wall: WallClock) -> None:
    ear = bus.spawn(Ear, [], name="ear").actor
    await bus.started()
    wall.pass_ms(60_000)
    ear.after(0.01, Rang())
    assert bus.timers.next_at() == wall.now() + SECOND // 100


async def test_in_a_drain_after_counts_from_the_time_that_stands_still(
    bus: Bus, outside: Outside, wall: WallClock
) -> None:
    class Patient(Actor[None]):
        @on
        def hear(self, _: Came) -> None:
            wall.pass_ms(500)
            self.after(1, Rang())

    bus.spawn(Patient, None, name="patient")
    outside.publish(Came(1))
    await bus.started()
    assert bus.timers.next_at() == START + SECOND


async def test_a_rest_is_taken_from_now_on_however_long_nothing_came_in(bus: Bus, wall: WallClock) -> None:
    facts: list[Any] = []

    class Witness(Actor[None]):
        @on
        def note(self, fact: ActorFailed | ActorStarted) -> None:
            if fact.actor == "feed":
                facts.append(type(fact).__name__)

    class Feed(Actor[None]):
        async def lifespan(self) -> AsyncGenerator[None, None]:
            self.background(self.read())
            yield

        async def read(self) -> None:
            raise OSError

    bus.spawn(Witness, None, name="witness")
    wall.pass_ms(3_600_000)
    bus.spawn(Feed, None, name="feed", supervision=Supervision(first=0.05, jitter=0.0))
    await pause(0.02)
    assert facts == ["ActorStarted", "ActorFailed"]
    wall.pass_ms(60)
    await pause(0.06)
    assert facts == ["ActorStarted", "ActorFailed", "ActorStarted", "ActorFailed"]


class Clock(Actor[list[Any]]):
    @every(0.01)
    def strike(self) -> None:
        self.params.append((self.clock.now() - START) // 1_000_000)


async def test_a_beat_keeps_its_period_however_late_it_is_heard(bus: Bus, wall: WallClock) -> None:
    struck: list[int] = []
    bus.spawn(Clock, struck, name="clock")
    for _ in range(3):
        wall.pass_ms(13)
        await pause(0.02)
    assert struck == [10, 20, 30]


async def test_a_beat_that_was_missed_many_times_is_heard_once(bus: Bus, wall: WallClock) -> None:
    struck: list[int] = []
    bus.spawn(Clock, struck, name="clock")
    await bus.started()
    wall.pass_ms(1005)
    await pause(0.02)
    assert struck == [1000]
    assert bus.vitals().conflated == 99
    wall.pass_ms(10)
    await pause(0.02)
    assert struck == [1000, 1010]


async def test_a_beat_in_system_time_does_not_wait_for_the_market(bus_of: MakeBus) -> None:
    struck: list[int] = []

    class Flushing(Actor[None]):
        @every(0.005, time=Time.SYSTEM)
        async def flush(self) -> None:
            struck.append(1)

    bus = bus_of()
    bus.spawn(Flushing, None, name="flushing")
    await pause(0.04)
    assert 2 <= len(struck) <= 8


async def test_a_real_clock_keeps_real_time(bus_of: MakeBus) -> None:
    class Now(Actor[list[Any]]):
        @every(0.01)
        def strike(self) -> None:
            self.params.append((self.system.now() - self.clock.now()) / SECOND)

    late: list[float] = []
    bus = bus_of(LiveDriver())
    bus.spawn(Now, late, name="now")
    await pause(0.1)
    assert 3 <= len(late) <= 11
    assert all(0 <= each < 0.1 for each in late)


async def test_a_live_run_lasts_until_it_is_stopped(bus: Bus, outside: Outside) -> None:
    class Stopping(Actor[None]):
        @on
        def hear(self, _: Came) -> None:
            self._bus.driver.stop()

    bus.spawn(Stopping, None, name="stopping")
    running = asyncio.create_task(bus.run())
    await pause(0.01)
    assert not running.done()
    outside.publish(Came(1))
    await running


class Player(Actor[None]):
    publishes = (Echoed,)

    @on
    def hit(self, echoed: Echoed) -> None:
        self.publish(Echoed(1 - echoed.number))


class AsyncPlayer(Actor[None]):
    publishes = (Echoed,)

    @on
    async def hit(self, echoed: Echoed) -> None:
        self.publish(Echoed(1 - echoed.number))


@pytest.mark.parametrize("player", [Player, AsyncPlayer])
async def test_actors_that_keep_each_other_busy_without_any_input_are_named(
    bus_of: MakeBus, player: type[Actor[None]]
) -> None:
    bus = bus_of(LiveDriver(livelock=3000))
    bus.spawn(player, None, name="player").actor.publish(Echoed(0))
    with pytest.raises(Livelock, match="player was still busy after 3000 messages"):
        await bus.run()


async def test_a_bus_that_is_never_quiet_but_hears_from_outside_is_no_livelock(
    bus_of: MakeBus, wall: WallClock
) -> None:
    driver = LiveDriver(livelock=100)
    driver.system = wall  # type: ignore[assignment]
    gate = asyncio.Event()

    class Held(Actor[None]):
        @on
        async def hear(self, _: Rang) -> None:
            await gate.wait()

    bus = bus_of(driver)
    heard: list[Any] = []
    bus.spawn(Held, None, name="held").actor.after(0, Rang())
    bus.spawn(Ear, heard, name="ear")
    outside = bus.spawn(Outside, None, name="outside").actor
    for number in range(1000):
        wall.pass_ms(1)
        outside.publish(Came(number))
        await pause(0)
        await pause(0)
    assert len(heard) == 2000
    assert bus.dispatcher.open_work == 1
    assert driver.trouble is None
    gate.set()


async def test_no_timer_comes_after_the_stop(bus: Bus, driver: LiveDriver, wall: WallClock) -> None:
    heard: list[Any] = []
    ear = bus.spawn(Ear, heard, name="ear").actor
    ear.after(0.005, Rang())
    driver.stop()
    wall.pass_ms(10)
    await pause(0.01)
    assert heard == []


async def test_a_live_clock_cannot_follow_a_file(outside: Outside) -> None:
    with pytest.raises(TypeError, match="outside replays a finite feed, which a live clock cannot follow"):
        outside.replay(iter(()))
