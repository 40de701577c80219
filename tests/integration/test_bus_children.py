"""What can happen to a child process, and that it is the failure of one actor, and of no other."""

import asyncio
import os
import re
import signal
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from bus import (
    SECOND,
    Actor,
    ActorFailed,
    ActorQuarantined,
    ActorStarted,
    ActorStopped,
    AskError,
    Bus,
    ChildProcess,
    DeadLetter,
    Event,
    LiveDriver,
    OwnerFailed,
    PressureChanged,
    ReplayDriver,
    Request,
    Supervision,
    Undeliverable,
    Untransportable,
    WaterMarks,
    on,
    pause,
)
from bus.cell import State
from tests.bodies import (
    Busy,
    Came,
    Do,
    Found,
    GetSecret,
    Given,
    Halt,
    Lookup,
    Noted,
    Obliging,
    Promise,
    Quote,
    Secret,
    Stubborn,
    Unmendable,
)

pytestmark = pytest.mark.requirement("INT-001", "INT-004", "INT-8.2")

ROOT = Path(__file__).parents[2]
QUICK = Supervision(restarts=3, first=0.01)
HELLO = Given("hello")


class Outside(Actor[None]):
    """Everybody else."""

    publishes = (Do, Halt, Came, Quote)
    asks = (Lookup, Promise)

    async def lifespan(self) -> Any:
        self.facts: list[Any] = []
        yield

    @on
    def listen(
        self,
        fact: Noted
        | Secret
        | ActorStarted
        | ActorFailed
        | ActorQuarantined
        | ActorStopped
        | DeadLetter
        | Undeliverable
        | PressureChanged,
    ) -> None:
        self.facts.append(fact)

    @on
    def keep(self, secret: GetSecret) -> str:
        self.facts.append(secret)
        return "the secret"

    def of(self, kind: type) -> list[Any]:
        return [fact for fact in self.facts if type(fact) is kind]

    async def see(self, kind: type, times: int = 1) -> list[Any]:
        """Wait until facts of a kind have come, so many times, and return them."""
        async with asyncio.timeout(15):
            while len(self.of(kind)) < times:
                await pause(0.002)
        return self.of(kind)


class World(NamedTuple):
    bus: Bus
    others: Outside

    def spawn(self, body: type[Actor[Any]] = Obliging, params: Any = HELLO, **how: Any) -> Any:
        how = {"name": "body", "supervision": QUICK, "home": ChildProcess(), **how}
        return self.bus.spawn(body, params, **how)

    async def pid(self) -> int:
        answer = await self.others.ask(Lookup("pid"))
        assert isinstance(answer, Found)
        return int(answer.text)


def world_of(bus: Bus) -> World:
    others = bus.spawn(Outside, None, name="outside").actor
    assert isinstance(others, Outside)
    return World(bus, others)


@pytest.fixture
async def world(bus_of: Callable[..., Bus]) -> AsyncIterator[World]:
    """Everybody else, and no file left open at the end."""
    files = open_files()
    made = world_of(
        bus := bus_of(LiveDriver(), marks=WaterMarks(low=50, high=100, hard=1_000), hopeless=(Unmendable,))
    )
    yield made
    await bus.stop(within=5.0)
    await pause(0.01)
    assert open_files() <= files


def state_of_body(world: World) -> State:
    return world.bus.cells["body"].state


def open_files() -> set[str]:
    """The numbers of the files that this process has open."""
    return {each.name for each in Path("/proc/self/fd").iterdir()}


def is_alive(pid: int) -> bool:
    """Whether there is such a process, a zombie included."""
    return Path(f"/proc/{pid}").exists()


ENDS = {
    "kill": "signal 9, Killed",
    "exit": "exit code 3",
    "leave": "SystemExit: 4",
    "noise": "what it sent is not understood",
    "too large": "a frame of 4,294,967,295 bytes is refused",
    "wrong letter": "what it sent is not understood",
}


async def test_whatever_ends_a_child_is_a_failure_with_a_reason_and_it_starts_anew(world: World) -> None:
    world.spawn(supervision=Supervision(restarts=len(ENDS), first=0.01))
    await world.bus.started()
    for times, (what, why) in enumerate(ENDS.items(), 1):
        pid = await world.pid()
        promise = asyncio.create_task(world.others.ask(Promise(1)))
        await world.others.see(Noted, times)
        world.others.publish(Do(what))
        with pytest.raises(OwnerFailed):
            await promise
        assert why in (await world.others.see(ActorFailed, times))[-1].error
        letters = await world.others.see(DeadLetter, times)
        assert [letter.message for letter in letters].count(Do(what)) == 1
        await world.others.see(ActorStarted, 2 + times)
        assert not is_alive(pid)


async def test_a_body_that_hangs_is_found_out_and_killed(world: World) -> None:
    world.spawn(home=ChildProcess(patience=0.4))
    await world.bus.started()
    pid = await world.pid()
    world.others.publish(Do("hang"))
    (failed,) = await world.others.see(ActorFailed)
    assert "it has been silent for 0.4 s" in failed.error
    await world.others.see(ActorStarted, 3)
    assert not is_alive(pid)


