"""The persistence actor on a bus: it answers when it is on disk, and recalls all of it."""

import asyncio
import inspect
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, event, make_url
from sqlalchemy.ext.asyncio import create_async_engine

import lts.domain
from actors.journal import MemoryJournal
from actors.persistence import one_hop
from bus import Bus, DeadLetter, LiveDriver, pause
from bus.message import Event, Message, Request
from lts.domain.fills import Fill
from lts.domain.journal import Deposit, RecallDeposits, RecallOrders, RecallTradingStates
from lts.domain.loss_marks import LossesMarked, LossMarks, RecallLossMarks
from lts.domain.market import Instrument
from lts.domain.money import ZERO, unrounded
from lts.domain.order_flow import (
    JournalOrder,
    OrderChanged,
    OrderDenied,
    OrderFilled,
    OrderJournalled,
    OrderNotJournalled,
)
from lts.domain.order_record import OrderRecord
from lts.domain.order_status import TRANSITIONS, OrderStatus
from lts.domain.orders import ApprovedOrder, Order, OrderType, Side, TimeInForce
from lts.domain.plugins import SystemReady
from lts.domain.portfolio import Book
from lts.domain.risk import JournalTradingState, TradingState, TradingStateChanged
from lts.domain.storage import GetStorage
from lts.domain.units import (
    NotPerformed,
    Perform,
    Performed,
    PutInstrument,
    PutPortfolio,
    PutUser,
    RecordCharge,
)

pytestmark = pytest.mark.requirement("INT-007", "INT-5.2", "INT-7.2")

S = OrderStatus
SECOND = 1_000_000_000
BEGIN = 1_700_000_000 * SECOND
FILL_STATES = {S.PARTIALLY_FILLED, S.FILLED}
STEP = Decimal("0.01")
INSTRUMENTS = (
    Instrument("X", "USD", STEP, STEP),
    Instrument("Y", "USD", STEP, STEP, Decimal(3)),
)
OURS = ("actors.", "bus.", "lts.")
INNARDS = ("sqlalchemy", "aiosqlite", "asyncpg", "alembic", "actors.persistence")

_numbers = count(1)


def order(
    number: int,
    portfolio: str = "p",
    instrument: str = "X",
    *,
    quantity: Any = 10,
    side: Side = Side.BUY,
    broker: str = "paper",
) -> ApprovedOrder:
    """Return an order that has passed risk."""
    name = f"{portfolio}-{instrument}-{number:06}"
    market, gtc = OrderType.MARKET, TimeInForce.GTC
    at = BEGIN + number
    return ApprovedOrder(name, portfolio, instrument, broker, side, Decimal(quantity), market, None, gtc, at)


def fill(of: Order, exec_id: str, quantity: Any, price: Any, at: int) -> Fill:
    """Return an execution of an order."""
    whose = (of.portfolio, of.instrument, of.broker, of.client_order_id, exec_id, of.side)
    amounts = (Decimal(quantity), Decimal(price), Decimal("0.07"))
    return Fill(*whose, *amounts, "USD", at, position=of.position)


def changed(of: Order, status: OrderStatus, at: int = BEGIN) -> OrderChanged:
    return OrderChanged(of.portfolio, of.client_order_id, status, at)


def told(record: OrderRecord) -> Any:
    """Return all that a record says; one that was denied is of no other use to anybody."""
    fields = msgspec.structs.astuple(record.order)
    may_trade = isinstance(record.order, ApprovedOrder)
    assert may_trade or record.status is S.DENIED
    return fields, record.status, record.filled, record.history, record.fills


