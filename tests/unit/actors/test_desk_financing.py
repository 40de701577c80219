"""What venues charge over night reaches the portfolios that held it: all of it, and once."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal

import msgspec
import pytest

from lts.domain.financing import FinancingCharged, FinancingReport, divided
from lts.domain.journal import BalanceSnapshot, OrdersRecalled
from lts.domain.order_flow import ExecType, ExecutionReport
from lts.domain.positions import Position
from lts.domain.reconciliation import CursorMoved, TransactionsSeen, VenueLost
from lts.domain.register import Register
from lts.testing import BEGIN, TEST, market_order
from tests.desks import DeskBench, approved, desk, fails_once, fill, report

pytestmark = pytest.mark.requirement("INT-4.5", "INT-4.6")

SHARED = Register({"TEST": TEST}, {}, {("test", "TEST"): ("one", "two")})


def charge(amount: str = "-1.5", name: str = "7:TEST", **more: str) -> FinancingReport:
    said = {"broker": "test", "instrument": "TEST", "currency": "USD"} | more
    return FinancingReport(amount=Decimal(amount), id=name, at=BEGIN, **said)


def charges(bench: DeskBench) -> list[tuple[str, Decimal | int]]:
    return [(each.portfolio, each.amount) for each in bench.published(FinancingCharged)]


@asynccontextmanager
async def shared(one: int = 3, two: int = 1, **answers: OrdersRecalled) -> AsyncIterator[DeskBench]:
    """A desk of an account that two portfolios trade through."""
    async with desk(SHARED, **answers) as bench:
        await bench.hear(VenueLost("test", "not reached yet", BEGIN))
        for portfolio, quantity in (("one", one), ("two", two)):
            order = market_order(quantity=quantity, portfolio=portfolio)
            await bench.hear(approved(order), accepted(order.client_order_id), fill_of(portfolio, quantity))
        yield bench


def accepted(client_order_id: str) -> ExecutionReport:
    return report(ExecType.ACCEPTED, client_order_id)


def fill_of(portfolio: str, quantity: int) -> ExecutionReport:
    return fill(f"x-{portfolio}", quantity, client_order_id=market_order(portfolio=portfolio).client_order_id)


async def test_a_charge_of_one_portfolios_account_is_all_its_own() -> None:
    async with desk() as bench:
        await bench.hear(charge())
        (said,) = bench.published(FinancingCharged)
        assert said == FinancingCharged("test", "test", "TEST", Decimal("-1.5"), "USD", "7:TEST", BEGIN)


async def test_a_charge_is_divided_among_those_who_hold_it_through_the_account() -> None:
    async with shared(3, 1) as bench:
        await bench.hear(charge("-1"))
        assert charges(bench) == [("one", Decimal("-0.75")), ("two", Decimal("-0.25"))]


async def test_it_is_divided_by_what_was_held_when_it_came() -> None:
    async with shared(3, 1) as bench:
        more = market_order(quantity=2, portfolio="two", number=2)
        await bench.hear(charge("-4"), approved(more), accepted(more.client_order_id))
        await bench.hear(fill("more", 2, client_order_id=more.client_order_id), charge("-6", "8:TEST"))
        assert charges(bench) == [("one", -3), ("two", -1), ("one", -3), ("two", -3)]


async def test_an_account_that_was_never_lost_is_divided_the_same_way() -> None:
    async with desk(SHARED) as bench:
        order = market_order(quantity=2, portfolio="two")
        await bench.hear(approved(order), accepted(order.client_order_id), fill_of("two", 2), charge("-1"))
        assert charges(bench) == [("two", -1)]
        assert list(bench.actor.accounts) == []


async def test_what_was_archived_counts_as_held() -> None:
    held = BalanceSnapshot(Position("one", "TEST", quantity=Decimal(7)), "test", 3, BEGIN)
    async with desk(SHARED, RecallOrders=OrdersRecalled((), (held,))) as bench:
        await bench.hear(charge("-1"))
        assert charges(bench) == [("one", -1)]


async def test_a_venue_that_knows_whose_it_is_is_believed() -> None:
    async with shared(3, 1) as bench:
        await bench.hear(charge(portfolio="two"), charge(portfolio="one"))
        assert charges(bench) == [("two", Decimal("-1.5")), ("one", Decimal("-1.5"))]


async def test_a_charge_that_is_repeated_changes_nothing_also_after_a_restart() -> None:
    async with shared() as bench:
        await bench.hear(charge("-1"), charge("-1"), charge("-2"))
        said = bench.published(FinancingCharged)
        assert len(said) == 2
    recalled = OrdersRecalled((), financing=tuple(said))
    async with desk(SHARED, RecallOrders=recalled) as bench:
        await bench.hear(charge("-1"))
        assert charges(bench) == []
        await bench.hear(charge("-1", "8:TEST"))
        assert charges(bench) == [("one", Decimal("-0.5")), ("two", Decimal("-0.5"))]


async def test_who_was_charged_before_a_kill_is_left_out_and_who_was_not_is_charged() -> None:
    held = tuple(
        BalanceSnapshot(Position(name, "TEST", quantity=Decimal(quantity)), "test", 1, BEGIN)
        for name, quantity in (("one", 3), ("two", 1))
    )
    kept = FinancingCharged("one", "test", "TEST", Decimal("-0.75"), "USD", "7:TEST", BEGIN)
    async with desk(SHARED, RecallOrders=OrdersRecalled((), held, financing=(kept,))) as bench:
        await bench.hear(charge("-1"))
        assert charges(bench) == [("two", Decimal("-0.25"))]


async def test_the_cursor_moves_after_what_was_charged() -> None:
    async with shared() as bench:
        await bench.hear(charge(), TransactionsSeen("test", "7", BEGIN))
        kinds = [type(each) for each in bench.said[-3:]]
        assert kinds == [FinancingCharged, FinancingCharged, CursorMoved]


async def test_nothing_is_no_charge() -> None:
    async with shared() as bench:
        await bench.hear(charge("0.0000"))
        assert charges(bench) == []
        assert bench.dead_letters == []


@pytest.mark.parametrize(
    ("nonsense", "reason"),
    [
        ({"name": ""}, "financing has no id, or no amount that a ledger can hold"),
        ({"amount": "NaN"}, "financing has no id, or no amount that a ledger can hold"),
        ({"instrument": "GOLD"}, "nobody here trades GOLD through test"),
        ({"broker": "other"}, "nobody here trades TEST through other"),
        ({"portfolio": "three"}, "three does not trade TEST through test"),
        ({"currency": "EUR"}, "one is in USD, and nothing converts financing in EUR"),
    ],
)
async def test_what_is_nobodys_is_a_dead_letter_and_is_not_booked(
    nonsense: dict[str, str], reason: str
) -> None:
    async with desk(SHARED) as bench:
        await bench.hear(charge(**nonsense))
        assert charges(bench) == []
        (dead,) = bench.dead_letters
        assert dead.reason == reason


async def test_a_failure_of_the_desk_loses_no_charge(monkeypatch: pytest.MonkeyPatch) -> None:
    async with desk() as bench:
        monkeypatch.setattr("actors.desk.actor.divided", fails_once(divided))
        with pytest.raises(ZeroDivisionError):
            await bench.hear(charge())
        await bench.advance(seconds=60)
        assert charges(bench) == [("test", Decimal("-1.5"))]


def test_a_charge_is_the_same_by_broker_portfolio_and_id() -> None:
    one = FinancingCharged("p", "b", "X", Decimal(1), "USD", "7", BEGIN)
    for other in ({"portfolio": "q"}, {"broker": "c"}, {"id": "8"}):
        assert msgspec.structs.replace(one, **other).uid != one.uid
    assert msgspec.structs.replace(one, amount=Decimal(2), at=1).uid == one.uid