async def test_a_budget_of_restarts_holds_for_killed_children_too(world: World) -> None:
    world.spawn(supervision=Supervision(restarts=1, first=0.01))
    await world.bus.started()
    for times in (1, 2):
        os.kill(await world.pid(), signal.SIGKILL)
        await world.others.see(ActorFailed, times)
        if times == 1:
            await world.others.see(ActorStarted, 3)
    (quarantined,) = await world.others.see(ActorQuarantined)
    assert "failed 2 times" in quarantined.reason
    with pytest.raises(AskError):
        await world.pid()


async def test_what_a_body_has_not_seen_when_it_fails_for_good_is_undelivered(world: World) -> None:
    world.spawn(supervision=Supervision(restarts=0))
    await world.bus.started()
    world.others.publish(Do("raise"))
    world.others.publish(Came("x", 1))
    world.others.send(Lookup("x"))
    letters = await world.others.see(DeadLetter, 3)
    assert [(type(each.message), each.failed) for each in letters] == [
        (Do, True),
        (Came, False),
        (Lookup, False),
    ]
    assert [each.delivered for each in world.others.of(Undeliverable)] == [False]


async def test_what_no_restart_can_mend_is_quarantined_at_once_in_its_own_words(world: World) -> None:
    world.spawn(params=Given("refuse"))
    (quarantined,) = await world.others.see(ActorQuarantined)
    assert quarantined.reason == "it is beyond repair"
    assert not world.others.of(ActorFailed)


async def test_a_child_that_does_not_come_up_in_time_or_cannot_is_a_failure(world: World) -> None:
    once = Supervision(restarts=0)
    world.spawn(params=Given("never"), name="late", home=ChildProcess(comes_up_within=0.01), supervision=once)
    unprepared = ChildProcess(prepare="tests.bodies:refuse_to_prepare")
    world.bus.spawn(Stubborn, [], name="unprepared", home=unprepared, supervision=once)
    nowhere = ChildProcess(prefix=("/nowhere/confine",))
    world.bus.spawn(Busy, 1, name="nowhere", home=nowhere, supervision=once)
    reasons = {each.actor: each.reason for each in await world.others.see(ActorQuarantined, 3)}
    assert "did not come up within 0.01 s" in reasons["late"]
    assert "RuntimeError: not prepared" in reasons["unprepared"]
    assert "No such file" in reasons["nowhere"]


async def test_a_child_that_lies_gets_nothing_that_its_port_does_not_carry(world: World) -> None:
    world.spawn()
    await world.bus.started()
    world.others.publish(Do("break in"))
    (noted,) = await world.others.see(Noted)
    assert (noted.what, world.bus.vitals().trespasses) == ("broke in", 2)
    assert not world.others.of(Secret)
    assert not world.others.of(GetSecret)
    assert await world.pid(), "it goes on"


async def test_a_slow_child_sees_the_newest_and_every_one_that_counts(world: World) -> None:
    world.spawn(Busy, 1)
    await world.bus.started()
    for number in range(700):
        world.others.publish(Came("x", number))
        world.others.publish(Quote("A", number))
    await world.others.see(PressureChanged)
    assert state_of_body(world) is State.HELD
    assert 100 < world.bus.vitals().mailboxes["body"] < 500
    assert world.bus.dispatcher.quiet, "what it merely hears holds nothing up"
    async with asyncio.timeout(20):
        while len([each for each in world.others.of(Noted) if each.what == "worked"]) < 700:
            await pause(0.01)
    notes = world.others.of(Noted)
    assert [each.number for each in notes if each.what == "worked"] == list(range(700))
    seen = [each.number for each in notes if each.what == "saw"]
    assert seen == sorted(seen)
    assert len(seen) < 400
    assert seen[-1] == 699
    assert state_of_body(world) is State.RUNNING


async def test_a_child_that_does_not_keep_up_fails_before_memory_does(world: World) -> None:
    world.spawn(Busy, 60_000, supervision=Supervision(restarts=0))
    await world.bus.started()
    for number in range(1_500):
        world.others.publish(Came("x", number))
    (failed,) = await world.others.see(ActorFailed)
    assert re.fullmatch("Overwhelmed: it does not keep up: 1,[0-9]{3} messages wait for it", failed.error)
    await world.others.see(DeadLetter, 1_000)
    assert world.bus.cells["body"].depth == 0


async def test_what_is_urgent_overtakes_what_waits_here(world: World) -> None:
    world.spawn()
    await world.bus.started()
    world.others.publish(Quote("A", -1))
    for number in range(400):
        world.others.publish(Came("x", number))
    world.others.publish(Halt())
    notes = [each.what for each in await world.others.see(Noted, 402)]
    assert notes.index("halted") < 300
    assert notes[-1] == "came 400"


async def test_dead_letters_arrive_with_the_message_that_died_if_it_is_known_there(world: World) -> None:
    world.spawn(Stubborn, [])
    await world.bus.started()
    world.others.give_up(Halt(), "known")
    world.others.give_up(Came("x", 1), "unknown")
    assert [each.what for each in await world.others.see(Noted, 2)] == ["Halt known", "dict unknown"]


