"""What every pipeline owes."""

from collections.abc import Mapping
from typing import Any, ClassVar

from bus import ActorQuarantined, Message
from lts.config.schema import PortfolioPlan
from lts.domain.order_flow import CancelAll
from lts.domain.plugins import PluginRefused, PluginStarted, StartPlugin
from lts.domain.signals import SignalRaised
from lts.kinds.pipeline import PipelineAssignment
from lts.kinds.portfolio import PortfolioAssignment
from lts.kinds.strategy import StrategyAssignment
from lts.testing.bench import Bench
from lts.testing.contract import PluginContract, refusal, run, unlike
from lts.testing.market import TEST
from lts.testing.stage import KNOWN, portfolio_plan


class PipelineContract(PluginContract):
    """Inherit this, and name the plugin.

        class TestMine(PipelineContract):
            plugin = Mine

    The portfolio that it conducts trades TEST by one strategy.
    """

    policies: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "hold": {"on_failure": "hold"},
        "cancel": {"on_failure": "cancel"},
        "flatten": {"on_failure": "flatten"},
    }
    """The parameters that choose each failure policy which the pipeline knows, at least one but `hold`."""
    plan: ClassVar[PortfolioPlan] = portfolio_plan()

    assignment: Any = PipelineAssignment(plan, KNOWN, "test.toml")

    async def work(self, bench: Bench[Any]) -> list[Message]:
        """Start everybody, and see the strategy fail."""
        await bench.hear(_out_of_service(bench, "strategy"))
        return [*bench.said]

    def test_it_starts_its_portfolio_and_then_its_strategies(self) -> None:
        """Each once, with what the plan says of it, and limited to what is its own."""
        portfolio, strategy = run(self._started())
        assert (portfolio.kind, portfolio.plugin) == ("portfolio", self.plan.plugin)
        assert portfolio.params == self.plan.params
        assert isinstance(portfolio.assignment, PortfolioAssignment)
        kept = portfolio.assignment
        assert (kept.portfolio, kept.owner, kept.currency, kept.cash) == (
            self.plan.name,
            self.plan.owner,
            self.plan.currency,
            self.plan.cash,
        )
        assert dict(kept.instruments) == KNOWN
        (asset,) = self.plan.assets
        assert dict(kept.brokers) == {TEST.symbol: asset.broker}
        assert (strategy.kind, strategy.plugin) == ("strategy", asset.strategy)
        assert strategy.params == asset.params
        assert strategy.assignment == StrategyAssignment(self.plan.name, TEST)
        assert strategy.actor != portfolio.actor, "two actors have one name"

    def test_whoever_it_starts_hears_only_its_own_portfolio(self) -> None:
        """Scopes keep 10,000 portfolios apart."""
        started = run(self._started())
        assert started, "it starts nobody"
        for wanted in started:
            assert wanted.scope.get("portfolio") == self.plan.name, f"{wanted.actor} hears other portfolios"
            assert "instrument" in wanted.scope, f"{wanted.actor} hears every instrument"
            assert wanted.where.startswith("test.toml"), f"{wanted.where} does not say where its params stand"

    def test_a_plugin_that_is_refused_ends_its_start(self) -> None:
        """With the reason why, and whoever it is that stays outside."""
        for kind in ("portfolio", "strategy"):

            def answer(wanted: StartPlugin, kind: str = kind) -> PluginStarted | PluginRefused:
                if wanted.kind == kind:
                    return PluginRefused(wanted.actor, wanted.kind, wanted.plugin, f"no {kind} today")
                return PluginStarted(wanted.actor, wanted.kind, wanted.plugin, "1.0.0")

            reason = refusal(self._started(answers={StartPlugin: answer}))
            assert reason is not None, f"it starts although its {kind} was refused"
            assert f"no {kind} today" in reason, f"the reason is lost: {reason}"

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

    def test_its_failure_policies_do_what_they_say(self) -> None:
        """When a strategy is out of service: hold does nothing, cancel cancels, flatten also goes flat."""
        assert set(self.policies) - {"hold"}, "it has no failure policy"
        for policy, params in self.policies.items():
            cancelled, signals = run(self._failed("strategy", params))
            assert cancelled == ([] if policy == "hold" else [CancelAll(f"portfolio:{self.plan.name}")]), (
                policy
            )
            flat = [(each.portfolio, each.instrument, each.target) for each in signals]
            assert flat == ([(self.plan.name, TEST.symbol, 0.0)] if policy == "flatten" else []), policy

    def test_a_portfolio_out_of_service_leaves_no_order_working(self) -> None:
        """Nobody would book what trades; except where the policy is to hold."""
        for policy, params in self.policies.items():
            cancelled, _ = run(self._failed("portfolio", params))
            assert cancelled == ([] if policy == "hold" else [CancelAll(f"portfolio:{self.plan.name}")]), (
                policy
            )

    def test_the_failures_of_others_are_none_of_its_business(self) -> None:
        """Another portfolio's strategy may fail as it likes."""

        async def scene() -> None:
            for params in self.policies.values():
                async with self.bench(params={**self.params, **params}) as bench:
                    assert bench.asked(StartPlugin), "it starts nobody"
                    before = len(bench.said)
                    await bench.hear(ActorQuarantined("strategy/other/TEST", "the test", "hold"))
                    await bench.hear(ActorQuarantined("portfolio/other", "the test", "hold"))
                    await bench.advance(seconds=60)
                    assert len(bench.said) == before, f"it acts: {bench.said[before:]}"

        run(scene())

    async def _started(self, **how: Any) -> list[StartPlugin]:
        async with self.bench(**how) as bench:
            return bench.asked(StartPlugin)

    async def _failed(
        self, kind: str, params: Mapping[str, Any]
    ) -> tuple[list[CancelAll], list[SignalRaised]]:
        async with self.bench(params={**self.params, **params}) as bench:
            await bench.hear(_out_of_service(bench, kind))
            assert bench.asked(CancelAll) or not bench.published(SignalRaised), "it closes before it cancels"
            await bench.advance(seconds=60)
            return bench.asked(CancelAll), bench.published(SignalRaised)


def _out_of_service(bench: Bench[Any], kind: str) -> ActorQuarantined:
    actor = next(each.actor for each in bench.asked(StartPlugin) if each.kind == kind)
    return ActorQuarantined(actor, "the test has it so", "hold")
