"""Orders by hand: submitted, changed and taken back."""

from decimal import Decimal
from typing import Annotated, Any
from urllib.parse import quote

import msgspec
from pydantic import ConfigDict, Field
from starlette.responses import Response

from actors.api.amounts import AmountIn, exact
from actors.api.call import Call
from actors.api.marks import IdempotencyKey, mark_of, replayed
from actors.api.problems import Kind, Problem, Reason, not_found, unavailable
from actors.api.routes.orders import OrderInPath
from actors.api.table import ROOT, Rule, Table
from actors.api.texts import Body, InPath, Instant, Name, NameQuery, Symbol, Text
from lts.domain.order_entry import (
    EntryCode,
    OrderNotTaken,
    RetractAll,
    RetractionTaken,
    RetractOrder,
    ReviseOrder,
    SubmitOrder,
)
from lts.domain.order_listings import GetOrder, ListedOrder, OrderNotFound
from lts.domain.order_status import OrderStatus
from lts.domain.order_ticket import OrderTicket
from lts.domain.orders import OrderType, Side, Terms, TimeInForce
from lts.domain.permissions import Permission
from lts.web.times import from_rfc3339

routes = Table("order-entry", "Orders by hand. What is answered is durable; `orders` says how it goes on.")
IN = Rule(needs=Permission.WRITE_ORDERS, owned_by="portfolio", signed=True)
ALL = Rule(needs=Permission.WRITE_ORDERS, owned_by="portfolio", signed=True, urgent=True)
ONE = Rule(needs=Permission.WRITE_ORDERS, owned_by="order", signed=True)
END = Rule(needs=Permission.WRITE_ORDERS, owned_by="order", signed=True, urgent=True)
PATIENCE = 15.0
"""Seconds until what becomes of a command is to be known."""
_KINDS = {
    EntryCode.INVALID: Kind.INVALID,
    EntryCode.CLOSED_ORDER: Kind.CONFLICT,
    EntryCode.DENIED: Kind.DENIED,
    EntryCode.KEY_REUSED: Kind.KEY_REUSED,
}


class NewOrder(Body):
    """What is to be traded, at what price, for how long, and how it is to be protected."""

    instrument: Symbol
    side: Annotated[Side, Field(strict=False)]
    quantity: AmountIn
    type: Annotated[OrderType, Field(strict=False)] = OrderType.MARKET
    limit_price: AmountIn | None = None
    trigger_price: AmountIn | None = None
    trailing_offset: AmountIn | None = None
    time_in_force: Annotated[TimeInForce, Field(strict=False)] = TimeInForce.GTC
    expires_at: Instant | None = None
    """Of a `gtd` order, in market time."""
    reduce_only: bool = False
    """Whether it may only make a position smaller."""
    post_only: bool = False
    """Whether it may only wait in the book, and never take from it."""
    asset: Name | None = None
    """Where an account hedges: the asset whose leg it opens or closes."""
    position: Annotated[Text, Field(max_length=64)] | None = None
    """Where an account hedges: a position, instead of an asset."""
    stop_loss: AmountIn | None = None
    """The price at which what it opened is closed at a loss."""
    take_profit: AmountIn | None = None
    """The price at which what it opened is closed at a profit."""

    def ticket(self) -> OrderTicket:
        """Return the ticket that says this."""
        return OrderTicket(
            self.instrument,
            self.side,
            Decimal(self.quantity),
            self.type,
            exact(self.limit_price),
            exact(self.trigger_price),
            exact(self.trailing_offset),
            self.time_in_force,
            None if self.expires_at is None else from_rfc3339(self.expires_at),
            self.reduce_only,
            self.post_only,
            self.asset or "",
            self.position or "",
            exact(self.stop_loss),
            exact(self.take_profit),
        )


_NAMED: list[Any] = [
    {"required": [name], "properties": {name: {"type": "string"}}}
    for name in ("quantity", "limit_price", "trigger_price", "trailing_offset")
]
"""At least one of them is to be different."""


class OrderChange(Body):
    """What of an order is to be different; what is not named stays."""

    model_config = ConfigDict(json_schema_extra={"anyOf": _NAMED})

    quantity: AmountIn | None = None
    limit_price: AmountIn | None = None
    trigger_price: AmountIn | None = None
    trailing_offset: AmountIn | None = None

    def upon(self, terms: Terms) -> Terms:
        """Return the terms that it makes of others."""
        wanted = {name: Decimal(value) for name, value in self.model_dump(exclude_none=True).items()}
        if not wanted:
            raise Problem(Kind.INVALID, errors=(Reason("body", "", "it names nothing to be different"),))
        return msgspec.structs.replace(terms, **wanted)


class OrderTakenView(msgspec.Struct, frozen=True):
    """An order that is durable."""

    id: str
    """The client order id."""
    portfolio: str
    status: OrderStatus | None
    """Where it stands; null of one that was archived since."""


