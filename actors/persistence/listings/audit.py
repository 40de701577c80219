"""The audit as it is listed: by number, the latest first."""

from typing import Any

from sqlalchemy import ColumnElement, Select, func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from actors.persistence.listings.keyset import behind, cut, room, same, within
from actors.persistence.page import table_of
from actors.persistence.rows import AuditRow
from actors.persistence.rows.audit import BUSY, NOT_BUSY, NOT_RESIDENT, RESIDENTS
from lts.domain.audit import AuditEntry, AuditListed, ListAudit
from lts.domain.listings import mark

_LOG = table_of(AuditRow)
_SEQ = _LOG.c.seq
_SHOWN = [_LOG.c[name] for name in AuditEntry.__struct_fields__]
LOOKED_AT = 100_000
"""Entries that are looked at for one page, where no index leads to those that are wanted."""


async def list_audit(connection: AsyncConnection, wanted: ListAudit) -> AuditListed:
    """Return a page of the audit.

    Whatever is not about orders is found by its table, and what no resident did by its name. Of the rest
    so many entries are looked at, and a page without any of them goes on behind those.
    """
    limit = room(wanted.limit)
    last = await connection.scalar(select(func.max(_SEQ))) or 0
    found = behind(wanted, int)
    before = min(found[0], last + 1) if found else last + 1
    query = _query(wanted).where(before > _SEQ).order_by(_SEQ.desc()).limit(limit + 1)
    led = _led(wanted)
    if led:
        query, lowest = query.where(*map(text, led)), 1
    else:
        lowest = before - LOOKED_AT
        query = query.where(lowest <= _SEQ)
    rows = (await connection.execute(query)).all()
    page, following = cut(rows, limit, lambda row: (row.seq,))
    if not following and lowest > 1 and await _is_there(connection, lowest):
        following = mark((lowest,))
    return AuditListed(tuple(AuditEntry(*row) for row in page), last, following)


def _query(wanted: ListAudit) -> Select[Any]:
    columns = (_LOG.c.entity, wanted.entity), (_LOG.c.who, wanted.who), (_LOG.c.action, wanted.action)
    limits: list[ColumnElement[bool]] = same(*columns) + within(_LOG.c.at, wanted.since, wanted.until)
    return select(*_SHOWN).where(*limits)


def _led(wanted: ListAudit) -> tuple[str, ...]:
    """Return what has to be said so that an engine knows the index that leads to what is wanted."""
    if wanted.entity and wanted.entity not in BUSY:
        return (NOT_BUSY,)
    if wanted.who and wanted.who not in RESIDENTS:
        return (NOT_RESIDENT,)
    return ()


async def _is_there(connection: AsyncConnection, seq: int) -> bool:
    """Whether there are entries before a number."""
    return await connection.scalar(select(_SEQ).where(seq > _SEQ).limit(1)) is not None
