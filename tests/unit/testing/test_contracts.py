"""Contract suites are worth something if they find what they are there to find.

Of each suite: a plugin that does its work passes, one that does nothing fails every test, and
for every test there is a plugin that is wrong in one respect and fails it.
"""

import asyncio
import itertools
from collections.abc import AsyncGenerator, Iterable, Iterator
from decimal import Decimal
from typing import Any, ClassVar

import msgspec
import pytest
from pydantic import ConfigDict

from bus import Moment
from lts.kinds.plugin import Plugin
from lts.sdk import (
    CLOSES,
    OPENS,
    ActorQuarantined,
    AmendOrder,
    ApprovedOrder,
    Bar,
    BarOpened,
    Broker,
    Core,
    FinancingCharged,
    Instrument,
    Order,
    OrderChanged,
    OrderDenied,
    OrderFilled,
    OrderProposed,
    OrdersRecalled,
    OrderStatus,
    OrderType,
    Params,
    Pipeline,
    PlaceOrder,
    Portfolio,
    QueryOrder,
    Refused,
    ReplayFeed,
    SignalRaised,
    Strategy,
    SystemReady,
    TimeInForce,
    WithdrawOrder,
    on,
)
from lts.testing import (
    ABILITIES,
    BrokerContract,
    CoreContract,
    FeedContract,
    PipelineContract,
    PortfolioContract,
    StrategyContract,
    bars,
)
from lts.testing.contract import PluginContract
from plugins.broker.paper.plugin import PaperBroker
from plugins.broker.paper.ticket import Ticket
from plugins.core.default.plugin import DefaultCore
from plugins.pipeline.default.plugin import DefaultPipeline
from plugins.portfolio.fixed_quantity.plugin import FixedQuantity

pytestmark = pytest.mark.requirement("INT-001", "INT-10.1", "LTS-005", "LTS-007")


def names_in(suite: type[PluginContract]) -> set[str]:
    return {name for name in dir(suite) if name.startswith("test_")}


def failing(suite: type[PluginContract], plugin: type[Plugin[Any]], **settings: Any) -> set[str]:
    """The tests of a suite that a plugin fails."""
    given = suite.__dict__.get("given", {})
    mine = type("Mine", (suite,), {"plugin": plugin, **given, **settings})
    return {name for name in names_in(suite) if fails(mine(), name)}


def fails(suite: PluginContract, name: str) -> bool:
    try:
        getattr(suite, name)()
    except Exception:  # noqa: BLE001 - whatever way a test fails, it fails
        return True
    return False


# Strategies


class Rising(Strategy[Params]):
    """Long while the close is above that of five bars before: right in every respect."""

    async def lifespan(self) -> AsyncGenerator[None, None]:
        self.closes = [bar.close for bar in await self.history(10)]
        self.side = await self.standing_target()
        yield

    @on
    def watch(self, bar: Bar) -> None:
        self.closes.append(bar.close)
        if len(self.closes) > 5:
            self.want(float(bar.close > self.closes[-6]))

    def want(self, side: float) -> None:
        if side != self.side:
            self.side = side
            self.signal(side, because="the test")


class IdleStrategy(Strategy[Params]):
    """Says nothing."""


class Greedy(Rising):
    def want(self, side: float) -> None:
        self.publish(SignalRaised("test", "TEST", 2 * side, "the test"))


class Moody(Rising):
    moods: ClassVar[Iterator[int]] = itertools.count()

    def want(self, side: float) -> None:
        super().want(side if next(self.moods) % 11 else 0.0)


class Sociable(Rising):
    shared: ClassVar[list[float]] = []

    async def lifespan(self) -> AsyncGenerator[None, None]:
        self.shared.clear()
        self.closes = self.shared
        self.side = 0.0
        yield


class Hasty(Rising):
    async def lifespan(self) -> AsyncGenerator[None, None]:
        async for _ in super().lifespan():
            if len(self.closes) > 5:
                self.signal(0.5, because="it was so")
            yield


class Forgetful(Rising):
    async def lifespan(self) -> AsyncGenerator[None, None]:
        async for _ in super().lifespan():
            self.side = 0.0
            yield

    def want(self, side: float) -> None:
        if self.side != side or len(self.closes) == 11:
            self.side = side
            self.signal(side, because="the test")


