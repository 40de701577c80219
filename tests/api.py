"""A small house behind the API: people who are known, and actors that answer for what they see."""

from base64 import b64encode
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from decimal import Decimal
from hashlib import sha256
from secrets import token_hex
from typing import Any

import httpx
import msgspec

from actors.api.actor import Api
from actors.api.params import ApiLimits, ApiParams, Premises, Rate
from bus import SECOND, Actor, Bus, Event, LiveDriver, on
from lts.domain.access import (
    AccessChanged,
    AccessRefused,
    BeginProviderLogin,
    CredentialEnded,
    Denial,
    EndCredential,
    FinishProviderLogin,
    Identify,
    IdentifySigned,
    Identity,
    LoggedIn,
    LogIn,
    ProviderLoginBegun,
    RefreshLogin,
)
from lts.domain.accounts import AccountReported, GetAccount
from lts.domain.audit import AuditEntry, AuditListed, AuditVerified, ListAudit, VerifyAudit
from lts.domain.billing import (
    BilledCharge,
    Charge,
    ChargesListed,
    ChargesRecalled,
    ListCharges,
    RecallCharges,
)
from lts.domain.book_listings import (
    DepositsListed,
    HeldPosition,
    LedgerEntry,
    LedgerListed,
    ListDeposits,
    ListLedger,
    ListPositions,
    PositionsListed,
)
from lts.domain.event_listings import WIRE, EventsGone, EventsListed, JournalledEvent, ListEvents
from lts.domain.fills import Fill
from lts.domain.health import GetHealth, HealthReported, HealthStatus
from lts.domain.instrument_listings import InstrumentsListed, ListInstruments
from lts.domain.journal import Deposit
from lts.domain.listings import NotListed
from lts.domain.market import Bar, History, Instrument, RecentBars
from lts.domain.order_listings import (
    FillsListed,
    GetOrder,
    ListedOrder,
    ListFills,
    ListOrderEvents,
    ListOrders,
    OrderEvent,
    OrderEventsListed,
    OrderNotFound,
    OrdersListed,
    OrderTold,
)
from lts.domain.order_status import OrderStatus
from lts.domain.orders import Order, OrderType, Side, TimeInForce
from lts.domain.permissions import ROLES, Permission, Role
from lts.domain.plugins import (
    DebugInfo,
    DescribePlugins,
    GetDebugInfo,
    ListPlugins,
    PluginDescribed,
    PluginsDescribed,
    PluginStarted,
)
from lts.domain.positions import Position
from lts.domain.risk import (
    GetTradingStates,
    SetTradingState,
    TradingState,
    TradingStateChanged,
    TradingStateNotSet,
    TradingStateSet,
    TradingStatesReported,
)
from lts.domain.secret import Secret
from lts.domain.statistics import ListSeries, Measured, RecallStatistics, SeriesListed, StatisticsRecalled
from lts.domain.storage import GetStorage, StorageReported, Tally
from lts.domain.trading_states import TradingStates
from lts.domain.units import NotPerformed, Perform, Performed
from lts.domain.users import (
    AddUser,
    ApiKey,
    ApiKeyMade,
    ApiKeysListed,
    ChangeUser,
    ConfirmSecondFactor,
    DropSecondFactor,
    Fault,
    ListApiKeys,
    ListSessions,
    ListUsers,
    MakeApiKey,
    NotDone,
    OfferSecondFactor,
    SecondFactorOffered,
    Session,
    SessionsListed,
    SetPassword,
    User,
    UserChanged,
    UsersListed,
)
from lts.security.signing import verify
from tests.api_trading import Traders

