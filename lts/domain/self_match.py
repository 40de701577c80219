"""Self-match prevention: one owner's orders must not trade with each other."""

from lts.domain.orders import OrderType, Side
from lts.domain.proposal import Proposal
from lts.domain.reservation import Reservation

_Market = tuple[str, str, str]
_WAITING = frozenset({OrderType.STOP, OrderType.STOP_LIMIT, OrderType.TRAILING_STOP})
"""Orders that are in no book until they are triggered."""


class SelfMatch:
    """The open orders of each owner, by broker and instrument."""

    __slots__ = ("_open",)

    def __init__(self) -> None:
        self._open: dict[_Market, dict[str, Reservation]] = {}

    def add(self, owner: str, reservation: Reservation) -> None:
        """Take an order in."""
        order = reservation.order
        market = (owner, order.broker, order.instrument)
        self._open.setdefault(market, {})[order.client_order_id] = reservation

    def remove(self, owner: str, reservation: Reservation) -> None:
        """Take one out that is over."""
        order = reservation.order
        self._open.get((owner, order.broker, order.instrument), {}).pop(order.client_order_id, None)

    def objection(self, owner: str, proposal: Proposal) -> str:
        """Return which of the owner's orders this one could trade with; empty if none."""
        order = proposal.order
        if order.type in _WAITING:
            return ""
        for other in self._open.get((owner, order.broker, order.instrument), {}).values():
            if other.order.side is not order.side and _cross(proposal, other):
                return f"it could trade with {other.order.client_order_id} of the same owner"
        return ""


def _cross(proposal: Proposal, other: Reservation) -> bool:
    """Whether the two could trade with each other at prices that both allow."""
    if other.order.type in _WAITING and other.status != "triggered":
        return False
    ours = proposal.price
    theirs = other.terms.limit_price if other.terms.limit_price is not None else proposal.reference
    return ours >= theirs if proposal.order.side is Side.BUY else ours <= theirs