class Play:
    """Says what a desk and a risk gate would say of orders, in an order that is legal and at random."""

    def __init__(self, portfolios: Sequence[str]) -> None:
        self.portfolios = portfolios
        self.records: dict[int, OrderRecord] = {}
        self.said: list[Any] = []
        self.now = BEGIN
        self.execs = 0

    def step(self, slot: int, choice: int, amount: int) -> None:
        """Have something happen to the order in a slot; a new one takes the place of one that is closed."""
        self.now += SECOND
        record = self.records.get(slot)
        if record is None or (record.status.is_closed and choice % 3):
            self._begin(slot, choice, amount)
            return
        status = record.status
        legal = sorted(TRANSITIONS[status] - FILL_STATES)
        fills = status not in {S.INITIALIZED, S.DENIED}
        if fills and (not legal or choice % 2):
            self._fill(record, choice, amount)
        elif legal:
            to = legal[choice // 2 % len(legal)]
            record.advance(to, self.now)
            self.said.append(changed(record.order, to, self.now))

    def _begin(self, slot: int, choice: int, amount: int) -> None:
        portfolio = self.portfolios[choice % len(self.portfolios)]
        side = Side.SELL if choice % 5 < 2 else Side.BUY
        new = order(
            next(_numbers), portfolio, "XY"[slot % 2], quantity=amount, side=side, broker=f"paper {slot % 2}"
        )
        position = ("trend:long", "trend:short", "other")[amount % 3] if slot % 2 else ""
        new = msgspec.structs.replace(new, created_at=self.now, position=position)
        record = self.records[slot] = OrderRecord(new)
        if choice % 11 == 0:
            record.advance(S.DENIED, self.now)
            self.said.append(OrderDenied(portfolio, Order(*msgspec.structs.astuple(new)), "no", self.now))
            return
        self.said.append(JournalOrder(new))
        if choice % 13 == 0:  # risk denies a second order of this id
            self.said.append(OrderDenied(portfolio, Order(*msgspec.structs.astuple(new)), "twice", self.now))
        if choice % 7 == 0:
            state = list(TradingState)[amount % 3]
            held = TradingStateChanged(f"portfolio:{portfolio}", state, "why not", self.now)
            self.said.append(JournalTradingState(held))

    def _fill(self, record: OrderRecord, choice: int, amount: int) -> None:
        self.execs += 1
        exec_id = f"{record.order.client_order_id}-{self.execs}"
        one = fill(record.order, exec_id, Decimal(amount) / 4, Decimal(choice + 1) / 7, self.now)
        one = msgspec.structs.replace(one, price=one.price.quantize(STEP))
        record.book(one)
        self.said.append(OrderFilled(record.order.portfolio, one, record.status))


@pytest.fixture
async def remembering(
    short_logs: None,  # noqa: ARG001
) -> AsyncIterator[Callable[[Sequence[Any], Sequence[Request[Any]]], Any]]:
    """Has a journal in memory hear the same, and returns what it recalls."""
    buses: list[Bus] = []

    async def remember(said: Sequence[Any], requests: Sequence[Request[Any]]) -> list[Any]:
        bus = Bus(LiveDriver())
        buses.append(bus)
        journal = bus.spawn(MemoryJournal, None, name="journal").actor
        assert isinstance(journal, MemoryJournal)
        await bus.started()
        for each in said:
            if isinstance(each, JournalOrder):
                journal.keep(each)
            elif isinstance(each, JournalTradingState):
                journal.keep_state(each)
            else:
                journal.note(each)
        return [
            journal.recall_states(each) if isinstance(each, RecallTradingStates) else journal.recall(each)  # type: ignore[arg-type]
            for each in requests
        ]

    yield remember
    for bus in buses:
        await bus.stop()


async def say(node: Any, said: Sequence[Any]) -> None:
    """Have the client say all of it, without waiting for anything in between."""
    for each in said:
        if isinstance(each, Request):
            node.client.send(each)
        else:
            node.client.publish(each)
    await node.settled()


@pytest.mark.requirement("INT-006", "INT-8.1")
async def test_an_intent_is_on_disk_when_it_is_answered(node: Any, database: str) -> None:
    for number in range(1, 6):
        intent = order(number)
        assert await node.client.ask(JournalOrder(intent)) == OrderJournalled(intent)
        outside = create_async_engine(
            make_url(database).set(
                drivername="sqlite+aiosqlite" if database.startswith("sqlite") else "postgresql+asyncpg"
            )
        )
        async with outside.connect() as connection:
            found = await connection.exec_driver_sql("SELECT client_order_id, status FROM orders")
            assert (intent.client_order_id, "initialized") in [tuple(row) for row in found]
        await outside.dispose()


@pytest.mark.requirement("INT-5.3")
async def test_an_intent_with_the_id_of_another_is_refused_and_changes_nothing(node: Any) -> None:
    one = order(1)
    await node.client.ask(JournalOrder(one))
    answer = await node.client.ask(JournalOrder(order(1, quantity=99)))
    assert isinstance(answer, OrderNotJournalled)
    assert "orders" in answer.reason
    (record,) = (await node.client.ask(RecallOrders())).records
    assert told(record) == told(OrderRecord(one))
    assert await node.verify() == ()


async def test_a_portfolio_is_opened_with_its_cash_once(node: Any) -> None:
    again = PutPortfolio("p", "ann", "USD", Decimal(5), "fixed_quantity", {"quantity": "1"})
    assert await node.client.ask(Perform((again,), "ann")) == Performed()
    (deposit,) = (await node.client.ask(RecallDeposits("p"))).deposits
    assert (deposit.reference, deposit.amount) == ("opening", Decimal(10_000))
    assert isinstance(deposit, Deposit)


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (PutPortfolio("p", "bob", "USD", Decimal(1), "x"), "belongs to somebody else"),
        (PutPortfolio("p", "ann", "EUR", Decimal(1), "x"), "is kept in USD, not in EUR"),
        (PutPortfolio("r", "carl", "USD", Decimal(1), "x"), "no user named 'carl'"),
        (PutInstrument(Instrument("X", "EUR", STEP, STEP)), "has traded in USD"),
        (PutInstrument(Instrument("Z", "USD", ZERO, STEP)), "refuses a row"),
    ],
)
async def test_a_unit_that_contradicts_what_is_stored_is_refused_with_the_reason(
    node: Any, command: Any, reason: str
) -> None:
    answer = await node.client.ask(Perform((PutUser("dora"), command), "ann"))
    assert isinstance(answer, NotPerformed)
    assert reason in answer.reason
    assert await node.rows("SELECT 1 FROM users WHERE name = 'dora'") == []


