"""Portfolios are made, changed, put to rest and to work while the system trades, and outlive the node."""

import asyncio
import shutil
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

import lts
from actors.persistence.doctor import examine
from bus import SECOND, Actor, Event, ReplayDriver, Request, on, pause
from lts.config.file import read_system
from lts.domain.accounts import GetAccount
from lts.domain.digest import digest
from lts.domain.market import Bar
from lts.domain.order_record import OrderRecord
from lts.domain.order_status import OrderStatus
from lts.domain.portfolio_changes import created
from lts.domain.portfolio_settings import (
    AddAsset,
    ChangeAsset,
    ChangePortfolio,
    CreatePortfolio,
    GetPortfolio,
    ListPortfolios,
    Objection,
    Origin,
    PortfolioNotChanged,
    PortfolioReported,
    RemoveAsset,
    SetActive,
    stored,
)
from lts.domain.protection import GetProtection
from lts.domain.request_mark import RequestMark
from lts.domain.risk import SetTradingState, TradingState
from lts.domain.statistics import HOUR, RecallStatistics
from lts.domain.units import Perform, Performed, PutUser
from lts.live import keeper, storage_of
from lts.main import Extras, System
from lts.refusal import Refused

pytestmark = pytest.mark.requirement("INT-019", "INT-012", "INT-013", "INT-026", "LTS-002")

SAMPLES = Path(lts.__file__).parent / "samples"
BEGIN = 1_577_836_800 * SECOND
MINUTE = 60 * SECOND
OTHER = """
[[instrument]]
symbol = "ETH/USD"
currency = "USD"
tick_size = "0.01"
lot_size = "0.0001"

[[instrument]]
symbol = "LTC/USD"
currency = "USD"
tick_size = "0.01"
lot_size = "0.0001"

[[feed]]
plugin = "csv"
instrument = "ETH/USD"
params = { path = "btcusd_1min_2020-01-01.csv", bar = "1m" }

[risk]
max_order_quantity = "8"
"""
ASSET = {
    "instrument": "ETH/USD",
    "broker": "paper",
    "strategy": "sma_cross",
    "params": {"fast": 2, "slow": 5},
}
MINE = {
    "name": "mine",
    "owner": "carol",
    "currency": "USD",
    "cash": "5000",
    "plugin": "fixed_quantity",
    "params": {"quantity": "0.1"},
    "asset": [ASSET],
}

Script = Mapping[int, Request[Any]]
NOTHING: Script = {}
BUG = ListPortfolios("?")
"""Makes who owns the settings fail, when he has stopped a portfolio and not started it again."""
DAY = 1440


class Due(Event):
    minute: int


class Commander(Actor[Script]):
    """Gives a command when so many minutes of the day are over, and keeps the answers."""

    asks = (
        AddAsset,
        ChangeAsset,
        ChangePortfolio,
        CreatePortfolio,
        GetAccount,
        GetPortfolio,
        GetProtection,
        ListPortfolios,
        Perform,
        RecallStatistics,
        RemoveAsset,
        SetActive,
        SetTradingState,
    )

    async def lifespan(self) -> AsyncGenerator[None, None]:
        self.answers: list[Any] = []
        yield

    @on
    async def hear(self, bar: Bar) -> None:
        minute = (bar.closed_at - BEGIN) // MINUTE
        if bar.instrument == "ETH/USD":  # the last of each minute
            _, delay = self.assignment
            if delay:
                self.after(delay, Due(minute))
            else:
                await self.command(minute)

    @on
    async def heed(self, due: Due) -> None:
        await self.command(due.minute)

    async def command(self, minute: int) -> None:
        command = self.params.get(minute)
        if command is BUG:
            failing = self._bus.cells["portfolios"]
            failing.actor.assignment.unfinished.add("mine")
            await self._bus.dismiss("portfolio/mine")
            self._bus.supervisor.failed(failing, RuntimeError("a bug"))
        elif command:
            self.answers.append(await self.ask(command))
        if minute >= self.assignment[0]:
            self._bus.driver.stop()


Running = Callable[..., AbstractAsyncContextManager[tuple[System, Any]]]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    for name in ("demo.toml", "btcusd_1min_2020-01-01.csv"):
        shutil.copy(SAMPLES / name, tmp_path)
    file = tmp_path / "demo.toml"
    file.write_text(file.read_text(encoding="utf-8").replace(", repeat = true", "") + OTHER, encoding="utf-8")
    return file


