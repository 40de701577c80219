"""Orders that were archived are in the file, and nowhere else; the books are what they would be with them."""

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import closing
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from actors.persistence import archival, guard, inspection, upkeep
from actors.persistence.archive import Archive
from actors.persistence.backup import back_up
from actors.persistence.restore import restore
from actors.persistence.storage import Storage
from actors.persistence.verify import verify
from lts.domain.accounts import GetAccount
from lts.domain.fills import Fill
from lts.domain.financing import FinancingCharged
from lts.domain.journal import RecallDeposits, RecallOrders
from lts.domain.money import UNROUNDED, ZERO
from lts.domain.order_flow import (
    JournalOrder,
    OrderChanged,
    OrderDenied,
    OrderFilled,
    OrderJournalled,
    OrderNotJournalled,
)
from lts.domain.order_record import OrderRecord
from lts.domain.order_status import OrderStatus
from lts.domain.orders import ApprovedOrder, Order, OrderType, Side, TimeInForce, client_order_id
from lts.domain.reconciliation import PositionAdjusted
from lts.domain.units import Perform, Performed, PutInstrument, PutPortfolio, PutUser, RecordRead
from lts.kinds.portfolio import PortfolioAssignment
from lts.refusal import Refused
from lts.testing import Bench
from plugins.portfolio.fixed_quantity.plugin import FixedQuantity

pytestmark = [
    pytest.mark.requirement("INT-010", "INT-5.1", "INT-5.3", "LTS-003"),
    pytest.mark.timeout(180),  # each starts a node many times
]

S = OrderStatus
SECOND = 1_000_000_000
BEGIN = 1_700_000_000 * SECOND
FOREVER = BEGIN * 2
ENDS = (S.CANCELED, S.REJECTED, S.EXPIRED)
TABLES = ("fills", "ledger_entries", "order_events", "orders")

_numbers = count(1)


