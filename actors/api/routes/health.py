"""Health: whether it lives, whether it is ready, and how it is."""

from collections.abc import Mapping

import msgspec
from starlette.responses import Response

from actors.api.call import Call
from actors.api.problems import Kind, unavailable
from actors.api.table import Needs, Rule, Table
from lts.domain.health import GetHealth, HealthReported, HealthStatus
from lts.domain.permissions import Permission

routes = Table("health", "How the system is.")
ANYBODY = Rule(needs=Needs.PUBLIC, urgent=True)


class AliveView(msgspec.Struct, frozen=True):
    """The short answer."""

    status: HealthStatus


class HealthView(msgspec.Struct, frozen=True):
    """How the system is, since it started."""

    status: HealthStatus
    reasons: tuple[str, ...]
    messages: int
    inputs: int
    actors: int
    failures: int
    dead_letters: int
    slow_handlers: int
    conflated: int
    quarantined: Mapping[str, str]
    mailboxes: Mapping[str, int]
    """The depth of every mailbox in which something waits."""
    load: Mapping[str, float]
    memory_bytes: int
    cpu_seconds: float


@routes.get("/health/live", ANYBODY, answers=AliveView)
async def read_liveness(call: Call) -> Response:
    """See whether the API answers at all."""
    return call.answer(AliveView(HealthStatus.OK))


@routes.get("/health/ready", ANYBODY, answers=AliveView, problems=(Kind.UNAVAILABLE,))
async def read_readiness(call: Call) -> Response:
    """See whether the system behind the API answers, and works."""
    health = await call.ask(GetHealth())
    if health.status is HealthStatus.FAILED:
        raise unavailable("a part of the system does not work")
    return call.answer(AliveView(health.status))


@routes.get("/health", Rule(needs=Permission.READ_SYSTEM, nobodys=True, urgent=True), answers=HealthView)
async def read_health(call: Call) -> Response:
    """Read how the system is."""
    return call.answer(_view(await call.ask(GetHealth())))


def _view(health: HealthReported) -> HealthView:
    return HealthView(**{name: getattr(health, name) for name in HealthView.__struct_fields__})
