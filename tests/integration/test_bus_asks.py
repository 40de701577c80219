"""Questions with one owner: `ask` and `send`, and every way in which there is no answer."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import suppress
from typing import Any

import pytest

from bus import (
    Actor,
    AskCycle,
    AskError,
    AskTimeout,
    Bus,
    DeadLetter,
    Delivery,
    Event,
    OwnerFailed,
    Request,
    Supervision,
    Undeclared,
    Undeliverable,
    Unowned,
    actor,
    on,
    pause,
)

pytestmark = pytest.mark.requirement("INT-002", "INT-7.1", "INT-8.1")

MakeBus = Callable[..., Bus]
PassTime = Callable[[Bus, float], Awaitable[None]]

STEADY = Supervision(restarts=3, first=1.0, jitter=0.0)


class Answered(Event):
    text: str


class Ask(Request[str], key="owner"):
    owner: str
    text: str = ""


class Now(Request[str], key="owner", delivery=Delivery.URGENT):
    owner: str


class Forward(Request[str], key="owner"):
    """Asks its owner to ask the next on the path, in one of several ways."""

    owner: str
    path: tuple[str, ...] = ()
    how: str = "await"


class Asker(Actor[list[Any]]):
    """Asks what a test wants asked, and notes what returns."""

    asks = (Ask, Now, Forward)

    @on
    def hear(self, back: Answered | Undeliverable) -> None:
        self.params.append(back)


class Decider(Actor[Any]):
    """Answers at once."""

    @on
    def answer(self, ask: Ask) -> Any:
        match ask.text:
            case "fail":
                raise RuntimeError("no")
            case "none":
                return None
            case "message":
                return Answered(ask.owner)
            case text:
                return f"{self.name}: {text}"

    @on
    def answer_now(self, _: Now) -> str:
        return "now"


class Waiter(Actor[list[Any]]):
    """Answers when its gate is open."""

    async def lifespan(self) -> AsyncGenerator[None, None]:
        self.gate = asyncio.Event()
        yield

    @on
    async def answer(self, ask: Ask) -> Any:
        match ask.text:
            case "wait":
                await self.gate.wait()
            case "fail":
                raise RuntimeError("no")
            case "message":
                return Answered(ask.owner)
        return f"{self.name}: {ask.text}"


class Relay(Actor[None]):
    asks = (Forward,)

    @on
    async def relay(self, forward: Forward) -> str:
        if not forward.path:
            return self.name
        step: Request[str] = Forward(forward.path[0], forward.path[1:], forward.how)
        match forward.how:
            case "gather":
                answers = await asyncio.gather(self.ask(step), pause(0))
                return f"{self.name} {answers[0]}"
            case "group":
                async with asyncio.TaskGroup() as group:
                    task = group.create_task(self.ask(step))
                return f"{self.name} {task.result()}"
            case "time out":
                async with asyncio.timeout(1.0):
                    answer = await self.ask(step)
                return f"{self.name} {answer}"
        answer = await self.ask(step)
        return f"{self.name} {answer}"


@pytest.fixture
async def bus(bus_of: MakeBus) -> Bus:
    return bus_of()


@pytest.fixture
async def asker(bus: Bus) -> Asker:
    return bus.spawn(Asker, [], name="asker").actor  # type: ignore[return-value]


@pytest.fixture
async def letters(bus: Bus) -> list[DeadLetter]:
    """The dead letters of the bus."""
    found: list[DeadLetter] = []

    class Morgue(Actor[None]):
        @on
        def receive(self, letter: DeadLetter) -> None:
            found.append(letter)

    bus.spawn(Morgue, None, name="morgue")
    return found


@pytest.fixture
async def owner_of(bus: Bus) -> Callable[..., Any]:
    """Spawns the owner of what is addressed to its name."""

    def spawn(kind: Any, name: str = "owner", **how: Any) -> Any:
        return bus.spawn(kind, [], name=name, scope={"owner": name}, **how)

    return spawn


@pytest.mark.parametrize("kind", [Decider, Waiter])
async def test_the_answer_is_what_the_owner_returns(asker: Asker, owner_of: Any, kind: Any) -> None:
    owner_of(kind)
    assert await asker.ask(Ask("owner", "hello")) == "owner: hello"


async def test_none_is_an_answer(asker: Asker, owner_of: Any) -> None:
    owner_of(Decider)
    assert await asker.ask(Ask("owner", "none")) is None


async def test_concurrent_asks_get_their_own_answers(asker: Asker, owner_of: Any) -> None:
    owner_of(Decider, "decider")
    waiter = owner_of(Waiter, "waiter").actor
    asks = [asker.ask(Ask(("decider", "waiter")[number % 2], str(number))) for number in range(20)]
    slow = asyncio.create_task(asker.ask(Ask("waiter", "wait")))
    await pause(0)
    answers = asyncio.gather(*asks)
    await pause(0)
    waiter.gate.set()
    assert await answers == [f"{('decider', 'waiter')[number % 2]}: {number}" for number in range(20)]
    assert await slow == "waiter: wait"


async def test_an_ask_waits_for_its_owner_to_start(bus: Bus, asker: Asker) -> None:
    class Late(Decider):
        async def lifespan(self) -> AsyncGenerator[None, None]:
            await pause(0.01)
            yield

    bus.spawn(Late, None, name="owner")
    assert await asker.ask(Ask("owner", "hello")) == "owner: hello"


async def test_a_deadline_ends_the_waiting_but_not_the_owner(asker: Asker, owner_of: Any) -> None:
    owner = owner_of(Waiter).actor
    with pytest.raises(AskTimeout, match=r"Ask was not answered within 0\.01 s"):
        await asker.ask(Ask("owner", "wait"), within=0.01)
    owner.gate.set()
    assert await asker.ask(Ask("owner", "later")) == "owner: later"


async def test_whoever_stops_waiting_does_not_disturb_the_answer(asker: Asker, owner_of: Any) -> None:
    owner = owner_of(Waiter).actor
    waiting = asyncio.create_task(asker.ask(Ask("owner", "wait")))
    await pause(0.001)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    owner.gate.set()
    assert await asker.ask(Ask("owner", "later")) == "owner: later"


async def test_an_unowned_question_is_refused_and_is_a_dead_letter(
    bus: Bus, asker: Asker, letters: list[DeadLetter]
) -> None:
    with pytest.raises(Unowned, match="no actor owns Ask for 'nobody'"):
        await asker.ask(Ask("nobody"))
    await bus.started()
    assert letters == [DeadLetter(Ask("nobody"), "asker", "no actor owns Ask for 'nobody'")]


@pytest.mark.parametrize("kind", [Decider, Waiter])
async def test_an_owner_that_fails_refuses_the_question_at_once(
    asker: Asker, owner_of: Any, kind: Any, pass_time: PassTime, bus: Bus
) -> None:
    owner_of(kind, supervision=STEADY)
    with pytest.raises(OwnerFailed, match="owner failed: RuntimeError: no"):
        await asker.ask(Ask("owner", "fail"))
    late = asyncio.create_task(asker.ask(Ask("owner", "after")))
    await pause(0)
    assert not late.done(), "it waits for the restart"
    await pass_time(bus, 2)
    assert await late == "owner: after"


async def test_questions_that_wait_for_an_owner_that_fails_are_refused_at_once(
    asker: Asker, owner_of: Any
) -> None:
    owner = owner_of(Waiter, supervision=STEADY).actor
    first = asyncio.create_task(asker.ask(Ask("owner", "wait")))
    await pause(0)
    second = asyncio.create_task(asker.ask(Ask("owner", "fail")))
    third = asyncio.create_task(asker.ask(Ask("owner", "third")))
    await pause(0)
    owner.gate.set()
    assert await first == "owner: wait"
    with pytest.raises(OwnerFailed, match="owner failed: RuntimeError: no"):
        await second
    with pytest.raises(OwnerFailed, match="owner failed before it came to this"):
        await third


@pytest.mark.parametrize(("restarts", "state"), [(0, "quarantined"), (None, "stopped")])
async def test_questions_that_wait_for_an_owner_that_ends_are_refused(
    bus: Bus, asker: Asker, owner_of: Any, restarts: int | None, state: str
) -> None:
    cell = owner_of(Waiter, supervision=Supervision(restarts=0))
    asks = [asyncio.create_task(asker.ask(Ask("owner", text))) for text in ("wait", "b")]
    await pause(0.001)
    if restarts is None:
        await bus.supervisor.end(cell, 1.0)
    else:
        bus.supervisor.failed(cell, RuntimeError("for another reason"))
    answers = await asyncio.gather(*asks, return_exceptions=True)
    assert [type(answer) for answer in answers] == [OwnerFailed, OwnerFailed]
    assert str(answers[0]) == "owner failed: InterruptedError: its handler was cancelled"
    assert str(answers[1]) == f"owner is {state}"
    with pytest.raises(Unowned):
        await asker.ask(Ask("owner", "c"))


@pytest.mark.parametrize("how", ["await", "gather", "group", "time out"])
@pytest.mark.parametrize(
    ("path", "cycle"),
    [
        (("a", "a"), "a -> a"),
        (("a", "b", "a"), "b -> a -> b"),
        (("a", "b", "c", "b"), "c -> b -> c"),
        (("a", "b", "c", "a"), "c -> a -> b -> c"),
    ],
)
async def test_a_cycle_is_refused_at_once(
    bus: Bus, letters: list[DeadLetter], how: str, path: tuple[str, ...], cycle: str
) -> None:
    asker = bus.spawn(Asker, [], name="asker").actor
    for name in "abc":
        bus.spawn(Relay, None, name=name, scope={"owner": name}, supervision=Supervision(restarts=100))
    async with asyncio.timeout(1.0):
        with pytest.raises(OwnerFailed) as refusal:
            await asker.ask(Forward(path[0], path[1:], how))
    expected = f"Forward would wait for itself: {cycle}"
    if how == "group":
        assert "ExceptionGroup" in str(refusal.value)
    else:
        assert expected in str(refusal.value)
    assert expected in {letter.reason for letter in letters}


async def test_two_that_begin_to_ask_each_other_are_a_cycle_as_well(bus: Bus, asker: Asker) -> None:
    class Crossed(Relay):
        @on
        async def relay(self, forward: Forward) -> str:
            await pause(0.001)
            return await super().relay(forward)

    for name in "ab":
        bus.spawn(Crossed, None, name=name, scope={"owner": name}, supervision=Supervision(restarts=100))
    async with asyncio.timeout(1.0):
        refusals = await asyncio.gather(
            asker.ask(Forward("a", ("b",))), asker.ask(Forward("b", ("a",))), return_exceptions=True
        )
    assert all(isinstance(refusal, OwnerFailed) for refusal in refusals)
    assert any("would wait for itself" in str(refusal) for refusal in refusals)


async def test_whoever_has_waited_long_enough_is_in_no_cycle(bus: Bus, asker: Asker) -> None:
    class Impatient(Relay):
        @on
        async def relay(self, forward: Forward) -> str:
            if forward.path:
                with suppress(AskTimeout):
                    await self.ask(Forward("slow", (self.name,)), within=0.01)
                await pause(0.02)
            return self.name

    class Slow(Relay):
        @on
        async def relay(self, forward: Forward) -> str:
            await pause(0.02)
            return await self.ask(Forward(forward.path[0]))

    bus.spawn(Impatient, None, name="impatient", scope={"owner": "impatient"})
    bus.spawn(Slow, None, name="slow", scope={"owner": "slow"})
    assert await asker.ask(Forward("impatient", ("slow",))) == "impatient"
    await bus.started()
    assert bus.vitals().failures == 0


async def test_a_long_way_round_is_no_cycle(asker: Asker, owner_of: Any) -> None:
    for name in "abc":
        owner_of(Relay, name)
    assert await asker.ask(Forward("a", ("b", "c"), "group")) == "a b c"
    assert await asyncio.gather(*(asker.ask(Forward(name)) for name in "aba")) == ["a", "b", "a"]


async def test_a_cycle_can_be_caught_by_whoever_asked(bus: Bus, asker: Asker) -> None:
    class Wise(Actor[None]):
        asks = (Forward,)

        @on
        async def relay(self, _: Forward) -> str:
            try:
                return await self.ask(Forward("wise"))
            except AskCycle:
                return "as I thought"

    bus.spawn(Wise, None, name="wise")
    assert await asker.ask(Forward("wise")) == "as I thought"


async def test_an_actor_that_starts_is_not_asked_back(bus: Bus, owner_of: Any) -> None:
    class Starting(Relay):
        async def lifespan(self) -> AsyncGenerator[None, None]:
            try:
                await self.ask(Forward("b", ("starting",)))
            except OwnerFailed as refusal:
                self.reason = str(refusal)
            yield

    owner_of(Relay, "b")
    starting = owner_of(Starting, "starting").actor
    async with asyncio.timeout(1.0):
        await bus.started()
    assert "Forward would wait for itself: b -> starting -> b" in starting.reason


async def test_what_runs_beside_the_handlers_waits_for_nobody(bus: Bus, asker: Asker) -> None:
    heard: list[Any] = []

    class Free(Actor[None]):
        asks = (Forward, Ask)

        @on
        async def relay(self, forward: Forward) -> str:
            if forward.path:
                self.background(self.ask_oneself())
                self._bus.spawn(Child, None, name="child")
            return "free"

        async def ask_oneself(self) -> None:
            heard.append(await self.ask(Forward("free")))

    class Child(Actor[None]):
        asks = (Forward,)

        async def lifespan(self) -> AsyncGenerator[None, None]:
            heard.append(await self.ask(Forward("free")))
            yield

    bus.spawn(Free, None, name="free")
    assert await asker.ask(Forward("free", ("a child",))) == "free"
    await pause(0.01)
    await bus.started()
    assert heard == ["free", "free"]


async def test_asks_that_are_answered_in_place_leave_time_for_the_others(
    asker: Asker, owner_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(actor, "BREATH", 10)
    owner_of(Decider)
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await pause(0)

    counting = asyncio.create_task(count())
    for _ in range(100):
        await asker.ask(Ask("owner", "hello"))
    counting.cancel()
    assert turns >= 10


async def test_what_an_ask_sets_off_goes_on_after_its_answer(
    bus: Bus, asker: Asker, owner_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(actor, "INLINE", 3)
    chatter: list[str] = []

    class Busy(Decider):
        publishes = (Answered,)

        @on
        def answer(self, ask: Ask) -> str:
            self.publish(Answered(""))
            return ask.text

        @on
        def go_on(self, said: Answered) -> None:
            chatter.append(said.text)
            if len(chatter) < 500:
                self.publish(Answered(said.text + "."))

    owner_of(Busy)
    await bus.started()
    assert await asker.ask(Ask("owner", "hello")) == "hello"
    assert len(chatter) < 500
    async with asyncio.timeout(1.0):
        await bus.started()
    assert len(chatter) == 500


@pytest.mark.parametrize("kind", [Decider, Waiter])
async def test_the_answer_to_a_send_arrives_as_a_message(
    bus: Bus, asker: Asker, owner_of: Any, kind: Any
) -> None:
    owner_of(kind)
    asker.send(Ask("owner", "message"))
    await bus.started()
    assert asker.params == [Answered("owner")]


async def test_a_send_without_an_answer_is_silent(bus: Bus, asker: Asker, owner_of: Any) -> None:
    owner_of(Decider)
    asker.send(Ask("owner", "none"))
    await bus.started()
    assert asker.params == []
    assert bus.vitals().dead_letters == 0


async def test_an_answer_that_its_sender_does_not_hear_is_a_dead_letter(
    bus: Bus, asker: Asker, owner_of: Any, letters: list[DeadLetter]
) -> None:
    owner_of(Decider)
    asker.send(Ask("owner", "text"))
    await bus.started()
    assert letters == [DeadLetter("owner: text", "asker", "asker has no handler for it")]


async def test_a_send_that_nobody_owns_comes_back_undelivered(
    bus: Bus, asker: Asker, letters: list[DeadLetter]
) -> None:
    asker.send(Ask("nobody"))
    await bus.started()
    reason = "no actor owns Ask for 'nobody'"
    assert asker.params == [Undeliverable(Ask("nobody"), reason, False)]
    assert letters == [DeadLetter(Ask("nobody"), "asker", reason)]


@pytest.mark.parametrize("kind", [Decider, Waiter])
async def test_a_send_comes_back_delivered_from_an_owner_that_failed_over_it(
    bus: Bus, asker: Asker, owner_of: Any, kind: Any
) -> None:
    owner_of(kind)
    asker.send(Ask("owner", "fail"))
    await bus.started()
    assert asker.params == [Undeliverable(Ask("owner", "fail"), "owner failed: RuntimeError: no", True)]


async def test_a_send_comes_back_delivered_from_an_owner_that_was_cancelled_over_it(
    bus: Bus, asker: Asker, owner_of: Any
) -> None:
    cell = owner_of(Waiter)
    asker.send(Ask("owner", "wait"))
    await pause(0.001)
    await bus.supervisor.end(cell, 1.0)
    await bus.started()
    assert [(back.request.text, back.delivered) for back in asker.params] == [("wait", True)]


async def test_a_send_comes_back_undelivered_from_an_owner_that_never_saw_it(
    bus: Bus, asker: Asker, owner_of: Any
) -> None:
    owner_of(Decider, supervision=Supervision(restarts=0))
    await bus.started()
    asker.send(Ask("owner", "fail"))
    asker.send(Ask("owner", "next"))
    await bus.started()
    assert [(back.request.text, back.delivered) for back in asker.params] == [("fail", True), ("next", False)]


async def test_a_send_survives_the_restart_of_its_owner(
    bus: Bus, asker: Asker, owner_of: Any, pass_time: PassTime
) -> None:
    owner_of(Decider, supervision=STEADY)
    await bus.started()
    asker.send(Ask("owner", "fail"))
    asker.send(Ask("owner", "message"))
    await pass_time(bus, 2)
    assert asker.params[1:] == [Answered("owner")]


async def test_the_answer_to_a_sender_that_has_ended_is_a_dead_letter(
    bus: Bus, asker: Asker, owner_of: Any, letters: list[DeadLetter]
) -> None:
    owner = owner_of(Waiter).actor
    asker.send(Ask("owner", "wait"))
    asker.send(Ask("owner", "message"))
    await pause(0.001)
    await bus.supervisor.end(asker._cell, 1.0)
    owner.gate.set()
    await bus.started()
    assert (Answered("owner"), "asker is stopped") in [(letter.message, letter.reason) for letter in letters]


async def test_an_urgent_request_overtakes(bus: Bus, asker: Asker, owner_of: Any) -> None:
    order: list[str] = []

    class Ordered(Decider):
        @on
        def answer(self, ask: Ask) -> None:
            order.append(ask.text)

        @on
        def answer_now(self, _: Now) -> None:  # type: ignore[override]
            order.append("now")

    owner_of(Ordered)
    asker.send(Ask("owner", "a"))
    asker.send(Now("owner"))
    await bus.started()
    assert order == ["now", "a"]


async def test_an_actor_s_own_private_names_are_its_own(bus: Bus, owner_of: Any) -> None:
    class Private(Asker):
        def _hear(self) -> None:
            raise AssertionError

        _objection_to = _way_to_owner = _undeclared = _first_with_this_key = _cause = _hear

    owner_of(Decider)
    private = bus.spawn(Private, [], name="private").actor
    private.send(Ask("owner", "message"))
    assert await private.ask(Ask("owner", "hello")) == "owner: hello"
    with pytest.raises(Undeclared):
        private.publish(Answered(""))
    assert private.params == [Answered("owner")]


def test_every_refusal_is_an_ask_error() -> None:
    assert all(issubclass(each, AskError) for each in (Unowned, AskCycle, AskTimeout, OwnerFailed))
    assert not issubclass(Undeclared, AskError)