NOW = 1_577_836_800 * SECOND
LATER = 4_102_444_800 * SECOND
SP500 = Instrument("SP500", "USD", Decimal("0.01"), Decimal("0.1"))
BTC = Instrument("BTC/USD", "USD", Decimal("0.01"), Decimal("0.0001"))
BAR = Bar("SP500", NOW - 60 * SECOND, NOW, 1.0, 3.0, 0.5, 2.0, 10.0)
OWNERS = {"main": "alice", "other": "bob", "adas": "ada", "veras": "vera", "sams": "sam"}
PREMISES = Premises((SP500, BTC), OWNERS)
WIDE = ApiLimits(address=Rate(1_000_000), user=Rate(1_000_000), key=Rate(1_000_000), login=Rate(1_000_000))

PARAMS = ApiParams(limits=WIDE)

PEOPLE = {
    "ada": Role.ADMIN,
    "alice": Role.TRADER,
    "bob": Role.TRADER,
    "vera": Role.VIEWER,
    "sam": Role.SERVICE,
}
"""Who is known; each has the token `token-of-…`, and a key `key-of-…` that signs."""


class Publish(Event):
    """Tells the registry to publish an event."""

    event: Any


class Registry(Actor[None]):
    """Plays the AAA plugin: knows people by their names."""

    publishes = (AccessChanged,)

    async def lifespan(self) -> AsyncGenerator[None, None]:
        """Begin with everybody, and no session ended."""
        self.asked = 0
        self.gone: set[str] = set()
        self.nonces: set[str] = set()
        self.public_keys: dict[str, bytes] = {}
        """Whose signatures are looked at; of the others `signed` is one."""
        self.finished: list[FinishProviderLogin] = []
        self.begun: ProviderLoginBegun | AccessRefused = ProviderLoginBegun(
            "http://127.0.0.1:9/authorize?state=state-of-alice", Secret("the-ticket")
        )
        self.people = {name: User(name, role, True, True, False, NOW) for name, role in PEOPLE.items()}
        self.expires_at = LATER
        self.enrols = False
        yield

    @on
    def identify(self, wanted: Identify) -> Identity | AccessRefused:
        self.asked += 1
        form, _, name = wanted.token.value.partition("-of-")
        if name not in PEOPLE or name in self.gone or form not in {"token", "key"}:
            return AccessRefused(Denial.CREDENTIALS)
        return self.identity(name, form)

    @on
    def identify_signed(self, wanted: IdentifySigned) -> Identity | AccessRefused:
        name, request = wanted.request.key_id, wanted.request
        public = self.public_keys.get(name)
        right = verify(public, request.signature, request.base) if public else request.signature == b"signed"
        if name not in PEOPLE:
            return AccessRefused(Denial.CREDENTIALS)
        if not right:
            return AccessRefused(Denial.SIGNATURE)
        if wanted.request.nonce in self.nonces:
            return AccessRefused(Denial.REPLAYED)
        self.nonces.add(wanted.request.nonce)
        return self.identity(name, "key")

    @on
    def log_in(self, wanted: LogIn) -> LoggedIn | AccessRefused:
        if wanted.user == "locked":
            return AccessRefused(Denial.TOO_MANY, 30.0)
        if wanted.user == "careful" and not wanted.code:
            return AccessRefused(Denial.CODE_NEEDED)
        if wanted.user not in PEOPLE or wanted.password.value != "right":
            return AccessRefused(Denial.CREDENTIALS)
        return self.logged_in(wanted.user)

    @on
    def begin(self, _: BeginProviderLogin) -> ProviderLoginBegun | AccessRefused:
        return self.begun

    @on
    def finish(self, wanted: FinishProviderLogin) -> LoggedIn | AccessRefused:
        self.finished.append(wanted)
        known = wanted.state == "state-of-alice"
        return self.logged_in("alice") if known else AccessRefused(Denial.CREDENTIALS)

    @on
    def refresh(self, wanted: RefreshLogin) -> LoggedIn | AccessRefused:
        name = wanted.refresh_token.value.removeprefix("refresh-of-")
        return self.logged_in(name) if name in PEOPLE else AccessRefused(Denial.CREDENTIALS)

    @on
    def end(self, wanted: EndCredential) -> CredentialEnded:
        name = wanted.credential.partition(":")[2].partition("-")[2]
        return CredentialEnded(name in PEOPLE and wanted.owner in {None, name})

    @on
    def list_users(self, wanted: ListUsers) -> UsersListed:
        found = self.people.values() if wanted.name is None else filter(None, [self.people.get(wanted.name)])
        return UsersListed(tuple(found))

    @on
    def add(self, wanted: AddUser) -> UserChanged | NotDone:
        if wanted.name in self.people:
            return NotDone(Fault.TAKEN, "there is a user of this name")
        return UserChanged(User(wanted.name, wanted.role, True, True, False, NOW))

    @on
    def change(self, wanted: ChangeUser) -> UserChanged | NotDone:
        user = self.people.get(wanted.name)
        if user is None:
            return NotDone(Fault.UNKNOWN, "there is no such user")
        if wanted.revision not in {None, user.revision}:
            return NotDone(Fault.CONFLICT, "it was changed in between")
        return UserChanged(msgspec.structs.replace(user, role=wanted.role or user.role, revision=2))

    @on
    def set_password(self, wanted: SetPassword) -> UserChanged | NotDone:
        if wanted.old is not None and wanted.old.value != "right":
            return NotDone(Fault.NOT_PROVED, "that is not the password")
        return self.changed(wanted.name)

    @on
    def offer(self, wanted: OfferSecondFactor) -> SecondFactorOffered | NotDone:
        return SecondFactorOffered(Secret(f"otpauth://totp/{wanted.name}"))

    @on
    def confirm(self, wanted: ConfirmSecondFactor) -> UserChanged | NotDone:
        return self.changed(wanted.name)

    @on
    def drop(self, wanted: DropSecondFactor) -> UserChanged | NotDone:
        return self.changed(wanted.name)

    @on
    def list_sessions(self, wanted: ListSessions) -> SessionsListed:
        names = [name for name in PEOPLE if wanted.user in {None, name}]
        made = (Session(f"s-{name}", name, NOW, NOW, LATER, "127.0.0.1", "test") for name in names)
        return SessionsListed(tuple(made))

    @on
    def list_keys(self, wanted: ListApiKeys) -> ApiKeysListed:
        return ApiKeysListed(tuple(_key(name) for name in PEOPLE if wanted.user in {None, name}))

    @on
    def make_key(self, wanted: MakeApiKey) -> ApiKeyMade | NotDone:
        return ApiKeyMade(_key(wanted.user), Secret("the-secret"))

    @on
    def say(self, wanted: Publish) -> None:
        if isinstance(wanted.event, AccessChanged):
            self.gone.add(wanted.event.user)
        self.publish(wanted.event)

    def changed(self, name: str) -> UserChanged | NotDone:
        user = self.people.get(name)
        return UserChanged(user) if user else NotDone(Fault.UNKNOWN, "there is no such user")

    def identity(self, name: str, form: str) -> Identity:
        role = PEOPLE[name]
        credential = f"session:s-{name}" if form == "token" else f"key:k-{name}"
        return Identity(name, role, ROLES[role], credential, self.expires_at, form == "key", self.enrols)

    def logged_in(self, name: str) -> LoggedIn:
        token, refresh = Secret(f"token-of-{name}"), Secret(f"refresh-of-{name}")
        return LoggedIn(self.identity(name, "token"), token, refresh, LATER)


