"""Settings of portfolios as they come in and go out, and why they stay as they were."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any

import msgspec
from pydantic import Field

from actors.api.amounts import Amount, AmountIn
from actors.api.call import Call
from actors.api.plugin_params import Params
from actors.api.problems import Kind, Problem, Reason, not_found, unavailable
from actors.api.texts import Body, BrokerName, Name, Symbol
from bus import Request
from lts.domain.money import plain
from lts.domain.permissions import Permission
from lts.domain.portfolio_settings import (
    Objection,
    Origin,
    PortfolioAnswer,
    PortfolioNotChanged,
    PortfolioReported,
)

PATIENCE = 30.0
"""Seconds that a change may take: strategies are born again, and look at their history."""
_CONFLICTS = frozenset({Objection.NAME_TAKEN, Objection.FROM_THE_FILE, Objection.NOT_FLAT})
_KINDS = {
    Objection.CONFLICT: Kind.CHANGED,
    Objection.INVALID: Kind.INVALID,
    Objection.KEY_REUSED: Kind.KEY_REUSED,
} | dict.fromkeys(_CONFLICTS, Kind.CONFLICT)
PluginName = Annotated[
    str, Field(max_length=64, pattern=r"^[a-z][a-z0-9]*(_[a-z0-9]+)*$", examples=["sma_cross"])
]
Allocator = Annotated[PluginName, Field(examples=["fixed_quantity"])]
"""A plugin of the kind `portfolio`."""
Pipeline = Annotated[PluginName, Field(examples=["default"])]
Currency = Annotated[str, Field(pattern=r"^[A-Z0-9]{2,12}$", examples=["USD"])]


class Protection(Body):
    """What takes a position out of the market by itself, in basis points of the price of its entry."""

    stop_loss_bps: AmountIn | None = None
    trailing_bps: AmountIn | None = None
    take_profit_bps: AmountIn | None = None
    emergency_exit_after_s: AmountIn | None = None


class NewAsset(Body):
    """An instrument that a portfolio is to trade: who decides about it, and who executes."""

    instrument: Symbol
    """One of `listInstruments`."""
    broker: BrokerName
    """One that the node's file names; `listPlugins` has it as `broker/…`."""
    strategy: PluginName
    """One of `listStrategies`, which say what `params` they take."""
    params: Params = Field({})
    protection: Protection | None = None
    active: bool = True
    """Whether its strategy is at work from the start."""
    name: Annotated[Name, Field(max_length=58)] | None = None
    """What tells it from others of the instrument, where an account hedges."""

    @property
    def label(self) -> str:
        """What it is called in its portfolio."""
        return self.name or self.instrument


class AssetChange(Body):
    """What of an asset is to be different; what is not named stays, and a protection of null ends."""

    strategy: PluginName | None = None
    params: Params | None = None
    broker: BrokerName | None = None
    protection: Protection | None = None

    def changes(self) -> dict[str, Any]:
        """Return what is to be different."""
        told = self.model_dump(exclude_unset=True)
        protection = {"protection": told["protection"]} if "protection" in told else {}
        return {name: value for name, value in told.items() if value is not None} | protection


class NewPortfolio(Body):
    """A portfolio that is to be opened; it may have no assets yet."""

    name: Name
    currency: Currency
    cash: AmountIn
    """What it begins with."""
    plugin: Allocator
    """Who sizes its orders."""
    params: Params = Field({})
    pipeline: Pipeline = "default"
    pipeline_params: Params = Field({})
    active: bool = True
    assets: Annotated[list[NewAsset], Field(max_length=100)] = Field([])
    owner: Name | None = None
    """Whose it is to be: oneself, or with the permission `others` somebody else."""

    def settings(self, owner: str) -> dict[str, Any]:
        """Return them as a file would state them."""
        told = self.model_dump(exclude_none=True)
        assets = told.pop("assets")
        return told | {"owner": owner, "asset": assets}


class PortfolioChange(Body):
    """What of a portfolio is to be different; what is not named stays."""

    plugin: Allocator | None = None
    params: Params | None = None
    pipeline: Pipeline | None = None
    pipeline_params: Params | None = None


class AssetView(msgspec.Struct, frozen=True):
    """An instrument in a portfolio. Its ETag is that of the portfolio's settings."""

    label: str
    """What it is called: its name or, where it has none, its instrument."""
    instrument: str
    name: str | None
    broker: str
    strategy: str
    params: dict[str, Any]
    protection: dict[str, str] | None
    active: bool


class SettingsView(msgspec.Struct, frozen=True):
    """What a portfolio was told to do."""

    name: str
    owner: str
    origin: Origin
    """`file`: the node's file describes it, and nothing changes it here."""
    revision: int
    active: bool
    currency: str
    cash: Amount
    """With which it was opened."""
    plugin: str
    params: dict[str, Any]
    pipeline: str
    pipeline_params: dict[str, Any]
    assets: tuple[AssetView, ...]
    trouble: str
    """Why it does not run as it should; empty if it does."""


def settings_view(told: PortfolioReported) -> SettingsView:
    """Return settings as they are shown."""
    raw = told.settings
    return SettingsView(
        told.portfolio,
        told.owner,
        told.origin,
        told.revision,
        told.active,
        raw["currency"],
        plain(Decimal(str(raw["cash"]))),
        raw["plugin"],
        raw["params"],
        raw["pipeline"],
        raw["pipeline_params"],
        asset_views(told),
        told.trouble,
    )


def asset_views(told: PortfolioReported) -> tuple[AssetView, ...]:
    """Return the assets of a portfolio as they are shown."""
    return tuple(map(_asset_view, told.settings["asset"]))


def _asset_view(raw: Mapping[str, Any]) -> AssetView:
    name, instrument = raw.get("name"), raw["instrument"]
    return AssetView(
        name or instrument,
        instrument,
        name,
        raw["broker"],
        raw["strategy"],
        raw["params"],
        raw.get("protection"),
        raw["active"],
    )


def check_own(call: Call, portfolio: str, permission: Permission) -> str:
    """Return whose a portfolio is; refuse one that is not there for the caller."""
    owner = call.port.owners.get(portfolio)
    if owner is None:
        raise not_found()
    call.sees(permission, owner)
    return owner


async def settled(call: Call, wanted: Request[PortfolioAnswer]) -> PortfolioReported:
    """Return a portfolio as it stands after a command; a Problem says why it was not carried out."""
    answer = await call.port.ask(wanted, PATIENCE)
    if isinstance(answer, PortfolioReported):
        return answer
    raise _refusal(answer)


def _refusal(refused: PortfolioNotChanged) -> Problem:
    match refused.objection:
        case Objection.UNKNOWN:
            return not_found()
        case Objection.NOT_KEPT:
            return unavailable("nothing can be stored for the time being; nothing was changed")
        case Objection.INVALID if refused.field:
            return Problem(Kind.INVALID, errors=(Reason("body", _pointer(refused.field), refused.reason),))
        case objection:
            return Problem(_KINDS[objection], refused.reason)


def _pointer(field: str) -> str:
    """Return where a field stands in a body.

    >>> _pointer("asset.0.params.fast")
    '/assets/0/params/fast'
    """
    first, *rest = field.split(".")
    steps = ["assets" if first == "asset" else first, *rest]
    return "".join(f"/{step[:64].replace('~', '~0').replace('/', '~1')}" for step in steps)