@pytest.mark.requirement("INT-5.1", "LTS-003")
@settings(
    max_examples=3,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    steps=st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, 200), st.integers(1, 9)), min_size=20, max_size=120
    ),
    cut=st.floats(0, 1),
)
async def test_it_recalls_what_a_journal_in_memory_recalls_with_a_restart_in_the_middle(
    node_at: Any, database: str, remembering: Any, steps: list[Any], cut: float
) -> None:
    tag = next(_numbers)
    names = (f"p{tag}", f"q{tag}")
    play = Play(names)
    for step in steps:
        play.step(*step)
    there = round(cut * len(play.said))
    wanted = [
        RecallOrders(portfolio=names[0]),
        RecallOrders(portfolio=names[1]),
        RecallOrders(portfolio=names[0], broker="paper 1"),
    ]
    async with node_at(database) as node:
        opened = [PutPortfolio(name, "ann", "USD", Decimal(10_000), "fixed") for name in names]
        known = map(PutInstrument, INSTRUMENTS)
        unit = Perform((PutUser("ann"), *known, *opened), "system")
        assert await node.client.ask(unit) == Performed()
        await say(node, play.said[:there])
    async with node_at(database) as node:
        await say(node, play.said[there:])
        assert node.client.heard_of(DeadLetter) == []
        recalled = [(await node.client.ask(each)).records for each in wanted]
        states = (await node.client.ask(RecallTradingStates())).states
        *expected, (last) = await remembering(play.said, [*wanted, RecallTradingStates()])
        for mine, other in zip(recalled, expected, strict=True):
            assert [told(record) for record in mine] == [told(record) for record in other.records]
        assert {state.scope: state for state in states if state.scope[10:] in names} == {
            state.scope: state for state in last.states
        }
        await _compare_books(node, play, names)
        assert await node.verify() == ()


