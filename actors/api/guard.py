"""The guard: who calls, and whether they may; what is not allowed is denied."""

import re
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from actors.api.call import Call
from actors.api.gate import network_of
from actors.api.limits import Buckets
from actors.api.port import Port
from actors.api.problems import MOST_REASONS, Kind, Problem, Reason, too_many, unavailable
from actors.api.signatures import is_signed, signed
from actors.api.table import Needs, Rule
from bus import SECOND
from lts.domain.access import AccessRefused, Denial, Identify, IdentifySigned, Identity, SignedRequest
from lts.domain.secret import Secret

BEARER = re.compile(r"[Bb]earer +([A-Za-z0-9._~+/-]{1,4096}=*)")
CHALLENGE = {"WWW-Authenticate": 'Bearer realm="lts"'}
_DENIED = {
    Denial.CREDENTIALS: Kind.UNAUTHENTICATED,
    Denial.CODE_NEEDED: Kind.CODE_NEEDED,
    Denial.REPLAYED: Kind.REPLAYED,
    Denial.SIGNATURE: Kind.BAD_SIGNATURE,
}


def refusal(refused: AccessRefused) -> Problem:
    """Return what somebody is told who was not let in."""
    if refused.denial is Denial.TOO_MANY:
        return too_many("too many attempts", refused.retry_after_s)
    if refused.denial is Denial.UNAVAILABLE:
        return unavailable("nobody can be let in for the time being")
    return Problem(_DENIED[refused.denial], headers=CHALLENGE)


async def admit(call: Call, rule: Rule) -> None:
    """Let a call in, or raise the Problem that says why not.

    In this order: whether there is time for it, how often its address tries, who calls, how often they do,
    and what they may.
    """
    port = call.port
    if port.pressed and not rule.urgent:
        raise unavailable("the system has too much to do")
    if rule.strict:
        _spend(call, port.logins, network_of(call.address))
    if rule.needs is Needs.PUBLIC and "signed" not in call.scope["state"]:
        return
    identity = call.who = await _identify(call, rule)
    _spend(call, port.users, identity.user)
    if identity.credential.startswith("key:"):
        _spend(call, port.keys, identity.credential)
    if identity.enrols and not rule.enrols:
        raise Problem(Kind.ENROL, "set one up by `offerSecondFactor` and `confirmSecondFactor`")
    if objection := objection_to(identity, rule):
        raise Problem(Kind.FORBIDDEN, objection)


def objection_to(identity: Identity, rule: Rule) -> str:
    """Return why somebody may not use a route, whatever it is about; empty if they may."""
    if rule.in_session and not identity.credential.startswith("session:"):
        return "this takes a login"
    if isinstance(rule.needs, Needs):
        return ""
    if rule.needs not in identity.permissions:
        return f"this takes the permission {rule.needs.value}"
    if rule.nobodys and not identity.may(rule.needs, None):
        return "this takes the permission to do it to what is others' as well"
    return ""


async def _identify(call: Call, rule: Rule) -> Identity:
    if command := call.scope["state"].get("signed"):
        return await _signer(call, command)
    if is_signed(call):
        now_s = call.port.now() // SECOND
        return await _signer(call, signed(call, await call.body(), now_s))
    identity = await _bearer(call)
    if rule.signed and identity.signs:
        raise Problem(Kind.SIGNATURE_NEEDED, headers=CHALLENGE)
    return identity


async def _signer(call: Call, request: SignedRequest) -> Identity:
    answer = await call.port.ask(IdentifySigned(request, call.address))
    if isinstance(answer, AccessRefused):
        raise refusal(answer)
    return answer


async def _bearer(call: Call) -> Identity:
    """Return whose token it is: as remembered, or as the AAA plugin says."""
    found = BEARER.fullmatch(call.headers.get("authorization", ""))
    if found is None:
        raise Problem(Kind.UNAUTHENTICATED, headers=CHALLENGE)
    token, identities = found[1], call.port.identities
    if known := identities.of(token):
        return known
    asked_at = identities.changes
    answer = await call.port.ask(Identify(Secret(token), call.address))
    if isinstance(answer, AccessRefused):
        raise refusal(answer)
    identities.remember(token, answer, asked_at)
    return answer


def _spend(call: Call, buckets: Buckets, asker: str) -> None:
    wait = buckets.take(asker)
    call.scope["state"]["limit"] = (buckets, asker)
    if wait:
        raise too_many(f"the limit of the {buckets.name} is reached", wait)


class GuardedRoute(APIRoute):
    """A route that cannot be made without a rule, nor entered against it."""

    rule: Rule

    def __init__(
        self, path: str, endpoint: Callable[..., Any], *, rule: Rule | None = None, **how: Any
    ) -> None:
        if rule is None:
            raise TypeError(f"the route {path} says nothing of who may use it; give it a rule")
        self.rule = rule
        super().__init__(path, endpoint, **how)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler behind the guard."""
        handle = super().get_route_handler()
        declared = frozenset(field.alias for field in self.dependant.query_params)
        known = None if self.rule.lenient else declared
        takes_body = self.body_field is not None
        exactly = any(
            field.alias == "if-match" and field.field_info.is_required()
            for field in self.dependant.header_params
        )

        async def guarded(request: Request) -> Response:
            call = Call(request.scope, request.receive)
            port: Port = request.app.state.port
            call.port = port
            await admit(call, self.rule)
            if request.scope["query_string"]:
                _check_query(call, known)
            if exactly and "if-match" not in call.headers:
                raise Problem(Kind.PRECONDITION_NEEDED, "send the ETag of what you have read as If-Match")
            if takes_body and not await call.body():
                raise Problem(Kind.INVALID, errors=(Reason("body", "", "it is missing"),))
            return await handle(call)

        return guarded


def _check_query(call: Call, known: frozenset[str] | None) -> None:
    """Refuse parameters that the route has not, and those that are given twice; None: it has any."""
    given = Counter(name for name, _ in call.query_params.multi_items())
    unknown = sorted(given.keys() - known) if known is not None else []
    doubled = sorted(name for name, times in given.items() if times > 1)
    if unknown or doubled:
        errors = [Reason("query", f"/{name[:64]}", "there is no such parameter") for name in unknown]
        errors += [Reason("query", f"/{name[:64]}", "it is given twice") for name in doubled]
        raise Problem(Kind.INVALID, errors=tuple(errors[:MOST_REASONS]))
