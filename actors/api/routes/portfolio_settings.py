"""Settings of portfolios: opened, changed, put to rest and to work."""

from urllib.parse import quote

from starlette.responses import Response

from actors.api.call import Call
from actors.api.etags import etag, meant, meant_if_said
from actors.api.marks import IdempotencyKey, mark_of, replayed
from actors.api.problems import Kind, Problem
from actors.api.settings import (
    NewPortfolio,
    PortfolioChange,
    SettingsView,
    check_own,
    settings_view,
    settled,
)
from actors.api.table import ROOT, Rule, Table
from actors.api.texts import IfMatch, IfMatchNeeded, InPath
from lts.domain.permissions import Permission
from lts.domain.portfolio_settings import (
    ChangePortfolio,
    CreatePortfolio,
    GetPortfolio,
    PortfolioReported,
    SetActive,
)

routes = Table(
    "portfolio-settings",
    "What portfolios are told to do. Those that the node's file describes are changed there, and not here.",
)
READ = Rule(needs=Permission.READ_PORTFOLIOS, owned_by="portfolio")
WRITE = Rule(needs=Permission.WRITE_PORTFOLIOS, owned_by="portfolio", signed=True)
PROBLEMS = (Kind.NOT_FOUND, Kind.CONFLICT, Kind.CHANGED)


@routes.post(
    "/portfolios",
    Rule(needs=Permission.WRITE_PORTFOLIOS, signed=True),
    answers=SettingsView,
    status=201,
    problems=(Kind.CONFLICT, Kind.KEY_REUSED),
    example={
        "name": "my first",
        "currency": "USD",
        "cash": "10000",
        "plugin": "fixed_quantity",
        "params": {"quantity": "0.1"},
    },
    headers=("ETag", "Location", "Idempotent-Replayed"),
)
async def open_portfolio(call: Call, body: NewPortfolio, idempotency_key: IdempotencyKey) -> Response:
    """Open a portfolio with its cash, once for each key; it begins to trade at once."""
    owner = body.owner or call.user
    if not call.identity.may(Permission.WRITE_PORTFOLIOS, owner):
        raise Problem(Kind.FORBIDDEN, "this takes the permission to do it to what is others' as well")
    wanted = CreatePortfolio(body.settings(owner), call.user, mark_of(call, idempotency_key, body))
    told = await settled(call, wanted)
    headers = {"Location": f"{ROOT}/portfolios/{quote(told.portfolio, safe='')}"}
    return _shown(call, told, 201, headers | replayed(repeated=told.repeated))


@routes.get(
    "/portfolios/{portfolio:name}/settings",
    READ,
    answers=SettingsView,
    problems=(Kind.NOT_FOUND,),
    headers=("ETag",),
)
async def read_settings(call: Call, portfolio: InPath) -> Response:
    """Read what a portfolio was told to do."""
    owner = check_own(call, portfolio, Permission.READ_PORTFOLIOS)
    await call.reading("portfolios", owner, portfolio)
    return _shown(call, await settled(call, GetPortfolio(portfolio)))


@routes.patch(
    "/portfolios/{portfolio:name}/settings",
    WRITE,
    answers=SettingsView,
    problems=(*PROBLEMS, Kind.PRECONDITION_NEEDED),
    example={"params": {"quantity": "0.2"}},
    headers=("ETag",),
)
async def change_settings(
    call: Call, portfolio: InPath, body: PortfolioChange, if_match: IfMatchNeeded
) -> Response:
    """Tell a portfolio to do it otherwise; its strategies are born again, and take up what is held."""
    check_own(call, portfolio, Permission.WRITE_PORTFOLIOS)
    changes = body.model_dump(exclude_none=True)
    return _shown(call, await settled(call, ChangePortfolio(portfolio, changes, call.user, meant(if_match))))


@routes.post(
    "/portfolios/{portfolio:name}/activate", WRITE, answers=SettingsView, problems=PROBLEMS, headers=("ETag",)
)
async def activate_portfolio(call: Call, portfolio: InPath, if_match: IfMatch = None) -> Response:
    """Put the strategies of a portfolio to work."""
    return await _set_active(call, portfolio, if_match, active=True)


@routes.post(
    "/portfolios/{portfolio:name}/deactivate",
    WRITE,
    answers=SettingsView,
    problems=PROBLEMS,
    headers=("ETag",),
)
async def deactivate_portfolio(call: Call, portfolio: InPath, if_match: IfMatch = None) -> Response:
    """Put the strategies of a portfolio to rest; what is held stays, with what protects it."""
    return await _set_active(call, portfolio, if_match, active=False)


async def _set_active(call: Call, portfolio: str, if_match: str | None, *, active: bool) -> Response:
    check_own(call, portfolio, Permission.WRITE_PORTFOLIOS)
    wanted = SetActive(portfolio, active, call.user, revision=meant_if_said(if_match))
    return _shown(call, await settled(call, wanted))


def _shown(
    call: Call, told: PortfolioReported, status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    return call.answer(settings_view(told), status, {"ETag": etag(told.revision)} | (headers or {}))
