"""The MQTT actor: hears what happens, and has a broker told; nothing of trading waits for it."""

from collections.abc import AsyncGenerator
from contextlib import suppress

import msgspec

from actors.mqtt.letters import AlertTold, Letters
from actors.mqtt.params import MqttAssignment, MqttParams
from bus import Actor, AskError, on, pause
from bus.wire import name_of
from lts.domain.accounts import AccountReported, GetAccount
from lts.domain.alerts import Alert, about
from lts.domain.bridge import BridgeReported, BridgeState
from lts.domain.commands import CarryOut
from lts.domain.event_listings import EventsGone, ListEvents
from lts.domain.financing import FinancingCharged
from lts.domain.health import GetHealth
from lts.domain.market import Bar, Quote, Trade
from lts.domain.order_flow import OrderChanged, OrderDenied, OrderFilled
from lts.domain.portfolio_settings import PortfolioRegistered
from lts.domain.positions import PositionChanged
from lts.domain.reconciliation import PositionAdjusted
from lts.domain.risk import TradingStateChanged
from lts.domain.signals import SignalRaised
from lts.refusal import Refused

Journalled = (
    OrderChanged | OrderDenied | OrderFilled | PositionAdjusted | FinancingCharged | TradingStateChanged
)
"""What is on disk soon after it was said."""
LOOKED_S = 5.0
"""Between looks at health and accounts."""


class Mqtt(Actor[MqttParams]):
    """Bridges the bus to a broker. It uses nothing but its port, so it can live in a process of its own."""

    publishes = (BridgeReported,)
    asks = (CarryOut, GetAccount, GetHealth, ListEvents)

    assignment: MqttAssignment

    async def lifespan(self) -> AsyncGenerator[None, None]:
        """Keep the line to the broker in the background; the start waits for no broker."""
        try:
            # Not at the top: whoever bridges nothing needs no client of MQTT.
            from actors.mqtt.bridge import Bridge  # noqa: PLC0415
            from actors.mqtt.commands import Commands  # noqa: PLC0415
            from actors.mqtt.journal import Journal  # noqa: PLC0415
        except ModuleNotFoundError as error:
            missing = f"[mqtt] needs {error.name}, which is not installed; install lts[mqtt]"
            raise Refused(missing) from None
        self.wanted = frozenset(self.params.publish)
        self.portfolios = dict.fromkeys(self.assignment.portfolios)
        self.accounts: dict[str, AccountReported] = {}
        self.letters = Letters(self.params, self.system.now())
        self.journal = Journal(self.letters, self.assignment, self.ask, self._miss)
        commands = None
        if self.params.commands:
            commands = Commands(self.params, self.assignment, self.ask, self.system.now)
        self.bridge = Bridge(self.params, self.letters, self.journal, self.system.now, self.say, commands)
        self.outbox = self.bridge.pace
        if commands is not None:
            self.background(commands.run())
        self.background(self.bridge.run())
        self.background(self.look())
        yield

    def say(self) -> None:
        """Tell how the bridge is, to the log as well."""
        report = self.bridge.report()
        if report.state is BridgeState.LOST:
            self.log.warning("mqtt lost", reason=report.trouble)
        else:
            self.log.info("mqtt connected", broker=self.params.address)
        self.publish(report)

    # What happens

    @on
    def tell_market(self, event: Quote | Bar | Trade) -> None:
        """Have market data told."""
        update = self.letters.market(event)
        if update.family in self.wanted:
            self.outbox.put(update)

    @on
    def tell_signal(self, raised: SignalRaised) -> None:
        """Have a strategy's wish told."""
        if "signals" in self.wanted:
            self.outbox.put(self.letters.signal(raised, self.clock.now()))

    @on
    def tell_position(self, changed: PositionChanged) -> None:
        """Have it told what a portfolio holds of an instrument now."""
        if "positions" in self.wanted:
            self.outbox.put(self.letters.position(changed, self.clock.now()))

    @on
    def tell_alert(self, alert: Alert) -> None:
        """Have it told what somebody should look at."""
        name, reason = about(alert)
        self._alert(name_of(type(alert)), name, reason)

    @on
    def follow(self, _: Journalled) -> None:
        """Look at the journal soon: what is told of it is what is on disk."""
        self.journal.hint()

    @on
    def meet(self, registered: PortfolioRegistered) -> None:
        """Look at the account of a portfolio that was made at run time as well."""
        self.portfolios[registered.portfolio] = None

    # What is so

    async def look(self) -> None:
        """Have it told how the system is, and what portfolios have, where that has changed; for good."""
        while True:
            await pause(LOOKED_S)
            self.publish(self.bridge.report())
            if self.bridge.state is BridgeState.CONNECTED:
                with suppress(AskError):  # whoever was asked is out of service: later again
                    await self._look_at_all()

    async def _look_at_all(self) -> None:
        if "health" in self.wanted:
            health = await self.ask(GetHealth())
            self.outbox.put(self.letters.health(health, self.system.now()))
        if "account" in self.wanted:
            for portfolio in tuple(self.portfolios):
                with suppress(AskError):
                    await self._look_at(portfolio)

    async def _look_at(self, portfolio: str) -> None:
        account = await self.ask(GetAccount(portfolio))
        before = self.accounts.get(portfolio)
        if before is None or msgspec.structs.replace(before, at=account.at) != account:
            self.accounts[portfolio] = account
            self.outbox.put(self.letters.account(account))

    def _miss(self, gone: EventsGone) -> None:
        """Have it told that events are missing, which the journal does not keep any more."""
        self._alert(name_of(EventsGone), str(gone.begin), gone.reason)

    def _alert(self, kind: str, name: str, reason: str) -> None:
        if "alerts" in self.wanted:
            self.outbox.put(self.letters.alert(AlertTold(kind, name, reason), self.system.now()))