class Market:
    """Orders as they come and go in two portfolios and two instruments, and all that is said of them.

    Positions in X are netted, those in Y stand side by side.
    """

    def __init__(self, portfolios: Sequence[str]) -> None:
        self.portfolios = portfolios
        self.said: list[Any] = []
        self.now = BEGIN
        self.open: dict[int, OrderRecord] = {}
        self.sequences: dict[tuple[str, str], int] = {}
        self._execs = count(1)

    def step(self, slot: int, choice: int, amount: int) -> None:
        """Have something happen to the order in a slot."""
        self.now += SECOND * (choice % 3 > 0)
        record = self.open.get(slot)
        if record is None:
            self._begin(slot, choice, amount)
        elif record.status is S.SUBMITTED and choice % 5 == 0:
            self._end(slot, record, ENDS[amount % 3])
        elif record.filled and choice % 7 == 0:
            self._end(slot, record, S.CANCELED)
        else:
            self._fill(
                slot,
                record,
                min(Decimal(amount) / 3, record.leaves).quantize(Decimal("0.01")) or record.leaves,
            )

    def _begin(self, slot: int, choice: int, amount: int) -> None:
        portfolio, instrument = self.portfolios[slot % 2], "XY"[slot // 2 % 2]
        number = self.sequences[portfolio, instrument] = self.sequences.get((portfolio, instrument), 0) + 1
        order = ApprovedOrder(
            client_order_id(portfolio, instrument, number), portfolio, instrument, "paper",
            Side.SELL if choice % 2 else Side.BUY, Decimal(amount), OrderType.MARKET, None,
            TimeInForce.GTC, self.now,
            position=("a:long", "a:short", "gone")[choice % 3] if instrument == "Y" else "",
        )  # fmt: skip
        if choice % 9 == 0:
            self.said.append(OrderDenied(portfolio, Order(*msgspec.structs.astuple(order)), "no", self.now))
            return
        self.said.append(JournalOrder(order))
        record = self.open[slot] = OrderRecord(order)
        record.advance(S.SUBMITTED, self.now)
        self.said.append(OrderChanged(portfolio, order.client_order_id, S.SUBMITTED, self.now))

    def _end(self, slot: int, record: OrderRecord, status: OrderStatus) -> None:
        record.advance(status, self.now)
        self.said.append(OrderChanged(record.order.portfolio, record.order.client_order_id, status, self.now))
        del self.open[slot]

    def _fill(self, slot: int, record: OrderRecord, quantity: Decimal) -> None:
        order, number = record.order, next(self._execs)
        price = Decimal(100 + number * 7 % 13) / 3
        fill = Fill(
            order.portfolio, order.instrument, order.broker, order.client_order_id, f"x{number}", order.side,
            quantity, price.quantize(Decimal("0.01")), Decimal("0.07"), "USD", self.now,
            position=order.position,
        )  # fmt: skip
        record.book(fill)
        self.said.append(OrderFilled(order.portfolio, fill, record.status))
        if record.status.is_closed:
            del self.open[slot]


@pytest.fixture
def registered(registration: Any) -> Callable[..., Perform]:
    """Makes portfolios known that no other example has."""

    def registered(names: Sequence[str]) -> Perform:
        known = [each for each in registration if isinstance(each, PutInstrument)]
        opened = [PutPortfolio(name, "ann", "USD", Decimal(10_000), "fixed_quantity") for name in names]
        return Perform((PutUser("ann"), *known, *opened), "system")

    return registered


async def say(node: Any, said: Sequence[Any]) -> None:
    for each in said:
        if isinstance(each, JournalOrder):
            node.client.send(each)
        else:
            node.client.publish(each)
    await node.settled()


async def books(node: Any, registration: Any, name: str) -> tuple[Any, ...]:
    """Return what a portfolio has that is born again from what is stored, and how many orders it had."""
    instruments = {
        each.instrument.symbol: each.instrument for each in registration if isinstance(each, PutInstrument)
    }
    brokers = dict.fromkeys(instruments, "paper")
    assignment = PortfolioAssignment(
        name, "ann", "USD", Decimal(10_000), instruments, brokers, hedged={"a": "Y"}
    )
    answers = {
        each: await node.client.ask(each(name) if each is RecallDeposits else each(portfolio=name))
        for each in (RecallDeposits, RecallOrders)
    }
    async with Bench(FixedQuantity, {"quantity": "1"}, assignment=assignment, answers=answers) as bench:
        account = await bench.ask(GetAccount(name))
        leaves = {place: dict(orders) for place, orders in bench.actor.leaves.items() if orders}
        sequences = dict(bench.actor.sequences)
    money = (account.capital, account.cash, account.fees, account.realised)
    return (*money, account.positions, leaves, sequences)


async def balances(node: Any) -> dict[Any, Decimal]:
    """Return what the ledger has in each account."""
    sums: dict[Any, Decimal] = {}
    for row in await node.rows("SELECT portfolio_id, account, currency, amount FROM ledger_entries"):
        account = tuple(row)[:3]
        sums[account] = UNROUNDED.add(sums.get(account, ZERO), Decimal(row.amount))
    return {account: amount for account, amount in sums.items() if amount}


async def tally(node: Any) -> dict[str, int]:
    return {name: (await node.rows(f"SELECT count(*) FROM {name}"))[0][0] for name in TABLES}  # noqa: S608


async def no_record(_: RecordRead) -> None:
    """Record nothing."""


async def read(storage: Storage, file: Path | None) -> list[tuple[str, dict[str, Any]]]:
    """Return the rows of an archive."""
    assert file
    return list(await inspection.read_archive(storage, file, no_record))


def rows_of(storage: Storage, file: Path) -> dict[str, int]:
    """Prove an archive, and return how many rows it has of what."""
    with closing(Archive(file, storage.node_keys(create=False).keys)) as archive:
        archive.check()
        return {name: table.rows for name, table in archive.manifest.tables.items()}


@pytest.fixture
def traded(node_at: Any, database: str, registered: Any) -> Callable[..., Awaitable[tuple[Storage, Market]]]:
    """Has two portfolios trade for a while, and stops the node."""

    async def traded(steps: int = 60) -> tuple[Storage, Market]:
        market = Market(("p", "q"))
        for number in range(steps):
            market.step(number * 7 % 4, number * 5 % 11, number % 9 + 1)
        async with node_at(database) as node:
            assert await node.client.ask(registered(("p", "q"))) == Performed()
            await say(node, market.said)
            assert await node.verify() == ()
        return node.storage, market

    return traded


@settings(
    max_examples=3,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    steps=st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, 200), st.integers(1, 9)), min_size=20, max_size=80
    ),
    cuts=st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=2),
    at_once=st.integers(1, 20),
)
async def test_whatever_is_archived_whenever_the_books_stay_as_they_are(  # noqa: PLR0917
    node_at: Any, database: str, registered: Any, registration: Any, monkeypatch: pytest.MonkeyPatch,
    steps: list[Any], cuts: list[tuple[float, float]], at_once: int,
) -> None:  # fmt: skip
    monkeypatch.setattr(archival, "AT_ONCE", at_once)
    tag = next(_numbers)
    names = (f"p{tag}", f"q{tag}")
    market = Market(names)
    for step in steps:
        market.step(*step)
    known: Any = None
    begin, done, there = 0, None, 0
    for share, before in [*sorted(cuts), (1, 1)]:
        async with node_at(database) as node:
            assert await node.client.ask(registered(names)) == Performed()
            if done:
                assert await state(node, registration, names) == known
                assert (await tally(node))["orders"] == there - done.orders
            end = round(share * len(market.said))
            await say(node, market.said[begin:end])
            begin = end
            known, there = await state(node, registration, names), (await tally(node))["orders"]
            assert await node.verify() == ()
        done = await upkeep.archive(node.storage, BEGIN + round(before * (market.now - BEGIN)), "operator")
        if done.file:
            assert rows_of(node.storage, done.file) == done.rows
    async with node_at(database) as node:
        assert await state(node, registration, names) == known
        assert await node.verify() == ()
        sequences = [(await books(node, registration, name))[-1] for name in names]
    for name, each in zip(names, sequences, strict=True):
        assert each == {symbol: market.sequences.get((name, symbol), 0) for symbol in "XY"}


