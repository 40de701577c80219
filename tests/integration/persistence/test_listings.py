"""Listings on both engines: of rows that the journal wrote, page by page, whatever comes in meanwhile."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event, text

from actors.persistence.listings import keyset
from bus import pause
from lts.domain.billing import SUBSCRIPTION, ListCharges
from lts.domain.book_listings import ListDeposits, ListLedger, ListPositions
from lts.domain.fills import Fill
from lts.domain.financing import FinancingCharged
from lts.domain.instrument_listings import ListInstruments
from lts.domain.journal import RecallDeposits, RecallOrders
from lts.domain.listings import NotListed, mark
from lts.domain.market import Instrument
from lts.domain.order_flow import JournalOrder, OrderChanged, OrderDenied, OrderFilled
from lts.domain.order_listings import GetOrder, ListFills, ListOrderEvents, ListOrders, OrderNotFound
from lts.domain.order_status import OrderStatus
from lts.domain.orders import ApprovedOrder, Order, OrderType, Side, Terms, TimeInForce
from lts.domain.statistics import ListSeries
from lts.domain.units import (
    KeepSamples,
    Perform,
    Performed,
    PutInstrument,
    PutPortfolio,
    RecordCharge,
)

pytestmark = pytest.mark.requirement("INT-023", "INT-5.2")

S = OrderStatus
D = Decimal
BEGIN = 1_700_000_000_000_000_000
PORTFOLIOS = ("p", "q", "r")


def order(number: int, portfolio: str = "p", instrument: str = "X", **terms: Any) -> ApprovedOrder:
    """Return an order; three in a row are of one time."""
    made = ApprovedOrder(
        f"{portfolio}-{instrument}-{number:06}", portfolio, instrument, f"venue {number % 2}",
        Side.SELL if number % 5 == 0 else Side.BUY, D(number + 1), OrderType.MARKET, None,
        TimeInForce.GTC, BEGIN + number // 3,
    )  # fmt: skip
    return msgspec.structs.replace(made, **terms)


def filled(whose: Order, status: OrderStatus = S.FILLED, **other: Any) -> OrderFilled:
    fill = Fill(
        whose.portfolio, whose.instrument, whose.broker, whose.client_order_id, f"x-{whose.client_order_id}",
        whose.side, whose.quantity, D("1.10"), D("0.07"), "USD", whose.created_at, whose.position,
    )  # fmt: skip
    return OrderFilled(whose.portfolio, msgspec.structs.replace(fill, **other), status)


def changed(whose: Order, status: OrderStatus, **other: Any) -> OrderChanged:
    return OrderChanged(whose.portfolio, whose.client_order_id, status, whose.created_at + 1, **other)


async def say(node: Any, *said: Any) -> None:
    for each in said:
        if isinstance(each, ApprovedOrder):
            node.client.send(JournalOrder(each))
        else:
            node.client.publish(each)
    await node.settled()


async def trade(node: Any, numbers: range) -> None:
    """Have orders come and go: some are filled, some denied, some stay open."""
    for number in numbers:
        portfolio, instrument = PORTFOLIOS[number % 7 % 3], "XY"[number % 4 // 2]
        made = order(number, portfolio, instrument)
        if number % 6 == 5:
            denied = Order(*msgspec.structs.astuple(made))
            node.client.publish(OrderDenied(portfolio, denied, f"no {number}", made.created_at))
            continue
        node.client.send(JournalOrder(made))
        node.client.publish(changed(made, S.SUBMITTED))
        if number % 6 > 1:
            node.client.publish(filled(made))
    await node.settled()


@pytest.fixture
async def traded(
    node_at: Callable[[str], AbstractAsyncContextManager[Any]], database: str, registration: Any
) -> AsyncIterator[Any]:
    """A node where three portfolios of two users have traded."""
    async with node_at(database) as node:
        third = PutPortfolio("r", "bob", "USD", D(5), "fixed_quantity")
        assert await node.client.ask(Perform((*registration, third), "system")) == Performed()
        await trade(node, range(40))
        yield node


async def pages(node: Any, wanted: Any, field: str, limit: int) -> list[tuple[Any, ...]]:
    """Go through a listing to its end."""
    found, after = [], ""
    while True:
        answer = await node.client.ask(msgspec.structs.replace(wanted, after=after, limit=limit))
        found.append(getattr(answer, field))
        after = answer.next
        if not after:
            return found


async def all_of(node: Any, wanted: Any, field: str) -> list[Any]:
    """Return all of a listing, from pages that are as large as can be."""
    return [each for page in await pages(node, wanted, field, 500) for each in page]


# What is listed


async def test_orders_are_listed_latest_first_with_what_was_said_of_them_last(traded: Any) -> None:
    listed = await all_of(traded, ListOrders(), "orders")
    assert len(listed) == 40
    places = [(each.order.created_at, each.order.client_order_id) for each in listed]
    assert places == sorted(places, reverse=True)
    by_number = {int(each.order.client_order_id[-6:]): each for each in listed}
    denied, done, waits = by_number[5], by_number[8], by_number[7]
    assert (denied.status, denied.reason, denied.filled) == (S.DENIED, "no 5", 0)
    assert (done.status, done.filled, done.terms) == (S.FILLED, D(9), Terms(D(9)))
    assert (waits.status, waits.changed_at) == (S.SUBMITTED, BEGIN + 7 // 3 + 1)
    assert done.order == order(8, done.order.portfolio, done.order.instrument)


FILTERS: tuple[tuple[ListOrders, Callable[[Any], bool]], ...] = (
    (ListOrders(portfolios=("p",)), lambda o: o.order.portfolio == "p"),
    (ListOrders(portfolios=("q", "r", "nobody's")), lambda o: o.order.portfolio in "qr"),
    (ListOrders(open=True), lambda o: o.status is S.SUBMITTED),
    (ListOrders(("p", "q"), open=True), lambda o: o.status is S.SUBMITTED and o.order.portfolio in "pq"),
    (ListOrders(("p", "q"), (S.DENIED,)), lambda o: o.status is S.DENIED and o.order.portfolio in "pq"),
    (ListOrders(statuses=(S.FILLED, S.DENIED)), lambda o: o.status in {S.FILLED, S.DENIED}),
    (ListOrders(statuses=(S.FILLED,), open=True), lambda _: False),
    (ListOrders(instrument="Y"), lambda o: o.order.instrument == "Y"),
    (ListOrders(broker="venue 0"), lambda o: o.order.broker == "venue 0"),
    (ListOrders(since=BEGIN + 4, until=BEGIN + 9), lambda o: BEGIN + 4 <= o.order.created_at < BEGIN + 9),
    (ListOrders(since=-(10**40), until=10**40), lambda _: True),
    (ListOrders(portfolios=()), lambda _: False),
    (ListOrders((*map(str, range(60)), "p", "q", "r")), lambda _: True),
)


async def test_orders_are_filtered(traded: Any) -> None:
    everything = await all_of(traded, ListOrders(), "orders")
    for wanted, holds in FILTERS:
        found = await all_of(traded, wanted, "orders")
        assert found == [each for each in everything if holds(each)], wanted


async def test_orders_of_more_portfolios_than_can_be_merged_are_listed_too(
    traded: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    everything = await all_of(traded, ListOrders(), "orders")
    monkeypatch.setattr(keyset, "MERGED", 1)
    for statuses in ((), (S.FILLED, S.DENIED)):
        found = await all_of(traded, ListOrders(("p", "q"), statuses), "orders")
        assert found == [
            each
            for each in everything
            if each.order.portfolio in "pq" and (not statuses or each.status in statuses)
        ]


async def test_one_order_is_told_whole_and_only_to_those_who_may_see_it(node: Any) -> None:
    whole = order(
        1, type=OrderType.LIMIT, limit_price=D("1.5"), post_only=True, expires_at=BEGIN + 99,
        time_in_force=TimeInForce.GTD,
    )  # fmt: skip
    part = filled(whole, S.PARTIALLY_FILLED, quantity=D("0.5"))
    await say(
        node, whole, changed(whole, S.SUBMITTED), changed(whole, S.ACCEPTED, venue_order_id="v1"), part,
        changed(whole, S.PENDING_CANCEL), changed(whole, S.CANCELED, reason="enough"),
    )  # fmt: skip
    told = await node.client.ask(GetOrder("p-X-000001", ("p",)))
    assert told.listed.order == whole
    assert (told.listed.status, told.listed.filled, told.listed.reason) == (S.CANCELED, D("0.5"), "enough")
    assert (told.listed.venue_order_id, told.fills) == ("v1", (part.fill,))
    assert [each.status for each in told.events] == [
        S.SUBMITTED, S.ACCEPTED, S.PARTIALLY_FILLED, S.PENDING_CANCEL, S.CANCELED,
    ]  # fmt: skip
    assert [each.exec_id for each in told.events if each.exec_id] == ["x-p-X-000001"]
    for wanted in (GetOrder("p-X-000001", ("q",)), GetOrder("p-X-000002"), GetOrder("\0", None)):
        assert await node.client.ask(wanted) == OrderNotFound(wanted.client_order_id)


async def test_a_modification_without_an_answer_is_known_with_its_terms_and_does_not_hold_yet(
    node: Any,
) -> None:
    whole, new = order(1, type=OrderType.LIMIT, limit_price=D("1.5")), Terms(D(3), limit_price=D("1.4"))
    await say(node, whole, changed(whole, S.SUBMITTED), changed(whole, S.ACCEPTED, venue_order_id="v1"))
    await say(node, changed(whole, S.PENDING_UPDATE, wanted=new))
    (record,) = (await node.client.ask(RecallOrders())).records
    assert (record.status, record.terms, record.wanted) == (S.PENDING_UPDATE, whole.terms, new)
    (listed,) = (await node.client.ask(ListOrders())).orders
    assert listed.terms == whole.terms
    asked = (await node.client.ask(ListOrderEvents())).events[0]
    assert (asked.status, asked.terms) == (S.PENDING_UPDATE, new)
    await say(node, changed(whole, S.UNKNOWN))
    (record,) = (await node.client.ask(RecallOrders())).records
    assert (record.status, record.wanted) == (S.UNKNOWN, new)
    await say(node, changed(whole, S.ACCEPTED, terms=new))
    (record,) = (await node.client.ask(RecallOrders())).records
    assert (record.terms, record.wanted) == (new, None)


async def test_an_order_is_listed_with_the_terms_that_its_venue_confirmed(node: Any) -> None:
    whole = order(1, type=OrderType.LIMIT, limit_price=D("1.5"))
    new = Terms(D(7), D("1.25"))
    await say(
        node, whole, changed(whole, S.SUBMITTED), changed(whole, S.ACCEPTED, venue_order_id="v1"),
        changed(whole, S.ACCEPTED, venue_order_id="v2", terms=new),
    )  # fmt: skip
    [listed] = (await node.client.ask(ListOrders())).orders
    assert (listed.order.limit_price, listed.terms, listed.venue_order_id) == (D("1.5"), new, "v2")
    events = (await node.client.ask(ListOrderEvents(("p",), "p-X-000001"))).events
    assert [(each.venue_order_id, each.terms) for each in events] == [("v2", new), ("v1", None), ("", None)]


async def test_events_and_fills_are_listed_latest_first(traded: Any) -> None:
    events = await all_of(traded, ListOrderEvents(("p",)), "events")
    assert {each.portfolio for each in events} == {"p"}
    assert [each.seq for each in events] == sorted((each.seq for each in events), reverse=True)
    everything = await all_of(traded, ListFills(), "fills")
    assert len(everything) == len(await traded.rows("SELECT 1 FROM fills")) == 20
    assert [each.at for each in everything] == sorted((each.at for each in everything), reverse=True)
    of_q = await all_of(traded, ListFills(("q",), instrument="Y"), "fills")
    assert of_q == [each for each in everything if (each.portfolio, each.instrument) == ("q", "Y")]
    one = everything[3]
    assert await all_of(traded, ListFills(client_order_id=one.client_order_id), "fills") == [one]


async def test_a_fill_is_listed_with_its_position_and_its_rate(node: Any) -> None:
    foreign = PutInstrument(Instrument("E", "EUR", D("0.01"), D("0.01")))
    assert await node.client.ask(Perform((foreign,), "system")) == Performed()
    hedged, abroad = order(1, instrument="Y", position="a:long"), order(2, instrument="E")
    fills = filled(hedged), filled(abroad, currency="EUR", rate=D("1.0825"))
    for whose, said in zip((hedged, abroad), fills, strict=True):
        await say(node, whose, changed(whose, S.SUBMITTED), said)
    assert {*(await node.client.ask(ListFills())).fills} == {each.fill for each in fills}
    assert (await node.client.ask(GetOrder(abroad.client_order_id))).fills == (fills[1].fill,)
    [position] = (await node.client.ask(ListPositions(instrument="Y"))).positions
    assert (position.position.id, position.position.quantity, position.at) == ("a:long", D(2), BEGIN)


async def test_positions_are_listed_and_those_that_are_closed_left_out(node: Any) -> None:
    bought = order(1), order(2, "q"), order(3, "q", "Y"), order(4, "q", "Y", position="z")
    for whose in bought:
        await say(node, whose, changed(whose, S.SUBMITTED), filled(whose))
    sold = msgspec.structs.replace(order(9, "q"), side=Side.SELL, quantity=D(3))
    await say(node, sold, changed(sold, S.SUBMITTED), filled(sold))
    everything = await all_of(node, ListPositions(), "positions")
    places = [(each.position.portfolio, each.position.instrument, each.position.id) for each in everything]
    assert places == [("p", "X", ""), ("q", "X", ""), ("q", "Y", ""), ("q", "Y", "z")]
    for limit in (1, 2, 3):
        paged = await pages(node, ListPositions(), "positions", limit)
        assert [each for page in paged for each in page] == everything
    still = await all_of(node, ListPositions(("q",), open=True), "positions")
    assert [each.position.place for each in still] == ["Y", "z"]


async def test_the_ledger_of_one_portfolio_is_listed_and_what_was_paid_in(traded: Any) -> None:
    await say(traded, FinancingCharged("p", "venue", "X", D("-1.25"), "USD", "7", BEGIN + 500))
    entries = await all_of(traded, ListLedger("p"), "entries")
    assert {each.portfolio for each in entries} == {"p"}
    stored = await traded.rows(
        "SELECT count(*) FROM ledger_entries JOIN portfolios ON id = portfolio_id WHERE name = 'p'"
    )
    assert len(entries) == stored[0][0]
    sums: dict[Any, Decimal] = {}
    for each in entries:
        sums[each.booking] = sums.get(each.booking, D(0)) + each.amount
    assert set(sums.values()) == {D(0)}
    financed = await all_of(traded, ListLedger("p", account="financing"), "entries")
    assert [(each.booking, each.amount) for each in financed] == [
        (("financing", "venue", "p", "7"), D("1.25"))
    ]
    assert await all_of(traded, ListLedger("nobody's"), "entries") == []
    paid = await all_of(traded, ListDeposits("p"), "deposits")
    assert tuple(paid) == (await traded.client.ask(RecallDeposits("p"))).deposits
    assert [each.amount for each in paid] == [D(10_000)]


async def test_charges_series_and_instruments_are_listed(node: Any) -> None:
    months = [
        RecordCharge(user, SUBSCRIPTION, f"2020-0{month}", D("9.90"), "USD", month)
        for user in ("ann", "bob") for month in range(1, 6)
    ]  # fmt: skip
    named = ("portfolio/p/equity", "portfolio/p/x/equity", "portfolio/q/cash", "system/messages")
    samples = KeepSamples(5, dict.fromkeys(named, 1.0))
    assert await node.client.ask(Perform((*months, samples), "system")) == Performed()
    everything = await all_of(node, ListCharges(), "charges")
    assert [(each.charge.at, each.user) for each in everything] == [
        (month, user) for month in range(5, 0, -1) for user in ("bob", "ann")
    ]
    assert await all_of(node, ListCharges(("bob",)), "charges") == everything[::2]
    assert await all_of(node, ListCharges(kind="trade"), "charges") == []
    for limit in (1, 2, 4):
        assert [name for page in await pages(node, ListSeries(), "series", limit) for name in page] == [
            *named
        ]
        mine = await pages(node, ListSeries(("p",)), "series", limit)
        assert [name for page in mine for name in page] == ["portfolio/p/equity"]
    assert await all_of(node, ListSeries(("p/x",)), "series") == ["portfolio/p/x/equity"]
    instruments = await pages(node, ListInstruments(), "instruments", 1)
    assert [each.symbol for page in instruments for each in page] == ["X", "Y"]
    [y] = await all_of(node, ListInstruments("Y"), "instruments")
    assert y.multiplier == D(3)


# What cannot be asked


UNANSWERABLE = (
    ListOrders(limit=0),
    ListOrders(limit=501),
    ListFills(limit=-1),
    ListOrders(after="nonsense"),
    ListOrders(after=mark((1,))),
    ListOrders(after=mark(("1", "p-X-000001"))),
    ListOrders(after=mark((2**63, "p-X-000001"))),
    ListFills(after="ÄÖ"),
    ListPositions(after=mark((1, "X"))),
    ListOrders(instrument="X\0"),
    ListOrders(portfolios=("\ud800",)),
    ListLedger("\0"),
    ListCharges(("a", "\0")),
    ListInstruments("\ud800"),
    ListSeries(after="=="),
)


async def test_what_cannot_be_answered_is_refused_in_a_sentence(node: Any) -> None:
    for wanted in UNANSWERABLE:
        answer = await node.client.ask(wanted)
        assert isinstance(answer, NotListed), wanted
        assert answer.reason
    assert not node.client.heard


# How it is paged


@st.composite
def questions(draw: st.DrawFn) -> tuple[Any, str]:
    portfolios = draw(st.none() | st.lists(st.sampled_from(PORTFOLIOS), unique=True).map(tuple))
    when = st.none() | st.integers(BEGIN - 1, BEGIN + 15)
    interval: dict[str, Any] = {"since": draw(when), "until": draw(when)}
    match draw(st.sampled_from(("orders", "events", "fills", "positions", "entries"))):
        case "orders":
            statuses = draw(st.lists(st.sampled_from((S.FILLED, S.DENIED, S.SUBMITTED)), unique=True))
            names = draw(st.sampled_from(("", "X", "Y"))), draw(st.sampled_from(("", "venue 1")))
            wanted: Any = ListOrders(portfolios, tuple(statuses), draw(st.booleans()), *names, **interval)
            return wanted, "orders"
        case "events":
            return ListOrderEvents(portfolios), "events"
        case "fills":
            return ListFills(portfolios, draw(st.sampled_from(("", "Y"))), **interval), "fills"
        case "positions":
            return ListPositions(portfolios, open=draw(st.booleans())), "positions"
    return ListLedger(
        draw(st.sampled_from(PORTFOLIOS)), draw(st.sampled_from(("", "cash"))), **interval
    ), "entries"


async def test_pages_are_exactly_what_a_full_reading_has_in_its_order(traded: Any) -> None:
    loop = asyncio.get_running_loop()

    @settings(max_examples=25, deadline=None, suppress_health_check=[*HealthCheck])
    @given(question=questions(), limit=st.integers(4, 20))
    def holds(question: tuple[Any, str], limit: int) -> None:
        async def look() -> None:
            whole = await all_of(traded, *question)
            paged = await pages(traded, *question, limit)
            assert [each for page in paged for each in page] == whole
            assert all(len(page) == limit for page in paged[:-1])
            assert len(paged[-1]) <= limit

        asyncio.run_coroutine_threadsafe(look(), loop).result(30)

    await asyncio.to_thread(holds)


async def test_what_is_added_between_pages_neither_hides_nor_repeats_anything(traded: Any) -> None:
    for wanted, field in (
        (ListOrders(), "orders"),
        (ListFills(("p", "q")), "fills"),
        (ListLedger("p"), "entries"),
    ):
        before = await all_of(traded, wanted, field)
        found: list[Any] = []
        after, number = "", len(await traded.rows("SELECT 1 FROM orders"))
        while True:
            answer = await traded.client.ask(msgspec.structs.replace(wanted, after=after, limit=7))
            found += getattr(answer, field)
            await trade(traded, range(number, number + 6))
            number += 6
            after = answer.next
            if not after:
                break
        assert found == before


async def test_an_answer_is_what_is_committed_and_time_does_not_wait_for_it(traded: Any) -> None:
    waits = traded.client.ask(ListOrders())
    answer = asyncio.ensure_future(waits)
    await pause(0)
    assert not traded.bus.dispatcher.open_work
    assert len((await answer).orders) == 40


# What it costs


@contextmanager
def statements(node: Any) -> Iterator[list[tuple[str, Any]]]:
    """What is asked of the database; what the writer says about once a second left out."""
    sent: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if statement.startswith(("SELECT", "WITH")) and "audit_seal" not in statement:
            sent.append((statement, parameters))

    engine = node.keeper.engine.sync_engine
    event.listen(engine, "before_cursor_execute", note)
    yield sent
    event.remove(engine, "before_cursor_execute", note)


EVERY = (
    ListOrders(), ListOrders(("p", "q")), ListOrders(open=True), ListOrders(("p",), open=True),
    ListOrders(("p", "q"), (S.DENIED, S.FILLED)), ListOrders(since=BEGIN, until=BEGIN + 3),
    GetOrder("p-X-000000"), ListOrderEvents(), ListOrderEvents(("p", "q")),
    ListOrderEvents(client_order_id="p-X-000000"), ListFills(), ListFills(("p", "q")),
    ListFills(client_order_id="p-X-000000"), ListPositions(), ListPositions(("p",)), ListLedger("p"),
    ListDeposits("p"), ListCharges(), ListCharges(("ann", "bob")), ListSeries(), ListInstruments(),
)  # fmt: skip


async def test_a_page_takes_as_many_statements_however_long_it_is(traded: Any) -> None:
    for wanted in EVERY:
        counted = []
        for limit in (2, 30):
            with statements(traded) as sent:
                named = "limit" in wanted.__struct_fields__
                await traded.client.ask(msgspec.structs.replace(wanted, limit=limit) if named else wanted)
            counted.append(len(sent))
        assert counted[0] == counted[1] <= 7, wanted


async def plans(node: Any, sent: Sequence[tuple[str, Any]]) -> list[str]:
    """Return how the engine goes about each statement."""
    found = []
    engine = node.keeper.engine
    explain = "EXPLAIN QUERY PLAN " if engine.dialect.name == "sqlite" else "EXPLAIN "
    async with engine.connect() as connection:
        if engine.dialect.name != "sqlite":  # few rows are read quicker without an index
            await connection.execute(text("SELECT set_config('enable_seqscan', 'off', true)"))
        for statement, parameters in sent:
            rows = await connection.exec_driver_sql(explain + statement, tuple(parameters))
            found.append(statement + "\n" + "\n".join(str(row[-1]) for row in rows))
    return found


async def test_every_statement_is_led_by_an_index(traded: Any) -> None:
    for wanted in EVERY:
        with statements(traded) as sent:
            await traded.client.ask(wanted)
        for plan in await plans(traded, sent):
            told = plan.splitlines()
            assert not [line for line in told if line.startswith("SCAN") and "INDEX" not in line
                        and not line.startswith(("SCAN names", "SCAN (", "SCAN anon"))], plan  # fmt: skip
            assert not [line for line in told if "Seq Scan" in line], plan


async def test_orders_come_from_the_index_in_their_order(traded: Any, backend: str) -> None:
    if backend != "sqlite":
        pytest.skip("a server chooses by the statistics of its tables; few rows it sorts")
    leading = {
        ListOrders(): "ix_orders_created_at",
        ListOrders(("p", "q")): "ix_orders_portfolio_id_created_at",
        ListOrders(open=True): "ix_orders_still_open",
        ListOrders(("p", "q"), open=True): "ix_orders_still_open",
        ListOrders(statuses=(S.UNKNOWN,)): "ix_orders_still_open",
        ListOrders(statuses=(S.REJECTED,)): "ix_orders_created_at",
        ListOrders(instrument="X"): "ix_orders_created_at",
        ListOrders(broker="venue 1"): "ix_orders_broker_created_at",
        ListFills(instrument="X"): "ix_fills_at",
        ListOrders(("p", "q"), (S.DENIED,)): "ix_orders_portfolio_id_created_at",
        ListFills(): "ix_fills_at",
        ListFills(("p", "q")): "ix_fills_portfolio_id_at",
        ListOrderEvents(("p", "q")): "ix_order_events_portfolio_id_seq",
        ListLedger("p"): "ix_ledger_entries_portfolio_id_at",
        ListDeposits("p"): "ix_ledger_entries_paid_in",
        ListCharges(): "ix_billing_records_at",
        ListCharges(("ann",)): "ix_billing_records_user_id_at",
    }
    for wanted, index in leading.items():
        for after in (
            "",
            mark((BEGIN + 5, *(str(n) for n in range(1)))) if isinstance(wanted, ListOrders) else "",
        ):
            with statements(traded) as sent:
                await traded.client.ask(msgspec.structs.replace(wanted, after=after))
            assert any(f"INDEX {index}" in plan for plan in await plans(traded, sent)), wanted
