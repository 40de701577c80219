"""An ordered stop: what is under way is done, the youngest ends first, and the deadline holds."""

import asyncio
import subprocess
import sys
import textwrap
import time
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Any

import pytest

from bus import (
    SECOND,
    Actor,
    ActorStopped,
    Bus,
    DeadLetter,
    Event,
    LiveDriver,
    Request,
    Supervision,
    every,
    on,
    pause,
)
from bus.cell import State

pytestmark = pytest.mark.requirement("INT-001", "INT-4.2")

MakeBus = Callable[..., Bus]

ROOT = Path(__file__).parents[2]


class Came(Event):
    number: int = 0


class Flushed(Event):
    who: str


class Save(Request[None]):
    number: int


class Teller(Actor[None]):
    publishes = (Came,)
    asks = (Save,)


async def took(bus: Bus, within: float) -> float:
    """Stop a bus, and return how long that took, in seconds."""
    begun = bus.system.monotonic()
    await bus.stop(within=within)
    return (bus.system.monotonic() - begun) / SECOND


class Chained(Actor[list[Any]]):
    """Says something at its end, and takes its time over what it hears."""

    publishes = (Flushed,)

    async def lifespan(self) -> AsyncGenerator[None, None]:
        yield
        await pause(0.001)
        self.publish(Flushed(self.name))
        self.params.append(f"{self.name} ended")

    @on
    async def hear(self, flushed: Flushed) -> None:
        await pause(0.001)
        self.params.append(f"{self.name} heard {flushed.who}")


async def test_the_youngest_ends_first_and_what_it_says_at_its_end_is_heard(bus_of: MakeBus) -> None:
    bus = bus_of()
    steps: list[Any] = []
    for name in ("oldest", "middle", "youngest"):
        bus.spawn(Chained, steps, name=name)
    await bus.started()
    assert await took(bus, 5.0) < 1.0
    assert [step for step in steps if "ended" in step] == ["youngest ended", "middle ended", "oldest ended"]
    for older, younger in (("middle", "youngest"), ("oldest", "youngest"), ("oldest", "middle")):
        told, heard, over = (
            steps.index(step) for step in (f"{younger} ended", f"{older} heard {younger}", f"{older} ended")
        )
        assert told < heard < over


async def test_what_is_under_way_is_done_first(bus_of: MakeBus) -> None:
    class Store(Actor[list[int]]):
        @on
        async def save(self, save: Save) -> None:
            await pause(0.001)
            self.params.append(save.number)

    class Trader(Actor[None]):
        asks = (Save,)

        @on
        def hear(self, came: Came) -> None:
            self.send(Save(came.number))

    bus = bus_of()
    saved: list[Any] = []
    bus.spawn(Store, saved, name="store")
    bus.spawn(Trader, None, name="trader")
    teller = bus.spawn(Teller, None, name="teller").actor
    for number in range(20):
        teller.publish(Came(number))
    await bus.stop(within=5.0)
    assert saved == list(range(20))


async def test_the_end_of_each_actor_is_a_fact(bus_of: MakeBus) -> None:
    ended: list[str] = []

    class Witness(Actor[None]):
        @on
        def note(self, stopped: ActorStopped) -> None:
            ended.append(stopped.actor)

    bus = bus_of()
    bus.spawn(Witness, None, name="witness")
    for name in ("a", "b"):
        bus.spawn(Teller, None, name=name)
    await bus.stop(within=5.0)
    assert ended == ["b", "a"]
    assert {cell.state for cell in bus.cells.values()} == {State.STOPPED}


async def test_stopping_twice_changes_nothing(bus_of: MakeBus) -> None:
    bus = bus_of()
    steps: list[Any] = []
    bus.spawn(Chained, steps, name="a")
    await bus.stop(within=5.0)
    assert await took(bus, 5.0) < 0.5
    assert steps == ["a ended"]


async def test_an_actor_that_is_spawned_during_the_stop_ends_as_well(bus_of: MakeBus) -> None:
    class Founder(Actor[None]):
        async def lifespan(self) -> AsyncGenerator[None, None]:
            yield
            self._bus.spawn(Teller, None, name="late")

    bus = bus_of()
    bus.spawn(Founder, None, name="founder")
    await bus.stop(within=5.0)
    assert bus.cells["late"].state is State.STOPPED


