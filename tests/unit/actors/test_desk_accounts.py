"""The desk holds what a venue elsewhere reports against its books, and lets an operator approve the rest."""

from decimal import Decimal

import pytest

from actors.desk import Desk
from lts.domain.journal import BalanceSnapshot, OrdersRecalled, RecallOrders
from lts.domain.order_flow import CancelOrder, ExecType, OrderChanged, OrderFilled
from lts.domain.orders import Side
from lts.domain.positions import Position
from lts.domain.reconciliation import (
    AccountApproved,
    AccountNotApproved,
    AccountState,
    AccountStateChanged,
    ApproveAccount,
    CursorMoved,
    PositionAdjusted,
    TransactionsSeen,
    VenueLost,
    VenueOrder,
)
from lts.domain.register import Register
from lts.testing import BEGIN, TEST, Bench, WatchfulDesk
from tests.desks import (
    ID,
    ORDER,
    DeskBench,
    alarms,
    approved,
    desk,
    fill,
    hear_at_once,
    queried,
    report,
    stock,
    withdrawn,
    working,
)

pytestmark = pytest.mark.requirement("INT-4.5", "INT-4.6", "INT-002", "LTS-003")

READY, DIFFERS, LOST = AccountState.READY, AccountState.DIFFERS, AccountState.LOST
FOREIGN = VenueOrder("", "v7", "TEST", Side.BUY, Decimal(1))
APPROVE = ApproveAccount("test", "ann")


def states(bench: DeskBench) -> list[AccountState]:
    return [each.state for each in bench.published(AccountStateChanged)]


def why(bench: DeskBench) -> str:
    return bench.published(AccountStateChanged)[-1].reason


async def test_a_venue_here_has_no_account_to_be_trusted() -> None:
    async with working() as bench:
        await bench.hear(fill("a", 10))
        assert states(bench) == []


async def test_an_account_that_agrees_is_ready_and_that_is_told_once() -> None:
    async with working() as bench:
        await bench.hear(fill("a", 4), stock(ORDER, held=4), stock(ORDER, held=4))
        assert bench.published(AccountStateChanged) == [AccountStateChanged("test", READY, "", BEGIN)]
        assert (queried(bench), withdrawn(bench), alarms(bench)) == ([], [], [])


async def test_what_differs_in_the_first_report_counts_at_once() -> None:
    async with desk() as bench:
        await bench.hear(stock(held=5))
        assert states(bench) == [DIFFERS]
        assert why(bench) == "TEST: 0 here, 5 at the venue"


async def test_of_an_account_that_was_ready_it_has_to_be_seen_twice() -> None:
    async with desk() as bench:
        await bench.hear(stock(), stock(held=5))
        assert states(bench) == [READY]
        await bench.hear(stock(held=5))
        assert states(bench) == [READY, DIFFERS]
        await bench.hear(stock(held=5), stock())
        assert states(bench) == [READY, DIFFERS, READY]


async def test_a_fill_that_comes_after_the_report_was_under_way() -> None:
    async with working() as bench:
        await bench.hear(stock(ORDER), stock(held=10), fill("a", 10), stock(held=10))
        assert states(bench) == [READY]


async def test_a_fill_is_counted_once_however_often_it_is_reported() -> None:
    async with working() as bench:
        await bench.hear(stock(ORDER), fill("a", 4), fill("a", 4), fill("b", 6), fill("a", 4))
        assert bench.actor.accounts.folded("test").held == {"TEST": 10}


async def test_a_report_invents_no_trade() -> None:
    async with working() as bench:
        await bench.hear(stock(held=10), stock(held=10))
        assert bench.published(OrderFilled) == []
        assert bench.published(PositionAdjusted) == []
        assert bench.actor.accounts.folded("test").held.get("TEST", 0) == 0


async def test_to_reconcile_twice_changes_nothing() -> None:
    async with working() as bench:
        await bench.hear(stock(FOREIGN, held=5))
        facts = (OrderChanged, OrderFilled, PositionAdjusted, AccountStateChanged)
        told = [each for each in bench.said if isinstance(each, facts)]
        await bench.hear(stock(FOREIGN, held=5), stock(FOREIGN, held=5))
        assert [each for each in bench.said if isinstance(each, facts)] == told


async def test_a_foreign_order_makes_an_account_differ() -> None:
    async with desk() as bench:
        await bench.hear(stock(FOREIGN))
        assert (states(bench), why(bench)) == ([DIFFERS], "order v7 is not one of ours")
        assert withdrawn(bench) == []


async def test_an_order_that_is_open_there_and_over_here_is_withdrawn() -> None:
    async with working() as bench:
        await bench.hear(report(ExecType.CANCELED), stock(ORDER))
        assert (states(bench), why(bench)) == ([DIFFERS], f"{ID} is open at the venue and over here")
        assert withdrawn(bench) == [ID]


async def test_an_order_that_the_venue_does_not_have_is_asked_after() -> None:
    async with working() as bench:
        await bench.hear(stock())
        assert queried(bench) == [ID]
        assert states(bench) == [READY]
        await bench.hear(report(ExecType.CANCELED))
        assert alarms(bench) == []


async def test_an_account_can_be_lost_and_found() -> None:
    async with desk() as bench:
        await bench.hear(stock(), VenueLost("test", "no route", BEGIN), VenueLost("test", "no route", BEGIN))
        assert (states(bench), why(bench)) == ([READY, LOST], "no route")
        await bench.hear(stock())
        assert states(bench) == [READY, LOST, READY]


