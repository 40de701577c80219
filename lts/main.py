"""The composition root: the one place that constructs and names actors."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import plugins
from actors.blotter import Blotter
from actors.console import Console
from actors.desk import Desk
from actors.health import Health
from actors.host import Host
from actors.journal import MemoryJournal
from actors.kill_switch import KillSwitch
from actors.order_entry import OrderEntry
from actors.portfolios import Node, Portfolios
from actors.protection import Protection
from actors.recorder import Recorder, Recording
from actors.risk import RiskGate
from actors.stream_watch import Stream, StreamWatch
from actors.tape import Tape
from bus import Accepted, Actor, Bus, ChildProcess, Driver, LiveDriver, ReplayDriver, Supervision
from bus.cell import AT_WORK, State
from lts.admission.catalogue import Catalogue
from lts.admission.loader import Admitted, admit
from lts.config.schema import AccessPlan, FeedPlan, PortfolioPlan, SystemPlan
from lts.domain.accounts import AccountReported, GetAccount, GetEquityCurve
from lts.domain.digest import digest, lines
from lts.domain.journal import RecallOrders
from lts.domain.market import GetFeedProgress
from lts.domain.order_record import OrderRecord
from lts.domain.outcome import Outcome
from lts.domain.performance import EquityCurve
from lts.domain.plugins import PluginRefused, StartPlugin
from lts.domain.portfolio_actors import actors_of
from lts.domain.portfolio_changes import with_made
from lts.domain.portfolio_settings import RecallPortfolios, protected_places
from lts.domain.protection import Place
from lts.domain.recording import FinishRecording
from lts.domain.register import Register
from lts.domain.registration import register_of, registration
from lts.domain.sessions import Sessions
from lts.domain.storage import GetStorage, StorageReported, Tally
from lts.domain.trading_day import TradingDay
from lts.domain.units import NotPerformed, Perform
from lts.kinds import KINDS, SDK_VERSION
from lts.kinds.aaa import AaaAssignment, Security
from lts.kinds.core import CoreAssignment
from lts.kinds.feed import ReplayFeed
from lts.refusal import Refused

ONCE = Supervision(restarts=0)
REST = 5.0
"""Seconds that what is under way has to come to its end, when a session is stopped that is recorded."""
PATIENCE = 60.0
"""Seconds that the console waits: a fold of a million orders takes a while."""
DOWN = {
    State.QUARANTINED: "went out of service",
    State.RESTARTING: "failed, and had not been started again at the end",
}
"""The states in which an actor should not be, the worse first, in words."""


def catalogue(directories: Sequence[Path] = ()) -> Catalogue:
    """Return every plugin that can be asked for: built in, installed, and in these directories."""
    return Catalogue.discover(KINDS, SDK_VERSION, Path(plugins.__file__).parent, directories)


def aaa_plugin(access: AccessPlan, security: Security, where: str) -> StartPlugin:
    """Return what has the host start who knows the users."""
    assignment = AaaAssignment(access, security)
    return StartPlugin("aaa", access.plugin, "aaa", access.params, where, assignment)


def live_feeds(plan: SystemPlan) -> list[FeedPlan]:
    """Return the feeds that follow the wall clock, and so have no end."""
    known = catalogue(plan.plugins.directories)
    found = {name: admit("feed", name, known) for name in {feed.plugin for feed in plan.feeds}}
    live = {
        name
        for name, feed in found.items()
        if isinstance(feed, Admitted) and not issubclass(feed.plugin, ReplayFeed)
    }
    return [feed for feed in plan.feeds if feed.plugin in live]


def driver_for(plan: SystemPlan, speed: float | None) -> Driver:
    """Return what moves market time in a live run: the wall clock, or feeds that are replayed.

    Args:
        plan: whose feeds are meant.
        speed: of a replay, in market seconds a second; None does not wait at all.

    Raises:
        Refused: some feeds are live and some are replayed, so that there is no time for all of them.
    """
    live = live_feeds(plan)
    if not live:
        return ReplayDriver(speed)
    if replayed := [feed for feed in plan.feeds if feed not in live]:
        places = f"{live[0].place} is live and {replayed[0].place} is replayed"
        raise Refused(f"{plan.file}: {places}, and each would need its own time; keep feeds of one sort")
    return LiveDriver()


class NotStarted(Refused):
    """An actor raised while it started; the log has the traceback."""


@dataclass(frozen=True, slots=True)
class Resident:
    """An actor that is to be spawned."""

    actor_class: type[Actor[Any]]
    params: Any
    name: str
    supervision: Supervision = field(default_factory=Supervision)
    assignment: Any = None
    home: ChildProcess | None = None
    """Where its body lives; None: in this process."""


@dataclass(frozen=True, slots=True)
class Roll:
    """What there is of portfolios, those made at run time included; all of it grows with them."""

    plan: SystemPlan
    register: Register
    protected: dict[Place, float | None]


@dataclass(frozen=True, slots=True)
class Keeper:
    """Who keeps everything, and who works with what is kept: a backtest need not even import them."""

    persistence: Resident
    others: Callable[[Roll], Iterable[Resident]] = lambda _: ()
    security: Security | None = None
    """What the AAA plugin works with; None: nobody is known here."""


@dataclass(frozen=True, slots=True)
class Extras:
    """What a session has beside the plan."""

    seed: int | None = None
    """Permutes the order in which ready actors run."""
    record: Path | None = None
    """Where to record the inputs."""
    tape: Sequence[Accepted] | None = None
    """Recorded inputs to play in the place of the plan's feeds."""
    to_the_end: bool = False
    """Whether it runs until its feeds end: one that never does is refused."""
    watched: bool = False
    """Whether somebody looks on: keeps a blotter."""
    keeper: Keeper | None = None
    """Who keeps everything on disk; None keeps it in memory, for as long as the session lasts."""


