"""Metrics, as Prometheus reads them."""

from collections.abc import Iterator

from starlette.responses import Response

from actors.api.call import Call
from actors.api.table import Rule, Table
from lts.domain.health import GetHealth, HealthReported, HealthStatus
from lts.domain.permissions import Permission
from lts.domain.storage import GetStorage, StorageReported

routes = Table("metrics", "What Prometheus scrapes.", root="")
FORM = "text/plain; version=0.0.4; charset=utf-8"

_OF_HEALTH = {
    "messages": ("counter", "Messages delivered."),
    "inputs": ("counter", "Inputs from outside and timers."),
    "failures": ("counter", "Failures of actors."),
    "dead_letters": ("counter", "Messages that nobody handled to their end."),
    "slow_handlers": ("counter", "Handlers that took too long."),
    "conflated": ("counter", "Values that a newer one took the place of."),
    "actors": ("gauge", "Actors that live."),
    "memory_bytes": ("gauge", "Memory at its peak."),
    "cpu_seconds": ("counter", "Processor time."),
}
_OF_STORAGE = {
    "waiting": ("gauge", "Pieces of work that are not on disk yet."),
    "commits": ("counter", "Transactions."),
    "written": ("counter", "Pieces of work that were committed."),
    "refused": ("counter", "Pieces of work that were refused."),
    "rows": ("counter", "Rows written."),
    "slowest_commit_ms": ("gauge", "The slowest transaction."),
    "pool_in_use": ("gauge", "Connections that read now."),
}


@routes.get(
    "/metrics", Rule(needs=Permission.READ_SYSTEM, nobodys=True, urgent=True), answers=str, form="text/plain"
)
async def read_metrics(call: Call) -> Response:
    """Read the metrics."""
    health, storage = await call.ask(GetHealth()), await call.ask(GetStorage())
    return Response("\n".join([*_lines(health, storage), ""]), headers={"Content-Type": FORM})


def _lines(health: HealthReported, storage: StorageReported) -> Iterator[str]:
    for prefix, report, figures in (("lts", health, _OF_HEALTH), ("lts_storage", storage, _OF_STORAGE)):
        for name, (kind, about) in figures.items():
            metric = f"{prefix}_{name}_total" if kind == "counter" else f"{prefix}_{name}"
            yield from _head(metric, kind, about)
            yield f"{metric} {getattr(report, name)}"
    yield from _head("lts_status", "gauge", "1 for the status that holds.")
    for status in HealthStatus:
        yield f'lts_status{{status="{status.value}"}} {int(health.status is status)}'
    yield from _head("lts_mailbox_depth", "gauge", "Messages that wait for an actor.")
    for actor, depth in health.mailboxes.items():
        yield f'lts_mailbox_depth{{actor="{_escaped(actor)}"}} {depth}'


def _head(metric: str, kind: str, about: str) -> tuple[str, str]:
    return f"# HELP {metric} {about}", f"# TYPE {metric} {kind}"


def _escaped(label: str) -> str:
    return label.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