@pytest.fixture
def running(file: Path) -> Running:
    """Runs the system in its state directory, again and again, up to a minute of its day if one is told."""

    @asynccontextmanager
    async def run(
        script: Script = NOTHING,
        seed: int | None = None,
        until: int = DAY,
        state: str = "state",
        delay: float = 0,
    ) -> AsyncIterator[tuple[System, Any]]:
        plan = read_system(file)
        kept = keeper(plan, storage_of(plan, file.parent / state))
        system = System(plan, ReplayDriver(), Extras(keeper=kept, seed=seed))
        await system.start()
        commander: Any = system.bus.spawn(
            Commander, script, name="commander", assignment=(until, delay)
        ).actor
        await system.bus.started()
        try:
            await system.run()
            yield system, commander
        finally:
            await system.stop()

    return run


async def orders_of(system: System, portfolio: str = "mine") -> list[OrderRecord]:
    return [record for record in await system.records() if record.order.portfolio == portfolio]


def minute_of(record: OrderRecord) -> int:
    return (record.order.created_at - BEGIN) // MINUTE


LIFE: Script = {
    20: CreatePortfolio(MINE, "carol"),
    60: SetActive("mine", active=False, who="carol", asset="ETH/USD", revision=1),
    100: SetActive("mine", active=True, who="carol", asset="ETH/USD", revision=2),
    140: ChangeAsset("mine", "ETH/USD", {"params": {"fast": 2, "slow": 4}}, "carol", 3),
    180: ChangePortfolio("mine", {"params": {"quantity": "0.2"}}, "carol", 4),
    220: ChangePortfolio("mine", {"active": False}, "carol"),
    260: ChangePortfolio("mine", {"active": True}, "carol"),
}
END = 300


async def test_a_portfolio_trades_rests_and_changes_and_a_restart_goes_on_with_it(
    running: Running, file: Path
) -> None:
    async with running(LIFE, delay=1, until=END, state="whole") as (system, commander):
        assert [answer.revision for answer in commander.answers] == [1, 2, 3, 4, 5, 6, 7]
        orders = await orders_of(system)
        minutes = {minute_of(record) for record in orders}
        for begin, end in ((20, 60), (100, 140), (140, 220), (260, END)):
            assert any(begin <= minute < end for minute in minutes)
        for begin, end in ((0, 20), (61, 100), (221, 260)):
            assert not any(begin <= minute < end for minute in minutes)
        sizes = {record.order.quantity for record in orders if minute_of(record) > 200}
        assert Decimal("0.2") in sizes
        account = await commander.ask(GetAccount("mine"))
        assert (account.owner, account.capital) == ("carol", Decimal(5000))
        whole = digest(await system.records())
        assert system.trouble() is None
        sampled = RecallStatistics("portfolio/mine/equity", HOUR, BEGIN, BEGIN + 24 * HOUR * SECOND)
        async with asyncio.timeout(10):  # it is sampled by system time
            while not (await commander.ask(sampled)).measured:
                await pause(0.1)
    for until in (80, 160, 240):
        async with running(LIFE, delay=1, until=until):
            pass
    async with running(LIFE, delay=1, until=END) as (system, commander):
        assert digest(await system.records()) == whole  # as if it had never been stopped
        assert (await commander.ask(GetPortfolio("mine"))).revision == 7
    plan = read_system(file)
    checks = await examine(storage_of(plan, file.parent / "state"), deep=True)
    assert [each.sentence for each in checks if each.status == "failure"] == []


async def test_the_order_in_which_actors_run_changes_nothing(running: Running) -> None:
    found = set()
    for seed in (None, 1, 2, 3):
        async with running(LIFE, delay=1, seed=seed, until=150, state=f"seed {seed}") as (system, _):
            found.add(digest(await system.records()))
            assert await orders_of(system)
    assert len(found) == 1


async def test_entries_of_who_rests_are_cancelled_and_what_is_held_stays(running: Running) -> None:
    entered: list[int] = []
    async with running({30: CreatePortfolio(MINE, "carol")}, until=200, state="look") as (system, _):
        entered += [minute_of(record) for record in await orders_of(system)]
    rest = SetActive("mine", active=False, who="carol")
    script = {30: CreatePortfolio(MINE, "carol"), entered[4]: rest}
    async with running(script, until=200) as (system, commander):
        (*_, last) = orders = await orders_of(system)
        assert len(orders) == 5
        assert last.status is OrderStatus.CANCELED  # of the very close at which it was put to rest
        held = sum(each.quantity for each in (await commander.ask(GetAccount("mine"))).positions)
        assert held == 0  # four orders came before: in, out, in, out
    script = {30: CreatePortfolio(MINE, "carol"), entered[3]: rest}
    async with running(script, until=200, state="exits") as (system, commander):
        (*_, last) = orders = await orders_of(system)
        assert last.status is OrderStatus.FILLED  # it only closes
        assert not any(each.quantity for each in (await commander.ask(GetAccount("mine"))).positions)


