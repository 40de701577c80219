"""What the bus delivers, to whom, in which order, and what it refuses to carry."""

from collections.abc import AsyncGenerator, Callable
from typing import Any

import pytest

from bus import (
    Actor,
    Bus,
    DeadLetter,
    Delivery,
    Event,
    NameTaken,
    OwnerConflict,
    Request,
    Undeclared,
    dispatcher,
    on,
    pause,
)

pytestmark = pytest.mark.requirement("INT-002", "INT-7.1", "INT-8.2")

MakeBus = Callable[..., Bus]


class Booked(Event, key="portfolio"):
    portfolio: int
    number: int = 0


class Quoted(Event, key="symbol", delivery=Delivery.LATEST):
    symbol: str
    price: float


class Halted(Event, delivery=Delivery.URGENT):
    reason: str = ""


class GetCash(Request[int], key="portfolio"):
    portfolio: int


class Teller(Actor[None]):
    """Says whatever a test wants said."""

    publishes = (Booked, Quoted, Halted)
    asks = (GetCash,)


class Ear(Actor[list[Any]]):
    """Notes everything; `params` is the note pad."""

    @on
    def note(self, event: Booked | Quoted | Halted) -> None:
        self.params.append(event)


class SlowEar(Actor[list[Any]]):
    @on
    async def note(self, event: Booked | Quoted | Halted) -> None:
        await pause(0)
        self.params.append(event)


def teller_on(bus: Bus) -> Actor[None]:
    return bus.spawn(Teller, None, name="teller").actor


async def test_an_actor_hears_its_scope_alone(bus_of: MakeBus) -> None:
    bus = bus_of()
    one: list[Any] = []
    both: list[Any] = []
    every: list[Any] = []
    bus.spawn(Ear, one, name="one", scope={"portfolio": 1})
    bus.spawn(Ear, both, name="both", scope={"portfolio": frozenset({1, 2})})
    bus.spawn(Ear, every, name="every", scope={"symbol": "ABC"})
    teller = teller_on(bus)
    for portfolio in (1, 2, 3):
        teller.publish(Booked(portfolio))
    await bus.started()
    assert one == [Booked(1)]
    assert both == [Booked(1), Booked(2)]
    assert every == [Booked(1), Booked(2), Booked(3)]


async def test_a_scope_of_none_is_the_key_none(bus_of: MakeBus) -> None:
    bus = bus_of()
    heard: list[Any] = []
    bus.spawn(Ear, heard, name="ear", scope={"portfolio": None})
    teller = teller_on(bus)
    teller.publish(Booked(1))
    teller.publish(Booked(None))  # type: ignore[arg-type]
    await bus.started()
    assert heard == [Booked(None)]  # type: ignore[arg-type]


async def test_everybody_hears_in_the_order_of_spawning(bus_of: MakeBus) -> None:
    bus = bus_of()
    heard: list[Any] = []

    class Named(Actor[None]):
        @on
        def note(self, _: Booked) -> None:
            heard.append(self.name)

    for name, scope in (("a", {}), ("b", {"portfolio": 1}), ("c", {}), ("d", {"portfolio": 1})):
        bus.spawn(Named, None, name=name, scope=scope)
    teller_on(bus).publish(Booked(1))
    await bus.started()
    assert heard == ["a", "b", "c", "d"]


async def test_who_is_spawned_later_does_not_hear_what_was_said_before(bus_of: MakeBus) -> None:
    bus = bus_of()
    heard: list[Any] = []
    teller = teller_on(bus)
    teller.publish(Booked(1))
    bus.spawn(Ear, heard, name="late")
    teller.publish(Booked(2))
    await bus.started()
    assert heard == [Booked(2)]


