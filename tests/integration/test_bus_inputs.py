"""An input from outside comes in its turn, so that a session that is replayed finds the same."""

from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bus import SECOND, Accepted, Actor, Bus, Event, LiveDriver, Moment, ReplayDriver, Request, on, pause
from bus.calls import Undeclared

pytestmark = [
    pytest.mark.requirement("LTS-002", "INT-8.1"),
    pytest.mark.usefixtures("short_logs"),
]

MakeBus = Callable[..., Bus]


class Ticked(Event):
    number: int


class Wished(Event):
    number: int


class Due(Event):
    number: int


class Stored(Event):
    number: int


class Store(Request[Stored]):
    number: int


class Feed(Actor[int]):
    """Ticks once a second."""

    publishes = (Ticked,)
    external = True

    async def lifespan(self) -> AsyncGenerator[None, None]:
        self.replay(self.moments())
        yield

    def moments(self) -> Iterator[Moment]:
        for number in range(1, self.params + 1):
            yield number * SECOND, 0, Ticked(number)


class Tape(Actor[Sequence[Accepted]]):
    """Plays what was accepted."""

    publishes = (Ticked, Wished)
    external = True

    async def lifespan(self) -> AsyncGenerator[None, None]:
        self.replay((each.at, 0, each.message) for each in self.params)
        yield


class Keeper(Actor[None]):
    """Stores slowly."""

    @on
    async def store(self, wanted: Store) -> Stored:
        await pause(0.001)
        return Stored(wanted.number)


class Decider(Actor[list[Any]]):
    """Notes all that happens, in the order in which it does."""

    asks = (Store,)

    @on
    def hear(self, happened: Ticked | Wished) -> None:
        self.params.append((self.clock.now(), happened))
        self.send(Store(happened.number))
        self.after(0.0, Due(happened.number))
        self.after(0.5, Due(-happened.number))

    @on
    def note(self, happened: Due | Stored) -> None:
        self.params.append((self.clock.now(), happened))


class Witness(Actor[list[Accepted]]):
    """Records every input."""

    @on
    def record(self, accepted: Accepted) -> None:
        self.params.append(accepted)


class Outside(Actor[None]):
    """Somebody who wishes for something, whenever he likes."""

    publishes = (Wished,)
    external = True


async def session(speed: float | None, pauses: Sequence[float]) -> tuple[list[Any], list[Accepted]]:
    """What a decider goes through when somebody wishes for something after each of these seconds."""
    bus = Bus(ReplayDriver(speed))
    heard: list[Any] = []
    inputs: list[Accepted] = []
    bus.spawn(Witness, inputs, name="witness")
    bus.spawn(Keeper, None, name="keeper")
    bus.spawn(Decider, heard, name="decider")
    bus.spawn(Feed, 20, name="feed")
    outside = bus.spawn(Outside, None, name="outside").actor

    async def wish() -> None:
        for number, seconds in enumerate(pauses, 1001):
            await pause(seconds)
            outside.take_in(Wished(number))

    outside.background(wish())
    await bus.run()
    await bus.stop()
    return heard, inputs


async def replayed(inputs: Sequence[Accepted]) -> list[Any]:
    bus = Bus(ReplayDriver())
    heard: list[Any] = []
    bus.spawn(Keeper, None, name="keeper")
    bus.spawn(Decider, heard, name="decider")
    bus.spawn(Tape, inputs, name="tape")
    await bus.run()
    await bus.stop()
    return heard


@settings(max_examples=15)
@given(st.lists(st.floats(0, 0.004), min_size=1, max_size=8), st.sampled_from([None, 1_000.0]))
async def test_whenever_it_comes_a_replay_of_it_is_the_same(pauses: list[float], speed: float | None) -> None:
    heard, inputs = await session(speed, pauses)
    wishes = [each for each in inputs if isinstance(each.message, Wished)]
    assert [each.message.number for each in wishes] == [*range(1001, 1001 + len(wishes))]
    assert await replayed(inputs) == heard


async def test_nothing_is_under_way_when_it_comes() -> None:
    heard, inputs = await session(1_000.0, [0.0] * 5)
    assert any(isinstance(each.message, Wished) for each in inputs)
    open_since: set[int] = set()
    for _, happened in heard:
        if isinstance(happened, Wished):
            assert open_since == set()
        if isinstance(happened, Ticked | Wished):
            open_since.add(happened.number)
        if isinstance(happened, Stored):
            open_since.discard(happened.number)


async def test_when_the_feeds_have_ended_it_comes_at_once(bus_of: MakeBus) -> None:
    bus = bus_of()
    heard: list[Any] = []
    bus.spawn(Keeper, None, name="keeper")
    bus.spawn(Decider, heard, name="decider")
    bus.spawn(Feed, 2, name="feed")
    outside = bus.spawn(Outside, None, name="outside").actor
    await bus.run()
    outside.take_in(Wished(7))
    await bus.started()
    assert heard[-1] == (2 * SECOND, Stored(7))


async def test_live_it_comes_at_once(bus_of: MakeBus) -> None:
    bus = bus_of(LiveDriver())
    inputs: list[Accepted] = []
    bus.spawn(Witness, inputs, name="witness")
    outside = bus.spawn(Outside, None, name="outside").actor
    await bus.started()
    outside.take_in(Wished(7))
    await bus.started()
    assert [(each.number, each.source, each.message) for each in inputs] == [(1, "outside", Wished(7))]


async def test_only_who_is_external_and_may_publish_it_can_take_something_in(bus_of: MakeBus) -> None:
    bus = bus_of()
    for actor_class, event in ((Outside, Ticked(1)), (Keeper, Ticked(1))):
        actor: Actor[Any] = bus.spawn(actor_class, None, name=actor_class.__name__).actor
        with pytest.raises(Undeclared):
            actor.take_in(event)