async def _compare_books(node: Any, play: Play, names: Sequence[str]) -> None:
    """Compare positions and balances with books in memory that are told of the same fills."""
    books = {name: Book(name, "USD", INSTRUMENTS) for name in names}
    for book in books.values():
        book.deposit(Decimal(10_000), BEGIN, "opening")
    for each in play.said:
        if isinstance(each, OrderFilled):
            assert books[each.portfolio].book(each.fill)
    journal = node.keeper.journal
    async with node.keeper.engine.connect() as connection:
        ids = dict(await node.rows("SELECT name, id FROM portfolios"))
        netted = await connection.execute(journal.positions._table.select())
        stored = {(row.portfolio_id, row.instrument, ""): row for row in netted}
        hedged = await connection.execute(journal.hedged._table.select())
        stored |= {(row.portfolio_id, row.instrument, row.position_ref): row for row in hedged}
    for name, book in books.items():
        for held in (*book.positions.values(), *book.hedged.values()):
            row = stored.pop((ids[name], held.instrument, held.id), None)
            if row is None:
                assert not any(
                    isinstance(each, OrderFilled) and (each.portfolio, each.fill.place) == (name, held.place)
                    for each in play.said
                )
                continue
            for figure in ("multiplier", "quantity", "cost", "realised", "fees", "round_trips"):
                assert getattr(row, figure) == getattr(held, figure), (name, held.place, figure)
        assert not [key for key in stored if key[0] == ids[name]]
        balances = await _balances(node, ids[name])
        assert unrounded(sum)(balances.values()) == 0
        for account, amount in balances.items():
            assert amount == book.ledger.balance(account, "USD"), account


async def _balances(node: Any, portfolio: int) -> dict[str, Decimal]:
    rows = await node.rows(
        "SELECT booking, account, amount FROM ledger_entries WHERE portfolio_id = :id", id=portfolio
    )
    return _summed((row.booking, row.account, Decimal(row.amount)) for row in rows)


@unrounded
def _summed(rows: Iterator[tuple[str, str, Decimal]]) -> dict[str, Decimal]:
    sums: dict[str, Decimal] = {}
    bookings: dict[str, Decimal] = {}
    for booking, account, amount in rows:
        sums[account] = sums.get(account, ZERO) + amount
        bookings[booking] = bookings.get(booking, ZERO) + amount
    assert not any(bookings.values())
    return sums


@pytest.mark.requirement("INT-010", "INT-5.3")
async def test_of_64_units_at_once_exactly_those_are_on_disk_that_contradict_nothing(node: Any) -> None:
    before = (await node.client.ask(GetStorage())).commits
    asked = []
    for number in range(64):
        bad = number % 3 == 1
        unit: tuple[Any, ...] = (
            PutUser(f"user {number}"),
            PutPortfolio(f"portfolio {number}", f"user {number}", "USD", Decimal(number + 1), "fixed"),
            RecordCharge(
                f"user {number}",
                "gift" if bad and number % 2 else "trade",
                "ref",
                Decimal(1),
                "USD",
                BEGIN,
                f"nobody's {number}" if bad and not number % 2 else None,
            ),
        )
        asked.append(asyncio.ensure_future(node.client.ask(Perform(unit, f"user {number}"), within=30)))
        if number % 4 == 0:  # behind the unit, and before the next
            asyncio.get_running_loop().call_soon(_trade, node, number)
    answers = await asyncio.gather(*asked)
    await node.settled()
    refused = {number for number, answer in enumerate(answers) if isinstance(answer, NotPerformed)}
    assert refused == {number for number in range(64) if number % 3 == 1}
    reasons = {answer.reason for answer in answers if isinstance(answer, NotPerformed)}
    assert any("no portfolio named" in reason for reason in reasons)
    assert any("kind" in reason for reason in reasons)

    kept = {f"user {number}" for number in range(64)} - {f"user {number}" for number in refused}
    users = await node.rows("SELECT name FROM users WHERE name LIKE 'user %'")
    assert {row.name for row in users} == kept
    portfolios = await node.rows("SELECT name FROM portfolios WHERE name LIKE 'portfolio %'")
    assert len(portfolios) == len(kept)
    charges = await node.rows("SELECT count(*) FROM billing_records")
    assert charges[0][0] == len(kept)

    audit = await node.rows("SELECT seq, who, after FROM audit_log ORDER BY seq")
    assert [row.seq for row in audit] == list(range(1, len(audit) + 1))
    traced = {row.who for row in audit if row.who.startswith("user ")}
    assert traced == kept
    gone = {f'"user {number}"' for number in refused}
    assert not any(name in (row.after or "") for row in audit for name in gone)

    both = {number for number in refused if number % 4 == 0}
    orders = await node.rows("SELECT status, count(*) AS n FROM orders GROUP BY status")
    assert {row.status: row.n for row in orders} == {"submitted": 16, "denied": 16 - len(both)}
    owners = await node.rows(
        "SELECT o.client_order_id AS id, p.name AS name FROM orders o JOIN portfolios p"
        " ON p.id = o.portfolio_id WHERE o.status = 'denied'"
    )
    assert all(row.id.startswith(f"{row.name}-") for row in owners)
    lost = {letter.message.portfolio for letter in node.client.heard_of(DeadLetter)}
    assert lost == {f"portfolio {number}" for number in both}

    used = (await node.client.ask(GetStorage())).commits - before
    assert used < 64, "each unit had a transaction of its own"
    assert await node.verify() == ()


