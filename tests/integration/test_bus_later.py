"""Answers that are given after the handler has returned: `Later`."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from bus import Actor, Bus, Event, Later, OwnerFailed, Request, Supervision, Undeliverable, on

pytestmark = pytest.mark.requirement("INT-002", "INT-7.1", "INT-8.1")


class Said(Event):
    text: str


class Question(Request[Said]):
    text: str


class Answer(Event):
    """Has the clerk answer everything that waits."""


class Stumble(Event):
    """Has the clerk fail."""


class Clerk(Actor[None]):
    """Answers on demand, in the order of the questions, except for what it knows at once."""

    async def lifespan(self) -> Any:
        self.waiting: list[tuple[Later[Said], Question]] = []
        yield

    @on
    def hear(self, question: Question) -> Later[Said]:
        later: Later[Said] = self.later()
        if question.text == "some day":
            return self.later(holds=False)
        if question.text == "at once":
            later.answer(Said("known"))
            later.answer(Said("twice"))
        elif question.text == "never":
            later.fail("nobody knows")
        else:
            self.waiting.append((later, question))
        return later

    @on
    def answer(self, _: Answer) -> None:
        for later, question in self.waiting:
            later.answer(Said(question.text.upper()))
        self.waiting.clear()

    @on
    def stumble(self, _: Stumble) -> None:
        raise RuntimeError("stumbled")


class Asker(Actor[None]):
    """Sends questions and notes what returns."""

    publishes = (Answer, Stumble)
    asks = (Question,)

    async def lifespan(self) -> Any:
        self.heard: list[str] = []
        yield

    @on
    def note(self, said: Said | Undeliverable) -> None:
        self.heard.append(said.text if isinstance(said, Said) else said.reason)


def both(bus: Bus) -> tuple[Clerk, Asker]:
    clerk = bus.spawn(Clerk, None, name="clerk", supervision=Supervision(restarts=3, first=1.0)).actor
    asker = bus.spawn(Asker, None, name="asker").actor
    assert isinstance(clerk, Clerk)
    assert isinstance(asker, Asker)
    return clerk, asker


async def test_the_answer_comes_when_it_is_given_and_until_then_something_is_under_way(
    bus_of: Callable[..., Bus],
) -> None:
    bus = bus_of()
    clerk, asker = both(bus)
    await bus.started()
    asker.send(Question("a"))
    asker.send(Question("b"))
    bus.dispatcher.drain(100)
    assert (asker.heard, bus.dispatcher.quiet) == ([], False)
    clerk.answer(Answer())
    await bus.started()
    assert (asker.heard, bus.dispatcher.quiet) == (["A", "B"], True)


async def test_what_is_known_at_once_is_answered_at_once_and_only_once(bus_of: Callable[..., Bus]) -> None:
    bus = bus_of()
    _, asker = both(bus)
    await bus.started()
    assert (await asker.ask(Question("at once"))).text == "known"
    with pytest.raises(OwnerFailed, match="nobody knows"):
        await asker.ask(Question("never"))
    assert bus.dispatcher.open_work == 0


async def test_an_owner_that_fails_fails_what_it_has_promised(bus_of: Callable[..., Bus]) -> None:
    bus = bus_of()
    clerk, asker = both(bus)
    await bus.started()
    asker.send(Question("a"))
    asker.publish(Stumble())
    await bus.started()
    assert asker.heard == ["clerk failed or ended before it could answer"]
    assert bus.dispatcher.quiet
    assert clerk.name == "clerk"


async def test_a_stop_waits_for_what_is_promised(bus_of: Callable[..., Bus]) -> None:
    bus = bus_of()
    clerk, asker = both(bus)
    await bus.started()
    asker.send(Question("a"))
    asyncio.get_running_loop().call_later(0.05, clerk.answer, Answer())
    await bus.stop(within=5.0)
    assert asker.heard == ["A"]


async def test_what_nobody_has_to_wait_for_holds_nothing_up(bus_of: Callable[..., Bus]) -> None:
    bus = bus_of()
    _, asker = both(bus)
    await bus.started()
    asker.send(Question("some day"))
    bus.dispatcher.drain(100)
    assert bus.dispatcher.quiet
    await bus.stop(within=1.0)
