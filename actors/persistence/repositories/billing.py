"""Billing records."""

from actors.persistence.repositories.portfolios import portfolio_named
from actors.persistence.repositories.users import user_named
from actors.persistence.rows import BillingRecordRow
from actors.persistence.unit import Unit
from actors.persistence.work import Impossible
from lts.domain.units import RecordCharge


async def record_charge(unit: Unit, command: RecordCharge) -> None:
    """Bill a user; a charge that was made already stands."""
    user = await user_named(unit, command.user)
    if user is None:
        raise Impossible(f"there is no user named {command.user!r}")
    if await unit.session.get(BillingRecordRow, (user.id, command.kind, command.reference)) is not None:
        return
    portfolio = None
    if (
        command.portfolio is not None
        and (portfolio := await portfolio_named(unit, command.portfolio)) is None
    ):
        raise Impossible(f"there is no portfolio named {command.portfolio!r}")
    unit.session.add(
        BillingRecordRow(
            user_id=user.id,
            kind=command.kind,
            reference=command.reference,
            portfolio_id=None if portfolio is None else portfolio.id,
            amount=command.amount,
            currency=command.currency,
            at=command.at,
        )
    )
