"""Portfolios and their assets."""

from sqlalchemy import select

from actors.persistence.forms import booking_id, posting_rows
from actors.persistence.repositories.portfolio_settings import objection_to_revision, put_settings
from actors.persistence.repositories.users import user_named
from actors.persistence.rows import (
    AssetRow,
    HedgedAssetRow,
    IdempotencyKeyRow,
    LedgerEntryRow,
    PortfolioRow,
    PortfolioSettingRow,
    UserRow,
)
from actors.persistence.unit import Unit
from actors.persistence.work import Impossible
from lts.domain.portfolio import opening
from lts.domain.request_mark import RequestMark
from lts.domain.units import AssetSettings, PutPortfolio

PARAMS = "portfolios.params"
ASSET_PARAMS = "assets.params"
HEDGED_ASSET_PARAMS = "hedged_assets.params"


async def put_portfolio(unit: Unit, command: PutPortfolio) -> None:
    """Open a portfolio, or give one that is open other settings."""
    owner = await user_named(unit, command.owner)
    if owner is None:
        raise Impossible(f"there is no user named {command.owner!r}")
    row = await portfolio_named(unit, command.name)
    made = None if row is None else await unit.session.get(PortfolioSettingRow, row.id)
    if objection := objection_to_revision(command, None if row is None else made.revision if made else 0):
        raise Impossible(objection)
    if row is None:
        row = await _open(unit, command, owner)
        if command.request is not None:
            await _mark(unit, command.name, command.request)
    else:
        _refuse_another(row, command, owner)
        row.plugin = command.plugin
        if not unit.same(row.params, command.params, PARAMS):
            row.params = unit.seal(command.params, PARAMS)
    await _put_assets(unit, row.id, command.assets)
    await _put_hedged_assets(unit, row.id, command.assets)
    if command.revision:
        await put_settings(unit, row.id, made, command)


async def portfolio_named(unit: Unit, name: str) -> PortfolioRow | None:
    """Return a portfolio, None if there is none of this name."""
    found: PortfolioRow | None = await unit.session.scalar(
        select(PortfolioRow).where(PortfolioRow.name == name)
    )
    return found


async def _open(unit: Unit, command: PutPortfolio, owner: UserRow) -> PortfolioRow:
    row = PortfolioRow(
        name=command.name,
        owner_id=owner.id,
        currency=command.currency,
        plugin=command.plugin,
        params=unit.seal(command.params, PARAMS),
        opened_at=unit.batch.at,
    )
    unit.session.add(row)
    await unit.session.flush()
    moved = opening(command.currency, command.cash)
    lines = posting_rows(row.id, booking_id(("deposit", "opening")), moved, unit.batch.at)
    unit.session.add_all(LedgerEntryRow(**line) for line in lines)
    return row


async def _mark(unit: Unit, portfolio: str, mark: RequestMark) -> None:
    """Keep what a mark leads to, once."""
    if await unit.session.get(IdempotencyKeyRow, mark.name) is not None:
        raise Impossible("its mark has led to something else")
    row = IdempotencyKeyRow(
        user_name=mark.user,
        request_key=mark.key,
        digest=mark.digest,
        kind="portfolio",
        resource=portfolio,
        at=unit.batch.at,
    )
    unit.session.add(row)


def _refuse_another(row: PortfolioRow, command: PutPortfolio, owner: UserRow) -> None:
    if row.owner_id != owner.id:
        raise Impossible(f"the portfolio {command.name} belongs to somebody else than {command.owner}")
    if row.currency != command.currency:
        raise Impossible(f"the portfolio {command.name} is kept in {row.currency}, not in {command.currency}")


async def _put_assets(unit: Unit, portfolio_id: int, wanted: tuple[AssetSettings, ...]) -> None:
    rows = await unit.session.scalars(select(AssetRow).where(AssetRow.portfolio_id == portfolio_id))
    known = {row.instrument: row for row in rows}
    for asset in wanted:
        if asset.name:
            continue
        row = known.pop(asset.instrument, None)
        if row is None:
            unit.session.add(
                AssetRow(
                    portfolio_id=portfolio_id,
                    instrument=asset.instrument,
                    broker=asset.broker,
                    strategy=asset.strategy,
                    params=unit.seal(asset.params, ASSET_PARAMS),
                )
            )
            continue
        row.broker, row.strategy = asset.broker, asset.strategy
        if not unit.same(row.params, asset.params, ASSET_PARAMS):
            row.params = unit.seal(asset.params, ASSET_PARAMS)
    for row in known.values():
        await unit.session.delete(row)


async def _put_hedged_assets(unit: Unit, portfolio_id: int, wanted: tuple[AssetSettings, ...]) -> None:
    of_portfolio = HedgedAssetRow.portfolio_id == portfolio_id
    known = {row.name: row for row in await unit.session.scalars(select(HedgedAssetRow).where(of_portfolio))}
    for asset in wanted:
        if not asset.name:
            continue
        row = known.pop(asset.name, None)
        if row is None:
            unit.session.add(
                HedgedAssetRow(
                    portfolio_id=portfolio_id,
                    name=asset.name,
                    instrument=asset.instrument,
                    broker=asset.broker,
                    strategy=asset.strategy,
                    params=unit.seal(asset.params, HEDGED_ASSET_PARAMS),
                )
            )
            continue
        row.instrument, row.broker, row.strategy = asset.instrument, asset.broker, asset.strategy
        if not unit.same(row.params, asset.params, HEDGED_ASSET_PARAMS):
            row.params = unit.seal(asset.params, HEDGED_ASSET_PARAMS)
    for row in known.values():
        await unit.session.delete(row)
