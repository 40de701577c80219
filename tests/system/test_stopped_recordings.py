"""A recorded session that is stopped with an order in flight replays to the same."""

import asyncio
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

import lts
from bus import Actor, Driver, ReplayDriver, on
from lts.cli.replay import difference
from lts.config.file import plan_from_json, read_system
from lts.domain.digest import digest, lines
from lts.domain.order_flow import OrderApproved, OrderChanged
from lts.domain.order_status import OrderStatus
from lts.domain.recording import OrderLine, read_recording
from lts.domain.risk import SetTradingState, TradingState, TradingStateNotSet, TradingStateSet
from lts.main import Extras, System

pytestmark = pytest.mark.requirement("INT-4.5")

SAMPLES = Path(lts.__file__).parent / "samples"
LATENCY = ", order_latency_ms = 50000 }"


class Stopper(Actor[tuple[Driver, OrderStatus]]):
    """Stops a session when an order goes to a state for the third time."""

    async def lifespan(self) -> Any:
        self.seen = 0
        yield

    @on
    def look(self, changed: OrderChanged) -> None:
        driver, status = self.params
        self.seen += changed.status is status
        if self.seen == 3:
            driver.stop()


def two_portfolios(directory: Path, latency: str = LATENCY) -> Path:
    """A day of bars, on which two portfolios decide the same at the same instants."""
    shutil.copy(SAMPLES / "btcusd_1min_2020-01-01.csv", directory)
    text = (SAMPLES / "btcusd.toml").read_text(encoding="utf-8")
    text = text.replace('slippage_bps = "1" }', f'slippage_bps = "1"{latency}')
    portfolio = text[text.index("[[portfolio]]") :]
    named = re.sub('name = "[^"]+"', 'name = "other"', portfolio, count=1)
    file = directory / "system.toml"
    file.write_text(f"{text}\n{named}", encoding="utf-8")
    assert latency in file.read_text(encoding="utf-8")
    return file


@pytest.mark.parametrize("status", [OrderStatus.SUBMITTED, OrderStatus.ACCEPTED])
async def test_a_session_that_is_stopped_with_orders_in_flight_and_between_two_timers_replays_to_the_same(
    tmp_path: Path, status: OrderStatus
) -> None:
    file, recording, driver = two_portfolios(tmp_path), tmp_path / "recording", ReplayDriver()
    system = System(read_system(file), driver, Extras(record=recording))
    await system.start()
    system.bus.spawn(Stopper, (driver, status), name="stopper")
    await system.run()
    left = [each.status for each in await system.records() if each.status.is_open]
    await system.stop()
    assert left, "an order was in flight"

    recorded = read_recording(recording)
    plan = plan_from_json(recorded.plan, "the recording")
    replayed = System(plan, ReplayDriver(), Extras(tape=recorded.tape))
    await replayed.start()
    await replayed.run()
    records = await replayed.records()
    await replayed.stop()
    orders = [msgspec.json.decode(line, type=OrderLine) for line in lines(records)]
    assert recorded.ending is not None
    assert difference(recorded.ending, orders, digest(records)) is None
    assert recorded.interventions == ()


class Halter(Actor[Driver]):
    """Halts all at the third order, and stops the session when that holds."""

    asks = (SetTradingState,)

    async def lifespan(self) -> Any:
        self.seen = 0
        yield

    @on
    def look(self, approved: OrderApproved) -> None:  # noqa: ARG002 - each counts
        self.seen += 1
        if self.seen == 3:
            self.send(SetTradingState("system", TradingState.HALTED, "enough", "ann"))

    @on
    def stop(self, _: TradingStateSet | TradingStateNotSet) -> None:
        self.params.stop()


async def halted(file: Path, recording: Path) -> None:
    """Record a session in which somebody halts all."""
    driver = ReplayDriver()
    it = System(read_system(file), driver, Extras(record=recording))
    await it.start()
    it.bus.spawn(Halter, driver, name="halter")
    await it.run()
    await it.stop()


def test_a_session_in_which_somebody_sets_a_trading_state_is_not_replayed(
    tmp_path: Path, lts: Callable[..., Any]
) -> None:
    recording = tmp_path / "recording"
    asyncio.run(halted(two_portfolios(tmp_path), recording))
    (told,) = read_recording(recording).interventions
    assert told.intervention == "system was set to halted by ann"
    refused = lts("replay", recording)
    assert refused.code == 1
    (sentence,) = refused.err.splitlines()
    assert "system was set to halted by ann at 2020-01-01T" in sentence
