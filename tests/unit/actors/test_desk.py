"""The desk owns each order's life: journal before the wire, and by the state machine ever after."""

from decimal import Decimal
from typing import Any

import pytest

from actors.desk import Desk
from lts.domain.journal import RecallTradingStates, TradingStatesRecalled
from lts.domain.order_flow import (
    CancelAll,
    CancelOrder,
    ExecType,
    JournalOrder,
    OrderAlarmed,
    OrderChanged,
    OrderFilled,
    OrderJournalled,
    OrderNotJournalled,
    PlaceOrder,
    WithdrawOrder,
)
from lts.domain.order_status import OrderStatus
from lts.domain.plugins import SystemReady
from lts.domain.risk import TradingState
from lts.testing import NOBODY, Bench, WatchfulDesk, market_order
from tests.desks import (
    ID,
    ORDER,
    REGISTER,
    alarms,
    approved,
    desk,
    fill,
    halt,
    recalled,
    report,
    statuses,
    working,
)

pytestmark = pytest.mark.requirement("INT-4.5", "INT-002", "LTS-003")

S = OrderStatus


# From approval to the wire


async def test_the_whole_life_of_an_order() -> None:
    async with desk() as bench:
        await bench.hear(approved())
        assert [type(each) for each in bench.said[2:]] == [JournalOrder, OrderChanged, PlaceOrder]
        assert bench.asked(PlaceOrder) == [PlaceOrder("test", ORDER)]
        await bench.hear(report(ExecType.ACCEPTED), fill("a", 4, 100), fill("b", 6, "101.5", fee="-0.25"))
        assert statuses(bench) == [S.SUBMITTED, S.ACCEPTED, S.PARTIALLY_FILLED, S.FILLED]
        first, second = (each.fill for each in bench.published(OrderFilled))
        assert (first.quantity, first.price, first.fee) == (Decimal(4), Decimal(100), Decimal("0.5"))
        assert (second.quantity, second.price, second.fee) == (Decimal(6), Decimal("101.5"), Decimal("-0.25"))
        assert (first.portfolio, first.broker, first.side, first.currency) == (
            "test",
            "test",
            ORDER.side,
            "USD",
        )
        assert alarms(bench) == []
        assert bench.dead_letters == []


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (ExecType.REJECTED, S.REJECTED),
        (ExecType.CANCELED, S.CANCELED),
        (ExecType.EXPIRED, S.EXPIRED),
    ],
)
async def test_a_venue_may_end_an_order_with_a_reason(kind: ExecType, status: OrderStatus) -> None:
    async with desk() as bench:
        await bench.hear(approved(), report(kind, reason="the venue says so"))
        assert statuses(bench) == [S.SUBMITTED, status]
        assert bench.published(OrderChanged)[-1].reason == "the venue says so"


async def test_an_id_is_journalled_once_whatever_gets_past_risk() -> None:
    async with working() as bench:
        await bench.hear(approved(market_order(quantity=99)))
        assert [each.alarm for each in bench.published(OrderAlarmed)] == ["another order has this id"]
        assert len(bench.asked(JournalOrder)) == 1
        assert statuses(bench) == [S.SUBMITTED, S.ACCEPTED]
        assert bench.actor.records[ID].order.quantity == 10
        bench.dead_letters.clear()


async def test_an_intent_that_was_not_kept_ends_there() -> None:
    async with desk(
        JournalOrder=lambda wanted: OrderNotJournalled(wanted.order, "the disk is full")
    ) as bench:
        await bench.hear(approved())
        assert statuses(bench) == [S.DENIED]
        assert bench.asked(PlaceOrder) == []
        assert bench.published(OrderChanged)[0].reason == "not journalled: the disk is full"


async def test_what_cannot_be_journalled_is_not_sent() -> None:
    async with desk(JournalOrder=OSError("the disk is full")) as bench:
        await bench.hear(approved())
        assert statuses(bench) == [S.DENIED]
        assert "not journalled" in bench.published(OrderChanged)[0].reason
        assert "the disk is full" in bench.published(OrderChanged)[0].reason
        assert bench.asked(PlaceOrder) == []


@pytest.mark.parametrize("scope", ["system", "portfolio:test"])
async def test_a_halt_between_journal_and_wire_stops_the_order(scope: str) -> None:
    async with desk(JournalOrder=None) as bench:
        await bench.hear(approved(), halt(scope))
        await bench.hear(OrderJournalled(ORDER))
        assert statuses(bench) == [S.DENIED]
        assert bench.published(OrderChanged)[0].reason == "trading was halted before the order was sent"
        assert bench.asked(PlaceOrder) == []