def _key(name: str) -> ApiKey:
    return ApiKey(f"k-{name}", name, "test", frozenset({Permission.READ_MARKET}), NOW, LATER)


def order_of(portfolio: str, number: int = 1, instrument: str = "SP500") -> ListedOrder:
    """An order of a portfolio that is filled."""
    order = Order(
        f"{portfolio}-{instrument}-{number:06}",
        portfolio,
        instrument,
        "paper",
        Side.BUY,
        Decimal("1E1"),
        OrderType.MARKET,
        None,
        TimeInForce.GTC,
        NOW,
    )
    return ListedOrder(order, OrderStatus.FILLED, Decimal("1E1"), order.terms, "v-1", NOW, "")


def fill_of(portfolio: str) -> Fill:
    """The fill of that order."""
    amounts = Decimal("1E1"), Decimal("2.50"), Decimal("0.1")
    order = f"{portfolio}-SP500-000001"
    return Fill(portfolio, "SP500", "paper", order, f"{portfolio}-e1", Side.BUY, *amounts, "USD", NOW)


def _among(portfolios: tuple[str, ...] | None) -> list[str]:
    return [name for name in OWNERS if portfolios is None or name in portfolios]


class Archive(Actor[None]):
    """Plays what lists what is stored: of each portfolio an order, a fill and so on."""

    async def lifespan(self) -> AsyncGenerator[None, None]:
        """Begin with a journal without events."""
        self.journal: list[JournalledEvent] = []
        self.begin = 0
        self.asked: list[Any] = []
        yield

    def write(self, message: Any, portfolio: str = "") -> int:
        """Journal a message; return its number."""
        told, seq = WIRE.describe(message), self.begin + len(self.journal) + 1
        self.journal.append(JournalledEvent(seq, NOW, portfolio, told["type"], told["body"]))
        return seq

    @on
    def orders(self, wanted: ListOrders) -> OrdersListed | NotListed:
        self.asked.append(wanted)
        if wanted.after not in {"", "mark"}:
            return NotListed("this marks no place")
        return OrdersListed(tuple(map(order_of, _among(wanted.portfolios))), "" if wanted.after else "mark")

    @on
    def order(self, wanted: GetOrder) -> OrderTold | OrderNotFound:
        portfolio = wanted.client_order_id.partition("-")[0]
        if portfolio not in _among(wanted.portfolios):
            return OrderNotFound(wanted.client_order_id)
        return OrderTold(order_of(portfolio), (), ())

    @on
    def order_events(self, wanted: ListOrderEvents) -> OrderEventsListed:
        made = (
            OrderEvent(1, name, f"{name}-SP500-000001", OrderStatus.FILLED, NOW, "", "e1")
            for name in _among(wanted.portfolios)
        )
        return OrderEventsListed(tuple(made))

    @on
    def fills(self, wanted: ListFills) -> FillsListed:
        self.asked.append(wanted)
        return FillsListed(tuple(map(fill_of, _among(wanted.portfolios))))

    @on
    def positions(self, wanted: ListPositions) -> PositionsListed:
        held = (Position(name, "SP500", quantity=Decimal("3E1")) for name in _among(wanted.portfolios))
        return PositionsListed(tuple(HeldPosition(each, NOW) for each in held))

    @on
    def ledger(self, wanted: ListLedger) -> LedgerListed:
        booking = ("paper", wanted.portfolio, "e1")
        return LedgerListed(
            (LedgerEntry(wanted.portfolio, booking, 1, "cash", "USD", Decimal("-2.5E1"), NOW),)
        )

    @on
    def deposits(self, _: ListDeposits) -> DepositsListed:
        return DepositsListed((Deposit("opening", Decimal("1E3"), NOW),))

    @on
    def charges(self, wanted: ListCharges) -> ChargesListed:
        charge = Charge("trade", "t-1", Decimal("0.5"), "USD", NOW)
        return ChargesListed(tuple(BilledCharge(name, charge) for name in wanted.users or PEOPLE))

    @on
    def series(self, wanted: ListSeries) -> SeriesListed:
        return SeriesListed(tuple(f"portfolio/{name}/equity" for name in _among(wanted.portfolios)))

    @on
    def instruments(self, wanted: ListInstruments) -> InstrumentsListed:
        return InstrumentsListed(tuple(each for each in (BTC, SP500) if wanted.symbol in {"", each.symbol}))

    @on
    def audit(self, _: ListAudit) -> AuditListed:
        return AuditListed((AuditEntry(1, NOW, "ada", 0, "insert", "users", '["bob"]', None, "{}"),), 1)

    @on
    def verify(self, _: VerifyAudit) -> AuditVerified:
        return AuditVerified(True, 1, 1, 1, 0, (), 0)

    @on
    def events(self, wanted: ListEvents) -> EventsListed | EventsGone:
        self.asked.append(wanted)
        last = self.begin + len(self.journal)
        after = last if wanted.after is None else wanted.after
        if not self.begin <= after <= last:
            return EventsGone(self.begin, "that is not kept any more")
        of = wanted.portfolios
        seen = [each for each in self.journal if of is None or not each.portfolio or each.portfolio in of]
        part = [each for each in seen if each.seq > after][: wanted.limit]
        return EventsListed(tuple(part), part[-1].seq if len(part) == wanted.limit else last, last)


