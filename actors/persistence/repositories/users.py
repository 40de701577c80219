"""Users."""

from sqlalchemy import select

from actors.persistence.rows import UserRow
from actors.persistence.unit import Unit
from lts.domain.units import PutUser


async def put_user(unit: Unit, command: PutUser) -> None:
    """Make a user known; one who is known stays as they are."""
    if await user_named(unit, command.name) is None:
        unit.session.add(UserRow(name=command.name, active=True, created_at=unit.batch.at))


async def user_named(unit: Unit, name: str) -> UserRow | None:
    """Return a user, None if there is none of this name."""
    found: UserRow | None = await unit.session.scalar(select(UserRow).where(UserRow.name == name))
    return found
