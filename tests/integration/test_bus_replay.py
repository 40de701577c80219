"""Market time that goes from moment to moment of finite feeds, each when all is done that the last caused."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bus import (
    SECOND,
    Accepted,
    Actor,
    ActorFailed,
    ActorQuarantined,
    ActorStarted,
    Bus,
    DeadLetter,
    Delivery,
    Event,
    Moment,
    ReplayDriver,
    Request,
    Supervision,
    every,
    on,
    pause,
)

pytestmark = [
    pytest.mark.requirement("LTS-002", "INT-8.1"),
    pytest.mark.usefixtures("short_logs"),
]

MakeBus = Callable[..., Bus]

CLOSES, OPENS = 0, 1


class Opened(Event, key="feed"):
    feed: str
    number: int


class Closed(Event, key="feed"):
    feed: str
    number: int


class Quoted(Event, key="feed", delivery=Delivery.LATEST):
    feed: str
    number: int


class Rang(Event):
    number: int = 0


class Decided(Event):
    number: int


class Secret(Event):
    pass


class Save(Request[str]):
    number: int


@dataclass(frozen=True)
class Reel:
    """Params of a feed: its moments, and how they come."""

    moments: tuple[tuple[int, int, Event], ...]
    fails_at: int | None = None


class Feed(Actor[Reel]):
    """Plays what it was given."""

    publishes = (Opened, Closed, Quoted)
    external = True

    async def lifespan(self) -> AsyncGenerator[None, None]:
        self.replay(self.moments())
        yield

    def moments(self) -> Iterator[Moment]:
        for number, moment in enumerate(self.params.moments):
            if number == self.params.fails_at:
                raise OSError("the tape tore")
            yield moment


class Ear(Actor[list[Any]]):
    """Notes what it hears, and when."""

    @on
    def note(self, heard: Opened | Closed | Quoted | Rang | Decided) -> None:
        self.params.append((self.clock.now(), heard))


def bars(feed: str, *times: int) -> Reel:
    return Reel(tuple((at, OPENS, Opened(feed, at)) for at in times))


def seconds(feed: str, count: int, step: float = 1.0) -> Reel:
    return Reel(tuple((round(n * step * SECOND), OPENS, Opened(feed, n)) for n in range(count)))


async def test_moments_come_in_the_order_of_their_times(bus_of: MakeBus) -> None:
    bus = bus_of()
    heard: list[Any] = []
    bus.spawn(Ear, heard, name="ear")
    bus.spawn(Feed, bars("a", 1, 4, 5), name="a")
    bus.spawn(Feed, bars("b", 2, 3, 6), name="b")
    await bus.run()
    assert heard == [(at, Opened("a" if at in {1, 4, 5} else "b", at)) for at in range(1, 7)]


async def test_at_one_instant_timers_come_first_then_closes_then_opens_in_the_order_of_the_feeds(
    bus_of: MakeBus,
) -> None:
    bus = bus_of()
    heard: list[Any] = []
    ear = bus.spawn(Ear, heard, name="ear").actor
    for feed in ("a", "b"):
        reel = ((1, OPENS, Opened(feed, 1)), (9, CLOSES, Closed(feed, 9)), (9, OPENS, Opened(feed, 9)))
        bus.spawn(Feed, Reel(reel), name=feed)
    ear.after(8 / SECOND, Rang())
    await bus.run()
    assert heard == [
        (1, Opened("a", 1)),
        (1, Opened("b", 1)),
        (9, Rang()),
        (9, Closed("a", 9)),
        (9, Closed("b", 9)),
        (9, Opened("a", 9)),
        (9, Opened("b", 9)),
    ]


async def test_feeds_have_the_order_of_their_spawning_however_long_they_take_to_start(
    bus_of: MakeBus,
) -> None:
    class Late(Feed):
        async def lifespan(self) -> AsyncGenerator[None, None]:
            await pause(0.01)
            self.replay(self.moments())
            yield

    bus = bus_of()
    heard: list[Any] = []
    bus.spawn(Ear, heard, name="ear")
    bus.spawn(Late, bars("a", 1), name="a")
    bus.spawn(Feed, bars("b", 1), name="b")
    await bus.run()
    assert [event.feed for _, event in heard] == ["a", "b"]


class Reminding(Actor[list[Any]]):
    """Arranges a timer for the time of the next moment but one, and says nothing else."""

    @on
    def hear(self, opened: Opened) -> None:
        self.params.append((self.clock.now(), opened.number))
        self.after(1.5, Rang(opened.number))

    @on
    def ring(self, rang: Rang) -> None:
        self.params.append((self.clock.now(), "rang", rang.number))


async def test_a_timer_made_in_a_moment_comes_before_the_moments_after_it(bus_of: MakeBus) -> None:
    bus = bus_of()
    heard: list[Any] = []
    bus.spawn(Reminding, heard, name="reminding")
    bus.spawn(Feed, seconds("a", 4), name="a")
    await bus.run()
    half = SECOND // 2
    assert heard == [
        (0, 0),
        (2 * half, 1),
        (3 * half, "rang", 0),
        (4 * half, 2),
        (5 * half, "rang", 1),
        (6 * half, 3),
    ]


async def test_a_timer_for_now_comes_before_the_next_moment_of_the_instant(bus_of: MakeBus) -> None:
    class Prompt(Ear):
        @on
        def note(self, heard: Opened | Rang) -> None:  # type: ignore[override]
            super().note(heard)
            if isinstance(heard, Opened):
                self.after(0, Rang(heard.number))

    bus = bus_of()
    heard: list[Any] = []
    bus.spawn(Prompt, heard, name="prompt")
    bus.spawn(Feed, Reel(((5, 0, Opened("a", 1)), (5, 0, Opened("a", 2)), (6, 0, Opened("a", 3)))), name="a")
    await bus.run()
    assert [event.number for _, event in heard] == [1, 1, 2, 2, 3]
    assert [at for at, _ in heard] == [5, 5, 5, 5, 6]


async def test_beats_come_between_the_moments_at_their_own_times(bus_of: MakeBus) -> None:
    class Clock(Ear):
        @every(0.4)
        def strike(self) -> None:
            self.params.append(self.clock.now())

    bus = bus_of()
    heard: list[Any] = []
    bus.spawn(Clock, heard, name="clock")
    bus.spawn(Feed, seconds("a", 2), name="a")
    await bus.run()
    assert heard == [
        (0, Opened("a", 0)),
        2 * SECOND // 5,
        4 * SECOND // 5,
        (SECOND, Opened("a", 1)),
    ]


async def test_market_time_begins_with_the_first_moment(bus_of: MakeBus) -> None:
    class Clock(Ear):
        @every(1)
        def strike(self) -> None:
            self.params.append((self.clock.now(), "struck"))

    start = 1_000_000_000 * SECOND
    bus = bus_of()
    heard: list[Any] = []
    clock = bus.spawn(Clock, heard, name="clock").actor
    bus.spawn(Feed, Reel(tuple((start + n * SECOND, 0, Opened("a", n)) for n in range(3))), name="a")
    await bus.started()
    clock.after(1.5, Rang())
    assert clock.clock.now() == 0
    await bus.run()
    assert [((at - start) / SECOND, what if what == "struck" else type(what)) for at, what in heard] == [
        (0, Opened),
        (1, "struck"),
        (1, Opened),
        (1.5, Rang),
        (2, "struck"),
        (2, Opened),
    ]


class Store(Actor[list[Any]]):
    """Takes its time, as what does I/O will."""

    @on
    async def save(self, save: Save) -> str:
        self.params.append(("saving", save.number, self.clock.now()))
        await pause(0.002)
        self.params.append(("saved", save.number, self.clock.now()))
        return "saved"


class Trader(Actor[list[Any]]):
    publishes = (Decided,)
    asks = (Save,)

    @on
    def decide(self, opened: Opened) -> None:
        self.params.append(("decided", opened.number, self.clock.now()))
        self.send(Save(opened.number))


class Listener(Actor[list[Any]]):
    """Hears the feed itself, and takes its time."""

    @on
    async def hear(self, opened: Opened) -> None:
        self.params.append(("hearing", opened.number))
        await pause(0.001)
        self.params.append(("heard", opened.number))


async def test_the_next_moment_comes_when_nothing_is_under_way(bus_of: MakeBus) -> None:
    bus = bus_of()
    steps: list[Any] = []
    bus.spawn(Trader, steps, name="trader")
    bus.spawn(Store, steps, name="store")
    bus.spawn(Feed, bars("a", 1, 2, 3), name="feed")
    await bus.run()
    assert steps == [(step, n, n) for n in (1, 2, 3) for step in ("decided", "saving", "saved")]


async def test_the_next_moment_waits_for_whoever_heard_the_last_one_and_awaits(bus_of: MakeBus) -> None:
    bus = bus_of()
    steps: list[Any] = []
    bus.spawn(Listener, steps, name="listener")
    bus.spawn(Feed, bars("a", 1, 2, 3), name="feed")
    await bus.run()
    assert steps == [(step, n) for n in (1, 2, 3) for step in ("hearing", "heard")]


async def test_what_comes_from_elsewhere_between_two_moments_is_done_before_the_next(
    bus_of: MakeBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bus.replay.BREATH", 0)
    monkeypatch.setattr("bus.dispatcher.SPRINT", 1)

    class Chatter(Actor[None]):
        publishes = (Decided,)

        async def lifespan(self) -> AsyncGenerator[None, None]:
            self.background(self.chat())
            yield

        async def chat(self) -> None:
            for number in range(5):
                await pause(0)
                self.publish(Decided(number))

    class Slow(Actor[list[Any]]):
        @on
        async def hear(self, heard: Decided | Opened) -> None:
            at = self.clock.now()
            await pause(0.001)
            self.params.append(heard)
            assert self.clock.now() == at

    bus = bus_of()
    heard: list[Any] = []
    bus.spawn(Slow, heard, name="slow")
    bus.spawn(Chatter, None, name="chatter")
    bus.spawn(Feed, bars("a", *range(1, 20)), name="feed")
    await bus.run()
    assert len(heard) == 24
    assert bus.vitals().failures == 0


async def test_the_first_moment_waits_until_everybody_has_started(bus_of: MakeBus) -> None:
    class Late(Ear):
        async def lifespan(self) -> AsyncGenerator[None, None]:
            await pause(0.01)
            self.params.append("ready")
            yield

    bus = bus_of()
    heard: list[Any] = []
    bus.spawn(Feed, bars("a", 1), name="feed")
    bus.spawn(Late, heard, name="late")
    await bus.run()
    assert heard == ["ready", (1, Opened("a", 1))]


moments = st.lists(
    st.tuples(st.integers(0, 5), st.sampled_from([CLOSES, OPENS]), st.sampled_from([Opened, Closed, Quoted])),
    max_size=12,
).map(lambda made: sorted(made, key=lambda moment: moment[:2]))


def session(reels: list[list[Any]], *, speed: float | None, awaits: bool, seed: int | None) -> list[Any]:
    """The order in which everything is heard."""
    heard: list[Any] = []

    class Echo(Actor[None]):
        publishes = (Decided,)

        @on
        def decide(self, opened: Opened) -> None:
            self.publish(Decided(opened.number))
            self.after(2e-9, Rang(opened.number))

        @on
        def ring(self, rang: Rang) -> None:
            heard.append((self.clock.now(), rang))

    class Store(Actor[None]):
        @on
        async def save(self, closed: Closed) -> None:
            await pause(0)
            heard.append((self.clock.now(), closed))

    async def run() -> None:
        bus = Bus(ReplayDriver(speed), seed=seed)
        bus.spawn(Echo, None, name="echo")
        if awaits:
            bus.spawn(Store, None, name="store")
        bus.spawn(Ear, heard, name="ear")
        for place, reel in enumerate(reels):
            made = tuple((at, order, kind(str(place), n)) for n, (at, order, kind) in enumerate(reel))
            bus.spawn(Feed, Reel(made), name=str(place))
        await bus.run()
        await bus.stop(within=5.0)

    asyncio.run(run())
    return heard


@given(st.lists(moments, min_size=1, max_size=3), st.booleans())
@settings(max_examples=40)
def test_a_replay_has_one_order_and_pacing_does_not_change_it(reels: list[list[Any]], awaits: bool) -> None:
    heard = session(reels, speed=None, awaits=awaits, seed=None)
    assert heard == session(reels, speed=None, awaits=awaits, seed=None)
    assert heard == session(reels, speed=1e-6, awaits=awaits, seed=None)
    times = [at for at, _ in heard]
    assert times == sorted(times)
    played = [
        (at, order, place, kind(str(place), n))
        for place, reel in enumerate(reels)
        for n, (at, order, kind) in enumerate(reel)
    ]
    played.sort(key=lambda step: step[:3])
    from_ear = [(at, event) for at, event in heard if type(event) in {Opened, Quoted}]
    assert from_ear == [(at, event) for at, _, _, event in played if type(event) in {Opened, Quoted}]


@given(st.lists(moments, min_size=1, max_size=3), st.integers(0, 99))
@settings(max_examples=30)
def test_a_seed_changes_no_moment_and_repeats_itself(reels: list[list[Any]], seed: int) -> None:
    plain = session(reels, speed=None, awaits=False, seed=None)
    seeded = session(reels, speed=None, awaits=False, seed=seed)
    assert seeded == session(reels, speed=None, awaits=False, seed=seed)
    assert sorted(map(repr, seeded)) == sorted(map(repr, plain))


async def test_a_paced_run_takes_its_time(bus_of: MakeBus) -> None:
    bus = bus_of(ReplayDriver(speed=100.0))
    heard: list[Any] = []
    bus.spawn(Ear, heard, name="ear")
    bus.spawn(Feed, seconds("a", 6), name="a")
    begun = bus.system.monotonic()
    await bus.run()
    took = (bus.system.monotonic() - begun) / SECOND
    assert len(heard) == 6
    assert 0.049 <= took < 0.5


async def test_a_paced_run_can_be_stopped_while_it_waits(bus_of: MakeBus) -> None:
    bus = bus_of(ReplayDriver(speed=1.0))
    heard: list[Any] = []
    bus.spawn(Ear, heard, name="ear")
    bus.spawn(Feed, seconds("a", 1000), name="a")
    running = asyncio.create_task(bus.run())
    await pause(0.02)
    bus.driver.stop()
    async with asyncio.timeout(0.5):
        await running
    assert heard == [(0, Opened("a", 0))]


async def test_a_paced_run_hears_of_a_timer_made_while_it_waits(bus_of: MakeBus) -> None:
    bus = bus_of(ReplayDriver(speed=100.0))
    heard: list[Any] = []
    ear = bus.spawn(Ear, heard, name="ear").actor
    bus.spawn(Feed, seconds("a", 2, step=5.0), name="a")
    running = asyncio.create_task(bus.run())
    await pause(0.01)
    ear.after(2, Rang())
    await running
    assert heard == [(0, Opened("a", 0)), (2 * SECOND, Rang()), (5 * SECOND, Opened("a", 1))]


async def test_a_run_can_be_stopped_from_within(bus_of: MakeBus) -> None:
    class Stopping(Ear):
        @on
        def note(self, heard: Opened) -> None:  # type: ignore[override]
            super().note(heard)
            if heard.number == 3:
                self._bus.driver.stop()

    bus = bus_of()
    heard: list[Any] = []
    bus.spawn(Stopping, heard, name="stopping")
    bus.spawn(Feed, bars("a", 1, 2, 3, 4, 5), name="a")
    await bus.run()
    assert [event.number for _, event in heard] == [1, 2, 3]


async def test_a_run_can_be_stopped_while_something_is_awaited(bus_of: MakeBus) -> None:
    class Hung(Actor[None]):
        @on
        async def hear(self, _: Opened) -> None:
            await asyncio.Event().wait()

    bus = bus_of()
    bus.spawn(Hung, None, name="hung")
    bus.spawn(Feed, bars("a", 1, 2), name="a")
    running = asyncio.create_task(bus.run())
    await pause(0.01)
    bus.driver.stop()
    async with asyncio.timeout(0.5):
        await running
    assert bus.dispatcher.inputs == 1, "the second moment waited for the first to be done"
    await bus.stop(within=0.1)


class Witness(Actor[list[Any]]):
    @on
    def note(self, fact: ActorFailed | ActorQuarantined | ActorStarted | DeadLetter) -> None:
        if fact.actor == "torn":
            self.params.append(type(fact).__name__)


@pytest.mark.parametrize("others", [0, 1])
async def test_a_feed_whose_moments_raise_is_out_of_service_and_the_others_go_on(
    bus_of: MakeBus, others: int
) -> None:
    bus = bus_of()
    heard: list[Any] = []
    facts: list[Any] = []
    bus.spawn(Ear, heard, name="ear")
    bus.spawn(Witness, facts, name="witness")
    bus.spawn(Feed, Reel(bars("torn", 1, 2, 3).moments, fails_at=2), name="torn")
    for other in range(others):
        bus.spawn(Feed, bars("whole", 1, 2, 3, 4), name=f"whole {other}")
    await bus.run()
    assert [event.number for _, event in heard if event.feed == "torn"] == [1, 2]
    assert [event.number for _, event in heard if event.feed == "whole"] == [1, 2, 3, 4][: 4 * others]
    assert facts == ["ActorStarted", "ActorFailed", "ActorQuarantined"]
    assert bus.vitals().quarantined == {"torn": "OSError: the tape tore"}


@pytest.mark.parametrize("others", [0, 1])
async def test_the_moments_of_a_feed_that_is_out_of_service_are_dropped(bus_of: MakeBus, others: int) -> None:
    class Fragile(Feed):
        @on
        def hear(self, opened: Opened) -> None:
            if opened.number == 2:
                raise RuntimeError

    bus = bus_of()
    heard: list[Any] = []
    bus.spawn(Ear, heard, name="ear", scope={"feed": "torn"})
    bus.spawn(Fragile, bars("torn", 1, 2, 3, 4, 5), name="torn", supervision=Supervision(restarts=0))
    for other in range(others):
        bus.spawn(Feed, bars("whole", 10, 11), name=f"whole {other}")
    await bus.run()
    assert [event.number for _, event in heard] == [1, 2]
    assert bus.clock.now() == (11 if others else 2)


@pytest.mark.parametrize("others", [0, 1])
async def test_the_moments_of_a_feed_that_rests_wait_for_it(bus_of: MakeBus, others: int) -> None:
    class Fragile(Feed):
        @on
        def hear(self, opened: Opened) -> None:
            if opened.feed == "torn" and opened.number == 1:
                raise RuntimeError

    bus = bus_of()
    heard: list[Any] = []
    rest = Supervision(first=1.5, jitter=0.0)
    bus.spawn(Ear, heard, name="ear")
    bus.spawn(Fragile, seconds("torn", 5), name="torn", supervision=rest)
    for other in range(others):
        bus.spawn(Feed, seconds("whole", 5), name=f"whole {other}")
    await bus.run()
    assert [event.number for _, event in heard if event.feed == "torn"] == [0, 1, 2, 3, 4]
    late = [at for at, event in heard if event.feed == "torn"]
    assert late == [0, SECOND, 5 * SECOND // 2, 3 * SECOND, 4 * SECOND]
    times = [at for at, _ in heard]
    assert times == sorted(times)


async def test_an_undeclared_moment_is_its_feed_s_failure(bus_of: MakeBus) -> None:
    bus = bus_of()
    heard: list[Any] = []
    facts: list[Any] = []
    bus.spawn(Ear, heard, name="ear")
    bus.spawn(Witness, facts, name="witness")
    reel = Reel((*seconds("torn", 1).moments, (SECOND, 0, Secret()), *bars("torn", 2 * SECOND).moments))
    bus.spawn(Feed, reel, name="torn")
    await bus.run()
    assert [event.number for _, event in heard] == [0, 2 * SECOND]
    assert facts == ["ActorStarted", "DeadLetter", "ActorFailed", "ActorStarted"]


async def test_a_feed_that_comes_too_late_is_told_so(bus_of: MakeBus) -> None:
    bus = bus_of()
    facts: list[Any] = []

    class Founder(Actor[None]):
        spawns = True

        @on
        def hear(self, opened: Opened) -> None:
            if opened.number == 1:
                self.spawn(Feed, bars("late", 5), name="torn", supervision=Supervision(restarts=0))

    bus.spawn(Witness, facts, name="witness")
    bus.spawn(Founder, None, name="founder")
    bus.spawn(Feed, bars("a", 1, 2), name="a")
    await bus.run()
    reason = "RuntimeError: torn comes with its moments after the replay has begun"
    assert bus.vitals().quarantined == {"torn": reason}


async def test_a_feed_that_goes_back_in_time_does_not_take_the_clock_with_it(bus_of: MakeBus) -> None:
    bus = bus_of()
    heard: list[Any] = []
    bus.spawn(Ear, heard, name="ear")
    bus.spawn(Feed, bars("a", 1, 5, 3, 7), name="a")
    await bus.run()
    assert heard == [(1, Opened("a", 1)), (5, Opened("a", 5)), (5, Opened("a", 3)), (7, Opened("a", 7))]


async def test_what_stands_behind_a_yield_runs_when_the_moment_has_been_played(bus_of: MakeBus) -> None:
    steps: list[Any] = []

    class Logging(Feed):
        def moments(self) -> Iterator[Moment]:
            for at, order, event in self.params.moments:
                steps.append(("before", at))
                yield at, order, event
                steps.append(("after", at))

    class Noting(Actor[None]):
        @on
        def note(self, opened: Opened) -> None:
            steps.append(("heard", opened.number))

    bus = bus_of()
    bus.spawn(Noting, None, name="noting")
    bus.spawn(Logging, bars("a", 1, 3), name="a")
    bus.spawn(Logging, bars("b", 2), name="b")
    await bus.run()
    assert steps[2:] == [
        ("heard", 1),
        ("after", 1),
        ("before", 3),
        ("heard", 2),
        ("after", 2),
        ("heard", 3),
        ("after", 3),
    ]


async def test_witnesses_hear_of_every_moment_with_its_number(bus_of: MakeBus) -> None:
    bus = bus_of()
    accepted: list[Any] = []

    class Recorder(Actor[None]):
        @on
        def write(self, each: Accepted) -> None:
            accepted.append(each)

    bus.spawn(Recorder, None, name="recorder")
    reel = ((1, 0, Quoted("a", 1)), (1, 0, Opened("a", 2)), (7, 0, Quoted("a", 3)))
    bus.spawn(Feed, Reel(reel), name="a")
    await bus.run()
    assert accepted == [
        Accepted(number, at, "a", event) for number, (at, _, event) in enumerate(reel, start=1)
    ]


async def test_a_run_without_feeds_is_over_at_once(bus_of: MakeBus) -> None:
    bus = bus_of()
    heard: list[Any] = []
    bus.spawn(Ear, heard, name="ear").actor.after(1, Rang())
    await bus.run()
    assert heard == []


async def test_a_long_replay_leaves_time_for_others(bus_of: MakeBus) -> None:
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await pause(0)

    bus = bus_of()
    heard: list[Any] = []
    bus.spawn(Ear, heard, name="ear")
    bus.spawn(Feed, Reel(tuple((at, 0, Opened("a", at)) for at in range(100_000))), name="a")
    counting = asyncio.create_task(count())
    await bus.run()
    counting.cancel()
    assert len(heard) == 100_000
    assert turns > 3