class House(Actor[None]):
    """Plays everybody else."""

    async def lifespan(self) -> AsyncGenerator[None, None]:
        """Begin with every scope active."""
        self.recorded: list[Perform] = []
        self.recording = True
        self.status = HealthStatus.OK
        self.states: tuple[TradingStateChanged, ...] = ()
        self.set: list[SetTradingState] = []
        self.recalled: list[RecallStatistics] = []
        yield

    @on
    def account(self, wanted: GetAccount) -> AccountReported:
        held = Position("main", "SP500", quantity=Decimal("3E1"), cost=Decimal(100))
        amounts = {"capital": "1000", "cash": "900.50", "equity": "1010.5", "fees": "1E1"}
        more = {"financing": "0", "realised": "-3"}
        return AccountReported(
            portfolio=wanted.portfolio,
            owner=OWNERS[wanted.portfolio],
            currency="USD",
            at=NOW,
            positions=(held,),
            **{name: Decimal(value) for name, value in (amounts | more).items()},
        )

    @on
    def bars(self, wanted: RecentBars) -> History:
        return History((BAR,) * min(3, wanted.count), NOW)

    @on
    def charges(self, wanted: RecallCharges) -> ChargesRecalled:
        made = (Charge("trade", f"{wanted.user}-{n}", Decimal("0.5"), "USD", NOW + n) for n in range(3))
        return ChargesRecalled(tuple(made))

    @on
    def statistics(self, wanted: RecallStatistics) -> StatisticsRecalled:
        self.recalled.append(wanted)
        return StatisticsRecalled((Measured(NOW, 2, 1.0, 1.0, 3.0, 3.0, 4.0),))

    @on
    def health(self, _: GetHealth) -> HealthReported:
        return HealthReported(
            self.status, (), 1, 2, 3, 4, 5, 6, 7, {}, {'odd "name"\n': 8}, {"api": 0.5}, 9, 1.5
        )

    @on
    def storage(self, _: GetStorage) -> StorageReported:
        return StorageReported("lts.db", 0, Tally(), 1, 2, 3, 4, 5, 6.5, "", 5, 1, 0, 0)

    @on
    def debug(self, wanted: GetDebugInfo) -> DebugInfo:
        return DebugInfo(wanted.guest, {"at": NOW, "amount": Decimal("1.5")})

    @on
    def plugins(self, _: ListPlugins) -> tuple[PluginStarted, ...]:
        names = ("broker/paper", "portfolio/main", "strategy/main/SP500", "strategy/other/SP500")
        return tuple(PluginStarted(name, name.partition("/")[0], "default", "1.0") for name in names)

    @on
    def describe(self, wanted: DescribePlugins) -> PluginsDescribed:
        name = {"strategy": "sma", "portfolio": "fixed", "pipeline": "straight"}[wanted.kind]
        return PluginsDescribed((PluginDescribed(name, "1.0", "A cross.", {"type": "object"}),))

    @on
    def trading_states(self, _: GetTradingStates) -> TradingStatesReported:
        return TradingStatesReported(self.states)

    @on
    def set_state(self, wanted: SetTradingState) -> TradingStateSet | TradingStateNotSet:
        if forbidden := TradingStates(self.states).is_for_others(wanted):
            return TradingStateNotSet(wanted.scope, forbidden, forbidden=True)
        self.set.append(wanted)
        return TradingStateSet(wanted.scope, wanted.state, wanted.reason, wanted.who, NOW, durable=True)

    @on
    def perform(self, wanted: Perform) -> Performed | NotPerformed:
        self.recorded.append(wanted)
        return Performed() if self.recording else NotPerformed("not now")


