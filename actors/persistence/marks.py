"""The marks of commands: what one has led to, and how long that is remembered."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from actors.persistence.forms import EVENTS, MARKS, ORDERS
from actors.persistence.page import Page
from actors.persistence.work import Batch, Work
from bus import SECOND
from lts.domain.order_status import OrderStatus
from lts.domain.request_mark import Marked, RequestMark

KEPT_S = 2 * 86_400
"""Seconds for which a mark is remembered."""
AT_ONCE = 500
"""Marks that are forgotten in one transaction, at most."""

_ORDERS, _EVENTS, _MARKS = ORDERS.table, EVENTS.table, MARKS.table


async def recall_mark(engine: AsyncEngine, mark: RequestMark) -> Marked | None:
    """Return what the command with a mark has led to, and where that stands; None if there was none."""
    known = select(_MARKS, _ORDERS.c.status).outerjoin(
        _ORDERS, _ORDERS.c.client_order_id == _MARKS.c.resource
    )
    own = known.where(_MARKS.c.user_name == mark.user, _MARKS.c.request_key == mark.key)
    async with engine.connect() as connection:
        row = (await connection.execute(own)).first()
        if row is None:
            return None
        first = RequestMark(mark.user, mark.key, row.digest)
        status = None if row.status is None else OrderStatus(row.status)
        reason = ""
        if status is OrderStatus.DENIED:
            said = select(_EVENTS.c.reason).where(_EVENTS.c.client_order_id == row.resource)
            reason = await connection.scalar(said.order_by(_EVENTS.c.seq.desc()).limit(1)) or ""
    return Marked(first, row.resource, status, reason)


async def forget_marks(batch: Batch, work: Work) -> None:
    """Forget the oldest marks, as far as they have been kept for long enough."""
    old = select(_MARKS).where(_MARKS.c.at < batch.at - KEPT_S * SECOND).order_by(_MARKS.c.at)
    page = Page(MARKS, batch)
    for row in await (await batch.sent()).execute(old.limit(AT_ONCE)):
        page.delete(dict(row._mapping), work)  # noqa: SLF001 - the public view of a row, despite its name
    await page.write()
