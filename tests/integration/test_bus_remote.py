"""An actor whose body lives in a child process looks from outside like one whose body lives here."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
import pytest_asyncio
import structlog
from structlog.testing import capture_logs

from bus import (
    SECOND,
    Actor,
    ActorFailed,
    ActorStarted,
    AskCycle,
    Bus,
    ChildProcess,
    DeadLetter,
    LiveDriver,
    OwnerFailed,
    ReplayDriver,
    Supervision,
    on,
    pause,
)
from tests.bodies import (
    Asking,
    Came,
    Do,
    Found,
    GetCapital,
    GetWeather,
    Given,
    Halt,
    Lookup,
    Noted,
    NotFound,
    Obliging,
    Promise,
    Punctual,
    Quote,
)

pytestmark = [
    pytest.mark.requirement("INT-001", "INT-002", "INT-004"),
    pytest.mark.asyncio(loop_scope="module"),
]

HOMES = [None, ChildProcess()]
PLACES = frozenset({"France", "Peru", "Slowland", "Loop", "Atlantis"})
CAPITALS = {"France": "Paris", "Peru": "Lima", "Slowland": "Rest"}


class Outside(Actor[None]):
    """Everybody else: tells, asks, answers and listens."""

    publishes = (Do, Halt, Came, Quote)
    asks = (Lookup, Promise)

    async def lifespan(self) -> Any:
        self.heard: list[Noted] = []
        self.facts: list[Any] = []
        yield

    @on
    def listen(self, noted: Noted) -> None:
        self.heard.append(noted)

    @on
    def witness(self, fact: ActorStarted | ActorFailed | DeadLetter) -> None:
        self.facts.append(fact)

    async def until(self, done: Callable[[], Any]) -> Any:
        """Wait until something is the case."""
        async with asyncio.timeout(10):
            while not (result := done()):
                await pause(0.002)
        return result

    async def hear(self, what: str) -> Noted:
        """Wait for what a body says, and forget what it said before."""
        noted: Noted = await self.until(
            lambda: next((each for each in self.heard if each.what == what), None)
        )
        del self.heard[: self.heard.index(noted) + 1]
        return noted

    def of(self, kind: type, actor: str = "body") -> list[Any]:
        found: list[Any] = [fact for fact in self.facts if type(fact) is kind]
        return [fact for fact in found if fact.actor == actor]


class Geographer(Actor[None]):
    """Answers what bodies ask."""

    asks = (Lookup,)

    @on
    def forecast(self, wanted: GetWeather) -> Found:
        return Found(f"rain in {wanted.country}")

    @on
    async def tell_capital(self, wanted: GetCapital) -> str:
        if wanted.country == "Slowland":
            await pause(0.4)
        if wanted.country == "Loop":
            try:
                return str(await self.ask(Lookup("Peru")))
            except AskCycle as cycle:
                return str(cycle)
        return CAPITALS[wanted.country]


@pytest.fixture(scope="module", autouse=True)
def _short_logs() -> Iterator[None]:
    structlog.configure(processors=[structlog.processors.KeyValueRenderer(drop_missing=True)])
    yield
    structlog.reset_defaults()


def outside(bus: Bus) -> Outside:
    bus.spawn(Geographer, None, name="geographer", scope={"country": PLACES})
    actor = bus.spawn(Outside, None, name="outside").actor
    assert isinstance(actor, Outside)
    return actor


@pytest.fixture(scope="module", params=HOMES, ids=["inline", "remote"])
def home(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(home: ChildProcess | None) -> AsyncIterator[Outside]:
    """One body for all that does it no lasting harm, and everybody else."""
    bus = Bus(LiveDriver())
    others = outside(bus)
    bus.spawn(
        Obliging,
        Given("hello", (1, 2)),
        name="body",
        assignment={"desk": [7]},
        scope={"to": frozenset({"me", "us"})},
        supervision=Supervision(restarts=1_000, first=0.01),
        home=home,
    )
    await bus.started()
    yield others
    await bus.stop(within=5.0)


@pytest.fixture
def others(world: Outside) -> Outside:
    world.heard.clear()
    world.facts.clear()
    return world


async def test_it_has_its_name_parameters_assignment_and_scope(others: Outside) -> None:
    who = await others.ask(Lookup("who"))
    assert who == Found("body hello {'desk': [7]} ['me', 'us']")
    assert await others.ask(Lookup("x")) == NotFound("no x"), "an answer of another type of the union"


async def test_a_restart_finds_its_assignment_as_that_has_become(others: Outside) -> None:
    shared = others._bus.cells["body"].actor.assignment["desk"]

    async def known_after_a_restart() -> str:
        others.facts.clear()
        others.publish(Do("raise", 3))
        await others.until(lambda: others.of(ActorStarted))
        found = await others.ask(Lookup("who"))
        assert isinstance(found, Found)
        return found.text

    shared.append(8)
    assert "[7, 8]" in await known_after_a_restart()
    shared.pop()
    assert "[7]" in await known_after_a_restart()


async def test_it_hears_ten_thousand_messages_in_order_and_is_heard(others: Outside) -> None:
    for number in range(10_000):
        others.publish(Came("me", number))
    others.publish(Came("you", 0))
    others.publish(Do("note", 1))
    await others.hear("noted")
    others.publish(Do("note", 2))
    await others.until(lambda: others.heard)
    assert others.heard[-1].number == 2


async def test_what_it_says_comes_in_the_order_in_which_it_was_said(others: Outside) -> None:
    for number in range(5_000):
        others.publish(Came("us", number))
    await others.until(lambda: len(others.heard) == 5_000)
    assert [noted.number for noted in others.heard] == list(range(5_000))


async def test_what_it_says_has_the_cause_and_the_time_of_what_set_it_off(others: Outside) -> None:
    dispatcher = others._bus.dispatcher
    for number in (1, 2):
        dispatcher.accept(dispatcher.router.of(Do), Do("note", number), "somebody")
        noted = await others.hear("noted")
        assert (noted.number, noted.cause, noted.at) == (number, dispatcher.inputs, others.clock.now())


async def test_an_answer_may_come_later(others: Outside) -> None:
    answer = asyncio.create_task(others.ask(Promise(1)))
    await others.hear("promised")
    assert not others._bus.dispatcher.quiet
    others.publish(Do("answer", 5))
    assert await answer == 5
    unhurried = asyncio.create_task(others.ask(Promise(-1)))
    await others.hear("promised")
    await others.until(lambda: others._bus.dispatcher.quiet)
    others.publish(Do("answer", 6))
    assert await unhurried == 6


async def test_the_answer_to_what_it_sends_is_a_message(others: Outside) -> None:
    others.publish(Do("send", 1))
    await others.hear("rain in France")
    others.publish(Do("send", 0))
    noted = await others.hear("Nowhere: no actor owns GetWeather for 'Nowhere'")
    assert not noted.number, "it was not delivered"


async def test_it_cannot_say_what_its_port_does_not_carry(others: Outside) -> None:
    others.publish(Do("trespass"))
    await others.hear("body may not use Secret: it is not in what its publishes grants")


async def test_it_may_give_up_a_message_without_having_failed(others: Outside) -> None:
    others.publish(Do("give up", 3))
    await others.until(lambda: others.of(DeadLetter))
    assert others.of(DeadLetter) == [DeadLetter(Came("x", 3), "body", "no use")]
    assert not others.of(ActorFailed)


async def test_what_it_logs_is_logged_here_with_its_name_and_cause(others: Outside) -> None:
    with capture_logs() as lines:
        others.publish(Do("log", 8))
        others.publish(Do("note"))
        await others.hear("noted")
    (line,) = [each for each in lines if each["event"] == "a word"]
    assert (line["log_level"], line["actor"], line["number"]) == ("warning", "body", 8)


@pytest.mark.parametrize("what", ["raise", "background"])
async def test_a_failure_is_its_own_and_what_waits_for_it_survives(others: Outside, what: str) -> None:
    promised = asyncio.create_task(others.ask(Promise(1)))
    await others.hear("promised")
    others.publish(Do(what, 9))
    if what == "raise":
        others.publish(Do("note", 1))
    with pytest.raises(OwnerFailed, match="body failed or ended before it could answer"):
        await promised
    if what == "raise":
        await others.hear("noted")
        assert DeadLetter(Do("raise", 9), "body", "RuntimeError: told to 9", failed=True) in others.facts
    await others.until(lambda: others.of(ActorStarted))
    (failed,) = others.of(ActorFailed)
    assert failed.error.endswith("RuntimeError: " + ("told to 9" if what == "raise" else "in the background"))
    others.publish(Came("me", 0))
    await others.hear("came 1")


async def test_who_asks_is_told_of_the_failure_at_once(others: Outside) -> None:
    with pytest.raises(OwnerFailed, match="body failed: ValueError: boom"):
        await others.ask(Lookup("boom"))
    await others.until(lambda: others.of(ActorStarted))
    assert (await others.ask(Lookup("y"))) == NotFound("no y")


async def test_it_asks_and_is_answered_or_told_why_not(home: ChildProcess | None) -> None:
    bus = Bus(LiveDriver())
    others = outside(bus)
    bus.spawn(Asking, None, name="body", home=home, supervision=Supervision(first=0.01))
    await bus.started()
    others.publish(Do("France"))
    await others.hear("Paris")
    others.publish(Do("Slowland"))
    await others.hear("AskTimeout: GetCapital was not answered within 0.2 s")
    await pause(0.3)
    others.publish(Do("Loop", 3))
    await others.hear("Lookup would wait for itself: geographer -> body -> geographer")
    others.publish(Do("Atlantis"))
    await others.hear("OwnerFailed: geographer failed: KeyError: 'Atlantis'")
    assert bus.cells["body"].awaits == ()
    await bus.stop(within=5.0)


async def test_its_timers_keep_market_time_and_system_time(home: ChildProcess | None) -> None:
    bus = Bus(driver := ReplayDriver())
    others = outside(bus)
    bus.spawn(Punctual, None, name="body", home=home)
    await bus.started()
    for instant, what in ((1.0, "tick"), (1.5, "after"), (2.0, "tick"), (3.0, "tick")):
        at = round(instant * SECOND)
        await driver._reach(at)
        bus.clock.advance(at)
        assert (await others.hear(what)).at == at
    await others.hear("beat")
    await bus.stop(within=5.0)