async def test_the_halt_of_another_portfolio_or_one_that_is_over_stops_nothing() -> None:
    async with desk(JournalOrder=None) as bench:
        await bench.hear(approved(), halt("portfolio:other"), halt(), halt("system", TradingState.ACTIVE))
        await bench.hear(OrderJournalled(ORDER))
        assert statuses(bench) == [S.SUBMITTED]
        assert bench.asked(PlaceOrder) == [PlaceOrder("test", ORDER)]


async def test_a_halt_of_before_a_restart_still_stands() -> None:
    halted = {RecallTradingStates: TradingStatesRecalled((halt(),))}
    async with Bench(Desk, assignment=REGISTER, answers=halted) as bench:
        await bench.hear(approved())
        assert statuses(bench) == [S.DENIED]


async def test_a_broker_that_is_not_there_means_that_nothing_was_sent() -> None:
    async with desk(PlaceOrder=NOBODY) as bench:
        await bench.hear(approved())
        assert statuses(bench) == [S.SUBMITTED, S.REJECTED]
        assert "no actor owns PlaceOrder" in bench.published(OrderChanged)[-1].reason


async def test_a_broker_that_raises_leaves_the_order_in_doubt() -> None:
    async with desk(PlaceOrder=TimeoutError("the line went dead")) as bench:
        await bench.hear(approved())
        assert statuses(bench) == [S.SUBMITTED, S.UNKNOWN]
        assert "the line went dead" in bench.published(OrderChanged)[-1].reason
        await bench.hear(fill("a", 10))
        assert statuses(bench)[-1] is S.FILLED
        assert alarms(bench) == []


# Cancelling


async def test_a_cancel_goes_to_the_venue_once_and_ends_with_its_word() -> None:
    async with working() as bench:
        await bench.hear(CancelOrder(ID), CancelOrder(ID))
        assert bench.asked(WithdrawOrder) == [WithdrawOrder("test", ID)]
        await bench.hear(report(ExecType.CANCELED))
        assert statuses(bench)[2:] == [S.PENDING_CANCEL, S.CANCELED]
        await bench.hear(CancelOrder(ID))
        assert len(bench.asked(WithdrawOrder)) == 1
        assert alarms(bench) == []


async def test_a_cancel_before_the_wire_means_that_it_is_never_sent() -> None:
    async with desk(JournalOrder=None) as bench:
        await bench.hear(approved(), CancelOrder(ID), OrderJournalled(ORDER))
        assert statuses(bench) == [S.DENIED]
        assert bench.published(OrderChanged)[0].reason == "cancelled before it was sent"
        assert bench.asked(PlaceOrder) == []
        assert bench.asked(WithdrawOrder) == []


async def test_fills_may_cross_a_cancel() -> None:
    async with working() as bench:
        await bench.hear(CancelOrder(ID), fill("a", 4), fill("b", 6))
        assert statuses(bench)[2:] == [S.PENDING_CANCEL, S.PARTIALLY_FILLED, S.PENDING_CANCEL, S.FILLED]
        assert alarms(bench) == []


async def test_an_acceptance_that_crosses_a_cancel_does_not_undo_it() -> None:
    async with desk() as bench:
        await bench.hear(approved(), CancelOrder(ID), report(ExecType.ACCEPTED))
        assert statuses(bench) == [S.SUBMITTED, S.PENDING_CANCEL, S.ACCEPTED, S.PENDING_CANCEL]
        await bench.hear(report(ExecType.CANCELED))
        assert statuses(bench)[-1] is S.CANCELED


async def test_a_cancel_that_was_not_sent_leaves_the_order_as_it_was() -> None:
    async with working(WithdrawOrder=NOBODY) as bench:
        await bench.hear(CancelOrder(ID))
        assert statuses(bench)[2:] == [S.PENDING_CANCEL, S.ACCEPTED]


async def test_a_cancel_that_may_have_been_sent_leaves_the_order_in_doubt() -> None:
    async with working(WithdrawOrder=TimeoutError("no answer")) as bench:
        await bench.hear(CancelOrder(ID))
        assert statuses(bench)[2:] == [S.PENDING_CANCEL, S.UNKNOWN]
        await bench.hear(report(ExecType.CANCELED))
        assert statuses(bench)[-1] is S.CANCELED