def _trade(node: Any, number: int) -> None:
    """Say something of two orders: one is of a portfolio that the same transaction opens, or does not."""
    intent = order(number + 1, "pq"[number % 2])
    node.client.send(JournalOrder(intent))
    node.client.publish(changed(intent, S.SUBMITTED, BEGIN + 1))
    denied = order(number + 1, f"portfolio {number}")
    node.client.publish(OrderDenied(denied.portfolio, denied, "too large", BEGIN + 2))


@pytest.mark.requirement("INT-8.1")
async def test_a_piece_of_work_that_fails_by_a_defect_stops_nobody_else(
    node: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = type(node.keeper.units).write

    async def stumble(units: Any, batch: Any, works: Any) -> None:
        if any(work.who == "stumbler" for work in works):
            raise ZeroDivisionError("a defect")
        await real(units, batch, works)

    monkeypatch.setattr(type(node.keeper.units), "write", stumble)
    asks = [node.client.ask(Perform((PutUser(f"u{n}"),), "stumbler" if n == 5 else "ann")) for n in range(12)]
    answers = await asyncio.gather(*asks)
    assert [n for n, answer in enumerate(answers) if isinstance(answer, NotPerformed)] == [5]
    assert "a defect" in answers[5].reason


class Statements:
    """What was sent to the database: by first word and table."""

    def __init__(self) -> None:
        self.sent: list[str] = []

    def note(self, _: Connection, _cursor: Any, statement: str, *_rest: Any) -> None:
        self.sent.append(statement)

    def of(self, word: str) -> Counter[str]:
        words = [each.split() for each in self.sent]
        return Counter(each[2].strip('"') for each in words if each[0] == word)

    @property
    def selects(self) -> int:
        return sum(each.lstrip().upper().startswith("SELECT") for each in self.sent)


@contextmanager
def listening(node: Any) -> Iterator[Statements]:
    """Listen to all that is sent while the block lasts, by Core and straight to SQLite's driver."""
    statements, engine = Statements(), node.keeper.engine.sync_engine
    send = one_hop._execute

    def overheard(connection: Any, statement: str, *rows: Any) -> None:
        statements.sent.append(statement)
        send(connection, statement, *rows)

    event.listen(engine, "before_cursor_execute", statements.note)
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(one_hop, "_execute", overheard)
            yield statements
    finally:
        event.remove(engine, "before_cursor_execute", statements.note)


@pytest.mark.requirement("INT-8.1")
async def test_recalling_200_orders_takes_as_many_queries_as_recalling_one(node: Any) -> None:
    async def live(first: int, last: int) -> None:
        orders = [order(number) for number in range(first, last + 1)]
        await say(node, [JournalOrder(each) for each in orders])
        await say(node, [changed(each, S.SUBMITTED) for each in orders])
        parts = [fill(each, each.client_order_id, 4, 10, each.created_at) for each in orders]
        await say(node, [OrderFilled("p", part, S.PARTIALLY_FILLED) for part in parts])

    node.keeper.reader.started()
    await live(1, 1)
    for wanted in (RecallOrders(), RecallOrders(portfolio="p"), RecallOrders(broker="paper")):
        with listening(node) as few:
            assert len((await node.client.ask(wanted)).records) == 1
        assert 0 < few.selects <= 11
    await live(2, 200)
    for wanted in (RecallOrders(), RecallOrders(portfolio="p"), RecallOrders(broker="paper")):
        with listening(node) as many:
            records = (await node.client.ask(wanted)).records
        assert len(records) == 200
        assert all(record.filled == 4 for record in records)
        assert many.selects == few.selects


async def test_what_losses_are_measured_from_is_kept_a_scope_and_the_last_one_counts(node: Any) -> None:
    fell = LossMarks(110.5, 100.25, 7, "max_drawdown_pct: 10 % of 110.5 is lost")
    anew = LossMarks()
    marked = [("system", anew), ("user:ann", anew), ("system", fell), ("user:ann", fell), ("user:ann", anew)]
    await say(node, [LossesMarked(scope, marks, 1) for scope, marks in marked])
    assert (await node.client.ask(RecallLossMarks())).marks == {"system": fell, "user:ann": anew}


@pytest.mark.requirement("INT-8.1")
async def test_at_a_start_all_who_ask_are_answered_from_one_reading_until_there_is_news(
    node: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def recalled(*wanted: RecallOrders) -> tuple[int, list[tuple[OrderRecord, ...]]]:
        with listening(node) as statements:
            answers = [(await node.client.ask(each)).records for each in wanted]
        return statements.selects, answers

    await say(node, [JournalOrder(each) for each in (order(1), order(2))])
    wanted = (RecallOrders(), RecallOrders(portfolio="p"), RecallOrders(broker="paper"))
    read, (everything, *parts) = await recalled(*wanted)
    assert all(list(map(told, part)) == list(map(told, everything)) for part in parts)
    assert await recalled(RecallOrders(portfolio="nobody"), RecallOrders(broker="nobody")) == (2, [(), ()])
    everything[0].advance(S.SUBMITTED, 1)
    assert [each.status for each in (await recalled(wanted[0]))[1][0]] == [S.INITIALIZED, S.INITIALIZED]
    await say(node, [changed(order(2), S.SUBMITTED)])
    again, answers = await recalled(*wanted)
    assert again == read
    assert [[each.status for each in answer] for answer in answers] == 3 * [[S.INITIALIZED, S.SUBMITTED]]
    monkeypatch.setattr("actors.persistence.actor.LAST_BIRTH", 0.01)
    node.keeper.settle(SystemReady())
    await pause(0.05)
    assert (await recalled(*wanted))[0] > read


@pytest.mark.requirement("INT-8.1")
async def test_200_intents_at_once_take_one_insertion_a_table_and_one_commit(node: Any) -> None:
    before = (await node.client.ask(GetStorage())).commits
    with listening(node) as statements:
        # Nothing awaits in between, so that all of them are in the lane when the writer looks.
        for number in range(1, 201):
            node.client.send(JournalOrder(order(number, "pq"[number % 2])))
        await node.settled()
    inserted = statements.of("INSERT")
    inserted.pop("node_lease", None)  # which the first intent of a start takes
    assert inserted == {"orders": 1, "audit_log": 1} | (
        {"audit_seal": n} if (n := inserted["audit_seal"]) else {}
    )
    assert len(node.client.heard_of(OrderJournalled)) == 200
    assert (await node.client.ask(GetStorage())).commits - before <= 2


@pytest.mark.requirement("INT-8.1")
async def test_200_fills_of_one_position_change_it_in_one_statement(node: Any) -> None:
    orders = [
        order(number, quantity=1, side=Side.BUY if number % 3 else Side.SELL) for number in range(1, 201)
    ]
    await say(node, [JournalOrder(each) for each in orders])
    await say(node, [changed(each, S.SUBMITTED) for each in orders])
    with listening(node) as statements:
        for number, each in enumerate(orders):
            one = fill(each, f"e{number}", 1, 10 + number % 7, BEGIN + number)
            node.client.publish(OrderFilled("p", one, S.FILLED))
        await node.settled()
    inserted = statements.of("INSERT")
    for name in ("order_events", "fills", "positions", "ledger_entries", "audit_log"):
        assert inserted[name] == 1, name
    (row,) = await node.rows("SELECT quantity, round_trips FROM positions")
    book = Book("p", "USD", INSTRUMENTS)
    for number, each in enumerate(orders):
        book.book(fill(each, f"e{number}", 1, 10 + number % 7, BEGIN + number))
    held = book.positions["X"]
    assert (Decimal(row.quantity), row.round_trips) == (held.quantity, held.round_trips)
    assert await node.verify() == ()


def messages() -> list[type[Message]]:
    """Return all messages of the language."""
    for path in sorted(Path(inspect.getfile(lts.domain)).parent.glob("*.py")):
        __import__(f"lts.domain.{path.stem}")
    found: list[type[Message]] = []
    waiting: list[type[Any]] = [Event, Request]
    while waiting:
        subclasses = waiting.pop().__subclasses__()
        waiting += subclasses
        found += [each for each in subclasses if each.__module__.startswith("lts.domain")]
    return sorted(set(found), key=lambda each: each.__qualname__)


def reachable(annotation: Any, seen: set[Any]) -> None:
    """Gather every class that an annotation leads to, through the annotations of our own classes."""
    parts = get_args(annotation)
    if parts:
        for part in (get_origin(annotation), *parts):
            reachable(part, seen)
        return
    if not isinstance(annotation, type) or annotation in seen:
        return
    seen.add(annotation)
    if annotation.__module__.startswith(OURS):
        for base in getattr(annotation, "__orig_bases__", ()):
            reachable(base, seen)
        for each in get_type_hints(annotation).values():
            reachable(each, seen)


@pytest.mark.requirement("INT-1.2", "INT-7.1", "INT-008")
def test_no_message_of_the_language_leads_to_a_type_of_the_database() -> None:
    known = messages()
    assert len(known) > 50
    seen: set[Any] = set()
    for each in known:
        reachable(each, seen)
    leaked = [each for each in seen if each.__module__.startswith(INNARDS)]
    assert leaked == []
    assert Decimal in seen


def innards(value: Any, seen: set[int]) -> Iterator[Any]:
    """Yield whatever of the database's a value has in it, however deep."""
    if id(value) in seen or isinstance(value, str | bytes | int | float | Decimal | type(None)):
        return
    seen.add(id(value))
    if type(value).__module__.startswith(INNARDS):
        yield value
        return
    if isinstance(value, dict):
        parts: list[Any] = [*value.keys(), *value.values()]
    elif isinstance(value, list | tuple | set | frozenset):
        parts = [*value]
    else:
        slots = {name for kind in type(value).__mro__ for name in getattr(kind, "__slots__", ())}
        slots |= set(getattr(value, "__struct_fields__", ())) | set(getattr(value, "__dict__", {}))
        parts = [getattr(value, name, None) for name in slots if not name.startswith("__")]
    for part in parts:
        yield from innards(part, seen)


@pytest.mark.requirement("INT-1.2", "INT-7.1", "INT-008")
async def test_nothing_of_the_database_is_in_what_a_busy_persistence_says_and_answers(node: Any) -> None:
    intent = order(1)
    answers = [
        await node.client.ask(JournalOrder(intent)),
        await node.client.ask(JournalOrder(intent)),
        await node.client.ask(Perform((PutUser("ann"),), "ann")),
        await node.client.ask(Perform((PutPortfolio("x", "nobody", "USD", ZERO, "x"),), "ann")),
    ]
    node.client.publish(changed(intent, S.SUBMITTED))
    node.client.publish(OrderFilled("p", fill(intent, "e", 10, 5, BEGIN), S.FILLED))
    slower = TradingStateChanged("system", TradingState.REDUCING, "why not", BEGIN)
    answers.append(await node.client.ask(JournalTradingState(slower)))
    node.client.publish(changed(order(9, "nobody"), S.ACCEPTED))  # a dead letter
    node.keeper._note_trouble("made up")
    node.keeper._note_trouble("")
    await node.settled()
    for request in (GetStorage(), RecallOrders(), RecallDeposits("p"), RecallTradingStates()):
        answers.append(await node.client.ask(request))  # noqa: PERF401 - one after the other
    said = [*answers, *node.client.heard]
    assert {type(each).__name__ for each in said} >= {
        "DeadLetter", "DepositsRecalled", "NotPerformed", "OrderJournalled", "OrderNotJournalled",
        "OrdersRecalled", "Performed", "StorageRecovered", "StorageReported", "StorageTroubled",
        "TradingStatesRecalled",
    }  # fmt: skip
    assert [*innards(said, set())] == []
    for each in said:
        json.loads(msgspec.json.encode(each, enc_hook=repr))