async def test_a_quarantined_actor_has_cleaned_up_when_the_bus_has_stopped(bus_of: MakeBus) -> None:
    steps: list[str] = []

    class Frail(Actor[None]):
        async def lifespan(self) -> AsyncGenerator[None, None]:
            yield
            await pause(0.02)
            steps.append("clean")

        @on
        def hear(self, _: Came) -> None:
            raise RuntimeError

    bus = bus_of()
    bus.spawn(Frail, None, name="frail", supervision=Supervision(restarts=0))
    teller = bus.spawn(Teller, None, name="teller").actor
    await bus.started()
    teller.publish(Came())
    await bus.stop(within=5.0)
    assert steps == ["clean"]


async def test_an_actor_that_rests_does_not_start_again(bus_of: MakeBus) -> None:
    starts: list[int] = []

    class Frail(Actor[None]):
        async def lifespan(self) -> AsyncGenerator[None, None]:
            starts.append(1)
            yield

        @on
        def hear(self, _: Came) -> None:
            raise RuntimeError

    bus = bus_of(LiveDriver())
    bus.spawn(Frail, None, name="frail", supervision=Supervision(first=0.02))
    teller = bus.spawn(Teller, None, name="teller").actor
    await bus.started()
    teller.publish(Came())
    await pause(0)
    await bus.stop(within=5.0)
    await pause(0.04)
    assert starts == [1]


async def test_a_question_that_is_open_at_the_end_is_refused(bus_of: MakeBus) -> None:
    class Never(Actor[None]):
        @on
        async def save(self, _: Save) -> None:
            await asyncio.Event().wait()

    bus = bus_of()
    bus.spawn(Never, None, name="never")
    teller = bus.spawn(Teller, None, name="teller").actor
    asks = [asyncio.create_task(teller.ask(Save(number))) for number in range(2)]
    await pause(0)
    await bus.stop(within=0.2)
    refusals = await asyncio.gather(*asks, return_exceptions=True)
    assert all("never" in str(refusal) for refusal in refusals)


async def test_a_hung_handler_is_cancelled_within_the_deadline(bus_of: MakeBus) -> None:
    letters: list[DeadLetter] = []
    steps: list[str] = []

    class Morgue(Actor[None]):
        @on
        def receive(self, letter: DeadLetter) -> None:
            letters.append(letter)

    class Hung(Actor[None]):
        async def lifespan(self) -> AsyncGenerator[None, None]:
            yield
            steps.append("clean")

        @on
        async def hear(self, _: Came) -> None:
            await asyncio.Event().wait()

    bus = bus_of()
    bus.spawn(Morgue, None, name="morgue")
    bus.spawn(Hung, None, name="hung")
    for number in range(20):
        bus.spawn(Chained, [], name=f"chained {number}")
    teller = bus.spawn(Teller, None, name="teller").actor
    teller.publish(Came())
    await pause(0.01)
    assert 0.5 <= await took(bus, 1.0) < 1.0
    assert steps == ["clean"]
    assert [(letter.message, letter.reason) for letter in letters] == [
        (Came(), "InterruptedError: its handler was cancelled")
    ]


async def test_many_hung_handlers_leave_time_for_the_others(bus_of: MakeBus) -> None:
    class Hung(Actor[None]):
        @on
        async def hear(self, _: Came) -> None:
            await asyncio.Event().wait()

    steps: list[str] = []

    class Tidy(Actor[None]):
        async def lifespan(self) -> AsyncGenerator[None, None]:
            yield
            await pause(0.1)
            steps.append("tidy")

    bus = bus_of()
    bus.spawn(Tidy, None, name="tidy")
    for number in range(20):
        bus.spawn(Hung, None, name=f"hung {number}")
    bus.spawn(Teller, None, name="teller").actor.publish(Came())
    await pause(0.01)
    assert await took(bus, 1.2) < 1.2
    assert steps == ["tidy"]


async def test_a_handler_that_will_not_be_cancelled_does_not_hold_up_the_stop(bus_of: MakeBus) -> None:
    over = asyncio.Event()

    class Stubborn(Actor[None]):
        @on
        async def hear(self, _: Came) -> None:
            while not over.is_set():
                try:
                    await over.wait()
                except asyncio.CancelledError:
                    continue

    bus = bus_of()
    steps: list[Any] = []
    bus.spawn(Chained, steps, name="old")
    bus.spawn(Stubborn, None, name="stubborn")
    bus.spawn(Teller, None, name="teller").actor.publish(Came())
    await pause(0.01)
    assert await took(bus, 1.6) < 1.6
    assert steps == ["old ended"]
    over.set()
    await pause(0)


