"""The API actor: serves HTTP, and asks the others; it decides nothing but who may."""

from collections.abc import AsyncGenerator

from actors.api.params import ApiParams, Premises
from actors.api.port import Port
from bus import Actor, Later, Pressure, PressureChanged, on
from lts.domain.access import (
    AccessChanged,
    BeginProviderLogin,
    EndCredential,
    FinishProviderLogin,
    Identify,
    IdentifySigned,
    LogIn,
    RefreshLogin,
)
from lts.domain.accounts import GetAccount
from lts.domain.alerts import Alert
from lts.domain.api import ApiServed, GetApi
from lts.domain.audit import ListAudit, VerifyAudit
from lts.domain.billing import ListCharges, RecallCharges
from lts.domain.book_listings import ListDeposits, ListLedger, ListPositions
from lts.domain.bridge import BridgeReported
from lts.domain.commands import CarryOut, CommandCarriedOut
from lts.domain.event_listings import ListEvents
from lts.domain.financing import FinancingCharged
from lts.domain.health import GetHealth
from lts.domain.instrument_listings import ListInstruments
from lts.domain.market import Bar, Quote, RecentBars, Trade
from lts.domain.order_entry import RetractAll, RetractOrder, ReviseOrder, SubmitOrder
from lts.domain.order_flow import OrderChanged, OrderDenied, OrderFilled
from lts.domain.order_listings import GetOrder, ListFills, ListOrderEvents, ListOrders
from lts.domain.plugins import DescribePlugins, GetDebugInfo, ListPlugins
from lts.domain.portfolio_settings import (
    AddAsset,
    ChangeAsset,
    ChangePortfolio,
    CreatePortfolio,
    GetPortfolio,
    PortfolioRegistered,
    RemoveAsset,
    SetActive,
)
from lts.domain.positions import PositionChanged
from lts.domain.reconciliation import PositionAdjusted
from lts.domain.risk import GetTradingStates, SetTradingState, TradingStateChanged
from lts.domain.statistics import ListSeries, RecallStatistics
from lts.domain.storage import GetStorage
from lts.domain.units import Perform
from lts.domain.users import (
    AddUser,
    ChangeUser,
    ConfirmSecondFactor,
    DropSecondFactor,
    ListApiKeys,
    ListSessions,
    ListUsers,
    MakeApiKey,
    OfferSecondFactor,
    SetPassword,
)
from lts.refusal import Refused

Journalled = (
    OrderChanged | OrderDenied | OrderFilled | PositionAdjusted | FinancingCharged | TradingStateChanged
)
"""What is on disk soon after it was said."""


class Api(Actor[ApiParams]):
    """Serves the routes. It uses nothing but its port, so that it can live in a process of its own."""

    publishes = (ApiServed,)
    asks = (
        AddAsset,
        AddUser,
        BeginProviderLogin,
        ChangeAsset,
        ChangePortfolio,
        ChangeUser,
        ConfirmSecondFactor,
        CreatePortfolio,
        DescribePlugins,
        DropSecondFactor,
        EndCredential,
        FinishProviderLogin,
        GetAccount,
        GetDebugInfo,
        GetHealth,
        GetOrder,
        GetPortfolio,
        GetStorage,
        GetTradingStates,
        Identify,
        IdentifySigned,
        ListApiKeys,
        ListAudit,
        ListCharges,
        ListDeposits,
        ListEvents,
        ListFills,
        ListInstruments,
        ListLedger,
        ListOrderEvents,
        ListOrders,
        ListPlugins,
        ListPositions,
        ListSeries,
        ListSessions,
        ListUsers,
        LogIn,
        MakeApiKey,
        OfferSecondFactor,
        Perform,
        RecallCharges,
        RecallStatistics,
        RecentBars,
        RefreshLogin,
        RemoveAsset,
        RetractAll,
        RetractOrder,
        ReviseOrder,
        SetActive,
        SetPassword,
        SetTradingState,
        SubmitOrder,
        VerifyAudit,
    )

    assignment: Premises

    async def lifespan(self) -> AsyncGenerator[None, None]:
        """Serve; at the end take no more requests, and answer those that have come."""
        # Not at the top: whoever serves nothing pays nothing for the libraries of the web.
        from actors.api.app import commanded, served  # noqa: PLC0415
        from actors.api.commands import Commands  # noqa: PLC0415
        from actors.api.service import Service  # noqa: PLC0415
        from actors.api.stream.crier import Crier  # noqa: PLC0415

        if objection := self.params.objection():
            raise Refused(objection)
        self.port = Port(self.ask, self.system, self.assignment, self.params.limits)
        self.crier = Crier(self.port)
        self.commands = Commands(commanded(self.port))
        self.service = service = Service(served(self.port, self.params), self.params)
        service.start()
        try:
            self.background(self.crier.tail.follow())
            self.background(self.crier.accounts.follow())
            self.background(service.ended())
            self.log.info("api served", url=service.url)
            self.publish(ApiServed(service.url))
            yield
        finally:
            self.port.streams.close()
            await service.stop()

    @on
    def tell(self, _: GetApi) -> ApiServed:
        """Answer where the API is."""
        return ApiServed(self.service.url)

    @on
    def carry_out(self, wanted: CarryOut) -> Later[CommandCarriedOut]:
        """Have a command carried out that came as a message; nobody else waits for that."""
        later: Later[CommandCarriedOut] = self.later(holds=False)

        async def answer() -> None:
            later.answer(await self.commands.carry_out(wanted))

        self.background(answer())
        return later

    @on
    def let_go(self, changed: AccessChanged) -> None:
        """Forget what was known of a user's credentials, and end their streams."""
        self.port.identities.forget(changed)
        self.port.tickets.forget(changed)
        self.port.streams.end(changed)

    @on
    def meet(self, registered: PortfolioRegistered) -> None:
        """Remember whose a portfolio is that was made at run time."""
        self.port.owners[registered.portfolio] = registered.owner

    @on
    def feel(self, pressure: PressureChanged) -> None:
        """Hold callers back while the system cannot keep up with itself."""
        if pressure.pressure is Pressure.NORMAL:
            self.port.pressed.discard(pressure.actor)
        else:
            self.port.pressed.add(pressure.actor)

    @on
    def note_bridge(self, report: BridgeReported) -> None:
        """Remember how the MQTT bridge is."""
        self.port.bridge = report

    @on
    def quote(self, quote: Quote) -> None:
        """Remember the latest quote, and tell it."""
        self.port.quotes[quote.instrument] = quote
        self.crier.cry(quote)

    @on
    def close(self, bar: Bar) -> None:
        """Remember the last bar, and tell it."""
        self.port.bars[bar.instrument] = bar
        self.crier.cry(bar)

    @on
    def cry(self, event: Trade | PositionChanged | Alert) -> None:
        """Tell it to whoever follows it."""
        self.crier.cry(event)

    @on
    def follow(self, _: Journalled) -> None:
        """Look at the journal soon: what is told of it is what is on disk."""
        self.crier.tail.hint()
