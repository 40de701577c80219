"""Somebody writes a strategy and a broker against lts.sdk alone, and trades with them.

The two plugins below are files of that somebody: they know nothing of this tree.
"""

import ast
import sys
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import lts
from bus import ReplayDriver
from lts.admission.guest import Guest
from lts.admission.loader import Admitted, admit
from lts.config.file import read_system
from lts.domain.order_record import OrderRecord
from lts.domain.order_status import OrderStatus
from lts.domain.outcome import Outcome
from lts.main import System, catalogue
from lts.refusal import Refused
from lts.sdk import SDK_VERSION
from lts.testing import BrokerContract, StrategyContract
from lts.testing.contract import PluginContract

pytestmark = pytest.mark.requirement("LTS-005", "INT-001", "INT-002", "INT-003", "INT-4.4", "INT-4.5")

SAMPLES = Path(lts.__file__).parent / "samples"

STRATEGY = '''\
"""Long above the highest close of some days, flat below the lowest."""

from collections import deque

from pydantic import Field

from lts.sdk import Bar, Params, Strategy, on


class BreakoutParams(Params):
    days: int = Field(20, ge=2, description="Closes to break out of.")


class Breakout(Strategy[BreakoutParams]):
    """Follows whoever leaves the channel of the last closes."""

    async def lifespan(self):
        self.closes = deque(maxlen=self.params.days)
        self.side = self.wanted = await self.standing_target()
        for bar in await self.history(3 * self.params.days):
            self.learn(bar)
        yield

    @on
    def watch(self, bar: Bar) -> None:
        self.learn(bar)
        if self.wanted != self.side:
            self.side = self.wanted
            self.signal(self.side, because=f"the close left the channel of {self.params.days} days")

    def learn(self, bar):
        if len(self.closes) == self.params.days:
            if bar.close > max(self.closes):
                self.wanted = 1.0
            elif bar.close < min(self.closes):
                self.wanted = 0.0
        self.closes.append(bar.close)
'''

BROKER = '''\
"""A thin market: so much a bar at its close, for a fee a piece."""

from decimal import Decimal

from pydantic import Field

from lts.sdk import Bar, Broker, OrderType, Params, PlaceOrder, Side, TimeInForce, WithdrawOrder, exact, on


class ThinParams(Params):
    a_bar: Decimal = Field(gt=0, description="What trades on a bar, of each order.")
    fee: Decimal = Field(Decimal(0), ge=0, description="For each piece.")


class ThinBroker(Broker[ThinParams]):
    """Fills what it can at each close, in parts."""

    async def lifespan(self):
        self.working = {}
        for record in await self.recalled_orders():
            if record.status.is_open:
                self.working[record.order.client_order_id] = [record.order, record.leaves, len(record.fills)]
        yield

    @on
    def place(self, request: PlaceOrder) -> None:
        order = request.order
        if order.instrument not in self.instruments:
            self.rejected(order, f"nobody trades {order.instrument} here")
        elif order.type is OrderType.LIMIT and order.limit_price is None:
            self.rejected(order, "a limit order names its limit")
        else:
            self.working[order.client_order_id] = [order, order.quantity, 0]
            self.accepted(order)

    @on
    def withdraw(self, request: WithdrawOrder) -> None:
        if self.working.pop(request.client_order_id, None):
            self.canceled(request.client_order_id)

    @on
    def trade(self, bar: Bar) -> None:
        price = exact(bar.close)
        for order, left, parts in list(self.working.values()):
            if order.instrument != bar.instrument or order.created_at >= bar.closed_at:
                continue
            limit = order.limit_price
            if limit is not None and (price > limit if order.side is Side.BUY else price < limit):
                if order.time_in_force is TimeInForce.IOC:
                    del self.working[order.client_order_id]
                    self.canceled(order.client_order_id, "nobody took it")
                continue
            quantity = min(left, self.params.a_bar)
            exec_id = f"{order.client_order_id}/{parts + 1}"
            self.filled(order, quantity, price, self.params.fee * quantity, exec_id)
            if quantity == left:
                del self.working[order.client_order_id]
            else:
                self.working[order.client_order_id] = [order, left - quantity, parts + 1]
'''

SYSTEM = """\
[plugins]
directories = ["mine"]

[[instrument]]
symbol = "SP500"
currency = "USD"
tick_size = "0.000001"
lot_size = "1"

[[feed]]
plugin = "csv"
instrument = "SP500"
params = {{ path = "{samples}/{data}", bar = "{bar}" }}

[[broker]]
name = "abroad"
plugin = "thin"
params = {{ a_bar = "4", fee = "0.01" }}

[[portfolio]]
name = "trend"
owner = "somebody"
currency = "USD"
cash = "100000"
pipeline_params = {{ on_failure = "flatten" }}
plugin = "fixed_quantity"
params = {{ quantity = "10" }}

  [[portfolio.asset]]
  instrument = "SP500"
  broker = "abroad"
  strategy = "{strategy}"
  params = {{ days = 20 }}
"""
DAILY = {"data": "sp500_1day_1999_2018.csv", "bar": "1d"}
BY_THE_MINUTE = {"data": "btcusd_1min_2020-01-01.csv", "bar": "1m"}

