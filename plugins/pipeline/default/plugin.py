"""Conducts one portfolio: starts it and its strategies, gives the beat, measures, answers failures."""

from collections.abc import AsyncGenerator
from typing import Any, Literal

from pydantic import Field

from lts.sdk import (
    ActorQuarantined,
    AssetPlan,
    Beat,
    CancelAll,
    Event,
    OrderApproved,
    OrderDenied,
    OrderFilled,
    Params,
    Pipeline,
    PortfolioAssignment,
    SignalRaised,
    StartPlugin,
    StrategyAssignment,
    on,
)


class Strike(Event):
    """The pipeline's own reminder."""


class CancelsAreThrough(Event):
    """The pipeline's own reminder to close what is held of an asset."""

    asset: AssetPlan
    reason: str


CANCELS_TAKE = 1.0
"""Seconds of market time between cancelling and closing: an order that is still being cancelled
counts as under way, so that closing at once would sell what is never bought."""


STAGES: dict[type[Event], str] = {
    SignalRaised: "signals",
    OrderApproved: "approved",
    OrderDenied: "denied",
    OrderFilled: "filled",
}


class DefaultPipelineParams(Params):
    """The beat, and what to do when a strategy or the portfolio is out of service."""

    beat_s: float | None = Field(
        None, gt=0, description="Seconds of market time between beats; none by default."
    )
    on_failure: Literal["hold", "cancel", "flatten"] = Field(
        "cancel",
        description="hold: leave things; cancel: cancel orders; flatten: cancel, and close what it held.",
    )


class DefaultPipeline(Pipeline[DefaultPipelineParams]):
    """The portfolio's conductor."""

    async def lifespan(self) -> AsyncGenerator[None, None]:
        """Have the portfolio started, then its strategies."""
        self.counts: dict[type[Event], int] = dict.fromkeys(STAGES, 0)
        self.latest_ns: dict[type[Event], int] = dict.fromkeys(STAGES, 0)
        self.stopwatch = self.system.monotonic
        self.signalled_at = 0
        self.failed: dict[str, str] = {}
        await self.start_portfolio()
        await self.start_strategies()
        self.strike_later()
        yield

    async def start_portfolio(self) -> None:
        """Start the allocator: it keeps the money and sizes the orders."""
        plan, assignment = self.plan, self.assignment
        kept = PortfolioAssignment(
            plan.name,
            plan.owner,
            plan.currency,
            plan.cash,
            assignment.instruments,
            {asset.instrument: asset.broker for asset in plan.assets},
            {asset.label: asset.protection for asset in plan.assets if asset.protection},
            {asset.name: asset.instrument for asset in plan.assets if asset.name},
            assignment.conversions,
            assignment.known,
        )
        await self.start(
            StartPlugin(
                kind="portfolio",
                plugin=plan.plugin,
                actor=f"portfolio/{plan.name}",
                params=plan.params,
                where=f"{self.place}, params",
                assignment=kept,
                scope={"portfolio": plan.name, "instrument": kept.heard},
            )
        )

    async def start_strategies(self) -> None:
        """Start one strategy an asset, of those that are to be at work."""
        plan, assignment = self.plan, self.assignment
        for asset in plan.at_work:
            instrument = assignment.instruments[asset.instrument]
            await self.start(
                StartPlugin(
                    kind="strategy",
                    plugin=asset.strategy,
                    actor=self._strategy(asset),
                    params=asset.params,
                    where=f"{self.place}, {asset.place}, params",
                    assignment=StrategyAssignment(plan.name, instrument, asset.name or ""),
                    scope={"portfolio": plan.name, "instrument": asset.instrument},
                )
            )

    @on
    def measure(self, passed: SignalRaised | OrderApproved | OrderDenied | OrderFilled) -> None:
        """Count what passes each stage, and the time since the signal that it came from."""
        stage, now = type(passed), self.stopwatch()
        if stage is SignalRaised:
            self.signalled_at = now
        self.counts[stage] += 1
        self.latest_ns[stage] = now - self.signalled_at

    @on
    def beat(self, _: Strike) -> None:
        """Let the cyclic strategies act, and arrange for the next time."""
        self.publish(Beat(self.plan.name, self.clock.now()))
        self.strike_later()

    def strike_later(self) -> None:
        """Arrange for the next beat, if there is one."""
        if self.params.beat_s:
            self.after(self.params.beat_s, Strike())

    @on
    def answer_failure(self, quarantined: ActorQuarantined) -> None:
        """Apply the failure policy when one of this portfolio's plugins is out of service."""
        orphaned = [asset for asset in self.plan.assets if self._strategy(asset) == quarantined.actor]
        if not orphaned and quarantined.actor != f"portfolio/{self.plan.name}":
            return
        self.failed[quarantined.actor] = quarantined.reason
        policy = self.params.on_failure
        self.log.error("failure policy applied", failed=quarantined.actor, policy=policy)
        if policy != "hold":
            self.send(CancelAll(f"portfolio:{self.plan.name}"))
        if policy == "flatten":
            for asset in orphaned:
                reason = f"{quarantined.actor} is out of service"
                self.after(CANCELS_TAKE, CancelsAreThrough(asset, reason))

    @on
    def flatten(self, through: CancelsAreThrough) -> None:
        """Have the portfolio close what it holds of an asset."""
        asset, name = through.asset, through.asset.name or ""
        self.publish(SignalRaised(self.plan.name, asset.instrument, 0.0, through.reason, asset=name))

    def debug_info(self) -> dict[str, Any]:
        """What passed each stage, how fast the last one did, and who is out of service."""
        return super().debug_info() | {
            "passed": {STAGES[stage]: count for stage, count in self.counts.items()},
            "latest_ns": {STAGES[stage]: took for stage, took in self.latest_ns.items()},
            "out_of_service": dict(self.failed),
        }

    def _strategy(self, asset: AssetPlan) -> str:
        return f"strategy/{self.plan.name}/{asset.label}"