async def test_all_of_a_portfolio_or_all_there_is_can_be_cancelled() -> None:
    mine, other, done = ORDER, market_order(portfolio="other"), market_order(number=2)
    async with desk() as bench:
        await bench.hear(approved(mine), approved(other), approved(done))
        await bench.hear(report(ExecType.REJECTED, done.client_order_id))
        await bench.hear(CancelAll("portfolio:test"))
        assert [each.client_order_id for each in bench.asked(WithdrawOrder)] == [mine.client_order_id]
        await bench.hear(CancelAll())
        assert [each.client_order_id for each in bench.asked(WithdrawOrder)] == [
            mine.client_order_id,
            other.client_order_id,
        ]
        assert alarms(bench) == []


async def test_to_cancel_what_never_was_is_a_dead_letter() -> None:
    async with desk() as bench:
        await bench.hear(CancelOrder("never-was-000001"))
        (letter,) = bench.dead_letters
        assert letter.reason == "there is no order never-was-000001"


# Fills


async def test_a_fill_arriving_twice_is_booked_once() -> None:
    async with working() as bench:
        await bench.hear(fill("a", 4), fill("a", 4), fill("a", 6), fill("b", 6), fill("a", 4))
        assert [each.fill.exec_id for each in bench.published(OrderFilled)] == ["a", "b"]
        assert alarms(bench) == []


async def test_the_exec_id_of_another_order_is_alarmed_and_not_booked() -> None:
    other = market_order(quantity=10, number=2)
    async with working() as bench:
        await bench.hear(approved(other), fill("a", 4), fill("a", 4, client_order_id=other.client_order_id))
        assert [each.fill.client_order_id for each in bench.published(OrderFilled)] == [ID]
        assert alarms(bench) == [f"fill a is one of {ID}"]
        assert len(bench.dead_letters) == 1
        assert bench.actor.records[other.client_order_id].filled == 0


async def test_an_exec_id_of_before_a_restart_is_not_booked_for_another_order() -> None:
    other, journal = market_order(quantity=10, number=2), WatchfulDesk()
    async with desk(RecallOrders=journal.recall) as bench:
        known = journal.fill(ORDER, 4).fill.exec_id
        await bench.restart(approved(other), report(ExecType.ACCEPTED))
        await bench.hear(fill(known, 4, client_order_id=other.client_order_id))
        assert alarms(bench) == [f"fill {known} is one of {ID}"]
        assert bench.published(OrderFilled) == []


async def test_an_overfill_is_booked_and_alarmed() -> None:
    async with working() as bench:
        await bench.hear(fill("a", 8), fill("b", 3))
        assert [each.fill.quantity for each in bench.published(OrderFilled)] == [8, 3]
        assert bench.published(OrderFilled)[-1].status is S.FILLED
        assert alarms(bench) == [f"{ID} is overfilled: 11 of 10 after fill b"]


@pytest.mark.parametrize("kind", [ExecType.CANCELED, ExecType.EXPIRED, ExecType.REJECTED])
async def test_a_late_fill_is_booked_and_alarmed(kind: ExecType) -> None:
    async with working() as bench:
        await bench.hear(report(kind), fill("late", 10))
        (filled,) = bench.published(OrderFilled)
        assert (filled.fill.exec_id, filled.status.value) == ("late", kind.value)
        assert alarms(bench) == [f"{ID} was {kind.value} when fill late arrived"]


@pytest.mark.parametrize(
    "more",
    [
        {"price": Decimal(100), "quantity": Decimal(1)},
        {"price": Decimal(100), "exec_id": "a"},
        {"quantity": Decimal(1), "exec_id": "a"},
        {"price": Decimal(100), "quantity": Decimal(0), "exec_id": "a"},
        {"price": Decimal(100), "quantity": Decimal(-1), "exec_id": "a"},
        {"price": Decimal(100), "quantity": Decimal("NaN"), "exec_id": "a"},
        {"price": Decimal("NaN"), "quantity": Decimal(1), "exec_id": "a"},
        {"price": Decimal("Infinity"), "quantity": Decimal(1), "exec_id": "a"},
        {"price": Decimal(1), "quantity": Decimal(1), "fee": Decimal("NaN"), "exec_id": "a"},
    ],
)
async def test_a_fill_without_sense_is_alarmed_and_not_booked(more: dict[str, Any]) -> None:
    async with working() as bench:
        await bench.hear(report(ExecType.FILLED, **more))
        assert bench.published(OrderFilled) == []
        assert len(alarms(bench)) == len(bench.dead_letters) == 1


