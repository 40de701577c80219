"""A database that does not answer is trouble before it says so, where market time does not wait for it."""

import asyncio
import sqlite3
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from actors.desk import Desk
from actors.kill_switch import KillSwitch
from bus import SECOND, Actor, SystemClock, on, pause
from lts.domain.register import Register
from lts.domain.risk import JournalTradingState, TradingState, TradingStateChanged
from lts.domain.storage import StorageRecovered, StorageTroubled

pytestmark = [pytest.mark.requirement("INT-4.6", "INT-018"), pytest.mark.parametrize("backend", ["sqlite"])]

HALTED = TradingStateChanged("portfolio:p", TradingState.HALTED, "why", 1)


class Witness(Actor[None]):
    """Notes which states the system was in, and when."""

    async def lifespan(self) -> AsyncGenerator[None, None]:
        self.heard: list[tuple[int, TradingState]] = []
        yield

    @on
    def note(self, changed: TradingStateChanged) -> None:
        self.heard.append((self.system.monotonic(), changed.state))


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Hold a lock that keeps everybody from writing."""
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()


async def test_within_a_second_nothing_new_is_risked_and_it_ends_by_itself(node: Any, backend: str) -> None:
    assert backend == "sqlite"
    clock = SystemClock()
    node.keeper.params = replace(node.keeper.params, slow_after_s=0.8)
    node.bus.spawn(Desk, None, name="desk", assignment=Register())
    node.bus.spawn(KillSwitch, None, name="kill-switch", assignment=Register())
    witness: Any = node.bus.spawn(Witness, None, name="witness").actor
    await node.bus.started()
    with locked(node.storage.file):
        begun = clock.monotonic()
        waiting = asyncio.ensure_future(node.client.ask(JournalTradingState(HALTED), within=30))
        while not node.client.heard_of(StorageTroubled):
            await pause(0.01)
        await pause(1.5)
    at, state = witness.heard[0]
    assert state is TradingState.REDUCING
    assert at - begun < SECOND
    await waiting
    while not node.client.heard_of(StorageRecovered):
        await pause(0.01)
    await node.settled()
    assert [state for _, state in witness.heard] == [TradingState.REDUCING, TradingState.ACTIVE]
    assert len(node.client.heard_of(StorageTroubled)) == len(node.client.heard_of(StorageRecovered)) == 1


async def test_where_market_time_waits_a_slow_database_is_no_trouble(node: Any, backend: str) -> None:
    assert backend == "sqlite"
    with locked(node.storage.file):
        waiting = asyncio.ensure_future(node.client.ask(JournalTradingState(HALTED), within=30))
        await pause(1.2)
    await waiting
    await node.settled()
    assert not node.client.heard_of(StorageTroubled)