class Heedless(Rising):
    def want(self, side: float) -> None:
        before = float(self.closes[-2] > self.closes[-7]) if len(self.closes) > 6 else 0.0
        if side != before:
            self.signal(side, because="the test")


class Sleepy(Rising):
    @on
    async def watch(self, bar: Bar) -> None:  # type: ignore[override]
        super().watch(bar)


class LaxParams(Params):
    model_config = ConfigDict(extra="ignore")


class Lax(Rising, Strategy[LaxParams]):
    @classmethod
    def params_model(cls) -> type[Params]:
        return LaxParams


class Nosy(Rising):
    @on
    def overhear(self, proposed: OrderProposed) -> None:
        """Nothing: it is never let in."""


class Opaque(Rising):
    def debug_info(self) -> dict[str, Any]:
        return {"self": self}


class Haunting(Rising):
    tasks: ClassVar[list[Any]] = []

    async def lifespan(self) -> AsyncGenerator[None, None]:
        async for _ in super().lifespan():
            self.tasks.append(asyncio.ensure_future(asyncio.Event().wait()))
            yield


WRONG_STRATEGIES = {
    Greedy: "test_signals_are_within_their_ranges",
    Moody: "test_the_same_market_gives_the_same_signals",
    Sociable: "test_two_at_once_do_not_disturb_each_other",
    Hasty: "test_it_learns_from_history_in_silence",
    Forgetful: "test_a_restart_does_not_make_it_repeat_itself",
    Heedless: "test_what_it_missed_it_makes_good",
    Sleepy: "test_a_decider_never_awaits",
    Lax: "test_parameters_are_as_declared_and_no_others",
    Nosy: "test_it_hears_only_what_its_kind_grants",
    Opaque: "test_its_debug_information_is_plain",
    Haunting: "test_it_stops_and_starts_afresh",
}


# Portfolios


class IdlePortfolio(Portfolio[Params]):
    """Leaves things as they are."""

    def size(self, signal: SignalRaised, instrument: Instrument) -> None:
        """Return nothing."""


class Impatient(FixedQuantity):
    @on
    def pursue(self, signal: SignalRaised) -> None:
        self.leaves[signal.instrument].clear()
        super().pursue(signal)


class TwoStep(FixedQuantity):
    @on
    def pursue(self, signal: SignalRaised) -> None:
        super().pursue(msgspec.structs.replace(signal, target=0.0))
        super().pursue(signal)


class Clinging(FixedQuantity):
    def size(self, signal: SignalRaised, instrument: Instrument) -> Decimal:
        return super().size(signal, instrument) or Decimal(1)


class Repetitive(FixedQuantity):
    def _propose(
        self, instrument: Instrument, missing: Decimal, *, reduce_only: bool = False, position: str = ""
    ) -> Order:
        self.sequences[instrument.symbol] = 0
        return super()._propose(instrument, missing, reduce_only=reduce_only, position=position)


class Gullible(FixedQuantity):
    numbers: ClassVar[Iterator[int]] = itertools.count()

    @on
    def settle(self, filled: OrderFilled) -> None:
        fill = msgspec.structs.replace(filled.fill, exec_id=f"{next(self.numbers)}")
        super().settle(msgspec.structs.replace(filled, fill=fill))


class Rounding(FixedQuantity):
    @on
    def settle(self, filled: OrderFilled) -> None:
        fill = msgspec.structs.replace(filled.fill, fee=round(filled.fill.fee, 1))
        super().settle(msgspec.structs.replace(filled, fill=fill))
        self.book.ledger._balances["USD"]["cash"] += filled.fill.fee - fill.fee


class Silent(FixedQuantity):
    @on
    def settle(self, filled: OrderFilled) -> None:
        self._book(filled.fill)
        self.leaves[filled.fill.instrument].clear()


class Stubborn(FixedQuantity):
    @on
    def release(self, changed: OrderChanged | OrderDenied) -> None:
        """Nothing: it counts on orders that ended."""


class Rash(FixedQuantity):
    @on
    def release(self, changed: OrderChanged | OrderDenied) -> None:
        if isinstance(changed, OrderChanged) and changed.status is OrderStatus.UNKNOWN:
            self.leaves["TEST"].clear()
        super().release(changed)


