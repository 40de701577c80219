"""Charges: what a user owes."""

from typing import Literal

import msgspec
from starlette.responses import Response

from actors.api.amounts import Amount
from actors.api.call import Call
from actors.api.listings import Listing, interval
from actors.api.pages import USUAL, Page, page_of
from actors.api.problems import Kind
from actors.api.table import Rule, Table
from actors.api.texts import CursorQuery, InstantQuery, Limit, NameQuery
from lts.domain.billing import BilledCharge, Charge, ListCharges, RecallCharges
from lts.domain.money import plain
from lts.domain.permissions import Permission
from lts.web.times import to_rfc3339

routes = Table("billing", "What users owe.")
Sort = Literal["trade", "subscription"]


class ChargeView(msgspec.Struct, frozen=True):
    """What a user owes for one thing."""

    kind: str
    reference: str
    """Of a trade the id of its booking; of a subscription the month."""
    amount: Amount
    currency: str
    at: str
    portfolio: str | None


class BilledView(msgspec.Struct, frozen=True):
    """What one of the users owes for one thing."""

    user: str
    charge: ChargeView


@routes.get(
    "/charges",
    Rule(needs=Permission.READ_BILLING, owned_by="user"),
    answers=Page[ChargeView],
    problems=(Kind.NOT_FOUND,),
)
async def list_charges(
    call: Call,
    user: NameQuery = None,
    kind: Sort | None = None,
    cursor: CursorQuery = None,
    limit: Limit = USUAL,
) -> Response:
    """List what one was charged, or another user, oldest first."""
    owner = user or call.user
    call.sees(Permission.READ_BILLING, owner)
    await call.reading("billing_records", owner, owner)
    charges = (await call.ask(RecallCharges(owner, kind))).charges
    what = f"charges {kind} of {owner} for {call.user}"
    part = page_of(
        charges, lambda each: (each.at, each.kind, each.reference), call.port.cursors, what, cursor, limit
    )
    return call.answer(Page(tuple(map(_view, part.items)), part.next))


@routes.get("/charges/all", Rule(needs=Permission.READ_BILLING, nobodys=True), answers=Page[BilledView])
async def list_all_charges(  # noqa: PLR0913, PLR0917 - by what it can be filtered
    call: Call,
    kind: Sort | None = None,
    since: InstantQuery = None,
    until: InstantQuery = None,
    cursor: CursorQuery = None,
    limit: Limit = USUAL,
) -> Response:
    """List what everybody was charged, the latest first: since an instant, and before another."""
    begin, end = interval(since, until)
    page = Listing(call, ("all charges", kind, begin, end), cursor)
    await call.reading("billing_records", None)
    listed = await page.ask(ListCharges(None, kind or "", begin, end, page.after, limit))
    return call.answer(Page(tuple(map(_billed, listed.charges)), page.cursor(listed.next)))


def _billed(each: BilledCharge) -> BilledView:
    return BilledView(each.user, _view(each.charge))


def _view(each: Charge) -> ChargeView:
    amount, at = plain(each.amount), to_rfc3339(each.at)
    return ChargeView(each.kind, each.reference, amount, each.currency, at, each.portfolio)
