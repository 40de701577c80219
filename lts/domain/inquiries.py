"""Inquiries: when venues are asked what became of an order that is UNKNOWN."""

from bus.message import Event

_FIRST_S, _SELDOM_S = 0.5, 2.0
"""Seconds after which an order is asked after: at first, and at most where somebody answers."""


class AskAgain(Event):
    """A word of the desk to itself: it is time to ask after an order once more."""

    client_order_id: str
    after_s: float


class Inquiries:
    """One appointment for each order in doubt; a later one takes the place of an earlier one."""

    __slots__ = ("_appointed",)

    def __init__(self) -> None:
        self._appointed: dict[str, AskAgain] = {}

    def begin(self, client_order_id: str) -> AskAgain:
        """Return when an order is asked after that is in doubt from now on."""
        return self._appoint(client_order_id, _FIRST_S)

    def go_on(self, due: AskAgain, *, answered: bool) -> AskAgain:
        """Return when an order is asked after next, after twice the time.

        Args:
            due: the appointment that was kept.
            answered: whether its venue is elsewhere, and answers: then it is asked often enough.
        """
        again = 2 * due.after_s
        return self._appoint(due.client_order_id, min(again, _SELDOM_S) if answered else again)

    def are_due(self, due: AskAgain) -> bool:
        """Whether an appointment still holds."""
        return self._appointed.get(due.client_order_id) is due

    def _appoint(self, client_order_id: str, after_s: float) -> AskAgain:
        due = self._appointed[client_order_id] = AskAgain(client_order_id, after_s)
        return due
