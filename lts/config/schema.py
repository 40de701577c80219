"""The tables of the file that describes a system, and the plan that they make together.

Tables are named in the singular, as TOML repeats them: `[[instrument]]`, `[[feed]]`, `[[broker]]`,
`[[portfolio]]` with `[[portfolio.asset]]`, `[[conversion]]`, `[risk]` with `[risk.system]`, `[[risk.user]]`,
`[[risk.portfolio]]` and `[[risk.account]]`, `[node]`, `[database]`, `[billing]`, `[access]`, `[api]`,
`[mqtt]`, `[plugins]`. Unknown keys are refused.
The parameters of plugins stay raw here: each plugin's own model reads them (`lts.config.params`).
"""

import os
import re
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    SerializerFunctionWrapHandler,
    ValidationInfo,
    model_serializer,
    model_validator,
)

from lts.config.consistency import contradictions
from lts.config.sentence import with_others

_NAME = re.compile(r"[A-Za-z0-9]+([ ._/-][A-Za-z0-9]+)*")
_PLUGIN_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_CURRENCY = re.compile(r"[A-Z0-9]{2,12}")
_LONGEST_NAME = 64
_LONGEST_LEG = 58  # so that the ids of its positions, with a word behind the name, have at most 64 as well


def _usable_name(name: str) -> str:
    if len(name) > _LONGEST_NAME or not _NAME.fullmatch(name):
        raise ValueError(
            "a name is made of the letters A to Z, a to z and digits, joined by single spaces, dots, "
            f"underscores, slashes or hyphens, and has at most {_LONGEST_NAME} characters"
        )
    return name


def _usable_plugin_name(name: str) -> str:
    if len(name) > _LONGEST_NAME or not _PLUGIN_NAME.fullmatch(name):
        raise ValueError(
            "a plugin's name is made of the letters a to z and digits, joined by single underscores, "
            f"starts with a letter, and has at most {_LONGEST_NAME} characters"
        )
    return name


def _usable_currency(code: str) -> str:
    if not _CURRENCY.fullmatch(code):
        raise ValueError("a currency is a code of 2 to 12 capital letters and digits, such as USD")
    return code


def _without_a_password(url: str) -> str:
    if "@" in url and ":" in url.partition("://")[2].rpartition("@")[0]:
        raise ValueError(
            "a password does not belong in this file; take it out of the URL and put it in ~/.pgpass"
        )
    return url


def _beside_the_file(path: object, told: ValidationInfo) -> object:
    """A path made absolute: a relative one starts at the directory that the validation was told."""
    if not isinstance(path, str | Path):
        return path
    if "\0" in str(path):
        raise ValueError("a path cannot hold a zero character")
    directory: Path = (told.context or {}).get("directory", Path())
    return os.path.normpath(directory / path)


Name = Annotated[str, AfterValidator(_usable_name)]
"""What people call things. It becomes part of order ids, topics and keys, so its letters are few."""
PluginName = Annotated[str, AfterValidator(_usable_plugin_name)]
"""What a plugin is called; also the name of the directory that holds it."""
Currency = Annotated[str, AfterValidator(_usable_currency)]
Located = Annotated[Path, BeforeValidator(_beside_the_file)]
"""A path that is relative to the file it is written in, and absolute once it is read."""
Amount = Annotated[Decimal, Field(max_digits=38, decimal_places=18)]
"""An exact amount of money or quantity, written as text (`"0.01"`) or as a number."""
Positive = Annotated[Amount, Field(gt=0)]
NotNegative = Annotated[Amount, Field(ge=0)]
Bps = Annotated[Positive, Field(lt=10_000)]
"""A distance from a price, in basis points of it: 100 are one percent."""
Positions = Literal["netting", "hedging"]
"""How an account keeps positions: one net position an instrument, or several side by side."""
Told = Literal[
    "quotes", "bars", "trades",
    "orders", "fills", "bookings", "positions", "account", "signals",
    "trading-states", "health", "alerts",
]  # fmt: skip
"""What the MQTT bridge can tell."""
Params = dict[str, JsonValue]
"""A plugin's parameters as they were written."""


class Table(BaseModel):
    """One table of the file: frozen once read, and without keys that it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class InstrumentPlan(Table):
    """What can be traded, and the steps in which it is priced and sized."""

    symbol: Name
    currency: Currency
    tick_size: Positive
    lot_size: Positive
    multiplier: Positive = Decimal(1)
    min_notional: NotNegative = Decimal(0)
    sessions: tuple[str, ...] = ()


class FeedPlan(Table):
    """Where one instrument's market data comes from."""

    plugin: PluginName
    instrument: Name
    params: Params = {}
    stale_after_s: Positive | None = None
    name: Name = Field(
        default_factory=lambda said: f"{said.get('plugin')}/{said.get('instrument')}", validate_default=True
    )

    @property
    def place(self) -> str:
        """Where the file says this, for sentences about it."""
        return f"feed '{self.name}'"