Write = Callable[..., None]


@pytest.fixture
def write(tmp_path: Path) -> Iterator[Write]:
    """Writes a plugin of somebody's; nothing of it stays imported."""

    def plugin(kind: str, name: str, entry: str, code: str, requires: str = ">=1.0,<2") -> None:
        directory = tmp_path / "mine" / kind / name
        directory.mkdir(parents=True)
        (directory / "plugin.py").write_text(code)
        (directory / "plugin.toml").write_text(
            f'kind = "{kind}"\nname = "{name}"\nversion = "0.1.0"\nentry = "plugin:{entry}"\n'
            f'requires-lts = "{requires}"\n'
        )

    yield plugin
    for module in [name for name in sys.modules if name.split(".")[0] == "lts_guest"]:
        del sys.modules[module]
    sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, Guest)]


@pytest.fixture
def theirs(write: Write) -> None:
    write("strategy", "breakout", "Breakout", STRATEGY)
    write("broker", "thin", "ThinBroker", BROKER)


def system(directory: Path, strategy: str = "breakout", feed: dict[str, str] = DAILY) -> System:
    file = directory / "system.toml"
    file.write_text(SYSTEM.format(samples=SAMPLES, strategy=strategy, **feed))
    return System(read_system(file), ReplayDriver())


async def backtest(directory: Path) -> tuple[Outcome, tuple[OrderRecord, ...]]:
    running = system(directory)
    await running.start()
    try:
        await running.run()
        assert running.trouble() is None
        return await running.outcome(), await running.records()
    finally:
        await running.stop()


def code_lines(code: str) -> int:
    return len(code.splitlines())


def imported_by(code: str) -> set[str]:
    return {node.module or "" for node in ast.walk(ast.parse(code)) if isinstance(node, ast.ImportFrom)}


def test_they_are_short_and_import_lts_sdk_alone() -> None:
    assert code_lines(STRATEGY) < 40
    assert code_lines(BROKER) < 80
    assert imported_by(STRATEGY) | imported_by(BROKER) == {"collections", "decimal", "pydantic", "lts.sdk"}


@pytest.mark.usefixtures("theirs")
async def test_they_load_by_name_and_trade_real_data(tmp_path: Path) -> None:
    outcome, records = await backtest(tmp_path)
    assert outcome.bars == 5_031
    assert outcome.orders == len(records) > 50
    assert outcome.trades > 25
    assert {record.order.broker for record in records} == {"abroad"}
    assert {record.status for record in records[:-1]} == {OrderStatus.FILLED}
    assert {len(record.fills) for record in records[:-1]} == {3}
    assert [fill.quantity for fill in records[0].fills] == [4, 4, 2]
    fills = [fill for record in records for fill in record.fills]
    spent = sum((fill.side.sign * fill.price * fill.quantity + fill.fee for fill in fills), Decimal(0))
    (portfolio,) = outcome.portfolios
    assert portfolio.cash == Decimal(100_000) - spent
    assert outcome.fees == sum((fill.quantity for fill in fills), Decimal(0)) / 100


@pytest.mark.usefixtures("theirs")
async def test_the_same_input_gives_the_same_digest(tmp_path: Path) -> None:
    first, _ = await backtest(tmp_path)
    second, _ = await backtest(tmp_path)
    assert first.digest == second.digest


@pytest.mark.usefixtures("theirs")
@pytest.mark.parametrize(
    ("suite", "kind", "name", "params"),
    [
        (StrategyContract, "strategy", "breakout", {"days": 10}),
        (BrokerContract, "broker", "thin", {"a_bar": "2", "fee": "0.01"}),
    ],
)
def test_they_keep_the_contracts_of_their_kinds(
    tmp_path: Path, suite: type[PluginContract], kind: str, name: str, params: dict[str, Any]
) -> None:
    admitted = admit(kind, name, catalogue([tmp_path / "mine"]))
    assert isinstance(admitted, Admitted), admitted
    theirs: Any = type("Theirs", (suite,), {"plugin": admitted.plugin, "params": params})()
    tests = [each for each in dir(theirs) if each.startswith("test_")]
    assert len(tests) > 8
    for test in tests:
        getattr(theirs, test)()


