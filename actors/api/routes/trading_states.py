"""Trading states: what a scope may do, and the switch that changes it."""

from typing import Annotated

import msgspec
from fastapi import Path
from pydantic import Field
from starlette.responses import Response

from actors.api.call import Call
from actors.api.pages import Page
from actors.api.problems import Kind, Problem, not_found
from actors.api.scopes import in_reach, owner_of
from actors.api.table import Rule, Table
from actors.api.texts import Body, Text
from actors.api.views.trading_states import TradingStateView, state_view
from lts.domain.permissions import Permission
from lts.domain.risk import (
    GetTradingStates,
    Holding,
    MayLift,
    SetTradingState,
    TradingState,
    TradingStateChanged,
    TradingStateNotSet,
    TradingStateSet,
)
from lts.web.times import to_rfc3339

routes = Table("trading-states", "Whether a scope may trade: the system, a user, a portfolio, an account.")
Scope = Annotated[
    str,
    Path(
        max_length=80,
        pattern=r"^(system|(user|portfolio|account):[A-Za-z0-9]+([ ._/-][A-Za-z0-9]+)*)$",
        examples=["portfolio:main"],
        description="`system`, or `user:`, `portfolio:` or `account:` with a name.",
    ),
]
LONGEST_WAIT_S = 30.0
MARGIN_S = 2.0


class TradingStateWanted(Body):
    """What a scope is to be, and why."""

    state: TradingState = Field(strict=False)
    reason: Annotated[Text, Field(min_length=1, max_length=200)]
    flatten: bool = False
    """Whether a halt is to close what is held as well."""
    within_s: Annotated[float, Field(gt=0, le=LONGEST_WAIT_S, allow_inf_nan=False, strict=False)] = 5.0
    """How long to wait for a halt to come to rest; it goes on after that."""


class HoldingView(msgspec.Struct, frozen=True):
    """What is still held."""

    portfolio: str
    broker: str
    instrument: str
    quantity: str
    position: str


class TradingStateSetView(msgspec.Struct, frozen=True):
    """What a command has led to so far."""

    scope: str
    state: TradingState
    reason: str
    who: str
    at: str
    durable: bool
    trouble: str
    cancelled: int
    """Orders that were open and are no more."""
    open: tuple[str, ...]
    """Orders that still work; they are being cancelled."""
    unknown: tuple[str, ...]
    """Orders of which nobody knows yet."""
    held: tuple[HoldingView, ...]
    """What was to be closed and is not, for all that is known."""
    pending: bool
    """Whether what was to be closed is not closed yet, or not on disk: then an empty `held` says nothing."""


@routes.get(
    "/trading-states", Rule(needs=Permission.READ_PORTFOLIOS, urgent=True), answers=Page[TradingStateView]
)
async def list_trading_states(call: Call) -> Response:
    """List what holds for each scope that is not active, as far as it concerns one."""
    states = (await call.ask(GetTradingStates())).states
    return call.listed([_view(call, each) for each in states if _concerns(call, each.scope)])


@routes.get(
    "/trading-states/{scope:name}",
    Rule(needs=Permission.READ_PORTFOLIOS, owned_by="scope", urgent=True),
    answers=TradingStateView,
    problems=(Kind.NOT_FOUND,),
)
async def read_trading_state(call: Call, scope: Scope) -> Response:
    """Read what holds for a scope by itself; the strictest of all that it is in is what counts."""
    _check_known(call, scope)
    if not _concerns(call, scope):
        raise not_found()
    for each in (await call.ask(GetTradingStates())).states:
        if each.scope == scope:
            return call.answer(_view(call, each))
    return call.answer(TradingStateView(scope, TradingState.ACTIVE, "", None, "", flattening=False))


@routes.put(
    "/trading-states/{scope:name}",
    Rule(needs=Permission.HALT, owned_by="scope", signed=True, urgent=True),
    answers=TradingStateSetView,
    problems=(Kind.NOT_FOUND, Kind.CONFLICT),
    example={"state": "halted", "reason": "the strategy misbehaves"},
)
async def set_trading_state(call: Call, scope: Scope, body: TradingStateWanted) -> Response:
    """Halt a scope, let it only reduce, or let it trade again.

    To be less strict takes `trading:reset`, and what another has set takes `others` as well.
    """
    _check_known(call, scope)
    call.sees(Permission.HALT, _owner(call, scope))
    if body.flatten and body.state is not TradingState.HALTED:
        raise Problem(Kind.CONFLICT, "only what is halted can be flattened")
    may_lift = _may_lift(call, scope)
    wanted = SetTradingState(scope, body.state, body.reason, call.user, body.flatten, body.within_s, may_lift)
    answer = await call.port.ask(wanted, body.within_s + MARGIN_S)
    if isinstance(answer, TradingStateNotSet):
        raise Problem(Kind.FORBIDDEN if answer.forbidden else Kind.CONFLICT, answer.reason)
    return call.answer(_set_view(answer))


def _check_known(call: Call, scope: str) -> None:
    kind, _, name = scope.partition(":")
    owners = call.port.premises.owners
    if (kind == "portfolio" and name not in owners) or (kind == "user" and name not in owners.values()):
        raise not_found()


def _may_lift(call: Call, scope: str) -> MayLift:
    """What the caller may lift there."""
    if not call.identity.may(Permission.RESET, _owner(call, scope)):
        return MayLift.NOTHING
    return MayLift.ANYTHING if Permission.OTHERS in call.identity.permissions else MayLift.OWN


def _owner(call: Call, scope: str) -> str | None:
    return owner_of(scope, call.port.premises.owners)


def _concerns(call: Call, scope: str) -> bool:
    """Whether a scope may be one that the caller trades in."""
    return in_reach(scope, call.identity, call.port.premises.owners)


def _view(call: Call, each: TradingStateChanged) -> TradingStateView:
    return state_view(call.identity, call.port.premises.owners, each)


def _set_view(done: TradingStateSet) -> TradingStateSetView:
    return TradingStateSetView(
        done.scope,
        done.state,
        done.reason,
        done.who,
        to_rfc3339(done.at),
        done.durable,
        done.trouble,
        done.cancelled,
        done.open,
        done.unknown,
        tuple(map(_holding, done.held)),
        done.pending,
    )


def _holding(held: Holding) -> HoldingView:
    return HoldingView(held.portfolio, held.broker, held.instrument, f"{held.quantity:f}", held.position)
