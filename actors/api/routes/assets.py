"""Assets: what a portfolio trades, by which strategy, and through which broker."""

from urllib.parse import quote

from starlette.responses import Response

from actors.api.call import Call
from actors.api.etags import etag, meant, meant_if_said
from actors.api.pages import Page
from actors.api.problems import Kind, not_found
from actors.api.settings import AssetChange, AssetView, NewAsset, asset_views, check_own, settled
from actors.api.table import ROOT, Rule, Table
from actors.api.texts import IfMatch, IfMatchNeeded, InPath
from lts.domain.permissions import Permission
from lts.domain.portfolio_settings import (
    AddAsset,
    ChangeAsset,
    GetPortfolio,
    PortfolioReported,
    RemoveAsset,
    SetActive,
)

routes = Table("assets", "What portfolios trade, by which strategies, and through which brokers.")
READ = Rule(needs=Permission.READ_PORTFOLIOS, owned_by="portfolio")
WRITE = Rule(needs=Permission.WRITE_PORTFOLIOS, owned_by="portfolio", signed=True)
PROBLEMS = (Kind.NOT_FOUND, Kind.CONFLICT, Kind.CHANGED)
EXACTLY = (*PROBLEMS, Kind.PRECONDITION_NEEDED)


@routes.get("/portfolios/{portfolio:name}/assets", READ, answers=Page[AssetView], problems=(Kind.NOT_FOUND,))
async def list_assets(call: Call, portfolio: InPath) -> Response:
    """List what a portfolio trades."""
    return call.listed([*asset_views(await _read(call, portfolio))])


@routes.post(
    "/portfolios/{portfolio:name}/assets",
    WRITE,
    answers=AssetView,
    status=201,
    problems=PROBLEMS,
    example={
        "instrument": "SP500",
        "broker": "paper",
        "strategy": "sma_cross",
        "params": {"fast": 5, "slow": 13},
        "protection": {"stop_loss_bps": "200"},
    },
    headers=("ETag", "Location"),
)
async def add_asset(call: Call, portfolio: InPath, body: NewAsset, if_match: IfMatch = None) -> Response:
    """Have a portfolio trade one more asset."""
    check_own(call, portfolio, Permission.WRITE_PORTFOLIOS)
    settings = body.model_dump(exclude_none=True)
    told = await settled(call, AddAsset(portfolio, settings, call.user, meant_if_said(if_match)))
    place = f"{ROOT}/portfolios/{quote(portfolio, safe='')}/assets/{quote(body.label, safe='')}"
    return _shown(call, told, body.label, 201, {"Location": place})


@routes.get(
    "/portfolios/{portfolio:name}/assets/{asset:name}",
    READ,
    answers=AssetView,
    problems=(Kind.NOT_FOUND,),
    headers=("ETag",),
)
async def read_asset(call: Call, portfolio: InPath, asset: InPath) -> Response:
    """Read how a portfolio trades an asset."""
    return _shown(call, await _read(call, portfolio), asset)


@routes.patch(
    "/portfolios/{portfolio:name}/assets/{asset:name}",
    WRITE,
    answers=AssetView,
    problems=EXACTLY,
    example={"params": {"fast": 3, "slow": 8}},
    headers=("ETag",),
)
async def change_asset(
    call: Call, portfolio: InPath, asset: InPath, body: AssetChange, if_match: IfMatchNeeded
) -> Response:
    """Have an asset traded otherwise; another broker or protection takes one that is flat."""
    check_own(call, portfolio, Permission.WRITE_PORTFOLIOS)
    wanted = ChangeAsset(portfolio, asset, body.changes(), call.user, meant(if_match))
    return _shown(call, await settled(call, wanted), asset)


@routes.delete("/portfolios/{portfolio:name}/assets/{asset:name}", WRITE, problems=EXACTLY, headers=("ETag",))
async def remove_asset(call: Call, portfolio: InPath, asset: InPath, if_match: IfMatchNeeded) -> Response:
    """Have a portfolio trade an asset no more; it has to be flat."""
    check_own(call, portfolio, Permission.WRITE_PORTFOLIOS)
    told = await settled(call, RemoveAsset(portfolio, asset, call.user, meant(if_match)))
    return Response(status_code=204, headers={"ETag": etag(told.revision)})


@routes.post(
    "/portfolios/{portfolio:name}/assets/{asset:name}/activate",
    WRITE,
    answers=AssetView,
    problems=PROBLEMS,
    headers=("ETag",),
)
async def activate_asset(call: Call, portfolio: InPath, asset: InPath, if_match: IfMatch = None) -> Response:
    """Put the strategy of an asset to work."""
    return await _set_active(call, portfolio, asset, if_match, active=True)


@routes.post(
    "/portfolios/{portfolio:name}/assets/{asset:name}/deactivate",
    WRITE,
    answers=AssetView,
    problems=PROBLEMS,
    headers=("ETag",),
)
async def deactivate_asset(
    call: Call, portfolio: InPath, asset: InPath, if_match: IfMatch = None
) -> Response:
    """Put the strategy of an asset to rest; what is held stays, with what protects it."""
    return await _set_active(call, portfolio, asset, if_match, active=False)


async def _read(call: Call, portfolio: str) -> PortfolioReported:
    owner = check_own(call, portfolio, Permission.READ_PORTFOLIOS)
    await call.reading("portfolios", owner, portfolio)
    return await settled(call, GetPortfolio(portfolio))


async def _set_active(
    call: Call, portfolio: str, asset: str, if_match: str | None, *, active: bool
) -> Response:
    check_own(call, portfolio, Permission.WRITE_PORTFOLIOS)
    wanted = SetActive(portfolio, active, call.user, asset, meant_if_said(if_match))
    return _shown(call, await settled(call, wanted), asset)


def _shown(
    call: Call, told: PortfolioReported, asset: str, status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    for view in asset_views(told):
        if view.label == asset:
            return call.answer(view, status, {"ETag": etag(told.revision)} | (headers or {}))
    raise not_found()
