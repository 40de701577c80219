"""Every message knows the input that set it off, by number; what nobody set off has the number 0."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from typing import Any

import pytest

from bus import (
    SECOND,
    Accepted,
    Actor,
    ActorFailed,
    Bus,
    Delivery,
    Event,
    Moment,
    Request,
    Undeliverable,
    every,
    on,
    pause,
)

pytestmark = pytest.mark.requirement("INT-9.1", "INT-10.1")

MakeBus = Callable[..., Bus]
PassTime = Callable[[Bus, float], Awaitable[None]]


class Came(Event):
    """An input."""

    number: int


class Followed(Event):
    who: str
    number: int


class Quoted(Event, key="symbol", delivery=Delivery.LATEST):
    symbol: str
    number: int


class Get(Request[Followed], key="who"):
    who: str
    number: int


class Outside(Actor[None]):
    """Where inputs come from."""

    publishes = (Came, Quoted)
    external = True


class Follower(Actor[None]):
    publishes = (Followed,)
    asks = (Get,)

    @on
    def follow(self, came: Came) -> None:
        self.publish(Followed(self.name, came.number))


class Waiting(Actor[None]):
    publishes = (Followed,)
    asks = (Get,)

    @on
    async def follow(self, came: Came) -> None:
        await pause(0.001)
        self.publish(Followed(self.name, came.number))
        async with asyncio.TaskGroup() as group:
            group.create_task(self.say(came.number))

    async def say(self, number: int) -> None:
        await pause(0)
        self.publish(Followed("child", number))


class Ear(Actor[list[Any]]):
    """Notes each message with its cause."""

    @on
    def note(self, heard: Came | Followed | Quoted | ActorFailed | Accepted | Undeliverable) -> None:
        self.params.append((self.cause, heard))


@pytest.fixture
async def bus(bus_of: MakeBus) -> Bus:
    return bus_of()


@pytest.fixture
async def outside(bus: Bus) -> Outside:
    return bus.spawn(Outside, None, name="outside").actor  # type: ignore[return-value]


@pytest.fixture
async def heard(bus: Bus) -> list[Any]:
    notes: list[Any] = []
    bus.spawn(Ear, notes, name="ear")
    return notes


def causes_of(heard: list[Any], kind: type[Event]) -> list[Any]:
    return [(cause, event) for cause, event in heard if type(event) is kind]


async def test_inputs_are_numbered_in_the_order_of_acceptance(
    bus: Bus, outside: Outside, heard: list[Any]
) -> None:
    for number in (7, 8):
        outside.publish(Came(number))
    await bus.started()
    accepted = [Accepted(1, 0, "outside", Came(7)), Accepted(2, 0, "outside", Came(8))]
    assert causes_of(heard, Accepted) == [(1, accepted[0]), (2, accepted[1])]
    assert causes_of(heard, Came) == [(1, Came(7)), (2, Came(8))]


async def test_what_a_decider_says_has_the_cause_of_what_it_heard(
    bus: Bus, outside: Outside, heard: list[Any]
) -> None:
    bus.spawn(Follower, None, name="follower")
    for number in (1, 2, 3):
        outside.publish(Came(number))
    await bus.started()
    assert causes_of(heard, Followed) == [(number, Followed("follower", number)) for number in (1, 2, 3)]


async def test_what_is_said_after_awaiting_has_the_cause_of_what_was_heard(
    bus: Bus, outside: Outside, heard: list[Any]
) -> None:
    bus.spawn(Waiting, None, name="waiting")
    for number in (1, 2, 3):
        outside.publish(Came(number))
    await bus.started()
    assert causes_of(heard, Followed) == [
        (number, Followed(who, number)) for number in (1, 2, 3) for who in ("waiting", "child")
    ]


async def test_the_newest_of_a_key_brings_its_own_cause(bus: Bus, outside: Outside, heard: list[Any]) -> None:
    for number in (1, 2, 3):
        outside.publish(Quoted("A", number))
    await bus.started()
    assert causes_of(heard, Quoted) == [(3, Quoted("A", 3))]


class Owner(Actor[None]):
    @on
    def answer(self, get: Get) -> Followed:
        if get.number == 0:
            raise RuntimeError
        return Followed(self.name, get.number)


class SlowOwner(Actor[None]):
    @on
    async def answer(self, get: Get) -> Followed:
        await pause(0.001)
        if get.number == 0:
            raise RuntimeError
        return Followed(self.name, get.number)


@pytest.mark.parametrize("kind", [Owner, SlowOwner])
@pytest.mark.parametrize("sends", [0, 5])
async def test_an_answer_and_a_failure_have_the_cause_of_the_question(
    bus: Bus, outside: Outside, heard: list[Any], kind: Any, sends: int
) -> None:
    class Sender(Ear):
        asks = (Get,)

        @on
        def note(self, heard: Followed | Undeliverable) -> None:  # type: ignore[override]
            self.params.append((self.cause, type(heard)))

        @on
        def send_on(self, _: Came) -> None:
            self.send(Get("owner", sends))

    notes: list[Any] = []
    bus.spawn(kind, None, name="owner")
    bus.spawn(Sender, notes, name="sender")
    await bus.started()
    outside.publish(Came(1))
    await bus.started()
    assert notes == [(1, Followed if sends else Undeliverable)]
    assert [cause for cause, _ in causes_of(heard, ActorFailed)] == ([] if sends else [1])


async def test_an_ask_carries_the_cause_to_its_owner(bus: Bus, outside: Outside) -> None:
    causes: list[int] = []

    class Noting(Actor[None]):
        @on
        def answer(self, _: Get) -> Followed:
            causes.append(self.cause)
            return Followed("", 0)

    class Asking(Waiting):
        @on
        async def follow(self, came: Came) -> None:
            await self.ask(Get("noting", came.number))
            await pause(0)
            await self.ask(Get("noting", came.number))

    bus.spawn(Noting, None, name="noting")
    bus.spawn(Asking, None, name="asking")
    outside.publish(Came(1))
    outside.publish(Came(2))
    await bus.started()
    assert causes == [1, 1, 2, 2]


async def test_timers_are_causes_of_their_own(bus: Bus, heard: list[Any], pass_time: PassTime) -> None:
    class Clock(Follower):
        @every(1)
        def strike(self) -> None:
            self.publish(Followed("strike", self.clock.now() // SECOND))
            self.after(0.5, Came(0))

    bus.spawn(Clock, None, name="clock")
    await pass_time(bus, 2.6)
    assert [(cause, event.who) for cause, event in causes_of(heard, Followed)] == [
        (1, "strike"),
        (2, "clock"),
        (3, "strike"),
        (4, "clock"),
    ]


async def test_what_nobody_set_off_has_no_cause(bus: Bus, outside: Outside, heard: list[Any]) -> None:
    class Own(Waiting):
        async def lifespan(self) -> AsyncGenerator[None, None]:
            self.publish(Followed("start", 0))
            self.background(self.work())
            yield

        async def work(self) -> None:
            while len(heard) < 2:
                await pause(0)
            self.publish(Followed("background", 0))

        @on
        async def follow(self, _: Came) -> None:
            await pause(0.01)

    own = bus.spawn(Own, None, name="own").actor
    decider = bus.spawn(Follower, None, name="decider").actor
    outside.publish(Came(1))
    await pause(0.005)
    await bus.started()
    own.publish(Followed("outside", 0))
    decider.publish(Followed("outside as well", 0))
    await bus.started()
    assert [(cause, event.who) for cause, event in causes_of(heard, Followed) if event.number == 0] == [
        (0, "start"),
        (0, "background"),
        (0, "outside"),
        (0, "outside as well"),
    ]
    assert bus.dispatcher.cause == 0


async def test_work_begun_by_a_handler_goes_its_own_way(bus: Bus, outside: Outside, heard: list[Any]) -> None:
    class Founding(Waiting):
        @on
        async def follow(self, _: Came) -> None:
            self.background(self.say(0))

    bus.spawn(Founding, None, name="founding")
    outside.publish(Came(1))
    await pause(0.01)
    assert causes_of(heard, Followed) == [(0, Followed("child", 0))]


async def test_a_log_line_names_actor_and_cause(bus: Bus, outside: Outside) -> None:
    contexts: list[Any] = []

    class Logging(Actor[None]):
        @on
        def hear(self, _: Came) -> None:
            contexts.append(self.log._initial_values)

        @on
        async def wait(self, _: Quoted) -> None:
            await pause(0)
            contexts.append(self.log._initial_values)

    bus.spawn(Logging, None, name="logging")
    outside.publish(Came(1))
    outside.publish(Quoted("A", 1))
    await bus.started()
    assert contexts == [{"actor": "logging", "cause": 1}, {"actor": "logging", "cause": 2}]


async def test_moments_and_what_their_handlers_let_in_have_numbers_of_their_own(bus: Bus) -> None:
    causes: list[Any] = []

    class Feed(Outside):
        async def lifespan(self) -> AsyncGenerator[None, None]:
            self.replay(self.moments())
            yield

        def moments(self) -> Iterator[Moment]:
            for number in range(3):
                yield number, 0, Came(number)

    class Venue(Actor[None]):
        """Comes from outside as well, and reports in the middle of a moment."""

        publishes = (Quoted,)
        external = True

        @on
        def hear(self, came: Came) -> None:
            causes.append(("came", self.cause))
            self.publish(Quoted("A", came.number))

        @on
        def back(self, _: Quoted) -> None:
            causes.append(("quoted", self.cause))

    bus.spawn(Feed, None, name="feed")
    bus.spawn(Venue, None, name="venue")
    await bus.run()
    assert causes == [
        ("came", 1),
        ("quoted", 2),
        ("came", 3),
        ("quoted", 4),
        ("came", 5),
        ("quoted", 6),
    ]