class Amnesic(FixedQuantity):
    async def lifespan(self) -> AsyncGenerator[None, None]:
        async for _ in super().lifespan():
            self.leaves["TEST"].clear()
            yield


class Untimely(FixedQuantity):
    """Books what it recalls order by order, whenever the fills came."""

    async def ask(self, request: Any, within: float = 5.0) -> Any:
        answer = await super().ask(request, within)
        if isinstance(answer, OrdersRecalled):
            fills = tuple(fill for record in answer.records for fill in record.fills)
            return msgspec.structs.replace(answer, booked=fills)
        return answer


class Backwards(FixedQuantity):
    def size(self, signal: SignalRaised, instrument: Instrument) -> Decimal:
        return -super().size(signal, instrument)


WRONG_PORTFOLIOS = {
    Backwards: "test_a_signal_becomes_an_order",
    Impatient: "test_what_is_under_way_is_not_ordered_again",
    TwoStep: "test_a_reversal_is_one_order",
    Clinging: "test_a_target_of_zero_closes_the_position",
    Repetitive: "test_no_two_orders_share_an_id",
    Gullible: "test_a_fill_arriving_twice_changes_nothing",
    Rounding: "test_the_books_balance",
    Silent: "test_every_fill_is_told_as_a_change_of_position",
    Stubborn: "test_what_will_not_trade_is_let_go",
    Rash: "test_an_order_in_doubt_still_counts",
    Amnesic: "test_a_restart_brings_back_what_the_journal_knows",
    Untimely: "test_a_restart_books_fills_in_the_order_in_which_they_came",
}


# Brokers


class IdleBroker(Broker[Params]):
    """Takes orders, and that is the last that is heard of them."""

    @on
    def place(self, request: PlaceOrder) -> None: ...

    @on
    def withdraw(self, request: WithdrawOrder) -> None: ...


class Generous(PaperBroker):
    def fill(self, ticket: Any, quantity: Decimal, price: Decimal) -> None:
        super().fill(ticket, quantity, price)
        self.filled(ticket.order, Decimal(1), price, exec_id=f"{ticket.client_order_id}-more")


class Fickle(PaperBroker):
    days: ClassVar[Iterator[int]] = itertools.count()

    async def lifespan(self) -> AsyncGenerator[None, None]:
        async for _ in super().lifespan():
            self.day = next(self.days)
            yield

    def fill(self, ticket: Any, quantity: Decimal, price: Decimal) -> None:
        super().fill(ticket, quantity, price + self.day / Decimal(10**9))


class Fragile(PaperBroker):
    @on
    def place(self, request: PlaceOrder) -> None:
        self.accepted(request.order)
        self._work(Ticket(request.order, self.clock.now()))


class Babbling(PaperBroker):
    @on
    def withdraw(self, request: WithdrawOrder) -> None:
        super().withdraw(request)
        self.canceled(request.client_order_id)


class Deaf(PaperBroker):
    @on
    def withdraw(self, request: WithdrawOrder) -> None: ...


class Sloppy(PaperBroker):
    @on
    def trade_at_the_open(self, opened: BarOpened) -> None:
        for ticket in tuple(self.working[opened.instrument].values()):
            self.fill(ticket, ticket.leaves, Decimal(str(opened.open)))


class Oblivious(PaperBroker):
    async def lifespan(self) -> AsyncGenerator[None, None]:
        async for _ in super().lifespan():
            self.working = {symbol: {} for symbol in self.instruments}
            self.tickets = {}
            yield


class Mute(PaperBroker):
    @on
    def amend(self, request: AmendOrder) -> None: ...


class Clueless(PaperBroker):
    @on
    def query(self, request: QueryOrder) -> None:
        self.absent(request.client_order_id, "who knows")


class Obliging(PaperBroker):
    @on
    def amend(self, request: AmendOrder) -> None:
        self.updated(request.client_order_id, request.terms)


class Rewriting(PaperBroker):
    """Works another order than the one that it was given."""

    @on
    def place(self, request: PlaceOrder) -> None:
        order = request.order
        super().place(PlaceOrder(request.broker, msgspec.structs.replace(order, **self.rewritten(order))))

    def rewritten(self, order: ApprovedOrder) -> dict[str, Any]:
        raise NotImplementedError