class RetractedView(msgspec.Struct, frozen=True):
    """Orders that are being cancelled, whatever happens here."""

    orders: int
    """How many were open."""


@routes.post(
    "/portfolios/{portfolio:name}/orders",
    IN,
    answers=OrderTakenView,
    status=201,
    problems=(Kind.NOT_FOUND, Kind.DENIED, Kind.KEY_REUSED),
    example={
        "instrument": "SP500",
        "side": "buy",
        "quantity": "10",
        "type": "limit",
        "limit_price": "3000.25",
        "time_in_force": "day",
    },
    headers=("Location", "Idempotent-Replayed"),
)
async def submit_order(
    call: Call, portfolio: InPath, body: NewOrder, idempotency_key: IdempotencyKey
) -> Response:
    """Submit an order, once for each key; one that is denied is kept as well, with the reason."""
    _check_own(call, portfolio)
    mark = mark_of(call, idempotency_key, body)
    answer = await call.port.ask(SubmitOrder(portfolio, body.ticket(), call.user, mark), PATIENCE)
    if isinstance(answer, OrderNotTaken):
        raise _refusal(answer, "body")
    view = OrderTakenView(answer.client_order_id, portfolio, answer.status)
    headers = _location(answer.client_order_id) | replayed(repeated=answer.repeated)
    return call.answer(view, 201, headers)


@routes.patch(
    "/orders/{order:name}",
    ONE,
    answers=OrderTakenView,
    status=202,
    problems=(Kind.NOT_FOUND, Kind.CONFLICT, Kind.DENIED),
    example={"quantity": "5", "limit_price": "2999.75"},
    headers=("Location",),
)
async def revise_order(call: Call, order: OrderInPath, body: OrderChange) -> Response:
    """Change the terms of an order; they hold when its venue has confirmed them."""
    found = await _own(call, order)
    portfolio = found.order.portfolio
    wanted = ReviseOrder(portfolio, order, body.upon(found.terms), call.user)
    answer = await call.port.ask(wanted, PATIENCE)
    if isinstance(answer, OrderNotTaken):
        raise _refusal(answer, "body")
    return call.answer(OrderTakenView(order, portfolio, answer.status), 202, _location(order))


@routes.delete(
    "/orders/{order:name}",
    END,
    answers=RetractedView,
    status=202,
    problems=(Kind.NOT_FOUND, Kind.CONFLICT),
    headers=("Location",),
)
async def retract_order(call: Call, order: OrderInPath) -> Response:
    """Cancel an order, as far as it has not traded."""
    found = await _own(call, order)
    wanted = RetractOrder(found.order.portfolio, order, call.user)
    return _retracted(call, await call.port.ask(wanted, PATIENCE), _location(order))


@routes.delete(
    "/portfolios/{portfolio:name}/orders",
    ALL,
    answers=RetractedView,
    status=202,
    problems=(Kind.NOT_FOUND, Kind.CONFLICT),
)
async def retract_all_orders(call: Call, portfolio: InPath, instrument: NameQuery = None) -> Response:
    """Cancel all open orders of a portfolio, or those in one instrument."""
    _check_own(call, portfolio)
    wanted = RetractAll(portfolio, call.user, instrument or "")
    return _retracted(call, await call.port.ask(wanted, PATIENCE), {})


def _check_own(call: Call, portfolio: str) -> None:
    """Refuse a portfolio that is not there for the caller to trade in."""
    owner = call.port.owners.get(portfolio)
    if owner is None:
        raise not_found()
    call.sees(Permission.WRITE_ORDERS, owner)


async def _own(call: Call, order: str) -> ListedOrder:
    """Return an order that the caller may do something to."""
    told = await call.ask(GetOrder(order))
    if isinstance(told, OrderNotFound):
        raise not_found()
    _check_own(call, told.listed.order.portfolio)
    return told.listed


def _retracted(call: Call, answer: RetractionTaken | OrderNotTaken, headers: dict[str, str]) -> Response:
    if isinstance(answer, OrderNotTaken):
        raise _refusal(answer, "query")
    return call.answer(RetractedView(answer.orders), 202, headers)


def _refusal(refused: OrderNotTaken, where: str) -> Problem:
    """Return why something was not done of an order, and which order that is."""
    headers = _location(refused.client_order_id) | replayed(repeated=refused.repeated)
    match refused.code:
        case EntryCode.UNKNOWN_PORTFOLIO | EntryCode.UNKNOWN_ORDER:
            return not_found()
        case EntryCode.UNKNOWN_INSTRUMENT:
            return Problem(Kind.INVALID, errors=(Reason(where, "/instrument", refused.reason),))
        case EntryCode.UNAVAILABLE:
            return unavailable("what it takes is out of service; nothing was done")
        case code:
            return Problem(_KINDS[code], refused.reason, headers=headers)


def _location(order: str) -> dict[str, str]:
    return {"Location": f"{ROOT}/orders/{quote(order, safe='')}"} if order else {}