async def test_the_latest_alone_is_delivered_at_the_oldest_place(bus_of: MakeBus) -> None:
    bus = bus_of()
    heard: list[Any] = []
    bus.spawn(Ear, heard, name="ear")
    teller = teller_on(bus)
    for event in (Quoted("A", 1), Booked(1), Quoted("B", 1), Quoted("A", 2), Booked(2), Quoted("A", 3)):
        teller.publish(event)
    await bus.started()
    assert heard == [Quoted("A", 3), Booked(1), Quoted("B", 1), Booked(2)]
    assert bus.vitals().conflated == 2


async def test_the_latest_alone_waits_for_an_actor_that_awaits(bus_of: MakeBus) -> None:
    bus = bus_of()
    heard: list[Any] = []
    bus.spawn(SlowEar, heard, name="ear")
    teller = teller_on(bus)
    teller.publish(Booked(1))
    await pause(0)
    for price in range(5):
        teller.publish(Quoted("A", price))
        bus.dispatcher.drain(10)
    teller.publish(Booked(2))
    await bus.started()
    assert heard == [Booked(1), Quoted("A", 4), Booked(2)]
    assert bus.vitals().conflated == 4


async def test_a_crowded_queue_conflates_as_well(bus_of: MakeBus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatcher, "CROWD", 3)
    bus = bus_of()
    heard: list[Any] = []
    bus.spawn(Ear, heard, name="ear")
    teller = teller_on(bus)
    for number in range(5):
        teller.publish(Booked(1, number))
        teller.publish(Quoted("A", number))
    await bus.started()
    assert heard == [Booked(1, 0), Quoted("A", 4), *(Booked(1, number) for number in range(1, 5))]


async def test_urgent_messages_overtake_all_others(bus_of: MakeBus) -> None:
    bus = bus_of()
    heard: list[Any] = []
    bus.spawn(Ear, heard, name="ear")
    teller = teller_on(bus)
    for event in (Booked(1), Halted("first"), Booked(2), Halted("second")):
        teller.publish(event)
    await bus.started()
    assert heard == [Halted("first"), Halted("second"), Booked(1), Booked(2)]


async def test_an_urgent_message_said_while_others_wait_comes_next(bus_of: MakeBus) -> None:
    bus = bus_of()
    heard: list[Any] = []

    class Alarming(Actor[None]):
        publishes = (Halted,)

        @on
        def watch(self, booked: Booked) -> None:
            if booked.portfolio == 2:
                self.publish(Halted("a"))
                self.publish(Halted("b"))

    bus.spawn(Alarming, None, name="alarming")
    bus.spawn(Ear, heard, name="ear")
    teller = teller_on(bus)
    for portfolio in (1, 2, 3):
        teller.publish(Booked(portfolio))
    await bus.started()
    assert heard == [Booked(1), Booked(2), Halted("a"), Halted("b"), Booked(3)]


async def test_an_urgent_message_overtakes_in_the_mailbox_of_an_actor_that_awaits(bus_of: MakeBus) -> None:
    bus = bus_of()
    heard: list[Any] = []
    bus.spawn(SlowEar, heard, name="ear")
    teller = teller_on(bus)
    for portfolio in (1, 2, 3):
        teller.publish(Booked(portfolio))
    bus.dispatcher.drain(10)
    teller.publish(Halted())
    await bus.started()
    assert heard == [Halted(), Booked(1), Booked(2), Booked(3)]


@pytest.mark.parametrize("seed", [None, 1])
async def test_a_long_backlog_does_not_hold_up_another_actor(bus_of: MakeBus, seed: int | None) -> None:
    bus = bus_of(seed=seed)
    handled = 0

    class Swamped(Actor[None]):
        @on
        def work(self, _: Booked) -> None:
            nonlocal handled
            handled += 1

    class Quick(Actor[list[int]]):
        @on
        def note(self, _: Quoted) -> None:
            self.params.append(handled)

    when: list[int] = []
    bus.spawn(Swamped, None, name="swamped")
    bus.spawn(Quick, when, name="quick")
    teller = teller_on(bus)
    await bus.started()
    for number in range(100_000):
        teller.publish(Booked(1, number))
    teller.publish(Quoted("A", 1.0))
    await bus.started()
    assert handled == 100_000
    assert when[0] <= 2 * dispatcher.TURN, f"{when[0]} messages of another actor came first"