async def state(node: Any, registration: Any, names: Sequence[str]) -> Any:
    """Return what portfolios have, by what is recalled and by the ledger."""
    return [await books(node, registration, name) for name in names], await balances(node)


async def test_what_is_archived_is_in_the_file_and_not_in_the_tables(
    node_at: Any, database: str, traded: Any
) -> None:
    storage, _ = await traded()
    async with node_at(database) as node:
        before = await tally(node)
    done = await upkeep.archive(storage, FOREVER, "operator ann")
    assert 0 < done.orders < before["orders"]
    async with node_at(database) as node:
        after = await tally(node)
        deleted = await node.rows("SELECT DISTINCT who FROM audit_log WHERE action = 'delete'")
        (recorded,) = await node.rows("SELECT after FROM audit_log WHERE action = 'read'")
    assert [row.who for row in deleted] == ["operator ann"]
    assert f"archive to {done.file}" in recorded.after
    for name in ("orders", "order_events", "fills"):
        assert after[name] == before[name] - done.rows[name]
    found: dict[str, list[Any]] = {}
    for table, row in await read(storage, done.file):
        found.setdefault(table, []).append(row)
    assert {name: len(found.get(name, ())) for name in done.rows} == done.rows
    assert {row["client_order_id"] for row in found["fills"]} <= {
        row["client_order_id"] for row in found["orders"]
    }
    again = await upkeep.archive(storage, FOREVER, "operator ann")
    assert (again.file, again.orders, again.rows) == (None, 0, {})


async def test_numbers_of_order_events_are_not_given_again(
    node_at: Any, database: str, registered: Any
) -> None:
    market = Market(("p", "q"))
    async with node_at(database) as node:
        assert await node.client.ask(registered(("p", "q"))) == Performed()
        await say(node, one_order(market))
        ((last,),) = await node.rows("SELECT max(seq) FROM order_events")
    assert (await upkeep.archive(node.storage, FOREVER, "operator")).orders == 1
    async with node_at(database) as node:
        assert (await node.client.ask(RecallOrders())).records == ()
        await say(node, one_order(market))
        ((first,),) = await node.rows("SELECT min(seq) FROM order_events")
        assert first == last + 1
        assert await node.verify() == ()


async def test_an_adjustment_keeps_what_was_booked_behind_it(
    node_at: Any, database: str, registered: Any, registration: Any
) -> None:
    market = Market(("p", "q"))
    said = [one_order(market) for _ in range(3)]
    adjusted = PositionAdjusted(
        "p", "X", "paper", Decimal(-2), Decimal(100), "X as of 7", "approved by ann", market.now
    )
    async with node_at(database) as node:
        assert await node.client.ask(registered(("p", "q"))) == Performed()
        await say(node, said[0] + said[1])
        node.keeper.note_booking(adjusted)
        await say(node, said[2])
        known = await books(node, registration, "p")
    assert (await upkeep.archive(node.storage, FOREVER, "operator")).orders == 2
    async with node_at(database) as node:
        assert await books(node, registration, "p") == known
        assert await node.verify() == ()


async def test_what_was_charged_stays_and_every_balance_with_it(
    node_at: Any, database: str, registered: Any, registration: Any
) -> None:
    market = Market(("p", "q"))
    charged = FinancingCharged("p", "paper", "X", Decimal("-0.75"), "USD", "1", market.now)
    async with node_at(database) as node:
        assert await node.client.ask(registered(("p", "q"))) == Performed()
        await say(node, one_order(market))
        node.keeper.note_booking(charged)
        await say(node, one_order(market))
        known = await books(node, registration, "p")
    assert (await upkeep.archive(node.storage, FOREVER, "operator")).orders == 2
    async with node_at(database) as node:
        assert await books(node, registration, "p") == known
        recalled = await node.client.ask(RecallOrders(portfolio="p"))
        assert (recalled.records, recalled.financing) == ((), (charged,))
        assert await node.verify() == ()


