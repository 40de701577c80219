"""Health counts what goes wrong, and answers how the system is in a word with reasons."""

from decimal import Decimal
from types import MappingProxyType
from typing import Any

import pytest

from actors.health import Health
from bus import HandlerSlow, Pressure, PressureChanged, Vitals
from lts.domain.bridge import BridgeReported, BridgeState
from lts.domain.health import GetHealth, HealthReported, HealthStatus
from lts.domain.order_flow import OrderAlarmed
from lts.domain.protection import ProtectionChanged
from lts.testing import Bench

pytestmark = pytest.mark.requirement("INT-004", "INT-9.2")

WELL = MappingProxyType(
    {
        "messages": 7,
        "inputs": 5,
        "conflated": 0,
        "failures": 0,
        "trespasses": 0,
        "dead_letters": 0,
        "actors": 3,
        "quarantined": {},
        "mailboxes": {},
        "load": {"desk": 0.25},
    }
)


def health(**vitals: Any) -> Bench[Health]:
    return Bench(Health, assignment=lambda: Vitals(**{**WELL, **vitals}))


async def asked(bench: Bench[Health]) -> HealthReported:
    return await bench.ask(GetHealth())


async def test_a_system_in_which_nothing_went_wrong_is_ok() -> None:
    async with health() as bench:
        report = await asked(bench)
        assert (report.status, report.reasons) == (HealthStatus.OK, ())
        assert (report.messages, report.inputs, report.actors) == (7, 5, 3)
        assert report.load == {"desk": 0.25}
        assert report.memory_bytes > 1_000_000
        assert report.cpu_seconds > 0


async def test_an_actor_out_of_service_is_a_failure() -> None:
    async with health(quarantined={"strategy/a": "it raised too often"}, failures=6) as bench:
        report = await asked(bench)
        assert report.status is HealthStatus.FAILED
        assert report.reasons == ("strategy/a is quarantined: it raised too often",)
        assert report.failures == 6


async def test_a_crowded_mailbox_degrades_until_it_is_relieved() -> None:
    async with health() as bench:
        await bench.hear(PressureChanged("desk", Pressure.HIGH, 10_000))
        report = await asked(bench)
        assert (report.status, report.reasons) == (HealthStatus.DEGRADED, ("the mailbox of desk is high",))
        await bench.hear(PressureChanged("desk", Pressure.HARD, 100_000))
        assert (await asked(bench)).reasons == ("the mailbox of desk is hard",)
        await bench.hear(PressureChanged("desk", Pressure.NORMAL, 10))
        assert (await asked(bench)).status is HealthStatus.OK


async def test_order_alarms_degrade_and_are_counted() -> None:
    async with health() as bench:
        await bench.hear(*[OrderAlarmed("test", "test-TEST-000001", "overfilled", 0)] * 2)
        report = await asked(bench)
        assert (report.status, report.reasons) == (HealthStatus.DEGRADED, ("2 orders raised an alarm",))


async def test_what_has_no_stop_that_works_degrades_until_it_has() -> None:
    async with health() as bench:
        await bench.hear(ProtectionChanged("trend", "TEST", Decimal("2.50"), 0))
        await bench.hear(ProtectionChanged("trend", "OTHER", Decimal(0), 0))
        report = await asked(bench)
        assert report.status is HealthStatus.DEGRADED
        assert report.reasons == ("2.5 of TEST in trend has no stop that works",)
        await bench.hear(ProtectionChanged("trend", "TEST", Decimal(0), 0))
        assert (await asked(bench)).status is HealthStatus.OK


async def test_a_bridge_without_its_broker_degrades_until_it_has_it_again() -> None:
    async with health() as bench:
        await bench.hear(BridgeReported(BridgeState.LOST, "the broker is not reached"))
        report = await asked(bench)
        assert (report.status, report.reasons) == (HealthStatus.DEGRADED, ("the broker is not reached",))
        await bench.hear(BridgeReported(BridgeState.CONNECTED))
        assert (await asked(bench)).status is HealthStatus.OK


async def test_slow_handlers_are_counted() -> None:
    async with health() as bench:
        await bench.hear(HandlerSlow("strategy/a", "Bar", 5.0, "a stack"))
        assert (await asked(bench)).slow_handlers == 1
