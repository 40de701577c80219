"""A seed permutes which ready actor runs next; the same seed does it in the same way."""

from collections.abc import Callable
from typing import Any

import pytest

from bus import Actor, Bus, Delivery, Event, ReplayDriver, on

pytestmark = pytest.mark.requirement("LTS-002")

MakeBus = Callable[..., Bus]


class Came(Event):
    number: int


class Halted(Event, delivery=Delivery.URGENT):
    pass


class Teller(Actor[None]):
    publishes = (Came, Halted)


class Ear(Actor[list[Any]]):
    @on
    def hear(self, came: Came) -> None:
        self.params.append((self.name, came.number))

    @on
    def halt(self, _: Halted) -> None:
        self.params.append((self.name, "halt"))


async def order_of(bus: Bus, rounds: int = 1) -> list[Any]:
    heard: list[Any] = []
    for name in "abcdef":
        bus.spawn(Ear, heard, name=name)
    teller = bus.spawn(Teller, None, name="teller").actor
    await bus.started()
    for number in range(rounds):
        teller.publish(Came(number))
        teller.publish(Came(-number - 1))
        await bus.started()
    return heard


async def test_without_a_seed_the_order_is_that_of_spawning(bus_of: MakeBus) -> None:
    assert [name for name, _ in await order_of(bus_of())] == list("abcdef") * 2


async def test_a_seed_has_one_order(bus_of: MakeBus) -> None:
    assert await order_of(bus_of(seed=7), 5) == await order_of(bus_of(seed=7), 5)


async def test_seeds_have_many_orders(bus_of: MakeBus) -> None:
    orders = {tuple(await order_of(bus_of(seed=seed))) for seed in range(50)}
    assert len(orders) > 45
    assert {order[0][0] for order in orders} == set("abcdef"), "each may come first"
    assert {order[-1][0] for order in orders} == set("abcdef"), "each may come last"


async def test_a_seed_draws_anew_for_each_message(bus_of: MakeBus) -> None:
    interrupted = 0
    for seed in range(20):
        heard = [name for name, _ in await order_of(bus_of(seed=seed))]
        interrupted += heard.index("a") + 1 != len(heard) - 1 - heard[::-1].index("a")
    assert interrupted > 10


async def test_under_any_seed_each_actor_hears_in_order(bus_of: MakeBus) -> None:
    for seed in range(10):
        heard = await order_of(bus_of(seed=seed), 3)
        for ear in "abcdef":
            assert [number for name, number in heard if name == ear] == [0, -1, 1, -2, 2, -3]


async def test_the_first_to_hear_of_a_moment_is_drawn_as_well(bus_of: MakeBus) -> None:
    """However often: an actor that has kept up is not exempt."""

    class Feed(Teller):
        async def lifespan(self) -> Any:
            self.replay((at, 0, Came(at)) for at in range(60))
            yield

    heard: list[Any] = []
    bus = bus_of(ReplayDriver(), seed=3)
    for name in "abc":
        bus.spawn(Ear, heard, name=name)
    bus.spawn(Feed, None, name="feed")
    await bus.run()
    first = [name for place, (name, _) in enumerate(heard) if place % 3 == 0]
    assert [number for _, number in heard] == [at for at in range(60) for _ in "abc"]
    assert all(first[20:].count(name) > 5 for name in "abc")


async def test_urgent_messages_are_each_actor_s_first_under_any_seed(bus_of: MakeBus) -> None:
    for seed in range(10):
        heard: list[Any] = []
        bus = bus_of(seed=seed)
        for name in "abc":
            bus.spawn(Ear, heard, name=name)
        teller = bus.spawn(Teller, None, name="teller").actor
        teller.publish(Came(1))
        teller.publish(Halted())
        await bus.started()
        for ear in "abc":
            assert [what for name, what in heard if name == ear] == ["halt", 1]