class ConversionPlan(Table):
    """What one unit of a currency is in another: always the same, or the price of an instrument.

    It leads both ways; an instrument is priced in one of the two currencies.
    """

    source: Currency = Field(alias="from")
    target: Currency = Field(alias="to")
    rate: Positive | None = None
    instrument: Name | None = None

    @property
    def place(self) -> str:
        """Where the file says this, for sentences about it."""
        return f"conversion from {self.source} to {self.target}"

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.source == self.target:
            raise ValueError(f"{self.source} needs no conversion to itself; take this table away")
        if (self.rate is None) is (self.instrument is None):
            raise ValueError("a conversion has either a rate or an instrument; give one of the two")
        return self


class BrokerPlan(Table):
    """Where orders go."""

    name: Name
    plugin: PluginName
    params: Params = {}
    positions: Positions = "netting"

    @property
    def place(self) -> str:
        """Where the file says this, for sentences about it."""
        return f"broker '{self.name}'"


class ProtectionPlan(Table):
    """What takes a position out of the market by itself, in basis points of the last close at its entry.

    docs/operations/protection.md says what becomes of it.
    """

    stop_loss_bps: Bps | None = None
    trailing_bps: Bps | None = None
    take_profit_bps: Bps | None = None
    emergency_exit_after_s: Positive | None = None

    @property
    def has_stop(self) -> bool:
        """Whether a position is to have an order that bounds its loss."""
        return self.stop_loss_bps is not None or self.trailing_bps is not None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.stop_loss_bps is not None and self.trailing_bps is not None:
            raise ValueError("stop_loss_bps and trailing_bps are two sorts of stop; keep one of them")
        if not self.has_stop and self.take_profit_bps is None:
            raise ValueError(
                "there is nothing that protects; give stop_loss_bps, trailing_bps or take_profit_bps"
            )
        if not self.has_stop and self.emergency_exit_after_s is not None:
            raise ValueError(
                "emergency_exit_after_s needs a stop that can be missing; give stop_loss_bps or trailing_bps"
            )
        return self


class AssetPlan(Table):
    """One instrument in a portfolio: who decides about it, who executes, and what protects it.

    Where the account hedges, several may have one instrument: each has a name, and positions of its own.
    The strategy of one that is not `active` rests; what is held and protects it stays.
    """

    instrument: Name
    broker: Name
    strategy: PluginName
    params: Params = {}
    protection: ProtectionPlan | None = None
    active: bool = True
    name: Annotated[Name, Field(max_length=_LONGEST_LEG)] | None = None

    @property
    def label(self) -> str:
        """What it is called in its portfolio: by its name, or by the instrument where it has none."""
        return self.name or self.instrument

    @property
    def place(self) -> str:
        """Where the portfolio says this, for sentences about it."""
        return f"asset '{self.label}'"


class PortfolioPlan(Table):
    """One owner's money and what it trades."""

    name: Name
    owner: Name
    currency: Currency
    cash: NotNegative
    plugin: PluginName
    params: Params = {}
    pipeline: PluginName = "default"
    pipeline_params: Params = {}
    active: bool = True
    assets: tuple[AssetPlan, ...] = Field((), alias="asset")

    @property
    def at_work(self) -> tuple[AssetPlan, ...]:
        """The assets whose strategies run: none of a portfolio that is not active itself."""
        return tuple(asset for asset in self.assets if asset.active) if self.active else ()

    @property
    def at_rest(self) -> tuple[AssetPlan, ...]:
        """The others."""
        return tuple(asset for asset in self.assets if not (self.active and asset.active))

    @property
    def place(self) -> str:
        """Where the file says this, for sentences about it."""
        return f"portfolio '{self.name}'"


