"""Turns: a cancel never waits behind new orders, however many there are and however slow the answers."""

import asyncio
import time
from collections.abc import AsyncIterator

import aiolimiter
import pytest

from lts.sdk import Urgency
from lts.web.turns import AT_A_TIME, Turns

pytestmark = pytest.mark.requirement("INT-028")


def turns(rate: float) -> Turns:
    return Turns(rate, lambda each: aiolimiter.AsyncLimiter(each, 1))


class Crowd:
    """Those who want a turn, and who had it."""

    def __init__(self, rate: float) -> None:
        self.turns = turns(rate)
        self.tasks: list[asyncio.Task[None]] = []
        self.had: list[Urgency] = []

    async def come(self, urgency: Urgency, times: int = 1) -> list[asyncio.Task[None]]:
        new = [asyncio.ensure_future(self.have(urgency)) for _ in range(times)]
        self.tasks += new
        await asyncio.sleep(0)  # noqa: TID251 - the machine's time
        return new

    async def have(self, urgency: Urgency) -> None:
        async with self.turns.turn(urgency):
            self.had.append(urgency)

    def go(self) -> None:
        for task in self.tasks:
            task.cancel()


@pytest.fixture
async def crowd() -> AsyncIterator[Crowd]:
    it = Crowd(10)
    yield it
    it.go()


async def test_a_part_of_the_rate_is_kept_for_what_cannot_wait(crowd: Crowd) -> None:
    await crowd.come(Urgency.LATER, 12)
    began = time.monotonic()
    (first,) = await crowd.come(Urgency.FIRST)
    await first
    assert time.monotonic() - began < 0.1
    assert crowd.had.count(Urgency.LATER) == 8


async def test_a_cancel_goes_before_all_orders_and_questions_that_wait(crowd: Crowd) -> None:
    await crowd.come(Urgency.SOON, 8)
    await crowd.come(Urgency.LATER, 20)
    await crowd.come(Urgency.SOON, 20)
    began = time.monotonic()
    (first,) = await crowd.come(Urgency.FIRST)
    await first
    assert time.monotonic() - began < 0.5


async def test_a_question_goes_before_an_order_that_came_earlier() -> None:
    crowd = Crowd(20)
    await crowd.come(Urgency.FIRST, AT_A_TIME[Urgency.FIRST])
    await crowd.come(Urgency.FIRST, 4)
    await crowd.come(Urgency.LATER, 3)
    soon = await crowd.come(Urgency.SOON, 2)
    await asyncio.gather(*soon)
    assert crowd.had.count(Urgency.LATER) <= 1
    crowd.go()


async def test_answers_that_are_slow_keep_no_cancel_waiting() -> None:
    it = turns(1000)
    answered = asyncio.Event()

    async def slow() -> None:
        async with it.turn(Urgency.LATER):
            await answered.wait()

    orders = [asyncio.ensure_future(slow()) for _ in range(100)]
    async with asyncio.timeout(1), it.turn(Urgency.FIRST):
        pass
    answered.set()
    await asyncio.gather(*orders)


async def test_one_who_leaves_the_line_holds_nobody_up() -> None:
    it = turns(5)
    for _ in range(5):
        await it.take(Urgency.FIRST)
    waiting = [asyncio.ensure_future(it.take(Urgency.SOON)) for _ in range(4)]
    await asyncio.sleep(0.01)  # noqa: TID251 - the machine's time
    for each in waiting[:3]:
        each.cancel()
    async with asyncio.timeout(2):
        await waiting[3]
