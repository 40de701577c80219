"""One actor ends while the others go on; another one hears more than before."""

from collections.abc import AsyncGenerator

import pytest

from bus import (
    Actor,
    ActorStopped,
    AskError,
    Bus,
    DeadLetter,
    Event,
    LiveDriver,
    NameTaken,
    OwnerConflict,
    Request,
    Undeclared,
    Unowned,
    on,
    pause,
)

pytestmark = pytest.mark.requirement("INT-001", "INT-002", "INT-019")


class Said(Event, key="topic"):
    topic: str
    number: int = 0


class Count(Request[int], key="topic"):
    topic: str


class Keeper(Actor[list[str]]):
    spawns = True
    asks = (Count,)


class Talker(Actor[None]):
    publishes = (Said,)
    asks = (Count,)


class Listener(Actor[list[str]]):
    """Writes down what it hears."""

    @on
    def count(self, _: Count) -> int:
        return len(self.params)

    async def lifespan(self) -> AsyncGenerator[None, None]:
        yield
        self.params.append("bye")


class Quick(Listener):
    """At once."""

    @on
    def hear(self, said: Said) -> None:
        self.params.append(f"{said.topic}{said.number}")


class Slow(Listener):
    """Takes a while for each."""

    @on
    async def hear(self, said: Said) -> None:
        await pause(0.01)
        self.params.append(f"{said.topic}{said.number}")


class Stuck(Listener):
    """Never comes back."""

    @on
    async def hear(self, _: Said) -> None:
        await pause(60)


class Watch(Actor[list[Event]]):
    @on
    def see(self, event: ActorStopped | DeadLetter) -> None:
        self.params.append(event)


@pytest.fixture
async def bus() -> AsyncGenerator[Bus, None]:
    bus = Bus(LiveDriver())
    yield bus
    await bus.stop(2.0)


def spawned(bus: Bus, kind: type[Listener], topic: str = "a") -> list[str]:
    heard: list[str] = []
    bus.spawn(kind, heard, name="it", scope={"topic": frozenset({topic})})
    return heard


async def started(bus: Bus) -> tuple[Talker, Keeper, list[Event]]:
    seen: list[Event] = []
    bus.spawn(Watch, seen, name="watch")
    talker = bus.spawn(Talker, None, name="talker").actor
    keeper = bus.spawn(Keeper, [], name="keeper").actor
    assert isinstance(talker, Talker)
    assert isinstance(keeper, Keeper)
    await bus.started()
    return talker, keeper, seen


@pytest.mark.parametrize("kind", [Quick, Slow])
async def test_what_was_said_before_is_handled_and_what_is_said_after_reaches_nobody(
    bus: Bus, kind: type[Listener]
) -> None:
    heard = spawned(bus, kind)
    talker, keeper, seen = await started(bus)
    for number in range(5):
        talker.publish(Said("a", number))
    assert await keeper.dismiss("it")
    talker.publish(Said("a", 9))
    await bus.started()
    assert heard == ["a0", "a1", "a2", "a3", "a4", "bye"]
    assert seen == [ActorStopped("it")]


async def test_its_name_and_its_requests_are_free_for_another(bus: Bus) -> None:
    spawned(bus, Quick)
    talker, keeper, _ = await started(bus)
    with pytest.raises(NameTaken):
        spawned(bus, Quick)
    await keeper.dismiss("it")
    with pytest.raises(Unowned):
        await talker.ask(Count("a"))
    heard = spawned(bus, Quick)
    await bus.started()
    talker.publish(Said("a", 1))
    assert await talker.ask(Count("a")) == 1
    assert heard == ["a1"]
    assert await keeper.dismiss("nobody")


async def test_one_that_does_not_end_in_time_hears_nothing_any_more(bus: Bus) -> None:
    spawned(bus, Stuck)
    talker, keeper, seen = await started(bus)
    talker.publish(Said("a", 1))
    talker.publish(Said("a", 2))
    await pause(0.01)
    await keeper.dismiss("it", 0.2)
    await bus.started()
    lost = [each.message for each in seen if isinstance(each, DeadLetter)]
    assert lost == [Said("a", 2), Said("a", 1)]  # what waited, and what it never came back from
    assert "it" not in bus.cells
    with pytest.raises(AskError):
        await talker.ask(Count("a"))


async def test_one_out_of_service_can_be_dismissed_as_well(bus: Bus) -> None:
    spawned(bus, Quick)
    _, keeper, _ = await started(bus)
    bus.supervisor.quarantine(bus.cells["it"], "for this test")
    assert await keeper.dismiss("it")
    assert "it" not in bus.cells


async def test_who_is_widened_hears_more_and_what_it_heard_once(bus: Bus) -> None:
    heard = spawned(bus, Quick)
    talker, keeper, _ = await started(bus)
    talker.publish(Said("b", 1))
    keeper.widen("it", {"topic": ("a", "b")})
    keeper.widen("it", {"topic": ("b",)})
    talker.publish(Said("a", 2))
    talker.publish(Said("b", 3))
    assert await talker.ask(Count("b")) == 2
    assert heard == ["a2", "b3"]
    await keeper.dismiss("it")
    with pytest.raises(Unowned):
        await talker.ask(Count("b"))


async def test_nobody_is_widened_into_what_another_owns_or_beyond_its_scope(bus: Bus) -> None:
    heard = spawned(bus, Quick)
    bus.spawn(Quick, [], name="other", scope={"topic": "c"})
    talker, keeper, _ = await started(bus)
    with pytest.raises(OwnerConflict):
        keeper.widen("it", {"topic": ("c",)})
    talker.publish(Said("c", 1))
    assert await talker.ask(Count("c")) == 1
    assert heard == []
    with pytest.raises(KeyError):
        keeper.widen("it", {"colour": ("c",)})
    with pytest.raises(KeyError):
        keeper.widen("nobody", {"topic": ("c",)})


async def test_only_who_spawns_may_dismiss_and_widen(bus: Bus) -> None:
    talker, _, _ = await started(bus)
    with pytest.raises(Undeclared):
        await talker.dismiss("watch")
    with pytest.raises(Undeclared):
        talker.widen("watch", {})
