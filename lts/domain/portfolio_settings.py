"""The settings of portfolios: asked for, and changed at run time where no file states them."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from bus.message import Event, Request
from lts.config.schema import AssetPlan, PortfolioPlan, ProtectionPlan
from lts.domain.legs import legs
from lts.domain.protection import Place
from lts.domain.register import Entry
from lts.domain.request_mark import RequestMark
from lts.domain.units import AssetSettings, PutPortfolio


class Origin(StrEnum):
    """Where the settings of a portfolio come from."""

    FILE = "file"
    """The node's file: nothing changes them at run time."""
    API = "api"
    """Somebody made it at run time."""


class Objection(StrEnum):
    """Why the settings of a portfolio stay as they are, as a word for programs."""

    UNKNOWN = "unknown"
    """There is no such portfolio, or no such asset in it."""
    NAME_TAKEN = "name_taken"
    FROM_THE_FILE = "from_the_file"
    """The node's file states them."""
    CONFLICT = "conflict"
    """They are not those of the revision that was expected."""
    INVALID = "invalid"
    """They cannot be used: the field says which, where it is one."""
    NOT_FLAT = "not_flat"
    """Something is held or under way that they would leave to nobody."""
    KEY_REUSED = "key_reused"
    """Its key marks another command of the user."""
    NOT_KEPT = "not_kept"
    """They could not be stored."""


class PortfolioReported(Event, key="portfolio"):
    """A portfolio with its settings, as a file's `[[portfolio]]` would state them."""

    portfolio: str
    owner: str
    origin: Origin
    revision: int
    """Grows with each change; 0 where the file states the settings."""
    active: bool
    settings: Mapping[str, Any]
    """Plain values; amounts are texts."""
    trouble: str = ""
    """Why it does not run as it should; empty if it does."""
    repeated: bool = False
    """Whether it was opened by an earlier command with the same mark."""


class PortfolioNotChanged(Event, key="portfolio"):
    """The settings of a portfolio are what they were, or there is none, for this reason."""

    portfolio: str
    objection: Objection
    reason: str
    """One sentence for people."""
    field: str = ""
    """Which of the values given is wrong, steps joined by dots, as in `asset.0.params.fast`."""


PortfolioAnswer = PortfolioReported | PortfolioNotChanged


class CreatePortfolio(Request[PortfolioAnswer]):
    """Commands a portfolio to be opened with its cash, in somebody's name; it is active at once.

    The settings are those of a file's `[[portfolio]]`, its `asset`s among them; there may be none yet.
    """

    settings: Mapping[str, Any]
    who: str
    request: RequestMark | None = None
    """By which it is opened once, however often it is commanded."""


class ChangePortfolio(Request[PortfolioAnswer]):
    """Commands other settings for a portfolio: `plugin`, `params`, `pipeline`, `pipeline_params`, `active`.

    What is not named stays. A revision that is expected, here as in the other commands, has to be the present
    one; None takes what there is.
    """

    portfolio: str
    changes: Mapping[str, Any]
    who: str
    revision: int | None = None


class AddAsset(Request[PortfolioAnswer]):
    """Commands a portfolio to trade one more asset, with the settings of a file's `[[portfolio.asset]]`."""

    portfolio: str
    settings: Mapping[str, Any]
    who: str
    revision: int | None = None


class ChangeAsset(Request[PortfolioAnswer]):
    """Commands other settings for an asset: `strategy`, `params`, `broker`, `protection`, `active`.

    `asset` is its name or, where it has none, its instrument. `broker` and `protection` change when it is
    flat.
    """

    portfolio: str
    asset: str
    changes: Mapping[str, Any]
    who: str
    revision: int | None = None


class RemoveAsset(Request[PortfolioAnswer]):
    """Commands a portfolio to trade an asset no more, which has to be flat."""

    portfolio: str
    asset: str
    who: str
    revision: int | None = None


