"""A session: how long a day order may wait. Until there are calendars it is the day in UTC."""

from lts.sdk import SECOND, Order, TimeInForce

_DAY, _GTD = TimeInForce.DAY, TimeInForce.GTD
_DAY_NS = 86_400 * SECOND


def end_of(order: Order, since: int) -> int | None:
    """Return when an order that came at an instant is over, in UTC nanoseconds; None if it never is."""
    if order.time_in_force is _DAY:
        return (since // _DAY_NS + 1) * _DAY_NS
    return order.expires_at if order.time_in_force is _GTD else None
