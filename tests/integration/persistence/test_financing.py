"""What was charged over night is booked once, on both engines, and outlives whoever booked it."""

from decimal import Decimal
from pathlib import Path
from typing import Any, Self

import pytest
from sqlalchemy import text

from actors.desk import Desk
from actors.persistence import guard
from actors.persistence.actor import Persistence
from actors.persistence.storage import Storage
from bus import Actor, Bus, LiveDriver, Supervision, on
from lts.domain.accounts import GetAccount
from lts.domain.financing import FinancingCharged, FinancingReport
from lts.domain.journal import RecallOrders
from lts.domain.market import Instrument
from lts.domain.order_flow import GetOrdersUnderWay, OrdersUnderWay
from lts.domain.reconciliation import RecallCursor, TransactionsSeen
from lts.domain.register import Register
from lts.domain.units import Perform, Performed
from lts.kinds.portfolio import PortfolioAssignment
from lts.refusal import Refused
from plugins.portfolio.fixed_quantity.plugin import FixedQuantity

pytestmark = [
    pytest.mark.requirement("INT-009", "INT-4.6", "LTS-003"),
    pytest.mark.usefixtures("short_logs"),
]

D = Decimal
STEP = D("0.01")
INSTRUMENTS = {"X": Instrument("X", "USD", STEP, STEP), "Y": Instrument("Y", "USD", STEP, STEP, D(3))}


def charged(amount: str = "-1.25", name: str = "7:X", portfolio: str = "p", at: int = 5) -> FinancingCharged:
    return FinancingCharged(portfolio, "venue", "X", D(amount), "USD", name, at)


def report(amount: str = "-1", name: str = "7:X") -> FinancingReport:
    return FinancingReport("venue", "X", D(amount), "USD", name, 5)


async def test_a_charge_is_a_booking_and_comes_back(node: Any) -> None:
    said = (charged(at=7), charged("0.5", "6:X"), charged("-3", "7:X", "q"))
    for each in said:
        node.keeper.note_booking(each)
    await node.keeper.writer.flushed()
    recalled = (await node.client.ask(RecallOrders())).financing
    assert recalled == (said[1], said[2], said[0])
    assert (await node.client.ask(RecallOrders(portfolio="q"))).financing == (said[2],)
    assert (await node.client.ask(RecallOrders(broker="venue"))).financing == recalled
    assert (await node.client.ask(RecallOrders(broker="other"))).financing == ()
    lines = await node.rows(
        "SELECT booking, account, currency, amount FROM ledger_entries WHERE booking LIKE '[\"financing\"%' "
        "AND portfolio_id = (SELECT id FROM portfolios WHERE name = 'q') ORDER BY line"
    )
    assert [(line.account, line.currency, D(line.amount)) for line in lines] == [
        ("cash", "USD", D(-3)),
        ("financing", "USD", D(3)),
    ]
    assert {line.booking for line in lines} == {'["financing","venue","q","7:X"]'}
    assert await node.verify() == ()


@pytest.mark.parametrize(
    ("tampering", "off"),
    [
        ("UPDATE financing_charges SET amount = '-2'", "-0.75"),
        ("DELETE FROM financing_charges", "1.25"),
        ("DELETE FROM ledger_entries WHERE booking LIKE '[\"financing\"%'", "-1.25"),
    ],
)
async def test_a_charge_that_the_ledger_does_not_have_is_found(node: Any, tampering: str, off: str) -> None:
    node.keeper.note_booking(charged())
    await node.keeper.writer.flushed()
    async with node.keeper.engine.connect() as connection:
        with guard.unit(connection):
            async with connection.begin():
                await connection.execute(text(tampering))
    (portfolio_id,) = await node.rows("SELECT id FROM portfolios WHERE name = 'p'")
    found = await node.verify()
    said = f"financing_charges [{portfolio_id[0]}, 'venue', '7:X']: it and its booking differ by {off}"
    assert said in found


async def test_each_charge_is_audited(node: Any) -> None:
    node.keeper.note_booking(charged())
    await node.keeper.writer.flushed()
    rows = await node.rows("SELECT action, who FROM audit_log WHERE entity = 'financing_charges'")
    assert [tuple(row) for row in rows] == [("insert", "desk")]


async def test_a_charge_that_the_journal_has_is_refused_and_told(node: Any) -> None:
    node.keeper.note_booking(charged())
    node.keeper.note_booking(charged("-7"))
    await node.keeper.writer.flushed()
    assert [each.amount for each in (await node.client.ask(RecallOrders())).financing] == [D("-1.25")]
    assert node.keeper.writer.refused == 1
    assert await node.verify() == ()