class Eager(Rewriting):
    def rewritten(self, order: ApprovedOrder) -> dict[str, Any]:
        stops = order.type is OrderType.STOP
        return {"type": OrderType.MARKET, "trigger_price": None} if stops else {}


class Halfway(Rewriting):
    def rewritten(self, order: ApprovedOrder) -> dict[str, Any]:
        both = order.type is OrderType.STOP_LIMIT
        return {"type": OrderType.LIMIT, "trigger_price": None} if both else {}


class Rooted(PaperBroker):
    def trail(self, ticket: Any, price: Decimal) -> None:
        if ticket.trigger is None:
            super().trail(ticket, price)


class Waiting(Rewriting):
    def rewritten(self, order: ApprovedOrder) -> dict[str, Any]:
        return {"time_in_force": TimeInForce.GTC} if order.time_in_force is TimeInForce.IOC else {}


class Piecemeal(Rewriting):
    def rewritten(self, order: ApprovedOrder) -> dict[str, Any]:
        return {"time_in_force": TimeInForce.GTC} if order.time_in_force is TimeInForce.FOK else {}


class Sleepless(Rewriting):
    def rewritten(self, order: ApprovedOrder) -> dict[str, Any]:
        return {"time_in_force": TimeInForce.GTC} if order.time_in_force is TimeInForce.DAY else {}


class Timeless(Rewriting):
    def rewritten(self, order: ApprovedOrder) -> dict[str, Any]:
        dated = order.time_in_force is TimeInForce.GTD
        return {"time_in_force": TimeInForce.GTC, "expires_at": None} if dated else {}


class Flipping(Rewriting):
    def rewritten(self, order: ApprovedOrder) -> dict[str, Any]:
        return {"reduce_only": False} if order.reduce_only else {}


class Taking(Rewriting):
    def rewritten(self, order: ApprovedOrder) -> dict[str, Any]:
        return {"post_only": False} if order.post_only else {}


class Overcharging(PaperBroker):
    """Charges anew, after a restart, for all the nights that there were."""

    async def _recall_charges(self, charges: Iterable[FinancingCharged]) -> None: ...


class Netting(Rewriting):
    def rewritten(self, order: ApprovedOrder) -> dict[str, Any]:
        return {"position": ""} if order.position else {}


WRONG_BROKERS = {
    Generous: "test_every_order_is_answered_and_ends_once",
    Fickle: "test_a_session_gives_the_same_reports_each_time",
    Fragile: "test_what_it_cannot_trade_it_rejects",
    Babbling: "test_withdrawing_what_is_not_there_is_harmless",
    Deaf: "test_a_withdrawn_order_is_cancelled_once",
    Sloppy: "test_a_limit_is_kept",
    Oblivious: "test_working_orders_survive_a_restart",
    Mute: "test_a_modification_is_answered",
    Clueless: "test_a_question_is_answered_with_what_is_there",
    Obliging: "test_a_modified_order_trades_on_its_new_terms",
    Eager: "test_a_stop_waits_for_its_trigger",
    Halfway: "test_a_stop_limit_keeps_both_prices",
    Rooted: "test_a_trailing_stop_follows_the_market",
    Waiting: "test_immediate_or_cancel_does_not_wait",
    Piecemeal: "test_fill_or_kill_is_whole_or_nothing",
    Sleepless: "test_a_day_order_ends_with_its_day",
    Timeless: "test_a_good_till_date_order_ends_then",
    Flipping: "test_a_reduce_only_order_never_opens_anything",
    Taking: "test_a_post_only_order_never_takes",
    Overcharging: "test_what_is_held_over_night_is_charged_once",
    Netting: "test_positions_stand_side_by_side",
}


# Feeds


class Playing(ReplayFeed[Params]):
    """Some bars: right in every respect."""

    def load(self) -> None:
        self.bars = bars(range(10, 30))
        self.played = 0

    def moments(self) -> Iterator[Moment]:
        for bar in self.bars:
            yield bar.opened_at, OPENS, BarOpened(bar.instrument, bar.opened_at, bar.open)
            yield bar.closed_at, CLOSES, bar
            self.played += 1

    def published(self, count: int) -> list[Bar]:
        return self.bars[max(0, self.played - count) : self.played]