async def test_an_end_that_hangs_does_not_hold_up_the_others(bus_of: MakeBus) -> None:
    class Hanging(Actor[None]):
        async def lifespan(self) -> AsyncGenerator[None, None]:
            yield
            await pause(0.6)

    bus = bus_of()
    steps: list[Any] = []
    bus.spawn(Chained, steps, name="old")
    bus.spawn(Hanging, None, name="hanging")
    assert await took(bus, 0.4) < 0.4
    assert steps == ["old ended"]
    await pause(0.5)


async def test_a_five_second_handler_is_waited_for(bus_of: MakeBus) -> None:
    class Slow(Actor[None]):
        @on
        def hear(self, _: Came) -> None:
            time.sleep(5)  # noqa: TID251 - a handler that blocks is the point

    bus = bus_of()
    steps: list[Any] = []
    bus.spawn(Chained, steps, name="old")
    bus.spawn(Slow, None, name="slow")
    teller = bus.spawn(Teller, None, name="teller").actor
    await bus.started()
    teller.publish(Came())
    assert 4.9 <= await took(bus, 8.0) < 8.0
    assert steps == ["old ended"]


async def test_actors_that_keep_each_other_busy_do_not_hold_up_the_stop(bus_of: MakeBus) -> None:
    class Restless(Actor[None]):
        publishes = (Came,)

        @on
        def hear(self, came: Came) -> None:
            self.publish(Came(came.number + 1))

    bus = bus_of()
    steps: list[Any] = []
    bus.spawn(Chained, steps, name="old")
    bus.spawn(Restless, None, name="restless").actor.publish(Came())
    bus.spawn(Chained, steps, name="young")
    assert await took(bus, 1.0) < 1.0
    assert [step for step in steps if "ended" in step] == ["young ended", "old ended"]


async def test_beats_go_on_until_the_end_without_holding_it_up(bus_of: MakeBus) -> None:
    class Beating(Actor[None]):
        @every(0.001)
        async def beat(self) -> None:
            await pause(0.0005)

    bus = bus_of(LiveDriver())
    bus.spawn(Beating, None, name="beating")
    await pause(0.02)
    assert await took(bus, 5.0) < 1.0


async def test_a_stop_that_is_itself_cancelled_does_not_kill_the_process_later(bus_of: MakeBus) -> None:
    class Hung(Actor[None]):
        @on
        async def hear(self, _: Came) -> None:
            await asyncio.Event().wait()

    bus = bus_of()
    bus.spawn(Hung, None, name="hung")
    bus.spawn(Teller, None, name="teller").actor.publish(Came())
    bus.watchdog.start()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await bus.stop(within=2.0)
    await pause(0.01)
    assert bus.watchdog._thread is None
    await bus.stop(within=0.1)


PROGRAM = """
    import asyncio
    import signal
    import time

    from bus import Actor, Bus, Event, LiveDriver, on

    class Came(Event):
        pass

    class Endless(Actor[None]):
        publishes = (Came,)

        @on
        def spin_for_ever(self, _: Came) -> None:
            print("spinning", flush=True)
            while True:
                pass

    async def main() -> None:
        bus = Bus(LiveDriver())
        endless = bus.spawn(Endless, None, name="endless").actor
        await bus.started()
        endless.publish(Came())
        {ending}

    asyncio.run(main())
"""
ENDINGS = {
    "it is stopped": "await bus.stop(within=0.3)",
    "a signal asks for the stop": """
        signal.signal(signal.SIGTERM, lambda *_: bus.watchdog.expect_end(0.3))
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        signal.signal(signal.SIGALRM, lambda *_: signal.raise_signal(signal.SIGTERM))
        await bus.run()
    """,
}


@pytest.mark.parametrize("ending", ENDINGS.values(), ids=ENDINGS)
def test_a_process_in_an_endless_handler_exits_past_the_deadline(ending: str) -> None:
    program = textwrap.dedent(PROGRAM).format(ending=textwrap.indent(textwrap.dedent(ending), "    ").strip())
    ended = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=30, check=False
    )
    assert ended.returncode == 70, ended.stderr
    assert ended.stdout.startswith("spinning\n")
    assert ended.stderr.count("stopping took longer than allowed") == 1
    assert "in spin_for_ever" in ended.stderr
