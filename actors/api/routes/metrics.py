"""Metrics, as Prometheus reads them."""

from collections.abc import Iterator, Mapping
from typing import Any

from starlette.responses import Response

from actors.api.call import Call
from actors.api.table import Rule, Table
from lts.domain.bridge import BridgeReported, BridgeState
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
_OF_BRIDGE = {
    "connections": ("counter", "Connections to the MQTT broker."),
    "sent": ("counter", "Messages that the MQTT broker took."),
    "conflated": ("counter", "Values not sent to the MQTT broker because a newer one took their place."),
    "dropped": ("counter", "Market data that found no room in the outbox: numbered gaps."),
    "refused": ("counter", "Messages that the MQTT broker's access rules refused."),
    "waiting": ("gauge", "Messages that wait for the MQTT broker."),
    "journal": ("gauge", "The last journalled event that the MQTT broker has."),
}


@routes.get(
    "/metrics", Rule(needs=Permission.READ_SYSTEM, nobodys=True, urgent=True), answers=str, form="text/plain"
)
async def read_metrics(call: Call) -> Response:
    """Read the metrics."""
    health, storage = await call.ask(GetHealth()), await call.ask(GetStorage())
    lines = [*_lines(health, storage), *_of_bridge(call.port.bridge), ""]
    return Response("\n".join(lines), headers={"Content-Type": FORM})


def _lines(health: HealthReported, storage: StorageReported) -> Iterator[str]:
    yield from _figures("lts", health, _OF_HEALTH)
    yield from _figures("lts_storage", storage, _OF_STORAGE)
    yield from _head("lts_status", "gauge", "1 for the status that holds.")
    for status in HealthStatus:
        yield f'lts_status{{status="{status.value}"}} {int(health.status is status)}'
    yield from _head("lts_mailbox_depth", "gauge", "Messages that wait for an actor.")
    for actor, depth in health.mailboxes.items():
        yield f'lts_mailbox_depth{{actor="{_escaped(actor)}"}} {depth}'


def _of_bridge(report: BridgeReported | None) -> Iterator[str]:
    if report is not None:
        yield from _figures("lts_mqtt", report, _OF_BRIDGE)
        yield from _head("lts_mqtt_connected", "gauge", "1 while the MQTT broker is reached.")
        yield f"lts_mqtt_connected {int(report.state is BridgeState.CONNECTED)}"
        yield from _head("lts_mqtt_commands_total", "counter", "Commands over MQTT, by what became of them.")
        for outcome, count in sorted(report.commands.items()):
            yield f'lts_mqtt_commands_total{{outcome="{_escaped(outcome)}"}} {count}'


def _figures(prefix: str, report: Any, figures: Mapping[str, tuple[str, str]]) -> Iterator[str]:
    for name, (kind, about) in figures.items():
        metric = f"{prefix}_{name}_total" if kind == "counter" else f"{prefix}_{name}"
        yield from _head(metric, kind, about)
        yield f"{metric} {getattr(report, name)}"


def _head(metric: str, kind: str, about: str) -> tuple[str, str]:
    return f"# HELP {metric} {about}", f"# TYPE {metric} {kind}"


def _escaped(label: str) -> str:
    return label.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
