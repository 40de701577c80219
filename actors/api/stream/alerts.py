"""Alerts: what somebody should look at, whatever it is about."""

from typing import Any, get_args

from bus import ActorFailed, ActorQuarantined, Event
from bus.wire import name_of
from lts.domain.order_flow import OrderAlarmed
from lts.domain.risk import HaltNotVerified, LimitBreached

Alert = OrderAlarmed | LimitBreached | HaltNotVerified | ActorFailed | ActorQuarantined


def alerts() -> tuple[type[Event], ...]:
    """Return the events that are alerts."""
    return get_args(Alert)


def alert_data(alert: Alert) -> dict[str, Any]:
    """Return an alert as it is told: of what sort it is, about what, and what is wrong."""
    match alert:
        case OrderAlarmed(client_order_id=about, alarm=reason):
            pass
        case LimitBreached(scope=about, reason=reason):
            pass
        case HaltNotVerified(scope=about):
            reason = "it is halted, and something of it is still open"
        case ActorFailed(actor=about, error=reason):
            pass
        case ActorQuarantined(actor=about, reason=reason):
            pass
    return {"type": name_of(type(alert)), "about": about, "reason": reason}
