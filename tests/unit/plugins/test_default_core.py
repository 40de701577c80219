"""The default core brings the plan up in order."""

import pytest

from lts.sdk import CoreAssignment, StartPlugin, SystemReady
from lts.testing import Bench, CoreContract
from lts.testing.stage import KNOWN, system_plan
from plugins.core.default.plugin import DefaultCore

pytestmark = pytest.mark.requirement("INT-4.2", "INT-001")


class TestItsContract(CoreContract):
    plugin = DefaultCore


async def test_feeds_come_first_then_brokers_then_portfolios() -> None:
    async with Bench(DefaultCore) as bench:
        actors = [each.actor for each in bench.asked(StartPlugin)]
        assert actors == ["feed/test/TEST", "broker/test", "pipeline/first", "pipeline/second"]
        assert bench.said[-1] == SystemReady()
        assert (await bench.debug())["started"] == actors


async def test_each_start_names_the_table_that_asked_for_it() -> None:
    async with Bench(DefaultCore) as bench:
        file = bench.actor.plan.file
        assert [each.where for each in bench.asked(StartPlugin)] == [
            f"{file}: feed 'test/TEST', params",
            f"{file}: broker 'test', params",
            f"{file}: portfolio 'first', pipeline_params",
            f"{file}: portfolio 'second', pipeline_params",
        ]


async def test_portfolios_that_were_made_at_run_time_are_started_by_somebody_else() -> None:
    given = CoreAssignment(system_plan(), KNOWN, made={"second"})
    async with Bench(DefaultCore, assignment=given) as bench:
        actors = [each.actor for each in bench.asked(StartPlugin)]
        assert actors == ["feed/test/TEST", "broker/test", "pipeline/first"]