async def test_time_goes_on_behind_the_last_charge(node_at: Any, database: str, registration: Any) -> None:
    async with node_at(database) as node:
        assert await node.client.ask(Perform(registration, "system")) == Performed()
        node.keeper.note_booking(charged(at=1_000))
        await node.keeper.writer.flushed()
    async with node_at(database) as node:
        assert node.keeper.latest == 1_000


# A process that dies in between


class Venue(Actor[None]):
    """Says what a broker says, and remembers what came of it."""

    publishes = (FinancingReport, TransactionsSeen)
    asks = (Perform, RecallOrders, RecallCursor, GetAccount)


REGISTER = Register(INSTRUMENTS, {}, {("venue", "X"): ("p", "q")})


class Risk(Actor[None]):
    """Answers that no order is under way."""

    @on
    def report(self, wanted: GetOrdersUnderWay) -> OrdersUnderWay:
        return OrdersUnderWay(wanted.portfolio)


class Life:
    """A process with a desk and a database; what it has not committed is gone when it dies."""

    def __init__(self, url: str, state: Path) -> None:
        self.storage = Storage(state, url, environ={})
        state.mkdir(exist_ok=True)
        self.storage.node_keys(create=True)

    async def __aenter__(self) -> Self:
        self.bus = Bus(LiveDriver(), hopeless=(Refused,))
        once = Supervision(restarts=0)
        self.keeper: Any = self.bus.spawn(
            Persistence, self.storage, name="persistence", supervision=once
        ).actor
        self.venue = self.bus.spawn(Venue, None, name="venue").actor
        await self.bus.started()
        return self

    async def begin(self) -> None:
        """Bring up the desk."""
        self.bus.spawn(Desk, None, name="desk", assignment=REGISTER)
        await self.bus.started()

    async def __aexit__(self, *_: object) -> None:
        await self.bus.stop()

    async def known(self) -> list[tuple[str, Decimal | int]]:
        recalled = await self.venue.ask(RecallOrders())
        return [(each.portfolio, each.amount) for each in recalled.financing]

    async def cursor(self) -> str:
        recalled = await self.venue.ask(RecallCursor("venue"))
        return str(recalled.cursor)


async def test_a_kill_between_the_charge_and_the_cursor_books_it_once(
    database: str, tmp_path: Path, registration: Any
) -> None:
    url, state = database, tmp_path / "state"
    async with Life(url, state) as life:
        assert await life.venue.ask(Perform(registration, "system")) == Performed()
        await life.begin()
        life.venue.publish(report("-2"))
        assert await life.known() == [("p", -1), ("q", -1)]
        assert await life.cursor() == ""
    async with Life(url, state) as life:
        await life.begin()
        for _ in range(2):
            life.venue.publish(report("-2"))
        life.venue.publish(report("-4", "8:X"))
        life.venue.publish(TransactionsSeen("venue", "8", 6))
        assert await life.cursor() == "8"
        assert await life.known() == [("p", -1), ("p", -2), ("q", -1), ("q", -2)]


async def test_a_kill_between_two_shares_books_the_other_one_as_well(
    database: str, tmp_path: Path, registration: Any
) -> None:
    url, state = database, tmp_path / "state"
    async with Life(url, state) as life:
        assert await life.venue.ask(Perform(registration, "system")) == Performed()
        kept = FinancingCharged("p", "venue", "X", D(-1), "USD", "7:X", 5)
        life.keeper.note_booking(kept)
        assert await life.known() == [("p", -1)]
    async with Life(url, state) as life:
        await life.begin()
        life.venue.publish(report("-2"))
        assert await life.known() == [("p", -1), ("q", -1)]


async def test_a_portfolio_rebuilds_its_cash_from_the_charges(
    database: str, tmp_path: Path, registration: Any
) -> None:
    async with Life(database, tmp_path / "state") as life:
        assert await life.venue.ask(Perform(registration, "system")) == Performed()
        life.keeper.note_booking(charged())
        there = PortfolioAssignment("p", "ann", "USD", D(10_000), INSTRUMENTS, {"X": "venue", "Y": "venue"})
        allocator: Any = FixedQuantity
        params = FixedQuantity.params_model().model_validate({"quantity": "1"})
        life.bus.spawn(Risk, None, name="risk")
        life.bus.spawn(allocator, params, name="p", assignment=there, scope={"portfolio": "p"})
        await life.bus.started()
        account = await life.venue.ask(GetAccount("p"))
        assert (account.cash, account.equity, account.financing) == (D("9998.75"), D("9998.75"), D("-1.25"))