async def test_the_youngest_ends_first_and_a_body_says_farewell(world: World) -> None:
    world.spawn(name="older")
    world.spawn(Busy, 5, name="younger")
    await world.bus.started()
    world.others.publish(Came("x", 1))
    await world.bus.stop(within=5.0)
    facts = [
        each.actor if isinstance(each, ActorStopped) else each.what
        for each in world.others.facts
        if isinstance(each, ActorStopped | Noted)
    ]
    assert facts == ["came 1", "worked", "younger", "farewell", "older"]


@pytest.mark.parametrize("stuck", ["cling", "hang"])
async def test_a_child_that_does_not_end_is_ended_within_the_deadline(world: World, stuck: str) -> None:
    world.spawn(params=Given(stuck))
    await world.bus.started()
    pid = await world.pid()
    if stuck == "hang":
        world.others.publish(Do("hang"))
        await pause(0.05)
    begun = world.bus.system.monotonic()
    await world.bus.stop(within=1.0)
    assert world.bus.system.monotonic() - begun < 1.5 * SECOND
    assert not is_alive(pid)


async def test_a_stop_while_a_child_starts_leaves_nothing_behind(world: World) -> None:
    cells = [world.spawn(Busy, 1, name="first"), world.spawn(params=Given("never"), name="second")]
    await world.others.see(ActorStarted, 2)
    world.spawn(Stubborn, [], name="third")
    pids = [cell.actor.link._child.pid for cell in cells]
    await world.bus.stop(within=2.0)
    assert not any(map(is_alive, pids))
    assert not world.others.of(ActorFailed)


@pytest.mark.parametrize("hung", [False, True])
def test_a_child_ends_with_its_parent(hung: bool) -> None:
    script = """
        import asyncio, sys
        from bus import Bus, ChildProcess, LiveDriver, Actor, pause
        from tests.bodies import Do, Given, Lookup, Obliging

        class Asks(Actor[None]):
            asks = (Lookup,)
            publishes = (Do,)

        async def main():
            bus = Bus(LiveDriver())
            asks = bus.spawn(Asks, None, name="asks").actor
            bus.spawn(Obliging, Given("hello"), name="body", home=ChildProcess())
            await bus.started()
            pid = (await asks.ask(Lookup("pid"))).text
            if sys.argv[1:]:
                asks.publish(Do("hang"))
                await pause(0.2)
            print(pid, flush=True)
            await pause(60)

        asyncio.run(main())
    """
    command = [sys.executable, "-c", textwrap.dedent(script), *(["hung"] if hung else [])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, sys.path)])}
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT, env=environment) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert is_alive(pid)
        parent.kill()
    gone = False
    for _ in range(100):
        gone = (
            gone
            or not is_alive(pid)
            or "State:\tZ" in Path(f"/proc/{pid}/status").read_text(encoding="ascii")
        )
        if gone:
            break
        signal.sigtimedwait([], 0.02)
    assert gone


async def test_a_request_holds_market_time_and_what_is_heard_does_not(bus_of: Callable[..., Bus]) -> None:
    world = world_of(bus_of(ReplayDriver()))
    world.spawn()
    await world.bus.started()
    world.others.publish(Came("x", 1))
    await world.bus.started()
    assert not world.others.of(Noted), "it may be on its way"
    promise = asyncio.create_task(world.others.ask(Promise(1)))
    await world.others.see(Noted, 2)
    assert not world.bus.dispatcher.quiet
    world.others.publish(Do("answer", 4))
    await world.bus.started()
    assert promise.done() or await promise == 4


class Local(Event):
    """A message that can be imported."""

    count: int


class Custom:
    """Nothing that msgspec knows."""


class AskCustom(Request[Custom]):
    pass


class Demanding(Actor[Any]):
    asks = (AskCustom,)


class Parent(Actor[None]):
    spawns = True


class Odd(msgspec.Struct):
    value: Any


def refusals() -> list[Any]:
    class Nested(Actor[None]): ...

    return [
        (Nested, None, "cannot be imported in a child process"),
        (Parent, None, "Parent spawns actors"),
        (Demanding, None, "the answer to AskCustom/1 cannot travel: it has a Custom in it"),
        (Obliging, print, "what body is given cannot travel"),
        (Obliging, ("a", "tuple"), "its tuple comes back as another"),
        (Obliging, Odd(Odd(1)), "its Odd comes back as another"),
        (Obliging, 2**70, "what body is given cannot travel"),
    ]


@pytest.mark.parametrize(("body", "params", "why"), refusals())
async def test_what_cannot_get_there_is_refused_when_it_is_spawned(
    bus_of: Callable[..., Bus], body: type[Actor[Any]], params: Any, why: str
) -> None:
    bus = bus_of()
    with pytest.raises(Untransportable, match=why):
        bus.spawn(body, params, name="body", home=ChildProcess())
    assert "body" not in bus.cells
    bus.spawn(Obliging, HELLO, name="body")  # nothing of it is left