async def test_what_protects_a_position_works_on_while_its_strategy_rests(running: Running) -> None:
    protected = {**ASSET, "protection": {"stop_loss_bps": "500", "take_profit_bps": "900"}}
    make = CreatePortfolio({**MINE, "asset": [protected]}, "carol")
    async with running({30: make}, until=120, state="look") as (system, _):
        entries = [each for each in await orders_of(system) if not each.order.reduce_only]
    rest = SetActive("mine", active=False, who="carol", asset="ETH/USD")
    async with running({30: make, minute_of(entries[1]) + 2: rest}, until=120) as (system, commander):
        (covered,) = (await commander.ask(GetProtection("mine"))).instruments
        assert covered.held == covered.covered == Decimal("0.1")
        before = {each.order.client_order_id for each in await orders_of(system) if each.status.is_open}
        assert len(before) == 2
    async with running(until=160) as (system, commander):
        open_orders = {each.order.client_order_id for each in await orders_of(system) if each.status.is_open}
        assert open_orders == before
        change = ChangeAsset("mine", "ETH/USD", {"protection": None}, "carol")
        assert (await commander.ask(change)).objection is Objection.NOT_FLAT


async def test_limits_and_halts_hold_for_a_portfolio_that_was_made_at_run_time(running: Running) -> None:
    halt = SetTradingState("user:carol", TradingState.HALTED, "enough", "ops", within_s=0)
    greedy = {**MINE, "name": "greedy", "params": {"quantity": "8.5"}}
    script = {
        30: CreatePortfolio(MINE, "carol"),
        40: CreatePortfolio(greedy, "carol"),
        100: halt,
    }
    async with running(script, until=160) as (system, commander):
        assert commander.answers[-1].state is TradingState.HALTED
        for record in await orders_of(system, "greedy"):
            assert record.status is OrderStatus.DENIED
        for record in await orders_of(system):
            assert (record.status is OrderStatus.DENIED) is (minute_of(record) >= 100)
        assert any(minute_of(record) >= 100 for record in await orders_of(system))


REFUSED: list[tuple[Request[Any], Objection, str, str]] = [
    (CreatePortfolio({**MINE, "name": "rider"}, "eve"), Objection.NAME_TAKEN, "name", "rider"),
    (CreatePortfolio({**MINE, "name": "a b  c"}, "eve"), Objection.INVALID, "name", "a name is made of"),
    (CreatePortfolio({**MINE, "name": "p", "cash": "-1"}, "eve"), Objection.INVALID, "cash", "greater than"),
    (CreatePortfolio({**MINE, "name": "p", "cash": "NaN"}, "eve"), Objection.INVALID, "cash", "cash"),
    (CreatePortfolio({"name": "p"}, "eve"), Objection.INVALID, "owner", "missing"),
    (CreatePortfolio({**MINE, "name": "p", "colour": 1}, "eve"), Objection.INVALID, "colour", "unknown key"),
    (
        CreatePortfolio({**MINE, "name": "p", "params": {"quantity": "0.1", "x": 1}}, "eve"),
        Objection.INVALID,
        "params.x",
        "portfolio 'p', params: unknown key 'x'",
    ),
    (CreatePortfolio({**MINE, "name": "p", "plugin": "none"}, "eve"), Objection.INVALID, "plugin", "'none'"),
    (
        CreatePortfolio({**MINE, "name": "p", "asset": [{**ASSET, "params": {"fast": 9}}]}, "eve"),
        Objection.INVALID,
        "asset.0.params.slow",
        "asset 'ETH/USD', params",
    ),
    (
        CreatePortfolio({**MINE, "name": "p", "asset": [{**ASSET, "instrument": "LTC/USD"}]}, "eve"),
        Objection.INVALID,
        "",
        "no feed brings prices",
    ),
    (
        CreatePortfolio({**MINE, "name": "p", "asset": [{**ASSET, "broker": "nobody"}]}, "eve"),
        Objection.INVALID,
        "",
        "there is no broker 'nobody'",
    ),
    (
        CreatePortfolio({**MINE, "name": "p", "currency": "EUR"}, "eve"),
        Objection.INVALID,
        "",
        "nothing converts between them",
    ),
    (
        CreatePortfolio({**MINE, "name": "p", "asset": [ASSET, ASSET]}, "eve"),
        Objection.INVALID,
        "",
        "several",
    ),
    (AddAsset("mine", ASSET, "eve"), Objection.INVALID, "instrument", "already"),
    (AddAsset("mine", {**ASSET, "broker": 7}, "eve"), Objection.INVALID, "broker", "text in quotes"),
    (AddAsset("nobody", ASSET, "eve"), Objection.UNKNOWN, "", "no portfolio 'nobody'"),
    (RemoveAsset("mine", "BTC/USD", "eve"), Objection.UNKNOWN, "asset", "no asset 'BTC/USD'"),
    (SetActive("mine", active=False, who="eve", revision=7), Objection.CONFLICT, "", "revision 1"),
    (SetActive("rider", active=False, who="eve"), Objection.FROM_THE_FILE, "", "the node's file"),
    (ChangePortfolio("mine", {"owner": "eve"}, "eve"), Objection.INVALID, "owner", "cannot be changed"),
    (ChangePortfolio("mine", {"pipeline": "x"}, "eve"), Objection.INVALID, "pipeline", "'x'"),
    (
        ChangePortfolio("mine", {"pipeline_params": {"beat_s": -1}}, "eve"),
        Objection.INVALID,
        "pipeline_params.beat_s",
        "greater than",
    ),
    (ChangeAsset("mine", "ETH/USD", {"name": "x"}, "eve"), Objection.INVALID, "name", "cannot be changed"),
    (
        ChangeAsset("mine", "ETH/USD", {"params": {"fast": 9, "slow": 5}}, "eve"),
        Objection.INVALID,
        "params",
        "must be smaller",
    ),
    (
        ChangeAsset("mine", "ETH/USD", {"protection": {}}, "eve"),
        Objection.INVALID,
        "protection",
        "nothing that protects",
    ),
]


