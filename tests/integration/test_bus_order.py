"""Random actors that talk at random: nothing is lost, nothing doubled, and each sender is heard in order.

It holds in the common queue, in lanes, and under any seed; also while actors fail, rest, start
again, are quarantined or stopped, and while they await.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncGenerator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bus import (
    SECOND,
    Actor,
    Bus,
    DeadLetter,
    Delivery,
    Event,
    Moment,
    ReplayDriver,
    Supervision,
    dispatcher,
    on,
    pause,
)

pytestmark = [
    pytest.mark.requirement("INT-002", "INT-8.2", "LTS-002"),
    pytest.mark.usefixtures("short_logs"),
]

CHANNELS = 4
DEPTH = 5
"""Words that follow on each other: each may be followed by several."""


class Note(Event, key="channel"):
    channel: int
    sender: str
    serial: int
    path: tuple[int, ...]


class Alarm(Event, key="channel", delivery=Delivery.URGENT):
    channel: int
    sender: str
    serial: int
    path: tuple[int, ...]


class Struck(Event):
    hour: int


@dataclass(frozen=True)
class Role:
    """What one actor hears, what it says about it, and when it fails (its n-th message, by number)."""

    hears: frozenset[int]
    says: tuple[int, ...]
    urgent: bool
    awaits: bool
    fails: frozenset[int]
    restarts: int
    stops_at: int | None


@dataclass
class Log:
    """What was said to whom, what came of it, and in which order it was heard."""

    owed: Counter[tuple[str, Any]] = field(default_factory=Counter)
    done: Counter[tuple[str, Any]] = field(default_factory=Counter)
    heard: dict[tuple[str, str, type], list[int]] = field(default_factory=lambda: defaultdict(list))
    paths: dict[str, Counter[tuple[int, ...]]] = field(default_factory=lambda: defaultdict(Counter))
    serials: Counter[str] = field(default_factory=Counter)
    taken: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class Part:
    """The params of an actor: its number, its role, and the log that outlives it."""

    number: int
    role: Role
    log: Log


class Talker(Actor[Part]):
    """Logs what it hears and says something about it."""

    publishes: ClassVar[tuple[type[Event], ...]] = (Note, Alarm)

    def hear(self, note: Note | Alarm) -> None:
        role, log = self.params.role, self.params.log
        log.heard[self.name, note.sender, type(note)].append(note.serial)
        log.paths[self.name][note.path] += 1
        log.taken[self.name] += 1
        if log.taken[self.name] == role.stops_at:
            asyncio.get_running_loop().create_task(self._bus.supervisor.end(self._cell, 1.0))
        if log.taken[self.name] in role.fails:
            raise RuntimeError("as arranged")
        if len(note.path) < DEPTH:
            for place, channel in enumerate(role.says):
                say = Alarm if role.urgent and place % 2 else Note
                self.say(say, channel, (*note.path, self.params.number, channel))
        log.done[self.name, note] += 1

    def say(self, kind: type[Note | Alarm], channel: int, path: tuple[int, ...]) -> None:
        log = self.params.log
        log.serials[self.name] += 1
        note = kind(channel, self.name, log.serials[self.name], path)
        for cell, _ in self._bus.router.of(kind).targets(channel):
            log.owed[cell.name, note] += 1
        self.publish(note)


class Decider(Talker):
    @on
    def listen(self, note: Note | Alarm) -> None:
        self.hear(note)


class Waiter(Talker):
    @on
    async def listen(self, note: Note | Alarm) -> None:
        if note.serial % 2:
            await pause(0)
        self.hear(note)


class Opener(Talker):
    """Says the first word on each channel, and then leaves the others time to come back."""

    publishes = (Note, Alarm, Struck)
    external = True

    async def lifespan(self) -> AsyncGenerator[None, None]:
        self.replay(self.hours())
        yield

    def hours(self) -> Iterator[Moment]:
        for hour in range(12):
            yield hour * 3600 * SECOND, 0, Struck(hour)
            if hour < 3:
                for channel in range(CHANNELS):
                    self.say(Note, channel, (hour,))


class Morgue(Actor[Log]):
    @on
    def receive(self, letter: DeadLetter) -> None:
        self.params.done[letter.actor, letter.message] += 1


def play(roles: list[Role], seed: int | None = None) -> Log:
    """Let actors in these roles talk until nobody has anything left to say."""
    log = Log()

    async def session() -> None:
        bus = Bus(ReplayDriver(), seed=seed)
        bus.spawn(Morgue, log, name="morgue")
        for number, role in enumerate(roles):
            bus.spawn(
                Waiter if role.awaits else Decider,
                Part(number, role, log),
                name=f"talker {number}",
                scope={"channel": role.hears},
                supervision=Supervision(restarts=role.restarts, window=1e9),
            )
        bus.spawn(Opener, Part(-1, roles[0], log), name="opener")
        await bus.run()
        await bus.stop(within=5.0)

    asyncio.run(session())
    return log


def assert_all_is_accounted_for(log: Log) -> None:
    assert log.done == log.owed
    for serials in log.heard.values():
        assert serials == sorted(set(serials)), "out of order, or twice"


@contextmanager
def crowding(settings: dict[str, int]) -> Iterator[None]:
    """Small limits, so that a small crowd meets them."""
    with ExitStack() as stack:
        for name, value in settings.items():
            stack.enter_context(patch.object(dispatcher, name, value))
        yield


channels = st.integers(0, CHANNELS - 1)
heard = st.frozensets(channels, min_size=1, max_size=3)
said = st.lists(channels, min_size=1, max_size=3).map(tuple)
steady = st.builds(
    Role, heard, said, st.booleans(), st.just(False), st.just(frozenset()), st.just(0), st.none()
)
frail = st.builds(
    Role,
    heard,
    said,
    st.booleans(),
    st.booleans(),
    st.frozensets(st.integers(1, 12), max_size=5),
    st.integers(0, 4),
    st.none() | st.integers(1, 20),
)
crowds = st.fixed_dictionaries(
    {"CROWD": st.integers(0, 20), "BATCH": st.integers(1, 8), "TURN": st.integers(1, 5)}
)
seeds = st.none() | st.integers(0, 99)


@given(st.lists(steady, min_size=2, max_size=5), crowds, st.integers(0, 99))
@settings(max_examples=40)
def test_the_queue_the_lanes_and_every_seed_deliver_the_same(
    roles: list[Role], crowd: dict[str, int], seed: int
) -> None:
    plain = play(roles)
    with crowding(crowd):
        crowded = play(roles)
    seeded = play(roles, seed)
    for log in (plain, crowded, seeded):
        assert_all_is_accounted_for(log)
    assert plain.paths == crowded.paths == seeded.paths


@given(st.lists(frail, min_size=2, max_size=5), crowds, seeds)
@settings(max_examples=100)
def test_nothing_is_lost_or_doubled_when_actors_fail_await_and_end(
    roles: list[Role], crowd: dict[str, int], seed: int | None
) -> None:
    with crowding(crowd):
        assert_all_is_accounted_for(play(roles, seed))


@given(st.lists(frail, min_size=2, max_size=5), seeds)
@settings(max_examples=40)
def test_nothing_is_lost_or_doubled_in_the_common_queue(roles: list[Role], seed: int | None) -> None:
    assert_all_is_accounted_for(play(roles, seed))
