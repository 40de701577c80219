"""Alerts: what somebody should look at, whatever it is about."""

from typing import get_args

from bus import ActorFailed, ActorQuarantined, Event
from lts.domain.order_flow import OrderAlarmed
from lts.domain.risk import HaltNotVerified, LimitBreached

Alert = OrderAlarmed | LimitBreached | HaltNotVerified | ActorFailed | ActorQuarantined


def alerts() -> tuple[type[Event], ...]:
    """Return the events that are alerts."""
    return get_args(Alert)


def about(alert: Alert) -> tuple[str, str]:
    """Return what an alert is about, and what is wrong with it."""
    match alert:
        case OrderAlarmed(client_order_id=name, alarm=reason):
            pass
        case LimitBreached(scope=name, reason=reason):
            pass
        case HaltNotVerified(scope=name):
            reason = "it is halted, and something of it is still open"
        case ActorFailed(actor=name, error=reason):
            pass
        case ActorQuarantined(actor=name, reason=reason):
            pass
    return name, reason