class Limits(Table):
    """What orders of a scope have to keep to; a limit that is not set does not apply.

    docs/operations/risk.md says what each one measures.
    """

    trading_permitted: bool = True
    permitted_instruments: tuple[Name, ...] | None = None
    restricted_instruments: tuple[Name, ...] = ()
    price_collar_bps: Positive | None = None
    max_order_value: Positive | None = None
    max_order_quantity: Positive | None = None
    duplicate_window_s: Positive | None = None
    self_match_prevention: bool = False
    max_price_age_s: Positive | None = None
    max_price_jump_bps: Positive | None = None
    max_position: Positive | None = None
    max_exposure: Positive | None = None
    max_net_exposure: Positive | None = None
    credit_limit: Positive | None = None
    max_drawdown_pct: Annotated[Positive, Field(le=100)] | None = None
    max_daily_loss: Positive | None = None
    max_repeated_executions: Annotated[int, Field(ge=1)] | None = None
    repeated_executions_s: Positive = Decimal(60)
    max_messages_per_s: Positive | None = None
    messages_kept_for_reducing: NotNegative = Decimal(0)
    on_breach: Literal["reducing", "halted"] = "reducing"


class NamedLimits(Limits):
    """The limits of one user, portfolio or account; what was not said of it is not written out either."""

    name: Name

    @model_serializer(mode="wrap")
    def _as_said(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {name: value for name, value in write(self).items() if name in self.model_fields_set}


class RiskPlan(Limits):
    """The limits: of each portfolio by itself, and of the system, users, portfolios and accounts.

    What `[[risk.portfolio]]` says takes the place of what `[risk]` says for all of them.
    """

    day_begins: str = "00:00 UTC"
    system: Limits | None = None
    users: tuple[NamedLimits, ...] = Field(default=(), alias="user")
    portfolios: tuple[NamedLimits, ...] = Field(default=(), alias="portfolio")
    accounts: tuple[NamedLimits, ...] = Field(default=(), alias="account")

    def of_portfolio(self, name: str) -> Limits:
        """Return what holds for one portfolio."""
        told = self.model_dump(include=set(Limits.model_fields))
        for each in self.portfolios:
            if each.name == name:
                told |= each.model_dump(exclude={"name"}, exclude_unset=True)
        return Limits(**told)


class BackupPlan(Table):
    """How often a backup is taken while the node runs (0: never), how many are kept, and where."""

    every_h: Annotated[float, Field(ge=0, le=8760)] = 24.0
    keep: Annotated[int, Field(ge=1, le=1000)] = 7
    directory: Located | None = None


class NodePlan(Table):
    """The process itself: where it keeps its state, who conducts it, and what it logs."""

    state_dir: Located = Field(Path("state"), validate_default=True)
    core: PluginName = "default"
    key_source: Literal["auto", "file", "keyring", "environment", "credential"] = "auto"
    key_file: Located | None = None
    backups: BackupPlan = BackupPlan()
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["console", "json"] = "console"


class DatabasePlan(Table):
    """Where everything is kept: a file in the state directory, or a PostgreSQL server."""

    url: Annotated[str, AfterValidator(_without_a_password)] = ""
    pool_size: Annotated[int, Field(ge=2, le=100)] = 5
    statement_timeout_s: Annotated[float, Field(gt=0, le=3600)] = 10.0


class BillingPlan(Table):
    """What users are billed: for each trade, and for each month."""

    currency: Currency
    per_trade: NotNegative = Decimal(0)
    per_month: NotNegative = Decimal(0)


class AccessPlan(Table):
    """Who may come in, and for how long: users, sessions, API keys.

    docs/operations/access.md says what each number does.
    """

    plugin: PluginName = "local"
    params: Params = {}
    token_minutes: Annotated[int, Field(ge=5, le=10)] = 10
    session_idle_h: Annotated[float, Field(gt=0, le=8760)] = 12.0
    session_days: Annotated[float, Field(gt=0, le=365)] = 14.0
    key_days: Annotated[float, Field(gt=0, le=3650)] = 365.0
    lock_after: Annotated[int, Field(ge=3, le=100)] = 5
    lock_address_after: Annotated[int, Field(ge=3, le=10_000)] = 20
    lock_first_s: Annotated[float, Field(gt=0, le=3600)] = 30.0
    lock_longest_s: Annotated[float, Field(gt=0, le=86_400)] = 900.0
    signature_window_s: Annotated[int, Field(ge=5, le=300)] = 60
    second_factor: Literal["optional", "admins", "required"] = "optional"


class PluginsPlan(Table):
    """Directories that hold plugins beside the built-in ones, laid out as `<kind>/<name>/plugin.toml`."""

    directories: tuple[Located, ...] = ()


class ApiPlan(Table):
    """The HTTP API: where it is served, under which names, and how much it takes of anybody.

    Off a loopback address it needs a certificate, or proxies that have one.
    """

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8080
    certificate: Located | None = None
    key: Located | None = None
    proxies: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    requests_per_min: Annotated[int, Field(ge=1, le=1_000_000)] = 1200
    logins_per_min: Annotated[int, Field(ge=1, le=1_000_000)] = 20
    max_body_bytes: Annotated[int, Field(ge=1_024, le=16_777_216)] = 1_048_576
    max_connections: Annotated[int, Field(ge=10, le=100_000)] = 2_000
    max_streams: Annotated[int, Field(ge=2, le=100_000)] = 1_500
    max_streams_per_user: Annotated[int, Field(ge=1, le=100_000)] = 1_000
    stream_buffer: Annotated[int, Field(ge=100, le=100_000)] = 1_000

    @model_validator(mode="after")
    def _leaves_room(self) -> Self:
        if not self.max_streams_per_user < self.max_streams < self.max_connections:
            raise ValueError(
                "streams leave room for others: max_streams_per_user is less than max_streams, and that is "
                "less than max_connections"
            )
        return self


class MqttPlan(Table):
    """The MQTT bridge: where its broker is, who the node is to it, and what it is told.

    docs/operations/mqtt.md says what each of them does. `host` turns it on.
    """

    host: Annotated[str, Field(min_length=1, max_length=253, pattern=r"^[A-Za-z0-9._:-]+$")]
    enabled: bool = True
    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    node: Name = "lts"
    protocol: Literal["5", "3.1.1"] = "5"
    user: Annotated[str, Field(max_length=256)] = ""
    password_file: Located | None = None
    tls: bool = False
    ca: Located | None = None
    certificate: Located | None = None
    key: Located | None = None
    client_id: Annotated[str, Field(max_length=64, pattern=r"^[A-Za-z0-9._-]*$")] = ""
    keepalive_s: Annotated[int, Field(ge=2, le=3600)] = 15
    session_expiry_s: Annotated[int, Field(ge=0, le=604_800)] = 3_600
    timeout_s: Annotated[float, Field(gt=0, le=60)] = 5.0
    in_flight: Annotated[int, Field(ge=1, le=1_000)] = 50
    buffer: Annotated[int, Field(ge=100, le=1_000_000)] = 10_000
    publish: tuple[Told, ...] | None = None
    batch: tuple[Literal["quotes", "bars", "trades"], ...] = ()
    batch_ms: Annotated[int, Field(ge=1, le=1_000)] = 20
    rates: dict[Told, Annotated[float, Field(ge=0.001, le=1_000)]] = {}
    msgpack: tuple[Told, ...] = ()
    retain: bool = True
    commands: bool = False
    commands_per_s: Annotated[int, Field(ge=1, le=100_000)] = 200

    @property
    def secured(self) -> bool:
        """Whether what passes can be read by nobody else."""
        return self.tls or self.ca is not None or self.certificate is not None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.certificate is None) is not (self.key is None):
            raise ValueError("certificate and key go together; name both files or neither")
        if paced := self.rates.keys() & {*self.batch}:
            raise ValueError(
                f"{', '.join(sorted(paced))} go in batches, so that batch_ms sets their pace; not rates"
            )
        if self.password_file is not None and not self.user:
            raise ValueError("a password needs its user; give user as well")
        near = self.host in {"localhost", "127.0.0.1", "::1"}
        if self.password_file is not None and not self.secured and not near:
            raise ValueError(
                f"{self.host} is on another machine, and without TLS the password can be read on the way; "
                "say tls = true, or name the ca that vouches for the broker"
            )
        return self


