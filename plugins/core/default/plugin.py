"""Brings the system up: feeds first, for they check their input whole; then brokers; then portfolios."""

from collections.abc import AsyncGenerator
from typing import Any

from lts.sdk import (
    BrokerAssignment,
    BrokerPlan,
    Core,
    FeedAssignment,
    FeedPlan,
    Known,
    Params,
    StartPlugin,
    SystemReady,
    conducting,
)


class DefaultCore(Core[Params]):
    """Starts what the plan names, in order, and says when everybody was let in."""

    async def lifespan(self) -> AsyncGenerator[None, None]:
        """Have everything started; the first that is refused ends it."""
        self.started: list[str] = []
        await self.start_feeds()
        await self.start_brokers()
        await self.start_pipelines()
        self.publish(SystemReady())
        yield

    async def start_feeds(self) -> None:
        """Start a feed for each of the plan's, limited to its instrument."""
        for feed in self.plan.feeds:
            instrument = self.assignment.instruments[feed.instrument]
            await self.let_in(
                StartPlugin(
                    kind="feed",
                    plugin=feed.plugin,
                    actor=f"feed/{feed.name}",
                    params=feed.params,
                    where=self._where(feed),
                    assignment=FeedAssignment(instrument, self.plan.directory),
                    scope={"instrument": feed.instrument},
                )
            )

    async def start_brokers(self) -> None:
        """Start a broker for each of the plan's; it hears of every instrument that is traded through it."""
        for broker in self.plan.brokers:
            traded = {
                asset.instrument: self.assignment.instruments[asset.instrument]
                for portfolio in self.plan.portfolios
                for asset in portfolio.assets
                if asset.broker == broker.name
            }
            await self.let_in(
                StartPlugin(
                    kind="broker",
                    plugin=broker.plugin,
                    actor=f"broker/{broker.name}",
                    params=broker.params,
                    where=self._where(broker),
                    assignment=BrokerAssignment(broker.name, traded, broker.positions),
                    scope={"broker": broker.name, "instrument": frozenset(traded)},
                )
            )

    async def start_pipelines(self) -> None:
        """Start a pipeline for each portfolio of the file; it starts the rest."""
        for portfolio in self.plan.portfolios:
            if portfolio.name in self.assignment.made:
                continue
            known = Known(self.assignment.instruments, self.assignment.conversions)
            await self.let_in(conducting(portfolio, known, str(self.plan.file)))

    async def let_in(self, wanted: StartPlugin) -> None:
        """Start a plugin and remember it."""
        await self.start(wanted)
        self.started.append(wanted.actor)

    def debug_info(self) -> dict[str, Any]:
        """Who was let in, in order."""
        return super().debug_info() | {"started": self.started}

    def _where(self, table: FeedPlan | BrokerPlan) -> str:
        return f"{self.plan.file}: {table.place}, params"
