"""The portfolios that were made at run time, in sessions that can only read."""

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from actors.persistence.page import table_of
from actors.persistence.rows import (
    AssetRow,
    AssetSettingRow,
    HedgedAssetRow,
    PortfolioRow,
    PortfolioSettingRow,
    UserRow,
)
from lts.domain.units import AssetSettings, PutPortfolio
from lts.security.seal import SealingKeys

_PORTFOLIOS, _SETTINGS, _USERS = table_of(PortfolioRow), table_of(PortfolioSettingRow), table_of(UserRow)
_ASSETS, _HEDGED, _ASSET_SETTINGS = table_of(AssetRow), table_of(HedgedAssetRow), table_of(AssetSettingRow)


async def recall_portfolios(engine: AsyncEngine, keys: SealingKeys) -> tuple[PutPortfolio, ...]:
    """Return each as the command that would lead to it, oldest first."""
    query = (
        select(
            _PORTFOLIOS,
            _USERS.c.name.label("owner"),
            *_SETTINGS.c["revision", "active", "cash", "pipeline", "pipeline_params"],
        )
        .join(_SETTINGS, _SETTINGS.c.portfolio_id == _PORTFOLIOS.c.id)
        .join(_USERS, _USERS.c.id == _PORTFOLIOS.c.owner_id)
        .order_by(_PORTFOLIOS.c.id)
    )
    made = select(_SETTINGS.c.portfolio_id)
    async with engine.connect() as connection:
        found = (await connection.execute(query)).all()
        traded: dict[tuple[int, str], AssetSettings] = {}
        for row in await connection.execute(select(_ASSETS).where(_ASSETS.c.portfolio_id.in_(made))):
            traded[row.portfolio_id, row.instrument] = _asset(row, "", _opened(keys, row.params, "assets"))
        for row in await connection.execute(select(_HEDGED).where(_HEDGED.c.portfolio_id.in_(made))):
            params = _opened(keys, row.params, "hedged_assets")
            traded[row.portfolio_id, row.name] = _asset(row, row.name, params)
        settings = select(_ASSET_SETTINGS).order_by(_ASSET_SETTINGS.c.portfolio_id, _ASSET_SETTINGS.c.place)
        assets: dict[int, list[AssetSettings]] = {}
        for row in await connection.execute(settings):
            own = _with_settings(traded[row.portfolio_id, row.label], row)
            assets.setdefault(row.portfolio_id, []).append(own)
    return tuple(_portfolio(row, tuple(assets.get(row.id, ())), keys) for row in found)


def _portfolio(row: Any, assets: tuple[AssetSettings, ...], keys: SealingKeys) -> PutPortfolio:
    return PutPortfolio(
        row.name,
        row.owner,
        row.currency,
        row.cash,
        row.plugin,
        _opened(keys, row.params, "portfolios"),
        assets,
        row.pipeline,
        _opened(keys, row.pipeline_params, "portfolio_settings", "pipeline_params"),
        row.active,
        row.revision,
    )


def _asset(row: Any, name: str, params: Mapping[str, Any]) -> AssetSettings:
    return AssetSettings(row.instrument, row.broker, row.strategy, params, name)


def _with_settings(asset: AssetSettings, row: Any) -> AssetSettings:
    protection = json.loads(row.protection) if row.protection else None
    return AssetSettings(
        asset.instrument, asset.broker, asset.strategy, asset.params, asset.name, protection, row.active
    )


def _opened(keys: SealingKeys, sealed: bytes, table: str, column: str = "params") -> dict[str, Any]:
    values: dict[str, Any] = json.loads(keys.open(sealed, f"{table}.{column}".encode()))
    return values