class System:
    """A whole system on one bus, from its plan to its outcome."""

    def __init__(self, plan: SystemPlan, driver: Driver, extras: Extras = Extras()) -> None:
        self.plan = plan
        self.extras = extras
        self.bus = Bus(driver, seed=extras.seed, hopeless=(Refused,))
        self.console: Console
        self.register = Register()
        self.made: set[str] = set()
        """The portfolios that were made at run time, as far as that was before the start."""
        self.core: CoreAssignment
        """What the core is to run: its plan has the portfolios that were made at run time as well."""
        self.stored: StorageReported | None = None
        """The storage as it was found."""
        self.elapsed_s = 0.0
        self._bars_before = 0

    async def start(self) -> None:
        """Bring every actor up.

        Raises:
            Refused: an actor did not start, and nothing has been published; all are stopped again.
            NotStarted: an actor raised; the same is true.
            Livelock: actors keep each other busy without end; all are stopped as well.
        """
        try:
            await self._open_journal()
            self._spawn_residents()
            await self._start_aaa()
            await self.bus.started()  # what the desk found out about its orders, brokers are to know
            await self._start_core()
            await self.bus.started()
            self._check_start()
            if self.extras.to_the_end:
                await self._check_end()
            self._bars_before, _ = await self.progress()
        except BaseException:
            await self.bus.stop()
            raise

    async def run(self) -> None:
        """Trade until the feeds end, or until `bus.driver.stop()`.

        Raises:
            Livelock: actors keep each other busy without end.
        """
        begun = self.bus.system.monotonic()
        try:
            await self.bus.run()
        finally:
            self.elapsed_s = (self.bus.system.monotonic() - begun) / 1e9

    async def outcome(self) -> Outcome:
        """Return how it went so far."""
        return Outcome.of(
            await self.records(),
            await self.accounts(),
            await self.curves(),
            bars=await self.bars(),
            events=self.bus.dispatcher.messages,
            elapsed_s=self.elapsed_s,
            found=self.stored.found if self.stored else Tally(),
        )

    async def bars(self) -> int:
        """Return how many bars the feeds have published in this session."""
        bars, _ = await self.progress()
        return bars - self._bars_before

    async def progress(self) -> tuple[int, int | None]:
        """Return how many bars of the feeds are behind us, and of how many; None where there is no end."""
        taped = self._runs("tape")
        feeds = [feed for feed in self.plan.feeds if taped or self._runs(f"feed/{feed.name}")]
        reports = [await self.console.ask(GetFeedProgress(feed.instrument)) for feed in feeds]
        totals = [report.total for report in reports if report.total is not None]
        return sum(report.bars for report in reports), sum(totals) if len(totals) == len(feeds) else None

    async def records(self) -> tuple[OrderRecord, ...]:
        """Return every order of the session."""
        return (await self.console.ask(RecallOrders(), within=PATIENCE)).records

    async def accounts(self) -> list[AccountReported]:
        """Return what each portfolio has, in the order of the plan; one that is down is left out."""
        return [await self.console.ask(GetAccount(name), within=PATIENCE) for name in self._running()]

    async def curves(self) -> dict[str, EquityCurve]:
        """Return how the equity of each of these portfolios has moved, by name."""
        asked = [await self.console.ask(GetEquityCurve(name), within=PATIENCE) for name in self._running()]
        return {told.portfolio: told.curve for told in asked}

    async def stop(self, within: float = 10.0) -> None:
        """Finish the recording, if there is one, and stop every actor in order, in so many seconds."""
        try:
            if self._runs("recorder") and self.bus.driver.trouble is None:
                await self._come_to_rest()
                records = await self.records()
                at = self.bus.clock.now() if self.bus.driver.stopping else 0
                ending = FinishRecording(tuple(lines(records)), digest(records), at)
                await self.console.ask(ending, within=PATIENCE)
        finally:
            await self.bus.stop(within)

    def trouble(self) -> str | None:
        """Return why the session did not go as planned, None if it did."""
        for state, words in DOWN.items():
            for cell in self.bus.cells.values():
                if cell.state is state:
                    return f"{cell.name} {words}: {cell.reason}"
        return None

    def _running(self) -> list[str]:
        """The portfolios that are not down."""
        return [name for name in self.register.owners if self._runs(f"portfolio/{name}")]

    async def _come_to_rest(self) -> None:
        """Let the instant come to its end, as in a replay; not for long, if more keeps coming."""
        with suppress(TimeoutError):
            async with asyncio.timeout(REST):
                await self.bus.driver.finish()

    def _runs(self, name: str) -> bool:
        return name in self.bus.cells and self.bus.cells[name].state in AT_WORK

    async def _open_journal(self) -> None:
        """Bring up who remembers: the others are born from what it knows."""
        self.console = self._spawn(Console, None, "console")
        keeper = self.extras.keeper
        if keeper is None:
            self._spawn(MemoryJournal, None, "journal", supervision=ONCE)
            return
        self._take_in(keeper.persistence)
        await self.bus.started()
        self._check_start()
        self.stored = await self.console.ask(GetStorage())
        if self.extras.record is not None and self.stored.at:
            raise Refused(
                f"{self.extras.record}: a recording has to begin at the beginning, and "
                f"{self.stored.database} goes on from before; record with a new state directory"
            )
        self.bus.driver.resume(self.stored.at)
        made = (await self.console.ask(RecallPortfolios(), within=PATIENCE)).portfolios
        whole = with_made(self.plan, made)
        answer = await self.console.ask(Perform(registration(self.plan), "system"), within=PATIENCE)
        if isinstance(answer, NotPerformed):
            raise Refused(f"{self.plan.file}: {answer.reason}")
        self.plan, self.made = whole, {command.name for command in made}

    def _spawn_residents(self) -> None:
        plan, extras = self.plan, self.extras
        if extras.record is not None:
            self._spawn(Recorder, Recording(extras.record, plan.to_json()), "recorder", supervision=ONCE)
        register = self.register = register_of(plan)
        self.core = CoreAssignment(plan, register.instruments, register.conversions, set(self.made))
        try:
            TradingDay(plan.risk.day_begins)
        except ValueError as error:
            raise Refused(f"{plan.file}: risk.day_begins: {error}") from None
        rates = {"instrument": register.conversions.symbols}
        self._spawn(Desk, None, "desk", assignment=register, scope=rates)
        self._spawn(KillSwitch, None, "kill-switch", assignment=register)
        self._spawn(RiskGate, plan.risk, "risk", assignment=register)
        self._spawn(Health, None, "health", assignment=self.bus.vitals)
        protected = protected_places(*plan.portfolios)
        if protected or extras.keeper is not None:
            scope = {"portfolio": frozenset(place.portfolio for place in protected)}
            self._spawn(Protection, protected, "protection", scope=scope)
        if watched := _streams(plan):
            self._spawn(StreamWatch, watched, "stream-watch")
        if extras.watched:
            self._spawn(Blotter, None, "blotter")
        if extras.tape is not None:
            self._spawn(Tape, extras.tape, "tape", supervision=ONCE)
        else:
            self._spawn(OrderEntry, None, "order-entry", assignment=register)
        if extras.keeper is not None:
            for resident in extras.keeper.others(Roll(plan, register, protected)):
                self._take_in(resident)
            node = Node(register, self.core, protected)
            self._spawn(Portfolios, None, "portfolios", assignment=node)
        self._spawn(Host, catalogue(plan.plugins.directories), "host")

    async def _start_aaa(self) -> None:
        """Have the host start who knows the users, before anybody can ask for them."""
        keeper, plan = self.extras.keeper, self.plan
        if keeper is not None and keeper.security is not None:
            wanted = aaa_plugin(plan.access, keeper.security, f"{plan.file}: access, params")
            answer = await self.console.ask(wanted)
            if isinstance(answer, PluginRefused):
                raise Refused(answer.reason)

    async def _start_core(self) -> None:
        """Have the host start the core, which has it start all other plugins."""
        plan = self.plan
        if self.extras.tape is not None:
            self.core.plan = plan.model_copy(update={"feeds": ()})
        answer = await self.console.ask(
            StartPlugin(
                kind="core",
                plugin=plan.node.core,
                actor="core",
                params={},
                where=f"{plan.file}: node.core",
                assignment=self.core,
            )
        )
        if isinstance(answer, PluginRefused):
            raise Refused(answer.reason)

    async def _check_end(self) -> None:
        for feed in self.plan.feeds:
            if (await self.console.ask(GetFeedProgress(feed.instrument))).endless:
                raise Refused(f"{self.plan.file}: {feed.place} never ends, so that there is no end to run to")

    def _check_start(self) -> None:
        own = {actor for plan in self._made() for actor in actors_of(plan)}
        amiss = [cell for cell in self.bus.cells.values() if cell.reason and cell.name not in own]
        for cell in amiss:
            if not cell.failures:  # whoever depends on it will have failed as well
                told = "/" not in cell.name or cell.reason.startswith(str(self.plan.file))
                raise Refused(cell.reason if told else f"{self.plan.file}: {cell.name}: {cell.reason}")
        for cell in amiss:
            raise NotStarted(f"{cell.name} did not start: {cell.reason}")

    def _made(self) -> list[PortfolioPlan]:
        """The portfolios that were made at run time: what is wrong with one of them stops nobody else."""
        return [plan for plan in self.plan.portfolios if plan.name in self.made]

    def _take_in(self, resident: Resident) -> None:
        self._spawn(
            resident.actor_class,
            resident.params,
            resident.name,
            supervision=resident.supervision,
            assignment=resident.assignment,
            home=resident.home,
        )

    def _spawn(self, actor_class: Any, params: Any, name: str, **how: Any) -> Any:
        return self.bus.spawn(actor_class, params, name=name, **how).actor


def _streams(plan: SystemPlan) -> dict[str, Stream]:
    """How long which feeds may be silent; raises Refused if a session cannot be read."""
    instruments = {each.symbol: each for each in plan.instruments}
    found: dict[str, Stream] = {}
    for feed in plan.feeds:
        try:
            sessions = Sessions(instruments[feed.instrument].sessions)
        except ValueError as error:
            raise Refused(f"{plan.file}: instrument '{feed.instrument}', sessions: {error}") from None
        if feed.stale_after_s is not None:
            found[feed.instrument] = Stream(float(feed.stale_after_s), sessions)
    return found
