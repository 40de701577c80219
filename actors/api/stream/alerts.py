"""Alerts as they are told."""

from typing import Any

from bus.wire import name_of
from lts.domain.alerts import Alert, about


def alert_data(alert: Alert) -> dict[str, Any]:
    """Return an alert as it is told: of what sort it is, about what, and what is wrong."""
    name, reason = about(alert)
    return {"type": name_of(type(alert)), "about": name, "reason": reason}
