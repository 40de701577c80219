"""Reads that the audit tells of."""

from actors.persistence.images import canonical
from actors.persistence.unit import Unit
from lts.domain.units import RecordRead


async def record_read(unit: Unit, command: RecordRead) -> None:
    """Note who reads what, and what for; nothing is changed."""
    key, why = canonical(command.key).decode(), canonical({"why": command.why}).decode()
    unit.batch.trail.note("read", command.subject, key, None, why, unit.who, unit.cause)