class Scene:
    """The API over its house, and a client."""

    def __init__(self, bus: Bus, client: httpx.AsyncClient) -> None:
        self.bus = bus
        api: Any = bus.cells["api"].actor
        self.api = api
        self.client = client
        self.inner = httpx.AsyncClient(
            base_url="http://localhost", transport=httpx.ASGITransport(api.service.app)
        )
        """The same without a network between."""
        self.registry: Any = bus.cells["registry"].actor
        self.house: Any = bus.cells["house"].actor
        self.traders: Any = bus.cells["traders"].actor
        self.archive: Any = bus.cells["archive"].actor

    async def ask(self, method: str, path: str, who: str = "", **how: Any) -> httpx.Response:
        """Ask the API, as somebody or as nobody."""
        headers = {"Authorization": f"Bearer token-of-{who}"} if who else {}
        return await self.client.request(method, path, headers={**headers, **how.pop("headers", {})}, **how)

    async def ask_signed(
        self, method: str, path: str, who: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        """Ask the API by an API key that signs."""
        signed = signature(who, body, headers or {})
        return await self.inner.request(method, path, content=body, headers=signed)

    async def get(self, path: str, who: str = "", **how: Any) -> httpx.Response:
        """Read something."""
        return await self.ask("GET", f"/api/v1{path}", who, **how)

    async def publish(self, event: Event) -> None:
        """Have an event published, and heard."""
        self.bus.dispatcher.publish(Publish(event) if isinstance(event, AccessChanged) else event)
        await self.bus.started()

    def halted(self, scope: str, who: str) -> None:
        """Have a scope halted by somebody."""
        self.house.states = (TradingStateChanged(scope, TradingState.HALTED, "because", NOW, who),)


def signature(key: str, body: bytes, headers: Mapping[str, str], nonce: str = "") -> dict[str, str]:
    """Return headers and those by which they are signed, with what the registry takes for a signature."""
    told = dict(headers)
    if body:
        digest = b64encode(sha256(body).digest()).decode()
        told |= {"Content-Digest": f"sha-256=:{digest}:", "Content-Type": "application/json"}
    covered = " ".join(f'"{name.lower()}"' for name in ("@method", "@authority", "@path", "@query", *told))
    parameters = f'created={NOW // SECOND};keyid="{key}";nonce="{nonce or token_hex(8)}"'
    value = b64encode(b"signed").decode()
    return told | {"Signature-Input": f"sig=({covered});{parameters}", "Signature": f"sig=:{value}:"}


@asynccontextmanager
async def scene(params: ApiParams = PARAMS) -> AsyncGenerator[Scene, None]:
    """Serve the API over its house on loopback."""
    bus = Bus(LiveDriver(), hopeless=())
    bus.spawn(Registry, None, name="registry")
    scope = {
        "portfolio": frozenset(OWNERS),
        "instrument": frozenset({"SP500"}),
        "guest": frozenset({"broker/paper", "strategy/main/SP500"}),
    }
    bus.spawn(House, None, name="house", scope=scope)
    bus.spawn(Archive, None, name="archive")
    bus.spawn(Traders, None, name="traders")
    api: Any = bus.spawn(Api, params, name="api", assignment=PREMISES).actor
    await bus.started()
    try:
        async with httpx.AsyncClient(base_url=api.service.url, verify=False) as client:  # noqa: S501 - its own certificate
            yield Scene(bus, client)
    finally:
        await bus.stop()
