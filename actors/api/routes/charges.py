"""Charges: what a user owes."""

from typing import Literal

import msgspec
from starlette.responses import Response

from actors.api.amounts import Amount
from actors.api.call import Call
from actors.api.pages import USUAL, Page, page_of
from actors.api.problems import Kind
from actors.api.table import Rule, Table
from actors.api.texts import CursorQuery, Limit, NameQuery
from lts.domain.billing import Charge, RecallCharges
from lts.domain.money import plain
from lts.domain.permissions import Permission
from lts.web.times import to_rfc3339

routes = Table("billing", "What users owe.")


class ChargeView(msgspec.Struct, frozen=True):
    """What a user owes for one thing."""

    kind: str
    reference: str
    """Of a trade the id of its booking; of a subscription the month."""
    amount: Amount
    currency: str
    at: str
    portfolio: str | None


@routes.get(
    "/charges",
    Rule(needs=Permission.READ_BILLING, owned_by="user"),
    answers=Page[ChargeView],
    problems=(Kind.NOT_FOUND,),
)
async def list_charges(
    call: Call,
    user: NameQuery = None,
    kind: Literal["trade", "subscription"] | None = None,
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


def _view(each: Charge) -> ChargeView:
    amount, at = plain(each.amount), to_rfc3339(each.at)
    return ChargeView(each.kind, each.reference, amount, each.currency, at, each.portfolio)