async def test_a_hedged_position_is_adjusted_and_kept_by_itself(
    node_at: Any, database: str, registered: Any, registration: Any
) -> None:
    market = Market(("p", "q"))
    while not any(isinstance(each, OrderFilled) and each.fill.position for each in market.said):
        market.step(2, 1, 9)
    adjusted = PositionAdjusted(
        "p", "Y", "paper", Decimal(-2), Decimal(100), "1: a:short", "approved by ann", market.now, "a:short"
    )
    async with node_at(database) as node:
        assert await node.client.ask(registered(("p", "q"))) == Performed()
        await say(node, market.said)
        node.keeper.note_booking(adjusted)
        await node.settled()
        known = await books(node, registration, "p")
    async with node_at(database) as node:
        recalled = await node.client.ask(RecallOrders(broker="paper"))
        assert recalled.adjustments == (adjusted,)
        assert await books(node, registration, "p") == known
        assert await node.verify() == ()
        assert {row.position_ref for row in await node.rows("SELECT * FROM hedged_positions")} == {"a:short"}
        assert await node.rows("SELECT * FROM positions") == []


async def test_an_order_stays_while_another_waits_for_it(
    node_at: Any, database: str, registered: Any
) -> None:
    market = Market(("p", "q"))
    said = one_order(market)
    child = msgspec.structs.replace(
        said[0].order, client_order_id=client_order_id("p", "X", 2), parent=said[0].order.client_order_id
    )
    async with node_at(database) as node:
        assert await node.client.ask(registered(("p", "q"))) == Performed()
        await say(node, [*said, JournalOrder(child)])
    assert (await upkeep.archive(node.storage, FOREVER, "operator")).orders == 0
    async with node_at(database) as node:
        await say(node, [OrderChanged("p", child.client_order_id, S.DENIED, market.now)])
    done = await upkeep.archive(node.storage, FOREVER, "operator")
    assert (done.orders, done.rows["order_conditions"]) == (2, 1)
    async with node_at(database) as node:
        assert await node.verify() == ()


def one_order(market: Market) -> list[Any]:
    """Have an order come and fill whole; return what is said of it."""
    said = len(market.said)
    market.step(0, 1, 9)
    while market.open:
        market.step(0, 1, 9)
    return market.said[said:]


async def test_an_archived_order_is_known_as_such(node_at: Any, database: str, traded: Any) -> None:
    storage, market = await traded()
    archived = await upkeep.archive(storage, FOREVER, "operator")
    rows = await read(storage, archived.file)
    gone = next(row["client_order_id"] for table, row in rows if table == "fills")
    filled = next(
        each for each in market.said if isinstance(each, OrderFilled) and each.fill.client_order_id == gone
    )
    placed = next(
        each.order
        for each in market.said
        if isinstance(each, JournalOrder) and each.order.client_order_id == gone
    )
    async with node_at(database) as node:
        before = await balances(node), await tally(node)
        node.client.publish(filled)
        await node.settled()
        (letter,) = [each for each in node.client.heard if type(each).__name__ == "DeadLetter"]
        assert f"the order {gone} is archived" in letter.reason
        answer = await node.client.ask(JournalOrder(placed))
        assert isinstance(answer, OrderNotJournalled)
        assert f"an order {gone} was archived, and an id is given once" in answer.reason
        node.client.publish(OrderChanged(placed.portfolio, gone, S.DENIED, market.now))
        node.client.publish(
            OrderDenied(placed.portfolio, Order(*msgspec.structs.astuple(placed)), "no", market.now)
        )
        await node.settled()
        assert (await balances(node), await tally(node)) == before
        following = msgspec.structs.replace(
            placed, client_order_id=client_order_id(placed.portfolio, placed.instrument, 999)
        )
        assert await node.client.ask(JournalOrder(following)) == OrderJournalled(following)
        assert await node.verify() == ()