class OfAFile(Params):
    path: str = ""


class Checked(Playing, ReplayFeed[OfAFile]):
    @classmethod
    def params_model(cls) -> type[Params]:
        return OfAFile

    def load(self) -> None:
        super().load()
        if self.params.path:  # type: ignore[attr-defined]
            raise Refused("there is no such file; check the path")


class IdleFeed(ReplayFeed[OfAFile]):
    """Has nothing to play."""

    def load(self) -> None: ...

    def moments(self) -> Iterator[Moment]:
        return iter(())


class Shuffled(Checked):
    def moments(self) -> Iterator[Moment]:
        for at, order, event in super().moments():
            yield at, OPENS - order, event


class Late(Checked):
    def moments(self) -> Iterator[Moment]:
        for at, order, event in super().moments():
            yield at + 1, order, event


class Abrupt(Checked):
    def moments(self) -> Iterator[Moment]:
        return (moment for moment in super().moments() if isinstance(moment[2], Bar))


class Absurd(Checked):
    def load(self) -> None:
        super().load()
        self.bars[3] = msgspec.structs.replace(self.bars[3], high=1.0)


class Prophetic(Checked):
    def published(self, count: int) -> list[Bar]:
        return self.bars[max(0, self.played + 1 - count) : self.played + 1]


class Trusting(Checked):
    def load(self) -> None:
        Playing.load(self)


WRONG_FEEDS = {
    Shuffled: "test_moments_are_in_order",
    Late: "test_moments_say_when_they_are",
    Abrupt: "test_a_bar_opens_before_it_closes",
    Absurd: "test_bars_make_sense",
    Prophetic: "test_recent_bars_are_those_that_were_played",
    Trusting: "test_what_cannot_be_used_is_refused_before_anything_is_played",
}


# Pipelines and cores


class IdlePipeline(Pipeline[Params]):
    """Conducts nobody."""


class Cavalier(DefaultPipeline):
    async def start(self, wanted: Any) -> None:
        await self.ask(wanted)


class Boundless(DefaultPipeline):
    async def start(self, wanted: Any) -> None:
        await super().start(msgspec.structs.replace(wanted, scope={}))


class Renaming(DefaultPipeline):
    names: ClassVar[Iterator[int]] = itertools.count()

    async def start(self, wanted: Any) -> None:
        await super().start(msgspec.structs.replace(wanted, actor=f"{wanted.actor}-{next(self.names)}"))


class Careless(DefaultPipeline):
    @on
    def answer_failure(self, quarantined: ActorQuarantined) -> None: ...


class Meddling(DefaultPipeline):
    @on
    def answer_failure(self, quarantined: ActorQuarantined) -> None:
        mine = msgspec.structs.replace(quarantined, actor="strategy/test/TEST")
        super().answer_failure(mine)


class Narrow(DefaultPipeline):
    @on
    def answer_failure(self, quarantined: ActorQuarantined) -> None:
        if quarantined.actor.startswith("strategy/test"):
            super().answer_failure(quarantined)


class Reversed(DefaultPipeline):
    async def start_portfolio(self) -> None:
        await super().start_strategies()

    async def start_strategies(self) -> None:
        await super().start_portfolio()


WRONG_PIPELINES = {
    Reversed: "test_it_starts_its_portfolio_and_then_its_strategies",
    Boundless: "test_whoever_it_starts_hears_only_its_own_portfolio",
    Cavalier: "test_a_plugin_that_is_refused_ends_its_start",
    Renaming: "test_a_restart_asks_for_the_same",
    Careless: "test_its_failure_policies_do_what_they_say",
    Narrow: "test_a_portfolio_out_of_service_leaves_no_order_working",
    Meddling: "test_the_failures_of_others_are_none_of_its_business",
}


class IdleCore(Core[Params]):
    """Brings nobody up."""


class Forgetting(DefaultCore):
    async def start_brokers(self) -> None: ...


class Wide(DefaultCore):
    async def start(self, wanted: Any) -> None:
        await super().start(msgspec.structs.replace(wanted, scope={}))