class SystemTables(Table):
    """What the file may say, free of contradictions."""

    instruments: tuple[InstrumentPlan, ...] = Field((), alias="instrument")
    feeds: tuple[FeedPlan, ...] = Field((), alias="feed")
    brokers: tuple[BrokerPlan, ...] = Field((), alias="broker")
    portfolios: tuple[PortfolioPlan, ...] = Field((), alias="portfolio")
    conversions: tuple[ConversionPlan, ...] = Field(default=(), alias="conversion")
    risk: RiskPlan = RiskPlan()
    node: NodePlan = Field({}, validate_default=True)
    database: DatabasePlan = DatabasePlan()
    billing: BillingPlan | None = None
    plugins: PluginsPlan = PluginsPlan()
    api: ApiPlan | None = None
    mqtt: MqttPlan | None = None
    access: AccessPlan = AccessPlan()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if found := list(contradictions(self)):
            raise ValueError(with_others(found))
        return self


class SystemPlan(SystemTables):
    """A system that can be built: what the file says, with every default filled and every path absolute."""

    file: Path

    @property
    def directory(self) -> Path:
        """Where relative paths in a plugin's parameters start."""
        return self.file.parent

    def to_json(self) -> str:
        """The whole plan on one line, the same for the same file; `plan_from_json` reads it again."""
        return self.model_dump_json(by_alias=True)