async def test_what_is_refused_says_why_and_where_and_changes_nothing(running: Running) -> None:
    async with running({5: CreatePortfolio(MINE, "carol")}, until=10) as (_, commander):
        before = await commander.ask(ListPortfolios())
        for command, objection, place, reason in REFUSED:
            answer = await commander.ask(command)
            assert isinstance(answer, PortfolioNotChanged), answer
            assert (answer.objection, answer.field) == (objection, place), answer
            assert reason in answer.reason, answer
        assert await commander.ask(ListPortfolios()) == before
    async with running(until=15) as (_, commander):
        assert await commander.ask(ListPortfolios()) == before
        assert [each.origin for each in before.portfolios] == [Origin.FILE, Origin.FILE, Origin.API]
        listed = await commander.ask(ListPortfolios("carol"))
        assert [each.portfolio for each in listed.portfolios] == ["mine"]


async def test_an_asset_leaves_when_it_is_flat_and_what_it_traded_stays_in_the_books(
    running: Running,
) -> None:
    async with running({5: CreatePortfolio(MINE, "carol")}, until=200, state="look") as (system, _):
        entered = [minute_of(record) for record in await orders_of(system)]
    script = {
        5: CreatePortfolio(MINE, "carol"),
        entered[4] + 1: RemoveAsset("mine", "ETH/USD", "carol"),
        entered[5]: SetActive("mine", active=False, who="carol", asset="ETH/USD"),
        entered[5] + 2: RemoveAsset("mine", "ETH/USD", "carol"),
        150: AddAsset("mine", {**ASSET, "instrument": "BTC/USD"}, "carol"),
    }
    async with running(script, until=200) as (system, commander):
        _, held, rested, removed, added = commander.answers
        assert held.objection is Objection.NOT_FLAT
        assert isinstance(rested, PortfolioReported)
        assert removed.settings["asset"] == []
        assert added.revision == 4
        assert len(await orders_of(system)) > 6
        assert {record.order.instrument for record in await orders_of(system)} == {"BTC/USD", "ETH/USD"}
        before = await commander.ask(GetAccount("mine"))
        assert system.trouble() is None
    async with running(until=200) as (system, commander):
        after = await commander.ask(GetAccount("mine"))
        assert (after.cash, after.fees, after.positions) == (before.cash, before.fees, before.positions)


async def test_what_was_stored_before_the_node_was_killed_is_carried_out_at_the_next_start(
    running: Running,
) -> None:
    async with running({5: CreatePortfolio(MINE, "carol")}, until=200, state="look") as (system, _):
        entered = [minute_of(record) for record in await orders_of(system)]
    plan = created(MINE)
    made = Perform((PutUser("carol"), stored(plan, 1)), "carol")  # and not a word to anybody else
    resting = Perform((stored(plan.model_copy(update={"active": False}), 2),), "carol")
    async with running({1: made}, until=5) as (system, commander):
        assert commander.answers == [Performed()]
        assert await orders_of(system) == []
    async with running({entered[4]: resting}, until=entered[4]) as (system, _):
        assert (await orders_of(system))[-1].status.is_open
    async with running(until=300) as (system, commander):
        orders = await orders_of(system)
        assert (len(orders), orders[-1].status) == (5, OrderStatus.CANCELED)
        report = await commander.ask(GetPortfolio("mine"))
        assert (report.active, report.revision) == (False, 2)