async def test_accounts_are_known_apart() -> None:
    async with working() as bench:
        await bench.hear(fill("a", 4), VenueLost("other", "no route", BEGIN), stock(ORDER, held=4))
        assert [(each.broker, each.state) for each in bench.published(AccountStateChanged)] == [
            ("other", LOST),
            ("test", READY),
        ]


async def test_what_was_archived_counts_in_the_account() -> None:
    archived = Position("test", "TEST", quantity=Decimal(7))
    elsewhere = Position("test", "TEST", quantity=Decimal(100))
    kept = OrdersRecalled(
        (), (BalanceSnapshot(archived, "test", 3, 1), BalanceSnapshot(elsewhere, "b", 3, 1))
    )
    async with desk(RecallOrders=kept) as bench:
        await bench.hear(approved(), fill("a", 10), stock(held=17))
        assert states(bench) == [READY]


async def test_after_a_restart_the_account_holds_what_was_filled_and_adjusted_before() -> None:
    journal = WatchfulDesk()
    async with working() as bench:
        journal.fill(ORDER, 4)
        adjusted = PositionAdjusted("test", "TEST", "test", Decimal(-1), Decimal(0), "1: r", "why", BEGIN)
        recalled = journal.recall(RecallOrders())
        bench.answers[RecallOrders] = OrdersRecalled(recalled.records, (), (*recalled.booked, adjusted))
        await bench.restart()
        await bench.hear(stock(held=3))
        assert states(bench) == [READY]


# Approval


async def test_an_approval_books_the_difference_and_the_account_is_ready() -> None:
    async with desk() as bench:
        await bench.hear(stock(FOREIGN, held=5, cursor="42", price=101))
        answer = await bench.ask(APPROVE)
        assert isinstance(answer, AccountApproved)
        assert answer.foreign_orders == ("v7",)
        (adjusted,) = bench.published(PositionAdjusted)
        assert answer.adjustments == (adjusted,)
        assert (adjusted.portfolio, adjusted.reason) == ("test", "approved by ann")
        assert [adjusted.quantity, adjusted.price] == [Decimal(5), Decimal(101)]
        assert states(bench) == [DIFFERS, READY]
        await bench.hear(stock(FOREIGN, held=5), stock(FOREIGN, held=5))
        assert states(bench) == [DIFFERS, READY]
        assert len(bench.published(PositionAdjusted)) == 1


async def test_a_fill_between_report_and_approval_is_not_adjusted_away() -> None:
    async with working() as bench:
        await bench.hear(stock(ORDER, held=2), fill("a", 10))
        await bench.ask(APPROVE)
        assert [each.quantity for each in bench.published(PositionAdjusted)] == [2]
        assert states(bench) == [DIFFERS, READY]
        assert isinstance(await bench.ask(APPROVE), AccountNotApproved)
        await bench.hear(stock(held=12))
        assert states(bench) == [DIFFERS, READY]


async def test_an_order_that_is_over_here_cannot_be_approved() -> None:
    async with working() as bench:
        await bench.hear(report(ExecType.CANCELED), stock(ORDER))
        await bench.ask(APPROVE)
        assert states(bench) == [DIFFERS], "it is withdrawn until it is gone"
        await bench.hear(stock())
        assert states(bench) == [DIFFERS, READY]


@pytest.mark.parametrize("traders", [(), ("test", "other")])
async def test_what_belongs_to_no_portfolio_or_to_two_is_not_approved(traders: tuple[str, ...]) -> None:
    register = Register({"TEST": TEST}, {}, {("test", "TEST"): traders} if traders else {})
    async with desk(register) as bench:
        await bench.hear(stock(held=5))
        answer = await bench.ask(APPROVE)
        assert answer == AccountNotApproved(
            f"{len(traders)} portfolios trade TEST through test, "
            "so that it cannot be told whose the difference is"
        )
        assert (states(bench), bench.published(PositionAdjusted)) == ([DIFFERS], [])


@pytest.mark.parametrize("broker", ["test", "nowhere"])
async def test_there_is_nothing_to_approve_where_all_is_well(broker: str) -> None:
    async with desk() as bench:
        await bench.hear(stock())
        answer = await bench.ask(ApproveAccount(broker, "ann"))
        assert answer == AccountNotApproved(f"nothing of account:{broker} waits for an approval")


# The cursor


async def test_the_cursor_moves_after_what_came_before_it() -> None:
    async with working() as bench:
        await bench.hear(fill("a", 4), TransactionsSeen("test", "8", BEGIN), report(ExecType.CANCELED))
        kinds = [type(each) for each in bench.said[-3:]]
        assert kinds == [OrderFilled, CursorMoved, OrderChanged]
        assert bench.published(CursorMoved) == [CursorMoved("test", "8", BEGIN)]


async def test_the_cursor_does_not_overtake_what_waits_before_it() -> None:
    async with working() as bench:
        seen = TransactionsSeen("test", "8", BEGIN)
        await hear_at_once(bench, fill("a", 4), report(ExecType.EXPIRED), seen)
        assert [type(each) for each in bench.said[-3:]] == [OrderFilled, OrderChanged, CursorMoved]


async def test_the_desk_begins_without_an_account() -> None:
    async with Bench(Desk, assignment=Register()) as bench:
        await bench.hear(CancelOrder(ID))
        bench.dead_letters.clear()
        assert list(bench.actor.accounts) == []
