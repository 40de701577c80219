"""An actor's life: it is born, fails, rests, is born again, and ends; and the others never notice."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any

import pytest

from bus import (
    SECOND,
    Actor,
    ActorFailed,
    ActorQuarantined,
    ActorStarted,
    ActorStopped,
    Bus,
    DeadLetter,
    Delivery,
    Event,
    Group,
    Request,
    Supervision,
    Time,
    Together,
    every,
    on,
    pause,
)
from bus.cell import State

pytestmark = pytest.mark.requirement("INT-001", "INT-004")

MakeBus = Callable[..., Bus]
PassTime = Callable[[Bus, float], Awaitable[None]]

STEADY = Supervision(restarts=3, window=60.0, first=1.0, longest=4.0, jitter=0.0)


class Do(Event, key="what"):
    """An instruction to an actor: what to do with it."""

    what: str
    number: int = 0


class Stop(Event, delivery=Delivery.URGENT):
    pass


class GetState(Request[dict[str, Any]]):
    pass


class Teller(Actor[None]):
    publishes = (Do, Stop)
    asks = (GetState,)

    def do(self, *whats: str) -> None:
        for number, what in enumerate(whats):
            self.publish(Do(what, number))


class Witness(Actor[list[Any]]):
    """Writes down what the machine says of itself."""

    @on
    def note(self, fact: ActorStarted | ActorFailed | ActorQuarantined | ActorStopped | DeadLetter) -> None:
        self.params.append(fact)

    def of(self, kind: type[Event], actor: str = "worker") -> list[Any]:
        return [each for each in self.params if type(each) is kind and each.actor == actor]  # type: ignore[attr-defined]


class Worker(Actor[list[Any]]):
    """Does as it is told, and writes down each step of its life."""

    async def lifespan(self) -> AsyncGenerator[None, None]:
        self.params.append("born")
        self.done: list[str] = []
        yield
        self.params.append("buried")

    @on
    def do(self, do: Do) -> None:
        match do.what:
            case "fail":
                raise RuntimeError("as told")
            case "exit":
                raise SystemExit(3)
            case "cancel":
                raise asyncio.CancelledError
            case "mumble":
                raise Unspeakable
            case what:
                self.done.append(what)
                self.params.append(what)


class Clerk(Worker):
    """A worker that can be asked."""

    @on
    def tell(self, _: GetState) -> dict[str, Any]:
        return dict(vars(self))


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise ValueError("not even that")


@pytest.fixture
async def witness(bus_of: MakeBus) -> Witness:
    """A witness on a bus of its own."""
    return bus_of(hopeless=(PermissionError,)).spawn(Witness, [], name="witness").actor  # type: ignore[return-value]


@pytest.fixture
def bus(witness: Witness) -> Bus:
    return witness._bus


@pytest.fixture
async def teller(bus: Bus) -> Teller:
    return bus.spawn(Teller, None, name="teller").actor  # type: ignore[return-value]


async def test_a_life_begins_before_the_first_message_and_ends_after_the_last(
    bus: Bus, teller: Teller
) -> None:
    steps: list[Any] = []
    cell = bus.spawn(Worker, steps, name="worker")
    teller.do("a", "b")
    await bus.started()
    await bus.supervisor.end(cell, 1.0)
    teller.do("c")
    await bus.started()
    assert steps == ["born", "a", "b", "buried"]


async def test_a_restart_is_a_fresh_start_with_the_old_mailbox(
    bus: Bus, teller: Teller, witness: Witness, pass_time: PassTime
) -> None:
    steps: list[Any] = []
    bus.spawn(Clerk, steps, name="worker", supervision=STEADY)
    teller.do("a", "fail", "b", "c")
    await bus.started()
    assert steps == ["born", "a"]
    await pass_time(bus, 0.9)
    assert steps == ["born", "a"]
    await pass_time(bus, 0.2)
    assert steps == ["born", "a", "buried", "born", "b", "c"]
    assert (await teller.ask(GetState()))["done"] == ["b", "c"]
    told = DeadLetter(Do("fail", 1), "worker", "RuntimeError: as told", failed=True)
    assert witness.of(DeadLetter) == [told]
    assert witness.of(ActorFailed) == [ActorFailed("worker", "RuntimeError: as told", 1, 1.0)]
    assert witness.of(ActorStarted) == [ActorStarted("worker", 0), ActorStarted("worker", 1)]


async def test_an_actor_without_a_lifespan_starts_again_as_well(
    bus: Bus, teller: Teller, pass_time: PassTime
) -> None:
    class Plain(Actor[list[Any]]):
        @on
        def do(self, do: Do) -> None:
            self.params.append((do.what, dict(vars(self))))
            self.last = do.what
            if do.what == "fail":
                raise RuntimeError

    steps: list[Any] = []
    bus.spawn(Plain, steps, name="worker", supervision=STEADY)
    teller.do("a", "fail", "b")
    await pass_time(bus, 2)
    assert steps == [("a", {}), ("fail", {"last": "a"}), ("b", {})]


async def test_the_others_never_notice(bus: Bus, teller: Teller) -> None:
    frail: list[Any] = []
    sound: list[Any] = []
    for number in range(3):
        bus.spawn(Worker, frail, name=f"frail {number}")

    class Sound(Actor[None]):
        @on
        def do(self, do: Do) -> None:
            sound.append(do.number)

    bus.spawn(Sound, None, name="sound")
    await bus.started()
    teller.do(*["a", "fail"] * 50)
    await bus.started()
    assert sound == list(range(100))


async def test_the_rest_grows_and_then_comes_quarantine(
    bus: Bus, teller: Teller, witness: Witness, pass_time: PassTime
) -> None:
    steps: list[Any] = []
    policy = Supervision(restarts=4, window=60, first=1.0, longest=4.0, jitter=0.0, policy="flatten")
    cell = bus.spawn(Worker, steps, name="worker", supervision=policy)
    teller.do(*["fail"] * 7)
    await pass_time(bus, 30)
    assert [failed.restart_in for failed in witness.of(ActorFailed)] == [1.0, 2.0, 4.0, 4.0, None]
    assert [failed.failures for failed in witness.of(ActorFailed)] == [1, 2, 3, 4, 5]
    reason = "failed 5 times in 60 s: RuntimeError: as told"
    assert witness.of(ActorQuarantined) == [ActorQuarantined("worker", reason, "flatten")]
    assert cell.state is State.QUARANTINED
    assert bus.vitals().quarantined == {"worker": reason}
    assert len(witness.of(DeadLetter)) == 7
    assert steps == ["born", "buried"] * 5
    teller.do("a")
    await bus.started()
    assert len(witness.of(DeadLetter)) == 7, "nothing is addressed to it any more"


async def test_failures_far_apart_are_never_too_many(
    bus: Bus, teller: Teller, witness: Witness, pass_time: PassTime
) -> None:
    cell = bus.spawn(
        Worker, [], name="worker", supervision=Supervision(restarts=1, window=10, calm=0, first=1.0)
    )
    for _ in range(5):
        teller.do("fail")
        await pass_time(bus, 11)
    assert cell.state is State.RUNNING
    assert [failed.failures for failed in witness.of(ActorFailed)] == [1] * 5


async def test_what_waits_for_an_actor_that_is_quarantined_becomes_dead_letters(
    bus: Bus, teller: Teller, witness: Witness
) -> None:
    bus.spawn(Worker, [], name="worker", supervision=Supervision(restarts=0))
    await bus.started()
    teller.do("fail", "a", "b")
    await bus.started()
    assert [(letter.message.what, letter.reason) for letter in witness.of(DeadLetter)] == [
        ("fail", "RuntimeError: as told"),
        ("a", "worker is quarantined"),
        ("b", "worker is quarantined"),
    ]


async def test_a_hopeless_start_is_not_tried_again(bus: Bus, witness: Witness) -> None:
    class Hopeless(Actor[None]):
        async def lifespan(self) -> AsyncGenerator[None, None]:
            raise PermissionError("no key, no entry")
            yield

    bus.spawn(Hopeless, None, name="worker")
    await bus.started()
    assert witness.of(ActorQuarantined) == [ActorQuarantined("worker", "no key, no entry", "hold")]
    assert witness.of(ActorFailed) == []


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        ("exit", "SystemExit: 3"),
        ("cancel", "CancelledError: "),
        ("mumble", "Unspeakable"),
    ],
)
async def test_whatever_a_handler_raises_is_its_own_failure(
    bus: Bus, teller: Teller, witness: Witness, what: str, reason: str
) -> None:
    steps: list[Any] = []
    bus.spawn(Worker, steps, name="worker", scope={"what": what})
    bus.spawn(Worker, steps, name="other", scope={"what": frozenset({"a", "b"})})
    teller.do("a", what, "b")
    await bus.started()
    assert [failed.error for failed in witness.of(ActorFailed)] == [reason]
    assert steps == ["born", "born", "a", "b"]


async def test_a_dead_letter_that_fails_its_reader_is_not_delivered_again(
    bus: Bus, teller: Teller, pass_time: PassTime
) -> None:
    class Clumsy(Actor[None]):
        @on
        def read(self, letter: DeadLetter) -> None:
            raise RuntimeError(letter.reason)

    bus.spawn(Clumsy, None, name="clumsy", supervision=Supervision(restarts=100, first=0.1))
    bus.spawn(Worker, [], name="worker", supervision=STEADY)
    teller.do("fail")
    await pass_time(bus, 10)
    vitals = bus.vitals()
    assert (vitals.failures, vitals.dead_letters) == (2, 2)


async def test_an_endless_complaint_about_oneself_ends_in_quarantine(
    bus: Bus, teller: Teller, pass_time: PassTime
) -> None:
    class Touchy(Actor[None]):
        @on
        def hear(self, failed: ActorFailed) -> None:
            raise RuntimeError(failed.error)

    cell = bus.spawn(Touchy, None, name="touchy", supervision=Supervision(restarts=5))
    bus.spawn(Worker, [], name="worker")
    teller.do("fail")
    await pass_time(bus, 60)
    assert cell.state is State.QUARANTINED


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("raises", "RuntimeError: too early"),
        ("ends", "RuntimeError: its lifespan ended without a yield"),
        ("cancels", "InterruptedError: its start was cancelled"),
    ],
)
async def test_a_start_that_fails_is_tried_again(
    bus: Bus, witness: Witness, pass_time: PassTime, kind: str, error: str
) -> None:
    starts: list[int] = []

    class Late(Actor[None]):
        async def lifespan(self) -> AsyncGenerator[None, None]:
            starts.append(self.clock.now() // SECOND)
            if len(starts) < 3:
                if kind == "raises":
                    raise RuntimeError("too early")
                if kind == "ends":
                    return
                raise asyncio.CancelledError
            yield

    bus.spawn(Late, None, name="worker", supervision=STEADY)
    await pass_time(bus, 10)
    assert starts == [0, 1, 3]
    assert [failed.error for failed in witness.of(ActorFailed)] == [error] * 2
    assert witness.of(ActorStarted) == [ActorStarted("worker", 2)]


@pytest.mark.parametrize("kind", ["raises", "cancels", "yields again"])
async def test_an_end_that_fails_holds_up_neither_a_restart_nor_a_stop(
    bus: Bus, teller: Teller, pass_time: PassTime, kind: str
) -> None:
    starts: list[str] = []

    class Messy(Worker):
        async def lifespan(self) -> AsyncGenerator[None, None]:
            starts.append("start")
            self.done = []
            yield
            if kind == "raises":
                raise RuntimeError("too late")
            if kind == "cancels":
                raise asyncio.CancelledError
            yield

    cell = bus.spawn(Messy, [], name="worker", supervision=STEADY)
    teller.do("fail")
    await pass_time(bus, 2)
    assert starts == ["start", "start"]
    assert await bus.supervisor.end(cell, 1.0)
    assert cell.state is State.STOPPED


async def test_rest_for_one_restarts_those_spawned_later(
    bus: Bus, witness: Witness, pass_time: PassTime
) -> None:
    group = Group("chain", Together.REST_FOR_ONE)
    for name in ("a", "b", "c"):
        bus.spawn(Worker, [], name=name, scope={"what": name}, supervision=STEADY, group=group)
    bus.spawn(Worker, [], name="alone", scope={"what": "alone"}, supervision=STEADY)

    class Saboteur(Worker):
        @on
        def do(self, do: Do) -> None:
            raise RuntimeError(do.what)

    bus.spawn(Saboteur, [], name="saboteur", scope={"what": "b"}, supervision=STEADY, group=group)
    await bus.started()
    bus.supervisor.failed(bus.cells["b"], RuntimeError("b"))
    await pass_time(bus, 5)
    restarts = {
        name: len(witness.of(ActorStarted, name)) - 1 for name in ("a", "b", "c", "saboteur", "alone")
    }
    assert restarts == {"a": 0, "b": 1, "c": 1, "saboteur": 1, "alone": 0}
    assert len(witness.of(ActorFailed, "c")) == 0, "its budget is its own"


class Lingering(Actor[list[Any]]):
    """Awaits what it is told to."""

    async def lifespan(self) -> AsyncGenerator[None, None]:
        self.life = len(self.params)
        self.gate = asyncio.Event()
        self.params.append("born")
        yield
        self.params.append("buried")

    @on
    async def do(self, do: Do) -> None:
        if do.what == "wait":
            try:
                await self.gate.wait()
            finally:
                self.params.append(("left", self.life))
        elif do.what == "fail":
            raise RuntimeError("as told")
        self.params.append(do.what)

    @on
    async def stop(self, _: Stop) -> None:
        self.gate.set()


async def test_an_async_handler_that_fails_leaves_the_rest_of_the_mailbox(
    bus: Bus, teller: Teller, witness: Witness, pass_time: PassTime
) -> None:
    steps: list[Any] = []
    bus.spawn(Lingering, steps, name="worker", supervision=STEADY)
    teller.do("a", "fail", "b")
    await pass_time(bus, 2)
    assert steps == ["born", "a", "buried", "born", "b"]
    assert [letter.message for letter in witness.of(DeadLetter)] == [Do("fail", 1)]


async def test_a_handler_that_somebody_cancels_has_failed(
    bus: Bus, teller: Teller, witness: Witness, pass_time: PassTime
) -> None:
    steps: list[Any] = []
    cell = bus.spawn(Lingering, steps, name="worker", supervision=STEADY)
    teller.do("wait", "b")
    while cell.working_on is None:
        await pause(0)
    assert cell.worker is not None
    cell.worker.cancel()
    await pass_time(bus, 2)
    assert steps == ["born", ("left", 0), "buried", "born", "b"]
    assert [letter.reason for letter in witness.of(DeadLetter)] == [
        "InterruptedError: its handler was cancelled"
    ]
    assert bus.dispatcher.open_work == 0


async def test_background_work_that_fails_takes_the_handler_with_it(
    bus: Bus, teller: Teller, witness: Witness, pass_time: PassTime
) -> None:
    class Divided(Lingering):
        @on
        async def stop(self, _: Stop) -> None:
            raise AssertionError

        async def lifespan(self) -> AsyncGenerator[None, None]:
            self.life = len(self.params)
            self.gate = asyncio.Event()
            if not self.life:
                self.background(self.doomed())
            self.params.append("born")
            yield
            self.params.append("buried")

        async def doomed(self) -> None:
            while self._cell.working_on is None:
                await pause(0)
            raise RuntimeError("from behind")

    steps: list[Any] = []
    bus.spawn(Divided, steps, name="worker", supervision=STEADY)
    teller.do("wait", "b")
    await pass_time(bus, 2)
    assert steps == ["born", ("left", 0), "buried", "born", "b"]
    assert len(witness.of(ActorFailed)) == 1
    assert [letter.message.what for letter in witness.of(DeadLetter)] == ["wait"]


async def test_a_whole_group_restarts_even_where_a_handler_had_not_begun(
    bus: Bus, teller: Teller, witness: Witness, pass_time: PassTime
) -> None:
    group = Group("chain", Together.REST_FOR_ONE)
    steps: list[Any] = []
    bus.spawn(Worker, [], name="first", scope={"what": "fail"}, supervision=STEADY, group=group)
    bus.spawn(Lingering, steps, name="worker", scope={"what": "a"}, supervision=STEADY, group=group)
    await bus.started()
    teller.do("a", "fail", "a")
    await pass_time(bus, 2)
    assert steps == ["born", "buried", "born", "a", "a"]
    teller.do("a")
    await bus.started()
    assert steps[-1] == "a"
    assert witness.of(DeadLetter) == []
    assert bus.dispatcher.open_work == 0


@pytest.mark.parametrize("how", ["raises", "is cancelled"])
async def test_background_work_that_ends_badly_is_a_failure(
    bus: Bus, witness: Witness, pass_time: PassTime, how: str
) -> None:
    runs: list[int] = []

    class Feeding(Actor[None]):
        async def lifespan(self) -> AsyncGenerator[None, None]:
            self.background(self.feed())
            yield

        async def feed(self) -> None:
            runs.append(1)
            if len(runs) == 1:
                if how == "raises":
                    raise OSError("gone")
                raise asyncio.CancelledError

    bus.spawn(Feeding, None, name="worker", supervision=STEADY)
    await bus.started()
    await pause(0.01)
    await pass_time(bus, 2)
    await pause(0.01)
    assert len(runs) == 2
    error = "OSError: gone" if how == "raises" else "InterruptedError: its background work was cancelled"
    assert [failed.error for failed in witness.of(ActorFailed)] == [error]


async def test_background_work_ends_before_its_actor(bus: Bus) -> None:
    steps: list[str] = []

    class Feeding(Actor[None]):
        async def lifespan(self) -> AsyncGenerator[None, None]:
            self.background(self.feed())
            self.background(self.never())
            yield
            steps.append("buried")

        async def feed(self) -> None:
            try:
                await asyncio.Event().wait()
            finally:
                await pause(0.01)
                steps.append("fed")

        async def never(self) -> None:
            await asyncio.Event().wait()

    cell = bus.spawn(Feeding, None, name="worker")
    await bus.started()
    await pause(0)
    assert await bus.supervisor.end(cell, 1.0)
    assert steps == ["fed", "buried"]


async def test_background_work_that_never_began_leaves_no_trace(bus: Bus, teller: Teller) -> None:
    class Hasty(Actor[None]):
        @on
        def do(self, _: Do) -> None:
            self.background(self.work())
            raise RuntimeError

        async def work(self) -> None:
            raise AssertionError

    bus.spawn(Hasty, None, name="worker")
    teller.do("a")
    await bus.started()
    await pause(0)
    assert bus.vitals().failures == 1


async def test_handlers_may_use_time_outs_and_task_groups(bus: Bus, teller: Teller) -> None:
    results: list[Any] = []

    class Modern(Actor[None]):
        @on
        async def do(self, do: Do) -> None:
            if do.what == "time out":
                try:
                    async with asyncio.timeout(0.01):
                        await asyncio.Event().wait()
                except TimeoutError:
                    results.append("timed out")
            else:
                async with asyncio.TaskGroup() as group:
                    tasks = [group.create_task(self.square(number)) for number in range(3)]
                results.append([task.result() for task in tasks])

        async def square(self, number: int) -> int:
            await pause(0)
            return number**2

    bus.spawn(Modern, None, name="worker")
    teller.do("time out", "group", "time out")
    await bus.started()
    assert results == ["timed out", [0, 1, 4], "timed out"]


async def test_an_actor_that_ends_while_it_starts_leaves_the_bus_quiet(bus: Bus) -> None:
    class Slow(Actor[None]):
        async def lifespan(self) -> AsyncGenerator[None, None]:
            await asyncio.Event().wait()
            yield

    early, late = bus.spawn(Slow, None, name="early"), bus.spawn(Slow, None, name="late")
    assert await bus.supervisor.end(early, 1.0), "its task had not begun"
    await pause(0)
    assert await bus.supervisor.end(late, 1.0)
    await bus.started()
    assert early.state is late.state is State.STOPPED


async def test_a_start_that_will_not_be_cancelled_does_not_rise_from_the_dead(bus: Bus) -> None:
    class Stubborn(Actor[None]):
        async def lifespan(self) -> AsyncGenerator[None, None]:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                await pause(0.01)
            yield

    cell = bus.spawn(Stubborn, None, name="stubborn")
    await pause(0)
    assert await bus.supervisor.end(cell, 1.0)
    assert cell.state is State.STOPPED
    assert cell.lifespan is None


async def test_an_actor_that_ends_while_its_old_life_cleans_up_is_not_born_again(
    bus: Bus, teller: Teller, pass_time: PassTime
) -> None:
    steps: list[Any] = []

    class Tidy(Worker):
        async def lifespan(self) -> AsyncGenerator[None, None]:
            steps.append("born")
            self.done = []
            yield
            steps.append("tidying")
            await asyncio.Event().wait()

    cell = bus.spawn(Tidy, steps, name="worker", supervision=STEADY)
    teller.do("fail")
    passing = asyncio.ensure_future(pass_time(bus, 2))
    while "tidying" not in steps:
        await pause(0)
    assert await bus.supervisor.end(cell, 1.0)
    await passing
    assert steps == ["born", "tidying"]
    assert cell.state is State.STOPPED


async def test_what_is_known_already_is_forgotten(bus: Bus, teller: Teller, pass_time: PassTime) -> None:
    steps: list[Any] = []

    class Careful(Clerk):
        async def lifespan(self) -> AsyncGenerator[None, None]:
            self.done = []
            steps.append(self.forget(lambda message: isinstance(message, Do) and message.what == "old"))
            yield

    bus.spawn(Careful, steps, name="worker", supervision=STEADY)
    await bus.started()
    teller.do("fail", "old", "new", "old")
    await pass_time(bus, 2)
    assert steps == [0, 2, "new"]


async def test_requests_are_not_forgotten(bus: Bus, teller: Teller) -> None:
    class Oblivious(Clerk):
        async def lifespan(self) -> AsyncGenerator[None, None]:
            self.done = []
            await pause(0.01)
            self.forgotten = self.forget(lambda _: True)
            yield

    bus.spawn(Oblivious, [], name="worker")
    teller.do("a", "b")
    assert await teller.ask(GetState()) == {"done": [], "forgotten": 2}


async def test_timers_end_with_the_life_that_made_them(bus: Bus, teller: Teller, pass_time: PassTime) -> None:
    struck: list[Any] = []

    class Clock(Worker):
        @every(10)
        def strike(self) -> None:
            struck.append((self.clock.now() // SECOND, "market"))

        @every(3600, time=Time.SYSTEM)
        def flush(self) -> None:
            raise AssertionError

        @on
        def remind(self, _: Stop) -> None:
            self.after(5, Do("reminder"))

    steps: list[Any] = []
    cell = bus.spawn(Clock, steps, name="worker", supervision=STEADY)
    await bus.started()
    teller.publish(Stop())
    await pass_time(bus, 3)
    teller.do("fail")
    await pass_time(bus, 20)
    assert steps == ["born", "buried", "born"]
    assert struck == [(14, "market")]
    await bus.supervisor.end(cell, 1.0)
    await pass_time(bus, 100)
    assert len(struck) == 1


async def test_failures_are_counted(bus: Bus, teller: Teller) -> None:
    bus.spawn(Worker, [], name="worker")
    teller.do("fail")
    await bus.started()
    vitals = bus.vitals()
    assert (vitals.failures, vitals.dead_letters, vitals.actors) == (1, 1, 3)