@pytest.fixture
def _moody(file: Path) -> None:
    """A strategy that takes its parameters, and then does not start."""
    directory = file.parent / "guests/strategy/moody"
    directory.mkdir(parents=True)
    (directory / "plugin.toml").write_text(MOODY, encoding="utf-8")
    (directory / "plugin.py").write_text(CODE, encoding="utf-8")
    with file.open("a", encoding="utf-8") as more:
        more.write('\n[plugins]\ndirectories = ["guests"]\n')


@pytest.mark.usefixtures("_moody")
async def test_a_portfolio_that_cannot_start_says_so_and_keeps_nobody_else_from_starting(
    running: Running,
) -> None:
    moody = {**MINE, "asset": [{**ASSET, "strategy": "moody", "params": {}}]}
    async with running({5: CreatePortfolio(moody, "carol")}, until=20) as (_, commander):
        assert "not today" in (await commander.ask(GetPortfolio("mine"))).trouble
    async with running(until=40) as (system, commander):
        assert "not today" in (await commander.ask(GetPortfolio("mine"))).trouble
        assert await orders_of(system, "scalper")


async def test_a_file_cannot_have_the_name_of_a_portfolio_that_was_made_at_run_time(
    running: Running, file: Path
) -> None:
    async with running({5: CreatePortfolio(MINE, "carol")}, until=10):
        pass
    rename(file, "rider", "mine")
    with pytest.raises(Refused, match="portfolio 'mine' was made at run time already; give the one"):
        async with running(until=10):
            pass


async def test_who_owns_the_settings_fails_in_the_middle_of_a_change_and_makes_it_good(
    running: Running,
) -> None:
    script = {
        5: CreatePortfolio(MINE, "carol"),
        10: BUG,
        20: SetActive("mine", active=False, who="carol"),
    }
    async with running(script, until=30) as (system, commander):
        assert system.bus.cells["portfolios"].restarts == 1
        first, last = commander.answers
        assert (first.revision, last.revision, last.active, last.trouble) == (1, 2, False, "")
        assert "portfolio/mine" in system.bus.cells
        assert not system.bus.cells["portfolios"].actor.assignment.unfinished


async def test_nothing_is_commanded_before_the_node_is_up(running: Running) -> None:
    async with running({5: CreatePortfolio(MINE, "carol")}, until=6) as (system, commander):
        system.bus.cells["portfolios"].actor.assignment.ready = False
        for command in (CreatePortfolio({**MINE, "name": "p"}, "eve"), RemoveAsset("mine", "ETH/USD", "eve")):
            assert "still starting" in (await commander.ask(command)).reason


def rename(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace(f'name = "{old}"', f'name = "{new}"'), encoding="utf-8")


MOODY = """\
kind = "strategy"
name = "moody"
version = "1.0.0"
entry = "plugin:Moody"
requires-lts = ">=1"
"""
CODE = """\
from lts.sdk import Params, Refused, Strategy


class Moody(Strategy[Params]):
    async def lifespan(self):
        raise Refused("not today")
        yield
"""


async def test_a_portfolio_is_opened_once_for_each_key_also_after_a_restart(running: Running) -> None:
    once = CreatePortfolio(MINE, "carol", RequestMark("carol", "key", "digest"))
    other = CreatePortfolio(MINE | {"name": "second"}, "carol", RequestMark("carol", "key", "other"))
    nonsense = CreatePortfolio(MINE | {"name": "third"}, "carol", RequestMark("carol", "", "digest"))
    rest = SetActive("mine", active=False, who="carol")
    script = {20: once, 21: once, 22: other, 23: nonsense, 24: rest, 25: once}
    async with running(script, until=30) as (_, commander):
        first, again, reused, unmarked, _, later = commander.answers
        assert (first.repeated, again) == (False, msgspec.structs.replace(first, repeated=True))
        assert (reused.objection, unmarked.objection) == (Objection.KEY_REUSED, Objection.INVALID)
        assert (later.repeated, later.revision, later.active) == (True, 2, False)
    async with running({40: once}, until=41) as (system, commander):
        (after,) = commander.answers
        assert (after.portfolio, after.repeated, after.revision) == ("mine", True, 2)
        assert set(system.register.owners) == {"scalper", "rider", "mine"}