class SetActive(Request[PortfolioAnswer]):
    """Commands the strategy of an asset, or those of a whole portfolio, to rest or to work.

    Who rests has the entries cancelled that are under way; what is held stays, and what protects it.
    """

    portfolio: str
    active: bool
    who: str
    asset: str = ""
    """Empty: the portfolio."""
    revision: int | None = None


class GetPortfolio(Request[PortfolioAnswer]):
    """Asks for a portfolio and its settings."""

    portfolio: str


class PortfoliosListed(Event):
    """Portfolios, in the order in which they were opened, those of the file first."""

    portfolios: tuple[PortfolioReported, ...]


class ListPortfolios(Request[PortfoliosListed]):
    """Asks for all portfolios, or for those of one owner."""

    owner: str = ""


class PortfoliosRecalled(Event):
    """The portfolios that were made at run time, each as the command that would lead to it."""

    portfolios: tuple[PutPortfolio, ...] = ()


class RecallPortfolios(Request[PortfoliosRecalled]):
    """Asks what is stored for the portfolios that were made at run time, oldest first."""


class PortfolioRegistered(Event, key="portfolio"):
    """A portfolio is in the register with all that it trades now: who keeps something of that looks again."""

    portfolio: str
    owner: str = ""


def entry_of(plan: PortfolioPlan) -> Entry:
    """Return what the register has of a portfolio."""
    trades = dict.fromkeys((asset.broker, asset.instrument) for asset in plan.assets)
    return Entry(plan.name, plan.owner, plan.currency, plan.cash, tuple(trades))


def protected_places(*portfolios: PortfolioPlan) -> dict[Place, float | None]:
    """Return where positions are to have a stop, and after how many seconds without it they have to go."""
    return {
        Place(portfolio.name, asset.instrument, position): None if after_s is None else float(after_s)
        for portfolio in portfolios
        for asset in portfolio.assets
        if asset.protection is not None and asset.protection.has_stop
        for after_s in (asset.protection.emergency_exit_after_s,)
        for position in ([leg.id for leg in legs(asset.name, asset.instrument)] if asset.name else [""])
    }


def table_of(plan: PortfolioPlan | AssetPlan) -> dict[str, Any]:
    """Return the settings as a file would state them, in plain values."""
    return plan.model_dump(mode="json", by_alias=True, exclude_none=True)


def stored(plan: PortfolioPlan, revision: int = 0, request: RequestMark | None = None) -> PutPortfolio:
    """Return the command that stores a portfolio; revision 0 is one of the file."""
    return PutPortfolio(
        plan.name,
        plan.owner,
        plan.currency,
        plan.cash,
        plan.plugin,
        plan.params,
        tuple(
            AssetSettings(
                asset.instrument,
                asset.broker,
                asset.strategy,
                asset.params,
                asset.name or "",
                None if asset.protection is None else _protection(asset.protection),
                asset.active,
            )
            for asset in plan.assets
        ),
        plan.pipeline,
        plan.pipeline_params,
        plan.active,
        revision,
        request,
    )


def recalled(command: PutPortfolio) -> PortfolioPlan:
    """Return the plan of a portfolio that was stored."""
    return PortfolioPlan(
        name=command.name,
        owner=command.owner,
        currency=command.currency,
        cash=command.cash,
        plugin=command.plugin,
        params=dict(command.params),
        pipeline=command.pipeline,
        pipeline_params=dict(command.pipeline_params),
        active=command.active,
        asset=tuple(
            AssetPlan(
                instrument=asset.instrument,
                broker=asset.broker,
                strategy=asset.strategy,
                params=dict(asset.params),
                protection=None if asset.protection is None else ProtectionPlan(**asset.protection),
                active=asset.active,
                name=asset.name or None,
            )
            for asset in command.assets
        ),
    )


def _protection(plan: ProtectionPlan) -> dict[str, str]:
    return plan.model_dump(mode="json", exclude_none=True)