class UpsideDown(DefaultCore):
    async def start_feeds(self) -> None:
        await super().start_pipelines()

    async def start_pipelines(self) -> None:
        await super().start_feeds()


class Rushed(DefaultCore):
    async def start_feeds(self) -> None:
        self.publish(SystemReady())
        await super().start_feeds()


class Indifferent(DefaultCore):
    async def start(self, wanted: Any) -> None:
        await self.ask(wanted)


class Inventive(DefaultCore):
    names: ClassVar[Iterator[int]] = itertools.count()

    async def start(self, wanted: Any) -> None:
        await super().start(msgspec.structs.replace(wanted, actor=f"{wanted.actor}-{next(self.names)}"))


WRONG_CORES = {
    Forgetting: "test_it_starts_all_that_the_plan_names",
    Wide: "test_whoever_it_starts_hears_only_what_is_its_own",
    UpsideDown: "test_portfolios_come_last",
    Rushed: "test_it_says_once_that_the_system_is_ready",
    Indifferent: "test_a_plugin_that_is_refused_ends_its_start",
    Inventive: "test_a_restart_asks_for_the_same",
}

SETTINGS: dict[type[PluginContract], dict[str, Any]] = {
    StrategyContract: {},
    PortfolioContract: {"params": {"quantity": "10"}},
    BrokerContract: {"can": ABILITIES, "params": {"financing_long_pct_per_year": "3"}},
    FeedContract: {"unusable": {"path": "absent"}},
    PipelineContract: {},
    CoreContract: {},
}
RIGHT: list[tuple[type[PluginContract], type[Plugin[Any]]]] = [
    (StrategyContract, Rising),
    (PortfolioContract, FixedQuantity),
    (BrokerContract, PaperBroker),
    (FeedContract, Checked),
    (PipelineContract, DefaultPipeline),
    (CoreContract, DefaultCore),
]
IDLE: list[tuple[type[PluginContract], type[Plugin[Any]]]] = [
    (StrategyContract, IdleStrategy),
    (PortfolioContract, IdlePortfolio),
    (BrokerContract, IdleBroker),
    (FeedContract, IdleFeed),
    (PipelineContract, IdlePipeline),
    (CoreContract, IdleCore),
]
WRONG: dict[type[PluginContract], dict[Any, str]] = {
    StrategyContract: WRONG_STRATEGIES,
    PortfolioContract: WRONG_PORTFOLIOS,
    BrokerContract: WRONG_BROKERS,
    FeedContract: WRONG_FEEDS,
    PipelineContract: WRONG_PIPELINES,
    CoreContract: WRONG_CORES,
}


@pytest.mark.parametrize(("suite", "plugin"), RIGHT)
def test_a_plugin_that_does_its_work_passes(suite: type[PluginContract], plugin: type[Plugin[Any]]) -> None:
    assert failing(suite, plugin, **SETTINGS[suite]) == set()


@pytest.mark.parametrize(("suite", "plugin"), IDLE)
def test_a_plugin_that_does_nothing_fails_every_test(
    suite: type[PluginContract], plugin: type[Plugin[Any]]
) -> None:
    settings = SETTINGS[suite] | {"params": {}} if suite in {FeedContract, BrokerContract} else {}
    assert failing(suite, plugin, **settings) == names_in(suite)


@pytest.mark.parametrize(
    ("suite", "plugin", "test"),
    [(suite, plugin, test) for suite, wrong in WRONG.items() for plugin, test in wrong.items()],
)
def test_a_plugin_that_is_wrong_in_one_respect_is_found_out(
    suite: type[PluginContract], plugin: type[Plugin[Any]], test: str
) -> None:
    mine = type("Mine", (suite,), {"plugin": plugin, **SETTINGS[suite]})
    assert fails(mine(), test)


@pytest.mark.parametrize("suite", WRONG)
def test_every_test_of_a_suite_finds_something(suite: type[PluginContract]) -> None:
    common = names_in(PluginContract) | {"test_a_decider_never_awaits"}
    assert set(WRONG[suite].values()) | common == names_in(suite) | common
    assert common <= set(WRONG_STRATEGIES.values())
