"""A year is traded, measured and billed, in one go or with the node stopped and started again in between."""

import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import lts
from bus import SECOND, Actor, ReplayDriver
from lts.config.file import read_system
from lts.domain.billing import SUBSCRIPTION, TRADE, RecallCharges, beginning_of
from lts.domain.statistics import DAY, HOUR, RecallStatistics
from lts.live import keeper, storage_of
from lts.main import Extras, System

pytestmark = pytest.mark.requirement("INT-9.2", "INT-4.6", "INT-5.1")

SAMPLES = Path(lts.__file__).parent / "samples"
BILLED = '\n[billing]\ncurrency = "USD"\nper_trade = "0.10"\nper_month = "9.90"\n'
MONTHS = [*(f"2020-{month:02}" for month in range(1, 13)), "2021-01"]
"""The last bar closes when the next year begins."""
JANUARY = beginning_of("2020-01")


class Asking(Actor[None]):
    """Asks what was measured and charged."""

    asks = (RecallCharges, RecallStatistics)


Running = Callable[[], AbstractAsyncContextManager[tuple[System, Asking]]]


@pytest.fixture
def running(tmp_path: Path) -> Running:
    """Runs a billed system that trades a year of daily bars, again and again in one state directory."""
    for name in ("btcusdt.toml", "btcusdt_1day_2020.csv"):
        shutil.copy(SAMPLES / name, tmp_path)
    file = tmp_path / "btcusdt.toml"
    file.write_text(file.read_text(encoding="utf-8") + BILLED, encoding="utf-8")
    plan = read_system(file)
    storage = storage_of(plan, tmp_path / "state")

    @asynccontextmanager
    async def run() -> AsyncIterator[tuple[System, Asking]]:
        system = System(plan, ReplayDriver(), Extras(keeper=keeper(plan, storage)))
        await system.start()
        asking: Any = system.bus.spawn(Asking, None, name="asking").actor
        try:
            yield system, asking
        finally:
            await system.stop()

    return run


async def test_a_year_is_measured_from_its_first_minute_on_and_rolled_up(running: Running) -> None:
    async with running() as (system, asking):
        await system.run()
        assert system.trouble() is None
    async with running() as (_, asking):
        for name, value in (("equity", 50_000.0), ("cash", 50_000.0), ("fees", 0.0)):
            for resolution in (HOUR, DAY):
                series = f"portfolio/swing/{name}"
                asked = RecallStatistics(series, resolution, JANUARY, beginning_of("2021-01"))
                first, *_ = (await asking.ask(asked)).measured
                assert (first.at % (resolution * SECOND), first.first) == (0, value)
        asked = RecallStatistics("system/messages", DAY, JANUARY, beginning_of("2021-01"))
        assert (await asking.ask(asked)).measured


async def test_every_month_and_every_trade_of_a_year_are_charged_once(running: Running) -> None:
    async with running() as (system, asking):
        await system.run()
        trades = sum(len(record.fills) for record in await system.records())
    for _ in range(2):  # also when the node is started again
        async with running() as (system, asking):
            months = (await asking.ask(RecallCharges("demo", SUBSCRIPTION))).charges
            assert len((await asking.ask(RecallCharges("demo", TRADE))).charges) == trades > 0
        assert [charge.reference for charge in months] == MONTHS
        assert {charge.amount for charge in months} == {Decimal("9.90")}