async def test_actors_with_a_backlog_take_turns(bus_of: MakeBus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatcher, "CROWD", 10)
    monkeypatch.setattr(dispatcher, "TURN", 5)
    bus = bus_of()
    turns: list[Any] = []

    class Worker(Actor[None]):
        @on
        def work(self, _: Booked) -> None:
            turns.append(self.name)

    for name in ("a", "b"):
        bus.spawn(Worker, None, name=name)
    teller = teller_on(bus)
    for number in range(15):
        teller.publish(Booked(1, number))
    await bus.started()
    assert turns == [name for _ in range(3) for name in ["a"] * 5 + ["b"] * 5]


async def test_a_backlog_of_ten_thousand_actors_is_worked_off_in_linear_time(bus_of: MakeBus) -> None:
    bus = bus_of()
    heard: list[Any] = []
    for number in range(10_000):
        bus.spawn(Ear, heard, name=f"ear {number}")
    teller = teller_on(bus)
    await bus.started()
    for _ in range(dispatcher.CROWD + 1):
        teller.publish(Quoted("A", 1.0))
    for number in range(3):
        teller.publish(Booked(number))
    await bus.started()
    assert len(heard) == 4 * 10_000


async def test_an_async_handler_has_one_message_at_a_time(bus_of: MakeBus) -> None:
    bus = bus_of()
    steps: list[Any] = []

    class Careful(Actor[None]):
        @on
        async def work(self, booked: Booked) -> None:
            steps.append(("in", booked.portfolio))
            await pause(0.001)
            steps.append(("out", booked.portfolio))

        @on
        def look(self, _: Quoted) -> None:
            steps.append(("look", 0))

    bus.spawn(Careful, None, name="careful")
    teller = teller_on(bus)
    for event in (Booked(1), Quoted("A", 1), Booked(2)):
        teller.publish(event)
    await bus.started()
    assert steps == [("in", 1), ("out", 1), ("look", 0), ("in", 2), ("out", 2)]


async def test_what_a_plain_handler_returns_is_nobody_s_business(bus_of: MakeBus) -> None:
    bus = bus_of()

    class Chatty(Actor[None]):
        @on
        def hear(self, _: Booked) -> bool:
            return True

        @on
        async def wait(self, _: Quoted) -> bool:
            return True

    bus.spawn(Chatty, None, name="chatty")
    teller = teller_on(bus)
    teller.publish(Booked(1))
    teller.publish(Quoted("A", 1))
    await bus.started()
    assert bus.vitals().failures == 0


@pytest.mark.parametrize("event", [Booked(1), Halted(), GetCash(1), "text"])
async def test_what_was_not_declared_cannot_be_published(bus_of: MakeBus, event: Any) -> None:
    mute = bus_of().spawn(Ear, [], name="mute").actor
    with pytest.raises(Undeclared, match=f"mute may not use {type(event).__name__}"):
        mute.publish(event)


async def test_what_was_not_declared_cannot_be_asked_or_sent(bus_of: MakeBus) -> None:
    mute = bus_of().spawn(Ear, [], name="mute").actor
    with pytest.raises(Undeclared, match="mute may not use GetCash: it is not in what its asks grants"):
        mute.send(GetCash(1))
    with pytest.raises(Undeclared):
        await mute.ask(GetCash(1))


async def test_what_a_port_carries_is_what_was_granted_not_what_the_class_says(bus_of: MakeBus) -> None:
    bus = bus_of()
    narrow = bus.spawn(Teller, None, name="narrow", publishes=(Halted,), asks=()).actor
    narrow.publish(Halted())
    with pytest.raises(Undeclared):
        narrow.publish(Booked(1))
    with pytest.raises(Undeclared):
        narrow.send(GetCash(1))


