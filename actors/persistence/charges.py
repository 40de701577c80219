"""The billing records, in sessions that can only read."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from actors.persistence.page import table_of
from actors.persistence.rows import BillingRecordRow, PortfolioRow, UserRow
from lts.domain.billing import Charge, RecallCharges

_CHARGES, _PORTFOLIOS, _USERS = table_of(BillingRecordRow), table_of(PortfolioRow), table_of(UserRow)


async def recall_charges(engine: AsyncEngine, wanted: RecallCharges) -> tuple[Charge, ...]:
    """Return what a user was charged, oldest first."""
    columns = _CHARGES.c
    query = (
        select(
            columns.kind,
            columns.reference,
            columns.amount,
            columns.currency,
            columns.at,
            _PORTFOLIOS.c.name.label("portfolio"),
        )
        .join(_USERS, _USERS.c.id == columns.user_id)
        .outerjoin(_PORTFOLIOS, _PORTFOLIOS.c.id == columns.portfolio_id)
        .where(_USERS.c.name == wanted.user)
        .order_by(columns.at, columns.kind, columns.reference)
    )
    if wanted.kind is not None:
        query = query.where(columns.kind == wanted.kind)
    async with engine.connect() as connection:
        return tuple(Charge(*row) for row in await connection.execute(query))
