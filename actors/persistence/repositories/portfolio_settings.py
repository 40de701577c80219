"""What portfolios that are made at run time have beside the others."""

import json

from sqlalchemy import select

from actors.persistence.rows import AssetSettingRow, PortfolioSettingRow
from actors.persistence.unit import Unit
from lts.domain.units import AssetSettings, PutPortfolio

PIPELINE_PARAMS = "portfolio_settings.pipeline_params"


def objection_to_revision(command: PutPortfolio, stands: int | None) -> str:
    """Return why a portfolio cannot have a revision; empty if it can.

    Args:
        command: that states it.
        stands: the revision that is stored, 0 for a portfolio of the file; None if there is none.
    """
    name, revision = command.name, command.revision
    if revision == 0:
        return (
            f"the portfolio {name} was made at run time; give the one in the file another name"
            if stands
            else ""
        )
    if stands == 0:
        return f"the portfolio {name} is one that the node's file describes, or has described"
    if revision != (stands or 0) + 1:
        return f"revision {revision} of the portfolio {name} cannot follow on revision {stands or 0}"
    return ""


async def put_settings(
    unit: Unit, portfolio_id: int, row: PortfolioSettingRow | None, command: PutPortfolio
) -> None:
    """Store the settings of one that was made at run time."""
    if row is None:
        row = PortfolioSettingRow(
            portfolio_id=portfolio_id,
            revision=command.revision,
            active=command.active,
            cash=command.cash,
            pipeline=command.pipeline,
            pipeline_params=unit.seal(command.pipeline_params, PIPELINE_PARAMS),
        )
        unit.session.add(row)
        await unit.session.flush()
    else:
        row.revision, row.active, row.pipeline = command.revision, command.active, command.pipeline
        if not unit.same(row.pipeline_params, command.pipeline_params, PIPELINE_PARAMS):
            row.pipeline_params = unit.seal(command.pipeline_params, PIPELINE_PARAMS)
    await _put_assets(unit, portfolio_id, command.assets)


async def _put_assets(unit: Unit, portfolio_id: int, wanted: tuple[AssetSettings, ...]) -> None:
    of_portfolio = AssetSettingRow.portfolio_id == portfolio_id
    known = {
        row.label: row for row in await unit.session.scalars(select(AssetSettingRow).where(of_portfolio))
    }
    for place, asset in enumerate(wanted):
        label = asset.name or asset.instrument
        protection = "" if asset.protection is None else json.dumps(dict(asset.protection), sort_keys=True)
        row = known.pop(label, None)
        if row is None:
            unit.session.add(
                AssetSettingRow(
                    portfolio_id=portfolio_id,
                    label=label,
                    place=place,
                    active=asset.active,
                    protection=protection,
                )
            )
        else:
            row.place, row.active, row.protection = place, asset.active, protection
    for row in known.values():
        await unit.session.delete(row)