@pytest.mark.parametrize("survived", [-1, 0, 3])
async def test_broken_off_anywhere_it_is_valid_and_can_be_done_again(  # noqa: PLR0917
    node_at: Any,
    database: str,
    traded: Any,
    registration: Any,
    monkeypatch: pytest.MonkeyPatch,
    survived: int,
) -> None:
    storage, _ = await traded()
    async with node_at(database) as node:
        known = [await books(node, registration, name) for name in "pq"]
    monkeypatch.setattr(archival, "AT_ONCE", 4)
    put_away, calls = archival.put_away, count()

    async def break_off(*given: Any) -> None:
        if next(calls) == survived:
            raise BrokenOff
        await put_away(*given)

    monkeypatch.setattr(archival, "put_away", break_off)
    if survived < 0:
        monkeypatch.setattr(upkeep, "back_up", _break_off)
    with pytest.raises((BrokenOff, Refused)):
        await upkeep.archive(storage, FOREVER, "operator")
    monkeypatch.undo()

    files = sorted((storage.state_dir / "archives").glob("*")) if survived >= 0 else []
    assert len(files) == (survived >= 0)
    async with node_at(database) as node:
        assert [await books(node, registration, name) for name in "pq"] == known
        assert await node.verify() == ()
        left = await tally(node)
    done = await upkeep.archive(storage, FOREVER, "operator")
    async with node_at(database) as node:
        assert [await books(node, registration, name) for name in "pq"] == known
        assert await node.verify() == ()
        assert (await tally(node))["orders"] == left["orders"] - done.orders
    for file in files:
        assert rows_of(storage, file)["orders"] >= done.orders


class BrokenOff(Exception):
    """What a test does to a step."""


async def _break_off(*_: Any, **__: Any) -> None:
    raise BrokenOff


KILLED = """
import asyncio, os, signal, sys
from itertools import count
from pathlib import Path
from actors.persistence import archival, upkeep
from actors.persistence.storage import Storage

put_away, calls, survived = archival.put_away, count(), int(sys.argv[2])
archival.AT_ONCE = 4

async def killed(*given):
    if next(calls) == survived:
        os.kill(os.getpid(), signal.SIGKILL)
    await put_away(*given)

archival.put_away = killed
asyncio.run(upkeep.archive(Storage(Path(sys.argv[1]), sys.argv[3], environ={}), int(sys.argv[4]), "operator"))
"""


async def test_killed_between_two_steps_it_is_valid_and_can_be_done_again(
    node_at: Any, database: str, traded: Any, registration: Any
) -> None:
    storage, _ = await traded()
    async with node_at(database) as node:
        known, before = [await books(node, registration, name) for name in "pq"], await tally(node)
    for survived in (1, 2):
        words = (sys.executable, "-c", KILLED, str(storage.state_dir), str(survived), database, str(FOREVER))
        process = await asyncio.create_subprocess_exec(*words, stderr=asyncio.subprocess.PIPE)
        _, said = await process.communicate()
        assert process.returncode == -signal.SIGKILL, said.decode()
        async with node_at(database) as node:
            assert [await books(node, registration, name) for name in "pq"] == known
            assert await node.verify() == ()
            left = await tally(node)
            assert left["orders"] < before["orders"]
            before = left
    assert (await upkeep.archive(storage, FOREVER, "operator")).orders > 0
    async with node_at(database) as node:
        assert [await books(node, registration, name) for name in "pq"] == known
        assert await node.verify() == ()


async def test_what_was_changed_around_lts_is_not_archived(node_at: Any, database: str, traded: Any) -> None:
    storage, _ = await traded()
    async with node_at(database) as node:
        before = await tally(node)
        async with node.keeper.engine.connect() as connection:
            with guard.unit(connection):
                async with connection.begin():
                    await connection.exec_driver_sql("UPDATE fills SET price = '1'")
    reason = r"nothing was archived: fills .* is not as the audit says; run `lts db verify`"
    with pytest.raises(Refused, match=reason):
        await upkeep.archive(storage, FOREVER, "operator")
    assert not (storage.state_dir / "archives").exists()
    async with node_at(database) as node:
        assert await tally(node) == before


async def test_a_backup_has_the_snapshot_and_gives_it_back(traded: Any, tmp_path: Path) -> None:
    storage, _ = await traded()
    done = await upkeep.archive(storage, FOREVER, "operator")
    backup = await back_up(storage, tmp_path / "a.backup", record=no_record)
    assert backup.manifest.tables["balance_snapshots"].rows == 4
    node_keys = storage.node_keys(create=False).keys
    copy = Storage(tmp_path / "copy", environ={})
    await restore(backup.path, copy, node_keys)
    engine = copy.engine()
    report = await verify(engine, node_keys, copy.head)
    await engine.dispose()
    assert report.findings == ()
    assert done.file
    with pytest.raises(Refused, match=r"is no backup but an archive; `lts db show` prints what is in it"):
        await restore(done.file, Storage(tmp_path / "other", environ={}), node_keys)
    with pytest.raises(Refused, match=r"is a backup of all tables; restore it to see what is in it"):
        await read(storage, backup.path)
