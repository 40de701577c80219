"""A thread that looks on: it reports what takes long, with the stack, while it takes long."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Iterator
from typing import Any

import pytest
import structlog

from bus import Actor, Bus, Event, HandlerSlow, Moment, ReplayDriver, Request, on, pause

pytestmark = pytest.mark.requirement("INT-001", "INT-9.2", "INT-004")

MakeBus = Callable[..., Bus]


class Came(Event):
    number: int = 0


class Heavy(Event):
    pass


class Long(Event):
    pass


class Ask(Request[int]):
    pass


class Teller(Actor[None]):
    publishes = (Came, Heavy, Long)
    asks = (Ask,)


def compute_for_long(seconds: float) -> None:
    time.sleep(seconds)  # noqa: TID251 - a handler that blocks is what is looked for


async def wait_for_long(seconds: float) -> None:
    await pause(seconds)


class Computing(Actor[None]):
    @on
    def hear(self, _: Heavy) -> None:
        compute_for_long(0.5)


class Blocking(Actor[None]):
    """Awaits in principle, but computes."""

    @on
    async def hear(self, _: Heavy) -> None:
        compute_for_long(0.5)


class Awaiting(Actor[None]):
    @on
    async def hear(self, _: Long) -> None:
        await wait_for_long(0.5)

    @on
    async def answer(self, _: Ask) -> int:
        await wait_for_long(0.5)
        return 1


@pytest.fixture
async def bus(bus_of: MakeBus) -> Bus:
    return bus_of(slow=0.1)


@pytest.fixture
async def reports(bus: Bus) -> list[HandlerSlow]:
    noted: list[HandlerSlow] = []

    class Ear(Actor[None]):
        @on
        def note(self, slow: HandlerSlow) -> None:
            noted.append(slow)

    bus.spawn(Ear, None, name="ear")
    return noted


@pytest.fixture
async def teller(bus: Bus) -> Teller:
    return bus.spawn(Teller, None, name="teller").actor  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("kind", "culprit", "named"),
    [
        (Computing, "compute_for_long", ""),
        (Blocking, "compute_for_long", "Heavy"),
        (Awaiting, "wait_for_long", "Long"),
    ],
)
async def test_a_slow_handler_is_reported_with_its_stack(
    bus: Bus, reports: list[HandlerSlow], kind: Any, culprit: str, named: str
) -> None:
    event = Long() if kind is Awaiting else Heavy()
    bus.spawn(kind, None, name="slow")
    teller = bus.spawn(Teller, None, name="teller").actor
    await bus.started()
    with structlog.testing.capture_logs() as logs:
        teller.publish(event)
        await bus.started()
        await pause(0.05)
    assert [(report.actor, report.message) for report in reports] == [("slow", named)]
    assert 0.1 <= reports[0].seconds < 0.5, "it is reported while it lasts"
    assert f"in {culprit}" in reports[0].stack
    assert "in hear" in reports[0].stack
    lines = [line for line in logs if line["event"] == "handler slow"]
    assert [(line["actor"], culprit in line["stack"]) for line in lines] == [("slow", True)]


async def test_the_request_that_takes_long_is_named(
    bus: Bus, teller: Teller, reports: list[HandlerSlow]
) -> None:
    bus.spawn(Awaiting, None, name="slow")
    await bus.started()
    assert await teller.ask(Ask()) == 1
    await bus.started()
    assert [report.message for report in reports] == ["Ask"]


async def test_each_slow_message_is_reported_anew(
    bus: Bus, teller: Teller, reports: list[HandlerSlow]
) -> None:
    class Short(Actor[None]):
        @on
        async def hear(self, _: Long) -> None:
            await wait_for_long(0.2)

    bus.spawn(Short, None, name="slow")
    await bus.started()
    teller.publish(Long())
    teller.publish(Long())
    await bus.started()
    assert len(reports) == 2


async def test_many_quick_messages_are_not_one_slow_one(
    bus: Bus, teller: Teller, reports: list[HandlerSlow]
) -> None:
    class Steady(Actor[None]):
        @on
        def hear(self, _: Came) -> None:
            compute_for_long(0.004)

    bus.spawn(Steady, None, name="steady")
    await bus.started()
    for number in range(60):
        teller.publish(Came(number))
    await bus.started()
    await pause(0.05)
    assert reports == []


async def test_many_quick_moments_are_not_one_slow_one(bus: Bus, reports: list[HandlerSlow]) -> None:
    class Feed(Teller):
        async def lifespan(self) -> AsyncGenerator[None, None]:
            self.replay(self.moments())
            yield

        def moments(self) -> Iterator[Moment]:
            for number in range(60):
                yield number, 0, Came(number)

    class Steady(Actor[None]):
        @on
        def hear(self, _: Came) -> None:
            compute_for_long(0.004)

    bus.spawn(Steady, None, name="steady")
    bus.spawn(Feed, None, name="feed")
    await bus.run()
    await pause(0.05)
    assert reports == []


async def test_a_share_of_the_time_is_known_of_each_actor(bus: Bus, teller: Teller) -> None:
    bus.spawn(Computing, None, name="computing")
    bus.spawn(Blocking, None, name="blocking")
    bus.spawn(Awaiting, None, name="awaiting")
    await bus.started()
    teller.publish(Heavy())
    teller.publish(Long())
    await bus.started()
    load = bus.vitals().load
    assert load["computing"] > 0.15
    assert load["blocking"] > 0.15
    assert load.get("awaiting", 0.0) < 0.1


async def test_latest_messages_do_not_confuse_the_watchdog(bus: Bus, reports: list[HandlerSlow]) -> None:
    dispatcher = bus.dispatcher
    dispatcher.running = dispatcher.queue._newest[0][0]
    await bus.started()
    await pause(0.05)
    dispatcher.running = None
    assert bus.watchdog._thread is not None
    assert bus.watchdog._thread.is_alive()
    assert reports == []


def test_a_watchdog_whose_loop_is_gone_goes_as_well() -> None:
    async def session() -> Any:
        bus = Bus(ReplayDriver())
        await bus.started()
        return bus.watchdog._thread

    thread = asyncio.run(session())
    thread.join(timeout=1.0)
    assert not thread.is_alive()
