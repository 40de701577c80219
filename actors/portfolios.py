"""Portfolios at run time: opened, changed, put to rest and to work, beside those of the node's file."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field

import msgspec

from bus import Actor, ActorQuarantined, AskError, on
from lts.config.consistency import contradictions
from lts.config.params import Misfit
from lts.config.schema import AssetPlan, PortfolioPlan
from lts.config.sentence import with_others
from lts.domain.journal import RecallDeposits
from lts.domain.known import Known
from lts.domain.order_flow import CancelOrder, GetOrdersUnderWay
from lts.domain.plugins import (
    CheckPlugin,
    GetDebugInfo,
    InstrumentNotTaken,
    PluginRefused,
    StartPlugin,
    StopPlugin,
    SystemReady,
    TakeInstrument,
)
from lts.domain.portfolio_actors import actors_of, checks_of
from lts.domain.portfolio_changes import changed, created, entering, left_alone, not_flat
from lts.domain.portfolio_refusals import (
    as_given,
    key_reused,
    misfitting,
    objection_to,
    too_early,
    unknown,
)
from lts.domain.portfolio_settings import (
    AddAsset,
    ChangeAsset,
    ChangePortfolio,
    CreatePortfolio,
    GetPortfolio,
    ListPortfolios,
    Objection,
    Origin,
    PortfolioAnswer,
    PortfolioNotChanged,
    PortfolioRegistered,
    PortfolioReported,
    PortfoliosListed,
    RecallPortfolios,
    RemoveAsset,
    SetActive,
    entry_of,
    protected_places,
    recalled,
    stored,
    table_of,
)
from lts.domain.protection import Place
from lts.domain.register import Register
from lts.domain.request_mark import RecallMark, RequestMark
from lts.domain.risk import GetExposure
from lts.domain.units import NotPerformed, Perform, PutUser
from lts.kinds.core import CoreAssignment
from lts.kinds.pipeline import conducting

PATIENCE = 30.0
"""Seconds that storage, host and pipeline have for their part of a change."""


@dataclass(slots=True)
class Node:
    """What a portfolio becomes a part of: each of these is one object, which others read as it grows."""

    register: Register
    core: CoreAssignment
    protected: dict[Place, float | None]
    unfinished: set[str] = field(default_factory=set)
    """The portfolios whose actors are to be started still: a failure in between is made good."""
    ready: bool = False
    """Whether the system is up, so that there is somebody to start them."""


class Portfolios(Actor[None]):
    """Owns the settings of the portfolios that were made at run time.

    What is commanded is checked like a file, stored in the name of who commanded it, and only then carried
    out: the actors of that portfolio end, and are born again from the journal. So a node that is killed in
    between starts with what was stored.
    """

    publishes = (PortfolioRegistered,)
    asks = (
        CancelOrder,
        CheckPlugin,
        GetDebugInfo,
        GetExposure,
        GetOrdersUnderWay,
        Perform,
        RecallDeposits,
        RecallMark,
        RecallPortfolios,
        StartPlugin,
        StopPlugin,
        TakeInstrument,
    )
    spawns = True

    assignment: Node

    async def lifespan(self) -> AsyncGenerator[None, None]:
        """Take up what is stored, and finish what was begun."""
        node = self.assignment
        self.plans = {portfolio.name: portfolio for portfolio in node.core.plan.portfolios}
        self.revisions: dict[str, int] = {}
        """Of those that were made at run time."""
        self.troubles: dict[str, str] = {}
        """Why a portfolio was not started."""
        self.quarantined: dict[str, str] = {}
        """Why an actor is out of service."""
        for command in (await self.ask(RecallPortfolios(), within=PATIENCE)).portfolios:
            before, after = self.plans.get(command.name), recalled(command)
            self.revisions[command.name] = command.revision
            node.core.made.add(command.name)
            if not node.ready:
                node.unfinished.add(command.name)
            elif before != after or command.name in node.unfinished:
                await self._lead_to_brokers(after)
                await self._take_over(before, after, command.revision)
        yield

    # What is asked

    @on
    def report(self, wanted: GetPortfolio) -> PortfolioAnswer:
        """Answer how a portfolio stands."""
        plan = self.plans.get(wanted.portfolio)
        return unknown(wanted.portfolio) if plan is None else self._reported(plan)

    @on
    def list_portfolios(self, wanted: ListPortfolios) -> PortfoliosListed:
        """Answer which portfolios there are."""
        return PortfoliosListed(
            tuple(self._reported(plan) for plan in self.plans.values() if wanted.owner in {"", plan.owner})
        )

    # What is commanded

    @on
    async def create(self, command: CreatePortfolio) -> PortfolioAnswer:
        """Open a portfolio and start it, once for each mark."""
        if not self.assignment.ready:
            return too_early("")
        if command.request is not None and (answer := await self._repeated(command.request)):
            return answer
        try:
            plan = created(command.settings)
        except Misfit as misfit:
            return misfitting("", misfit)
        taken = plan.name in self.plans
        if taken or (await self.ask(RecallDeposits(plan.name), within=PATIENCE)).deposits:
            reason = f"there is or was a portfolio '{plan.name}' already; give this one another name"
            return PortfolioNotChanged(plan.name, Objection.NAME_TAKEN, reason, "name")
        return await self._carry_out(None, plan, command.who, command.request)

    @on
    async def change(
        self, command: ChangePortfolio | AddAsset | ChangeAsset | RemoveAsset | SetActive
    ) -> PortfolioAnswer:
        """Give a portfolio other settings, and start it anew with them."""
        if not self.assignment.ready:
            return too_early(command.portfolio)
        plan = self.plans.get(command.portfolio)
        if plan is None:
            return unknown(command.portfolio)
        if objection := objection_to(command, plan, self.revisions.get(plan.name)):
            return objection
        try:
            new = changed(plan, command)
        except Misfit as misfit:
            return misfitting(plan.name, misfit)
        if new == plan:
            return self._reported(plan)
        answer = await self._carry_out(plan, new, command.who)
        return answer if isinstance(command, ChangePortfolio) else as_given(answer)

    # What happens by itself

    @on
    async def begin(self, _: SystemReady) -> None:
        """Start what was made at run time before: what is wrong with one of these stops nobody else.

        Entries of strategies that rest are cancelled: whoever put them to rest may not have come to that.
        """
        node = self.assignment
        node.ready = True
        for plan in tuple(self.plans.values()):
            await self._withdraw(plan)
            if plan.name in node.unfinished:
                await self._start(plan)

    @on
    def note(self, quarantined: ActorQuarantined) -> None:
        """Remember who is out of service."""
        self.quarantined[quarantined.actor] = quarantined.reason

    # How it is checked

    async def _objection(
        self, before: PortfolioPlan | None, after: PortfolioPlan
    ) -> PortfolioNotChanged | None:
        """Why a portfolio cannot be what it is to be, beside all others; None if it can."""
        whole = self.assignment.core.plan.model_copy(
            update={"portfolios": tuple((self.plans | {after.name: after}).values())}
        )
        made = {*self.revisions, after.name}
        # There may be thousands of portfolios, and orders do not wait until all were gone through.
        if found := await asyncio.to_thread(lambda: list(contradictions(whole, made))):
            return PortfolioNotChanged(after.name, Objection.INVALID, with_others(found))
        known = [check.wanted for check in checks_of(before)] if before else []
        for check in checks_of(after):
            if check.wanted in known:
                continue
            answer = await self.ask(CheckPlugin(check.wanted), within=PATIENCE)
            if isinstance(answer, PluginRefused):
                within = None if answer.field is None else f"{check.params}.{answer.field}".rstrip(".")
                place = check.key if within is None else within
                return PortfolioNotChanged(after.name, Objection.INVALID, answer.reason, place)
        return await self._lead_to_brokers(after)

    async def _lead_to_brokers(self, plan: PortfolioPlan) -> PortfolioNotChanged | None:
        """Have brokers trade what a portfolio wants to trade there; or why one cannot."""
        register = self.assignment.register
        for number, asset in enumerate(plan.assets):
            broker, symbol = asset.broker, asset.instrument
            if (broker, symbol) in register.traders:
                continue
            try:
                answer = await self.ask(TakeInstrument(broker, register.instruments[symbol]), within=PATIENCE)
                reason = answer.reason if isinstance(answer, InstrumentNotTaken) else ""
            except AskError as error:
                reason = str(error)
            if reason:
                sentence = f"{plan.place}, {asset.place}: broker '{broker}' does not trade it: {reason}"
                place = f"asset.{number}.broker"
                return PortfolioNotChanged(plan.name, Objection.INVALID, sentence, place)
            self.widen(f"broker/{broker}", {"instrument": (symbol,)})
        return None

    async def _held(self, plan: PortfolioPlan, assets: list[AssetPlan]) -> PortfolioNotChanged | None:
        """Why assets cannot be left to nobody: they are not flat; None if they are."""
        held = await self.ask(GetExposure(f"portfolio:{plan.name}"), within=PATIENCE)
        under_way = await self.ask(GetOrdersUnderWay(plan.name), within=PATIENCE)
        for asset in assets:
            if not_flat(asset, held, under_way):
                reason = (
                    f"{plan.place}, {asset.place}: something is held or under way; put it to rest, close it, "
                    "and then remove it, or change its broker or protection"
                )
                return PortfolioNotChanged(plan.name, Objection.NOT_FLAT, reason, "asset")
        return None

    # How it is done

    async def _repeated(self, mark: RequestMark) -> PortfolioAnswer | None:
        """What a command is answered that was given before, as things stand now; None if it is new."""
        if reason := mark.objection():
            return PortfolioNotChanged("", Objection.INVALID, reason)
        found = (await self.ask(RecallMark(mark), within=PATIENCE)).found
        if found is None:
            return None
        if found.mark != mark:
            return key_reused(mark.key)
        return msgspec.structs.replace(self._reported(self.plans[found.resource]), repeated=True)

    async def _carry_out(
        self,
        before: PortfolioPlan | None,
        after: PortfolioPlan,
        who: str,
        request: RequestMark | None = None,
    ) -> PortfolioAnswer:
        """Check, store, and start anew."""
        if objection := await self._objection(before, after):
            return objection
        dropped = [*left_alone(before, after)] if before else []
        if before and dropped:
            if objection := await self._held(before, dropped):
                return objection
            await self._stop(before)
            if objection := await self._held(before, dropped):  # it has traded until it was stopped
                await self._start(before)
                return objection
        revision = self.revisions.get(after.name, 0) + 1
        unit = Perform((PutUser(after.owner), stored(after, revision, request)), who)
        answer = await self.ask(unit, within=PATIENCE)
        if isinstance(answer, NotPerformed):
            if before and dropped:
                await self._start(before)
            return PortfolioNotChanged(after.name, Objection.NOT_KEPT, answer.reason)
        await self._take_over(before, after, revision)
        self.log.info("portfolio changed", portfolio=after.name, revision=revision, who=who)
        return self._reported(after)

    async def _take_over(self, before: PortfolioPlan | None, after: PortfolioPlan, revision: int) -> None:
        """Have everybody know what a portfolio is now, and its own actors born again with it."""
        name, node = after.name, self.assignment
        node.unfinished.add(name)
        node.core.made.add(name)
        self.revisions[name], self.plans[name] = revision, after
        node.core.plan = node.core.plan.model_copy(update={"portfolios": tuple(self.plans.values())})
        node.register.enter(entry_of(after))
        for place in [place for place in node.protected if place.portfolio == name]:
            del node.protected[place]
        if places := protected_places(after):
            node.protected.update(places)
            self.widen("protection", {"portfolio": (name,)})
        self.publish(PortfolioRegistered(name, after.owner))
        if before is not None:
            await self._stop(before)
        await self._withdraw(after)
        await self._start(after)

    async def _stop(self, plan: PortfolioPlan) -> None:
        """End the actors of a portfolio: who starts others first, who keeps the books last."""
        self.assignment.unfinished.add(plan.name)
        for actor in actors_of(plan):
            await self.ask(StopPlugin(actor), within=PATIENCE)

    async def _start(self, plan: PortfolioPlan) -> None:
        """Start the actors of a portfolio; they take up what the journal knows."""
        register, name = self.assignment.register, plan.name
        for actor in actors_of(plan):
            self.quarantined.pop(actor, None)
        self.troubles.pop(name, None)
        wanted = conducting(plan, Known(register.instruments, register.conversions))
        try:
            answer = await self.ask(wanted, within=PATIENCE)
            if isinstance(answer, PluginRefused):
                self.troubles[name] = answer.reason
            else:
                await self.ask(GetDebugInfo(wanted.actor), within=PATIENCE)
        except AskError as error:
            self.troubles[name] = str(error)
        if name in self.troubles:
            self.log.error("portfolio does not run", portfolio=name, reason=self.troubles[name])
        self.assignment.unfinished.discard(name)

    async def _withdraw(self, plan: PortfolioPlan) -> None:
        """Have the entries cancelled that strategies which rest have under way."""
        if not plan.at_rest:
            return
        held = await self.ask(GetExposure(f"portfolio:{plan.name}"), within=PATIENCE)
        under_way = await self.ask(GetOrdersUnderWay(plan.name), within=PATIENCE)
        for asset in plan.at_rest:
            for client_order_id in entering(asset, held, under_way):
                self.send(CancelOrder(client_order_id))

    def _reported(self, plan: PortfolioPlan) -> PortfolioReported:
        revision = self.revisions.get(plan.name)
        amiss = (self.quarantined.get(actor, "") for actor in actors_of(plan))
        return PortfolioReported(
            plan.name,
            plan.owner,
            Origin.FILE if revision is None else Origin.API,
            revision or 0,
            plan.active,
            table_of(plan),
            next(filter(None, amiss), self.troubles.get(plan.name, "")),
        )