async def test_an_actor_hears_its_own_module_s_messages_and_what_it_was_granted(bus_of: MakeBus) -> None:
    class Morgue(Actor[None]):
        @on
        def receive(self, _: DeadLetter | Booked) -> None: ...

    bus = bus_of()
    with pytest.raises(Undeclared, match="spy may not hear DeadLetter: it is not in what its hears grants"):
        bus.spawn(Morgue, None, name="spy", hears=())
    bus.spawn(Morgue, None, name="morgue", hears=(DeadLetter,))


async def test_an_actor_that_publishes_what_it_may_not_has_failed(bus_of: MakeBus) -> None:
    bus = bus_of()
    letters: list[Any] = []

    class Sly(Actor[None]):
        @on
        def hear(self, _: Booked) -> None:
            self.publish(Halted())

    class Morgue(Actor[None]):
        @on
        def receive(self, letter: DeadLetter) -> None:
            letters.append(letter)

    bus.spawn(Sly, None, name="sly")
    bus.spawn(Morgue, None, name="morgue")
    teller_on(bus).publish(Booked(1))
    await bus.started()
    assert [(letter.message, letter.actor) for letter in letters] == [(Booked(1), "sly")]
    assert "Undeclared" in letters[0].reason


async def test_a_name_belongs_to_one_living_actor(bus_of: MakeBus) -> None:
    bus = bus_of()
    cell = bus.spawn(Teller, None, name="teller")
    with pytest.raises(NameTaken, match="'teller' is running"):
        bus.spawn(Teller, None, name="teller")
    await bus.supervisor.end(cell, 1.0)
    bus.spawn(Teller, None, name="teller")


class Cashier(Actor[None]):
    @on
    def hear(self, booked: Booked) -> None:
        raise AssertionError(booked)

    @on
    def answer(self, _: GetCash) -> int:
        return 1


async def test_a_second_owner_of_a_request_is_refused_and_leaves_no_trace(bus_of: MakeBus) -> None:
    bus = bus_of()
    bus.spawn(Cashier, None, name="first", scope={"portfolio": 1})
    with pytest.raises(OwnerConflict, match="second cannot own GetCash: first owns it already"):
        bus.spawn(Cashier, None, name="second")
    bus.spawn(Cashier, None, name="third", scope={"portfolio": 2})
    teller = teller_on(bus)
    teller.publish(Booked(3))
    assert await teller.ask(GetCash(2)) == 1
    assert bus.vitals().failures == 0
    assert set(bus.cells) == {"first", "third", "teller"}


async def test_grants_that_make_no_sense_are_refused(bus_of: MakeBus) -> None:
    with pytest.raises(TypeError, match="granted GetCash, which is no Event"):
        bus_of().spawn(Teller, None, name="teller", publishes=(GetCash,))  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="granted Booked, which is no Request"):
        bus_of().spawn(Teller, None, name="teller", asks=(Booked,))  # type: ignore[arg-type]


async def test_a_lifespan_must_be_an_async_generator(bus_of: MakeBus) -> None:
    class Short(Actor[None]):
        async def lifespan(self) -> None:  # type: ignore[override]
            pass

    with pytest.raises(TypeError, match=r"Short\.lifespan must be an async generator"):
        bus_of().spawn(Short, None, name="short")


async def test_messages_wait_until_the_lifespan_yields(bus_of: MakeBus) -> None:
    bus = bus_of()
    heard: list[Any] = []

    class Opening(Ear):
        async def lifespan(self) -> AsyncGenerator[None, None]:
            await pause(0.01)
            self.params.append("open")
            yield

    bus.spawn(Opening, heard, name="opening")
    teller_on(bus).publish(Booked(1))
    await bus.started()
    assert heard == ["open", Booked(1)]
