"""A recorded session that is stopped with an order in flight replays to the same."""

import shutil
from pathlib import Path
from typing import Any

import msgspec
import pytest

import lts
from bus import Actor, Driver, ReplayDriver, on
from lts.cli.replay import difference
from lts.config.file import plan_from_json, read_system
from lts.domain.digest import digest, lines
from lts.domain.order_flow import OrderChanged
from lts.domain.order_status import OrderStatus
from lts.domain.recording import OrderLine, read_recording
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


@pytest.mark.parametrize("status", [OrderStatus.SUBMITTED, OrderStatus.ACCEPTED])
async def test_a_session_that_is_stopped_with_an_order_in_flight_replays_to_the_same(
    tmp_path: Path, status: OrderStatus
) -> None:
    shutil.copy(SAMPLES / "btcusd_1min_2020-01-01.csv", tmp_path)
    text = (SAMPLES / "btcusd.toml").read_text(encoding="utf-8")
    file, recording = tmp_path / "system.toml", tmp_path / "recording"
    file.write_text(text.replace('slippage_bps = "1" }', f'slippage_bps = "1"{LATENCY}'), encoding="utf-8")
    assert LATENCY in file.read_text(encoding="utf-8")
    driver = ReplayDriver()
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