# What must not be


@pytest.mark.parametrize("kind", ExecType)
async def test_a_report_of_an_order_that_was_never_given_is_alarmed(kind: ExecType) -> None:
    async with working() as bench:
        await bench.hear(report(kind, "never-was-000001", exec_id="a"))
        assert alarms(bench) == ["test was not given this order"]
        assert len(bench.dead_letters) == 1
        assert statuses(bench, "never-was-000001") == []


async def test_a_broker_speaks_only_for_its_own_orders() -> None:
    async with working() as bench:
        await bench.hear(report(ExecType.CANCELED, broker="another"))
        assert alarms(bench) == ["another was not given this order"]
        assert statuses(bench) == [S.SUBMITTED, S.ACCEPTED]


async def test_a_report_against_the_state_machine_changes_nothing_and_the_desk_goes_on() -> None:
    async with working() as bench:
        await bench.hear(report(ExecType.CANCELED), report(ExecType.ACCEPTED))
        assert alarms(bench) == [f"{ID} cannot go from canceled to accepted"]
        (letter,) = bench.dead_letters
        assert letter.message == report(ExecType.ACCEPTED)
        assert statuses(bench)[-1] is S.CANCELED
        assert bench.state == "running"
        other = market_order(number=2)
        await bench.hear(approved(other))
        assert statuses(bench, other.client_order_id) == [S.SUBMITTED]


async def test_the_same_word_twice_is_heard_once() -> None:
    async with working() as bench:
        await bench.hear(report(ExecType.ACCEPTED), report(ExecType.CANCELED), report(ExecType.CANCELED))
        assert statuses(bench) == [S.SUBMITTED, S.ACCEPTED, S.CANCELED]
        assert alarms(bench) == []


# Born again


async def test_a_restart_takes_up_every_order_from_the_journal() -> None:
    journal = WatchfulDesk()
    async with desk(RecallOrders=journal.recall) as bench:
        await bench.hear(approved(), report(ExecType.ACCEPTED), fill("a", 4))
        journal.place(ORDER)
        for each in (report(ExecType.ACCEPTED), fill("a", 4)):
            journal.take(each)
        await bench.restart(fill("a", 4), fill("b", 1))
        await bench.hear(fill("a", 4), fill("c", 5))
        assert [each.fill.exec_id for each in bench.published(OrderFilled)] == ["a", "b", "c"]
        assert statuses(bench)[-1] is S.FILLED
        assert bench.asked(PlaceOrder) == [PlaceOrder("test", ORDER)], "an order is never sent again"
        assert alarms(bench) == []


async def test_an_order_approved_during_a_restart_is_placed_after_it() -> None:
    async with desk() as bench:
        await bench.restart(approved())
        assert statuses(bench) == [S.SUBMITTED]
        assert bench.asked(PlaceOrder) == [PlaceOrder("test", ORDER)]


async def test_a_rejection_that_crosses_a_cancel_ends_the_order() -> None:
    async with working() as bench:
        await bench.hear(CancelOrder(ID))
        await bench.hear(report(ExecType.REJECTED, reason="no such market"))
        assert statuses(bench)[-1] is OrderStatus.REJECTED
        assert alarms(bench) == []


async def test_an_intent_found_at_a_start_is_in_doubt_and_never_sent_again() -> None:
    async with desk(RecallOrders=recalled()) as bench:
        assert statuses(bench) == [S.UNKNOWN]
        assert bench.asked(PlaceOrder) == []
        await bench.hear(report(ExecType.ACCEPTED))
        assert statuses(bench) == [S.UNKNOWN, S.ACCEPTED]


async def test_a_cancel_without_an_end_is_repeated_when_the_system_is_up() -> None:
    async with desk(RecallOrders=recalled(S.SUBMITTED, S.ACCEPTED, S.PENDING_CANCEL)) as bench:
        assert bench.asked(WithdrawOrder) == []
        await bench.hear(SystemReady())
        assert bench.asked(WithdrawOrder) == [WithdrawOrder("test", ID)]
        await bench.hear(report(ExecType.CANCELED))
        assert statuses(bench) == [S.CANCELED]
