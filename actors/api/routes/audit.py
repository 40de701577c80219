"""The audit: what was done to what is stored, by whom, and whether all of it is whole."""

from typing import Annotated, Literal

import msgspec
from fastapi import Query
from starlette.responses import Response

from actors.api.call import Call
from actors.api.listings import Listing, interval
from actors.api.pages import USUAL, Page
from actors.api.problems import Kind, Problem
from actors.api.table import Rule, Table
from actors.api.texts import CursorQuery, InstantQuery, Limit, NameQuery
from lts.domain.audit import AuditEntry, AuditNotVerified, ListAudit, VerifyAudit
from lts.domain.permissions import Permission
from lts.web.times import to_rfc3339

routes = Table("audit", "What was done to what is stored, by whom, and whether all of it is whole.")
READ = Rule(needs=Permission.READ_AUDIT, nobodys=True)
SUBJECT = "audit_log"
LONGEST_WAIT_S = 600.0
"""For a verification: about a minute a million entries."""
Entity = Annotated[
    str | None, Query(pattern=r"^[a-z_]{1,64}$", description="The table.", examples=["orders"])
]
Action = Literal["insert", "update", "delete", "read", "checkpoint", "note"]


class AuditEntryView(msgspec.Struct, frozen=True):
    """What was done to one row."""

    seq: int
    """Gapless, in the order of the commits."""
    at: str
    """System time."""
    who: str
    cause: int
    """The number of the input that led to it; 0 if none did."""
    action: str
    entity: str
    """The table."""
    key: str
    """Of the row: the values of its primary key, as a JSON list."""
    before: str | None
    """The row as JSON; secrets by their digest alone."""
    after: str | None


class VerificationView(msgspec.Struct, frozen=True):
    """What a verification of all that is stored has found."""

    ok: bool
    rows: int
    seals: int
    sealed_through: int
    """The last entry that is sealed: whatever is before it cannot be cut off."""
    dropped_through: int
    """The last entry that a retention has dropped."""
    findings: tuple[str, ...]
    """What is wrong, in sentences: the first of them."""
    found: int
    """How many there are."""


@routes.get("/audit", READ, answers=Page[AuditEntryView])
async def list_audit(  # noqa: PLR0913, PLR0917 - by what it can be filtered
    call: Call,
    entity: Entity = None,
    who: NameQuery = None,
    action: Action | None = None,
    since: InstantQuery = None,
    until: InstantQuery = None,
    cursor: CursorQuery = None,
    limit: Limit = USUAL,
) -> Response:
    """List what was done, the latest first; a page may be short, even empty, with others to come."""
    begin, end = interval(since, until)
    page = Listing(call, ("audit", entity, who, action, begin, end), cursor)
    await call.reading(SUBJECT, None)
    wanted = ListAudit(entity or "", who or "", action or "", begin, end, page.after, limit)
    listed = await page.ask(wanted)
    return call.answer(Page(tuple(map(_view, listed.entries)), page.cursor(listed.next)))


@routes.post("/audit/verify", READ, answers=VerificationView, problems=(Kind.CONFLICT,))
async def verify_audit(call: Call) -> Response:
    """Have all that is stored verified; it takes about a minute a million entries."""
    await call.reading(SUBJECT, None)
    answer = await call.port.ask(VerifyAudit(), LONGEST_WAIT_S)
    if isinstance(answer, AuditNotVerified):
        raise Problem(Kind.CONFLICT, "it cannot be verified now; perhaps it is being verified already")
    return call.answer(msgspec.convert(answer, VerificationView, from_attributes=True))


def _view(each: AuditEntry) -> AuditEntryView:
    return AuditEntryView(
        each.seq,
        to_rfc3339(each.at),
        each.who,
        each.cause,
        each.action,
        each.entity,
        each.row_key,
        each.before,
        each.after,
    )
