"""What every core owes."""

from typing import Any

from bus import Message
from lts.domain.plugins import PluginRefused, PluginStarted, StartPlugin, SystemReady
from lts.kinds.broker import BrokerAssignment
from lts.kinds.core import CoreAssignment
from lts.kinds.feed import FeedAssignment
from lts.kinds.pipeline import PipelineAssignment
from lts.testing.bench import Bench
from lts.testing.contract import PluginContract, refusal, run, unlike
from lts.testing.market import TEST
from lts.testing.stage import KNOWN, NAME, system_plan


class CoreContract(PluginContract):
    """Inherit this, and name the plugin.

        class TestMine(CoreContract):
            plugin = Mine

    The plan has one feed, one broker and two portfolios.
    """

    assignment: Any = CoreAssignment(system_plan(), KNOWN)

    async def work(self, bench: Bench[Any]) -> list[Message]:
        """Bring the plan up, which happens at the start."""
        return [*bench.said]

    def test_it_starts_all_that_the_plan_names(self) -> None:
        """Each once, under a name of its own, with what the plan says of it."""
        plan, started = self.assignment.plan, _by_kind(run(self._said()))
        (feed,), (broker,), pipelines = started["feed"], started["broker"], started["pipeline"]
        assert (feed.plugin, feed.params) == (NAME, plan.feeds[0].params)
        assert feed.assignment == FeedAssignment(TEST, plan.directory)
        assert (broker.plugin, broker.params) == (NAME, plan.brokers[0].params)
        assert broker.assignment == BrokerAssignment(NAME, KNOWN)
        assert [each.assignment for each in pipelines] == [
            PipelineAssignment(portfolio, KNOWN, str(plan.file)) for portfolio in plan.portfolios
        ]
        assert [each.plugin for each in pipelines] == [each.pipeline for each in plan.portfolios]
        actors = [each.actor for kind in started.values() for each in kind]
        assert len(set(actors)) == len(actors), f"two actors have one name: {actors}"

    def test_whoever_it_starts_hears_only_what_is_its_own(self) -> None:
        """A feed its instrument, a broker its orders and instruments, a pipeline its portfolio."""
        started = _by_kind(run(self._said()))
        assert [each.scope for each in started["feed"]] == [{"instrument": TEST.symbol}]
        assert [each.scope for each in started["broker"]] == [
            {"broker": NAME, "instrument": frozenset({TEST.symbol})}
        ]
        assert [each.scope for each in started["pipeline"]] == [
            {"portfolio": each.name} for each in self.assignment.plan.portfolios
        ]

    def test_portfolios_come_last(self) -> None:
        """Feeds check their input and brokers are there before anybody can trade."""
        kinds = [each.kind for each in run(self._said()) if isinstance(each, StartPlugin)]
        assert "pipeline" in kinds, "it starts no portfolio"
        first = kinds.index("pipeline")
        assert set(kinds[first:]) == {"pipeline"}, f"in this order: {kinds}"

    def test_it_says_once_that_the_system_is_ready(self) -> None:
        """When everybody has been let in, and not before."""
        said = run(self._said())
        assert [each for each in said if isinstance(each, SystemReady)] == [SystemReady()]
        assert said[-1] == SystemReady(), f"after it said so, it went on with {said[-1]}"

    def test_a_plugin_that_is_refused_ends_its_start(self) -> None:
        """With the reason why, and without the word that all is ready."""
        for kind in ("feed", "broker", "pipeline"):

            def answer(wanted: StartPlugin, kind: str = kind) -> PluginStarted | PluginRefused:
                if wanted.kind == kind:
                    return PluginRefused(wanted.actor, wanted.kind, wanted.plugin, f"no {kind} today")
                return PluginStarted(wanted.actor, wanted.kind, wanted.plugin, "1.0.0")

            bench = self.bench(answers={StartPlugin: answer})
            reason = refusal(_entered(bench))
            assert reason is not None, f"it starts although the {kind} was refused"
            assert f"no {kind} today" in reason, f"the reason is lost: {reason}"
            assert not bench.published(SystemReady), f"it is ready although the {kind} was refused"

    def test_a_restart_asks_for_the_same(self) -> None:
        """Under the same names, so that the host finds them running already."""

        async def scene() -> tuple[list[StartPlugin], list[StartPlugin]]:
            async with self.bench() as bench:
                before = bench.asked(StartPlugin)
                await bench.restart()
                return before, bench.asked(StartPlugin)[len(before) :]

        before, after = run(scene())
        assert before, "it starts nobody"
        assert unlike(before, after) is None, f"after a restart: {unlike(before, after)}"

    async def _said(self) -> list[Message]:
        async with self.bench() as bench:
            return [*bench.said]


async def _entered(bench: Bench[Any]) -> None:
    async with bench:
        pass


def _by_kind(said: list[Message]) -> dict[str, list[StartPlugin]]:
    started: dict[str, list[StartPlugin]] = {"feed": [], "broker": [], "pipeline": []}
    for message in said:
        if isinstance(message, StartPlugin):
            started[message.kind].append(message)
    return started
