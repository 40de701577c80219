"""One life of a node: a whole system on a loop of its own, taken step by step until it ends or dies."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import lts.main
from actors.host import Host
from bus import Event, ReplayDriver, pause
from bus.cell import Cell, State
from bus.message import Delivery
from bus.queue import Entry
from lts.admission.catalogue import Catalogue
from lts.admission.loader import Admitted, Refusal, admit
from lts.admission.manifest import Manifest
from lts.config.schema import (
    AssetPlan,
    BrokerPlan,
    FeedPlan,
    InstrumentPlan,
    NodePlan,
    PortfolioPlan,
    SystemPlan,
)
from lts.domain.money import exact
from lts.main import ONCE, Extras, Keeper, Resident, System
from lts.refusal import Refused
from tests.chaos.simulation.broker import SimulatedBroker
from tests.chaos.simulation.crew import Hand, ToldFeed, ToldPortfolio, ToldStrategy
from tests.chaos.simulation.journal import DurableJournal, Store
from tests.chaos.simulation.protocol import BROKER

TOLD: dict[str, type] = {
    "broker": SimulatedBroker,
    "feed": ToldFeed,
    "portfolio": ToldPortfolio,
    "strategy": ToldStrategy,
}
HELD_BY = {"first": ("A", "C"), "second": ("B", "C")}
"""What each portfolio trades; they share one instrument, and with it a position in the account."""
INSTRUMENTS = ("A", "B", "C")


def _portfolio(name: str) -> PortfolioPlan:
    assets = tuple(AssetPlan(instrument=each, broker=BROKER, strategy="told") for each in HELD_BY[name])
    return PortfolioPlan(
        name=name,
        owner=f"owner of {name}",
        currency="USD",
        cash=exact(1_000_000),
        plugin="told",
        asset=assets,
    )


PLAN = SystemPlan(
    file=Path("simulation.toml").absolute(),
    instrument=tuple(
        InstrumentPlan(symbol=each, currency="USD", tick_size=exact("0.01"), lot_size=exact(1))
        for each in INSTRUMENTS
    ),
    feed=tuple(FeedPlan(plugin="told", instrument=each) for each in INSTRUMENTS),
    broker=(BrokerPlan(name=BROKER, plugin="told"),),
    portfolio=tuple(map(_portfolio, HELD_BY)),
    node=NodePlan(state_dir=Path("state")),
)


class Died(Exception):
    """An actor was struck down."""


class Struck:
    """An actor that is to fail: after so many more messages, before it handles one, amid, or after it."""

    def __init__(self, actor: str, left: int, how: str) -> None:
        self.actor = actor
        self.left = left
        self.how = how


class SimulatedHost(Host):
    """Admits the plugins of the harness without looking, and reads those of the repository once a process."""

    def _admit(self, kind: str, plugin: str) -> Admitted | Refusal:
        return _admitted(kind, plugin)


@cache
def _admitted(kind: str, plugin: str) -> Admitted | Refusal:
    if plugin == "told":
        manifest = Manifest.model_construct(kind=kind, name=plugin, version="0")
        return Admitted(kind, plugin, TOLD[kind], manifest, Path())
    return admit(kind, plugin, _catalogue())


def _catalogue(_: object = ()) -> Catalogue:
    return _CATALOGUE


class Node:
    """A system, the hand by which the world reaches into it, and what is to befall it.

    Args:
        store: what it finds on disk.
        seed: of its schedule.
        now: market time when it begins.
        stepped: told of each message before it is handled.
        said: told of each message as it is said.
    """

    def __init__(
        self,
        store: Store,
        seed: int,
        now: int,
        stepped: Callable[[Cell, Any], None],
        said: Callable[[Any], None],
    ) -> None:
        self.dead = False
        self.up = False
        self.steps_left: int | None = None
        """How many more messages it handles before it dies."""
        self.struck: Struck | None = None
        self._fuse = 0
        self._stepped = stepped
        self._said = said
        keeper = Keeper(Resident(DurableJournal, store, "persistence", ONCE))
        self.system = System(PLAN, ReplayDriver(), Extras(seed=seed, keeper=keeper))
        self.bus = self.system.bus
        # A thread a life takes too long.
        self.bus.watchdog.start = lambda: None  # type: ignore[method-assign]
        self.bus.clock.advance(now)
        self._handle = self.bus.dispatcher._handle
        self.bus.dispatcher._handle = self._step  # type: ignore[method-assign]
        self._entrance = self.bus.dispatcher.queue.entrance
        self.bus.dispatcher.queue.entrance = self._watched  # type: ignore[method-assign]

    @property
    def resting(self) -> bool:
        """Whether an actor has failed and is not back yet."""
        return any(cell.state is not State.RUNNING for cell in self.bus.cells.values())

    @property
    def hand(self) -> Hand | None:
        """The hand, if it can be used."""
        return self._hand if self.runs("hand") else None

    def runs(self, name: str) -> bool:
        """Whether an actor is there and well."""
        cell = self.bus.cells.get(name)
        return cell is not None and cell.state is State.RUNNING

    def actor(self, name: str) -> Any:
        """Return an actor that runs."""
        return self.bus.cells[name].actor

    def tell(self, event: Event) -> None:
        """Have the world say something."""
        if self.hand is not None and not self.dead:
            self.hand.publish(event)

    async def begin(self) -> None:
        """Bring the hand in, and begin to start the system."""
        self.hand_cell = self.bus.spawn(Hand, None, name="hand")
        self._hand: Any = self.hand_cell.actor
        await self.settle()
        self._start = asyncio.get_running_loop().create_task(self.system.start())

    def watch_start(self) -> bool:
        """See how far the start is; return False if it has failed."""
        if not self.up and self._start.done():
            error = self._start.exception()
            if isinstance(error, Refused):
                return False
            if error is not None:
                raise error
            self.up = True
        return True

    async def settle(self) -> None:
        """Let everything be handled that is under way at this instant."""
        loop, dispatcher = asyncio.get_running_loop(), self.bus.dispatcher
        while not self.dead:
            while loop._ready:  # type: ignore[attr-defined]  # who is not in there waits for market time
                await pause(0)
            if not dispatcher.waiting:
                return
            dispatcher.drain(1_000)

    def die(self) -> None:
        """End here: nothing is handled any more."""
        self.dead = True

    async def bury(self) -> None:
        """Take away what is left."""
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda *_: None)
        tasks = asyncio.all_tasks(loop) - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        with suppress(Exception):
            await asyncio.gather(*tasks, return_exceptions=True)

    def _step(self, cell: Cell, handler: Callable[[Any], None], message: Any) -> None:
        if self.dead:
            return
        self._stepped(cell, message)
        self._handle(cell, self._as_struck(cell, handler), message)
        self._fuse = 0
        if self.steps_left is not None:
            self.steps_left -= 1
            if self.steps_left <= 0:
                self.die()

    def _as_struck(self, cell: Cell, handler: Callable[[Any], None]) -> Callable[[Any], None]:
        """The handler, or what comes of it for an actor that is struck."""
        struck = self.struck
        if struck is None or struck.actor != cell.name:
            return handler
        struck.left -= 1
        if struck.left > 0:
            return handler
        self.struck = None
        if struck.how == "amid":
            self._fuse = 1 + len(cell.name) % 2
            return handler

        def fail(message: Any) -> None:
            if struck.how == "after":
                handler(message)
            raise Died(struck.how)

        return fail

    def _watched(self, delivery: Delivery) -> Callable[[Entry], None]:
        enter = self._entrance(delivery)

        def say(entry: Entry) -> None:
            if self.dead:
                return
            if self._fuse:
                self._fuse -= 1
                if not self._fuse:
                    raise Died("amid")
            self._said(entry[1])
            enter(entry)

        return say


_CATALOGUE = lts.main.catalogue()
lts.main.__dict__.update(Host=SimulatedHost, catalogue=_catalogue)
