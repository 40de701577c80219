"""When the desk has stood down, nothing is on its way to a venue, or it is said that this cannot be told."""

import asyncio

import pytest

from lts.domain.order_flow import (
    CancelOrder,
    ExecType,
    ExecutionReport,
    OrderJournalled,
    PlaceOrder,
    StandDown,
    StoodDown,
)
from lts.domain.order_status import OrderStatus
from lts.domain.risk import TradingState
from lts.testing import market_order
from tests.desks import (
    ID,
    ORDER,
    DeskBench,
    alarms,
    approved,
    desk,
    fill,
    halt,
    modification,
    placed,
    report,
    statuses,
    withdrawn,
    working,
)

pytestmark = pytest.mark.requirement("INT-4.5", "INT-002", "LTS-003")

S = OrderStatus
OTHER = market_order(number=2)


async def stand_down(
    bench: DeskBench, scope: str = "system", within_s: float = 5.0
) -> "asyncio.Task[StoodDown]":
    """Have the desk stand down, and leave it to itself until it has nothing to do."""
    standing = asyncio.ensure_future(bench.ask(StandDown(scope, within_s)))
    for _ in range(20):
        await asyncio.sleep(0)  # noqa: TID251 - gives the loop to whoever asks
    return standing


async def test_a_desk_with_nothing_on_its_way_stands_down_at_once() -> None:
    async with desk() as bench:
        assert await bench.ask(StandDown("system")) == StoodDown("system", (), ())


async def test_what_works_is_cancelled_and_named() -> None:
    async with working() as bench:
        assert await bench.ask(StandDown("system")) == StoodDown("system", (ID,), ())
        assert withdrawn(bench) == [ID]
        assert statuses(bench)[-1] is S.PENDING_CANCEL


@pytest.mark.parametrize(
    ("answer", "stood"),
    [
        (report(ExecType.ACCEPTED), StoodDown("system", (ID,), ())),
        (report(ExecType.CANCELED), StoodDown("system", (), ())),
        (report(ExecType.REJECTED), StoodDown("system", (), ())),
        (report(ExecType.ABSENT), StoodDown("system", (), ())),
        (fill("a", 4), StoodDown("system", (ID,), ())),
        (fill("a", 10), StoodDown("system", (), ())),
        (report(ExecType.UNKNOWN), StoodDown("system", (), (ID,))),
    ],
)
async def test_it_waits_for_the_word_of_the_venue_on_what_is_on_its_way(
    answer: ExecutionReport, stood: StoodDown
) -> None:
    async with desk() as bench:
        await bench.hear(approved())
        standing = await stand_down(bench)
        assert not standing.done()
        assert withdrawn(bench) == [ID]
        await bench.hear(answer)
        assert await standing == stood
        assert alarms(bench) == []


async def test_after_the_deadline_it_says_that_it_cannot_be_told() -> None:
    async with desk() as bench:
        await bench.hear(approved())
        standing = await stand_down(bench, within_s=3.0)
        await bench.advance(2.9)
        assert not standing.done()
        await bench.advance(0.2)
        assert await standing == StoodDown("system", (), (ID,))
        await bench.hear(report(ExecType.ACCEPTED))
        assert statuses(bench)[-1] is S.PENDING_CANCEL, "what is accepted late is cancelled all the same"
        await bench.hear(report(ExecType.CANCELED))


async def test_an_order_whose_broker_failed_is_not_waited_for() -> None:
    async with desk() as bench:

        def fail_meanwhile(_: PlaceOrder) -> TimeoutError:
            bench._voice.send(StandDown("system"))
            return TimeoutError("the line went dead")

        bench.answers[PlaceOrder] = fail_meanwhile
        await bench.hear(approved())
        assert statuses(bench) == [S.SUBMITTED, S.PENDING_CANCEL, S.UNKNOWN]
        assert bench.actor.orders.standing_down == {}, "it was answered"


@pytest.mark.parametrize("scope", ["system", "user:ann", "portfolio:test", "account:test"])
async def test_nothing_of_the_scope_goes_on_the_wire_any_more(scope: str) -> None:
    async with desk(JournalOrder=None) as bench:
        await bench.hear(approved())
        assert await bench.ask(StandDown(scope)) == StoodDown(scope, (), ()), "it has not been sent"
        await bench.hear(OrderJournalled(ORDER), approved(OTHER), OrderJournalled(OTHER))
        assert statuses(bench) == statuses(bench, OTHER.client_order_id) == [S.DENIED]
        assert placed(bench) == []


async def test_what_was_wished_away_is_not_sent_although_the_halt_is_over() -> None:
    async with desk(JournalOrder=None) as bench:
        await bench.hear(approved(), StandDown("system"), halt(state=TradingState.ACTIVE))
        await bench.hear(OrderJournalled(ORDER), approved(OTHER), OrderJournalled(OTHER))
        assert placed(bench) == [OTHER.client_order_id]


async def test_another_scope_is_left_alone() -> None:
    other = market_order(portfolio="other")
    async with desk() as bench:
        await bench.hear(approved(), approved(other), report(ExecType.ACCEPTED))
        assert await bench.ask(StandDown("portfolio:test")) == StoodDown("portfolio:test", (ID,), ())
        assert statuses(bench, other.client_order_id) == [S.SUBMITTED]
        assert withdrawn(bench) == [ID]


async def test_two_who_ask_are_both_answered() -> None:
    async with desk() as bench:
        await bench.hear(approved())
        one, two = await stand_down(bench), await stand_down(bench)
        await bench.hear(report(ExecType.REJECTED))
        assert await one == await two == StoodDown("system", (), ())


async def test_an_order_that_is_being_modified_is_cancelled_when_that_is_over() -> None:
    async with working() as bench:
        await bench.hear(modification())
        assert await bench.ask(StandDown("system")) == StoodDown("system", (ID,), ())
        await bench.hear(report(ExecType.UPDATE_REJECTED))
        assert withdrawn(bench) == [ID]


async def test_an_order_whose_cancel_crossed_it_counts_as_on_its_way() -> None:
    async with desk() as bench:
        await bench.hear(approved(), CancelOrder(ID))
        standing = await stand_down(bench)
        assert not standing.done()
        await bench.hear(report(ExecType.CANCELED))
        assert await standing == StoodDown("system", (), ())
