"""What is booked in another currency comes back as it was, in each currency, on both engines."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from sqlalchemy import text

from actors.persistence import guard, upkeep
from actors.persistence.forms import booking_id
from lts.domain.accounts import GetAccount
from lts.domain.conversion import Conversion, Conversions
from lts.domain.fills import Fill
from lts.domain.financing import FinancingCharged
from lts.domain.journal import RecallDeposits, RecallOrders
from lts.domain.market import Bar, Instrument
from lts.domain.money import UNROUNDED, ZERO, unrounded
from lts.domain.order_flow import JournalOrder, OrderChanged, OrderFilled
from lts.domain.order_status import OrderStatus
from lts.domain.orders import Side
from lts.domain.units import Perform, Performed, PutInstrument, PutPortfolio, PutUser
from lts.kinds.portfolio import PortfolioAssignment
from lts.testing import Bench, WatchfulDesk, market_order
from plugins.portfolio.fixed_quantity.plugin import FixedQuantity

pytestmark = [
    pytest.mark.requirement("INT-009", "INT-4.6", "LTS-003"),
    pytest.mark.usefixtures("short_logs"),
]

D = Decimal
FOREVER = 2**62
NETTED, HEDGED = ("",), ("a:long", "a:short")
"""The positions that are traded, in turn."""
in_turn = pytest.mark.parametrize("positions", [NETTED, HEDGED], ids=["netted", "hedged"])
DE = Instrument("DE", "EUR", D("0.01"), D("0.01"), D(3))
KNOWN = Perform(
    (
        PutUser("ann"),
        PutInstrument(DE),
        PutPortfolio("p", "ann", "USD", D(10_000), "fixed_quantity", {"quantity": "1"}),
    ),
    "system",
)
RATES = (D("1.1"), D("1.25"), D("0.9999999999999999"), D("1.3"))
CONVERSIONS = Conversions([Conversion("EUR", "USD", instrument="EURUSD")])
TAMPERED = {
    "UPDATE conversion_rates SET rate = '2' WHERE rate = '1.25'": "was converted at another rate than 2",
    "DELETE FROM conversion_rates": "was converted at no rate",
    "UPDATE ledger_entries SET amount = '1' WHERE account = 'conversion' AND currency = 'EUR'": "off by",
}


async def trade(node: Any, numbers: range, positions: Sequence[str] = NETTED) -> list[Fill]:
    """Buy and sell, each at another rate; return what traded."""
    desk, fills = WatchfulDesk("paper", "EUR"), []
    for number in numbers:
        side = Side.SELL if number % 2 else Side.BUY
        order = market_order(side, number, number=number, portfolio="p", instrument="DE", broker="paper")
        order = msgspec.structs.replace(order, position=positions[number % len(positions)])
        await node.client.ask(JournalOrder(order))
        node.client.publish(OrderChanged("p", order.client_order_id, OrderStatus.SUBMITTED, number))
        filled = desk.fill(order, price=100 + number, fee="0.5", at=number)
        fill = msgspec.structs.replace(
            filled.fill, exec_id=f"x{number}", rate=RATES[number % 4], at=filled.fill.at + number
        )
        node.client.publish(OrderFilled("p", fill, filled.status))
        fills.append(fill)
    await node.client.ask(RecallOrders())
    return fills


async def balances(node: Any) -> dict[Any, Decimal]:
    sums: dict[Any, Decimal] = {}
    for row in await node.rows("SELECT account, currency, amount FROM ledger_entries"):
        account = (row.account, row.currency)
        sums[account] = UNROUNDED.add(sums.get(account, ZERO), D(row.amount))
    return {account: amount for account, amount in sums.items() if amount}


def last_rates(fills: Sequence[Fill]) -> dict[str, Decimal]:
    """Return the rate of the last fill of each position."""
    return {fill.position: fill.rate for fill in fills}


@unrounded
def moved(fills: Iterable[Fill]) -> Decimal:
    """Return the cash that came in by fills, in dollars."""
    cash = ZERO
    for fill in fills:
        proceeds = -fill.side.signed(fill.quantity) * fill.price * DE.multiplier
        cash += (proceeds - fill.fee) * fill.rate
    return cash


async def account(node: Any, positions: Sequence[str] = NETTED) -> Any:
    """Return what the portfolio has that is born again from what is stored."""
    assignment = PortfolioAssignment(
        "p",
        "ann",
        "USD",
        D(10_000),
        {"DE": DE},
        {"DE": "paper"},
        hedged={} if positions == NETTED else {"a": "DE"},
        conversions=CONVERSIONS,
    )
    answers = {
        RecallDeposits: await node.client.ask(RecallDeposits("p")),
        RecallOrders: await node.client.ask(RecallOrders(portfolio="p")),
    }
    async with Bench(FixedQuantity, {"quantity": "1"}, assignment=assignment, answers=answers) as bench:
        await bench.hear(Bar("DE", bench.now, bench.now + 1, 100.0, 100.0, 100.0, 100.0, 1.0))
        found = await bench.ask(GetAccount("p"))
        assert bench.actor.book.ledger.total("EUR") == bench.actor.book.ledger.total("USD") == 0
        marks = dict(bench.actor.marks)
    return (
        found.cash,
        found.fees,
        found.realised,
        found.financing,
        found.equity,
        found.positions,
        marks["EURUSD"],
    )


@in_turn
async def test_fills_and_charges_come_back_with_their_rates(
    node_at: Any, database: str, positions: Sequence[str]
) -> None:
    charged = FinancingCharged("p", "paper", "DE", D("-2.5"), "EUR", "1", 5, D("1.2"))
    async with node_at(database) as node:
        assert await node.client.ask(KNOWN) == Performed()
        fills = await trade(node, range(1, 6), positions)
        assert {fill.position for fill in fills} == {*positions}
        node.keeper.note_booking(charged)
        recalled = await node.client.ask(RecallOrders())
        assert recalled.booked == tuple(fills)
        assert recalled.financing == (charged,)
        assert [record.fills for record in recalled.records] == [(fill,) for fill in fills]
        sums = await balances(node)
        cash = sums["cash", "USD"]
        assert sums["conversion", "USD"] == 10_000 - cash
        assert {currency for _, currency in sums} == {"EUR", "USD"}
        assert await node.verify() == ()
        known = await account(node, positions)
        assert known[0] == cash
        assert {each.id for each in known[5]} == {*positions}
    async with node_at(database) as node:
        assert await account(node, positions) == known
        assert (await node.client.ask(RecallOrders(portfolio="p"))).booked == tuple(fills)


@in_turn
async def test_an_archive_keeps_cash_and_equity_in_each_currency(
    node_at: Any, database: str, positions: Sequence[str]
) -> None:
    bookings = {booking_id(("archived", "DE", *filter(None, [position]))): position for position in positions}
    async with node_at(database) as node:
        assert await node.client.ask(KNOWN) == Performed()
        fills = await trade(node, range(1, 5), positions)
        before, known = await balances(node), await account(node, positions)
    for count in (4, 0):
        done = await upkeep.archive(node.storage, FOREVER, "operator")
        assert done.orders == count
        async with node_at(database) as node:
            assert await balances(node) == before
            assert await account(node, positions) == known
            assert await node.verify() == ()
            rates = await node.rows("SELECT booking, rate FROM conversion_rates")
            assert {bookings[row.booking]: D(row.rate) for row in rates} == last_rates(fills)
    async with node_at(database) as node:
        fills += await trade(node, range(5, 8), positions)
        before, known = await balances(node), await account(node, positions)
    assert (await upkeep.archive(node.storage, FOREVER, "operator")).orders == 3
    async with node_at(database) as node:
        assert (await balances(node), await account(node, positions)) == (before, known)
        recalled = await node.client.ask(RecallOrders())
        kept = {each.position.id: each for each in recalled.snapshots if each.converted is not None}
        assert {position: each.rate for position, each in kept.items()} == last_rates(fills)
        for position, each in kept.items():
            assert each.converted == moved(fill for fill in fills if fill.position == position)
        assert moved(fills) == before["cash", "USD"] - 10_000
        assert await node.verify() == ()


@pytest.mark.parametrize("tampering", TAMPERED)
async def test_a_rate_that_is_not_that_of_its_booking_is_found(
    node_at: Any, database: str, tampering: str
) -> None:
    async with node_at(database) as node:
        assert await node.client.ask(KNOWN) == Performed()
        await trade(node, range(1, 3))
        async with node.keeper.engine.connect() as connection:
            with guard.unit(connection):
                async with connection.begin():
                    await connection.execute(text(tampering))
        assert any(TAMPERED[tampering] in each for each in await node.verify())