BAD = [
    pytest.param(
        "from lts.sdk import OrderApproved, Params, Strategy, on\n\n\n"
        "class Days(Params):\n    days: int\n\n\n"
        "class Nosy(Strategy[Days]):\n"
        "    @on\n"
        "    def read_others_orders(self, approved: OrderApproved) -> None: ...\n",
        ">=1.0,<2",
        "strategy/trend/SP500 may not hear OrderApproved",
        id="hears what its kind does not grant",
    ),
    pytest.param(
        "raise RuntimeError('this must never run')\n",
        ">=2",
        f"is made for LTS SDK >=2, not for {SDK_VERSION}; take another version",
        id="is for another version",
    ),
    pytest.param(
        "from lts.sdk import Params, Strategy\n\n\nMODEL = open('no/such/model')\n\n\n"
        "class Nosy(Strategy[Params]): ...\n",
        ">=1.0,<2",
        "cannot be imported: FileNotFoundError: [Errno 2] No such file or directory: 'no/such/model'",
        id="raises at import",
    ),
    pytest.param(
        "from lts.sdk import Params, Strategy\n\n\nclass Nosy(Strategy[Params]): ...\n",
        ">=1.0,<2",
        "asset 'SP500', params: unknown key 'days'",
        id="does not know its parameters",
    ),
    pytest.param(
        "from lts.sdk import Bar, Params, PlaceOrder, Strategy, on\n"
        "from pydantic import Field\n\n\n"
        "class Days(Params):\n    days: int = Field(30, ge=30)\n\n\n"
        "class Nosy(Strategy[Days]): ...\n",
        ">=1.0,<2",
        "asset 'SP500', params.days must be greater than or equal to 30; found the number 20",
        id="wants other parameters",
    ),
]


@pytest.mark.requirement("INT-026")
@pytest.mark.parametrize(("code", "requires", "said"), BAD)
async def test_a_plugin_that_is_not_in_order_is_refused_with_a_sentence(
    tmp_path: Path, write: Write, code: str, requires: str, said: str
) -> None:
    write("strategy", "nosy", "Nosy", code, requires)
    write("broker", "thin", "ThinBroker", BROKER)
    running = system(tmp_path, "nosy")
    with pytest.raises(Refused) as refused:
        await running.start()
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)
    assert all(cell.state.value in {"stopped", "quarantined"} for cell in running.bus.cells.values())


async def test_a_strategy_may_not_order_past_its_portfolio(tmp_path: Path, write: Write) -> None:
    write(
        "strategy",
        "nosy",
        "Nosy",
        "from lts.sdk import Bar, OrderProposed, Params, Strategy, on\n\n\n"
        "class Days(Params):\n    days: int\n\n\n"
        "class Nosy(Strategy[Days]):\n"
        "    @on\n"
        "    def order(self, bar: Bar) -> None:\n"
        "        if bar.opened_at < 915580800 * 10**9:  # on the first two days of 1999\n"
        "            self.publish(OrderProposed('trend', None))\n",
    )
    write("broker", "thin", "ThinBroker", BROKER)
    running = system(tmp_path, "nosy")
    await running.start()
    try:
        await running.run()
        assert await running.records() == ()
        assert running.bus.vitals().failures == 2
        assert "may not use OrderProposed" in running.bus.cells["strategy/trend/SP500"].reason
    finally:
        await running.stop()


@pytest.mark.requirement("INT-4.3")
async def test_a_strategy_that_keeps_failing_is_taken_out_of_service_and_its_position_closed(
    tmp_path: Path, write: Write
) -> None:
    write(
        "strategy",
        "nosy",
        "Nosy",
        "from lts.sdk import Bar, Params, Strategy, every, on\n\n\n"
        "class Days(Params):\n    days: int\n\n\n"
        "class Nosy(Strategy[Days]):\n"
        "    async def lifespan(self):\n"
        "        self.side = await self.standing_target()\n"
        "        yield\n\n"
        "    @on\n"
        "    def buy(self, bar: Bar) -> None:\n"
        "        if not self.side:\n"
        "            self.side = 1.0\n"
        "            self.signal(self.side, because='it opened')\n\n"
        "    @every(11)\n"
        "    def fall(self) -> None:\n"
        "        if self.side:\n"
        "            raise ValueError('out of luck')\n",
    )
    write("broker", "thin", "ThinBroker", BROKER)
    running = system(tmp_path, "nosy", BY_THE_MINUTE)
    await running.start()
    try:
        await running.run()
        assert running.trouble() == (
            "strategy/trend/SP500 went out of service: failed 6 times in 60 s: ValueError: out of luck"
        )
        bought, sold = await running.records()
        assert (bought.status, bought.filled) == (OrderStatus.CANCELED, Decimal(4))
        assert (sold.status, sold.filled) == (OrderStatus.FILLED, Decimal(4))
        (account,) = await running.accounts()
        assert account.positions[0].quantity == 0
    finally:
        await running.stop()
