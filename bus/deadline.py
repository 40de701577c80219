"""A deadline: how much is left of the time that something may take."""

from bus.clock import SECOND, SystemClock


class Deadline:
    """The instant, so many seconds of system time from now, at which something has to be over."""

    def __init__(self, within: float) -> None:
        self._system = SystemClock()
        self._at = self._system.monotonic() + round(within * SECOND)

    def left(self) -> float:
        """Return the seconds until then, 0 when it is past."""
        return max(0.0, (self._at - self._system.monotonic()) / SECOND)
