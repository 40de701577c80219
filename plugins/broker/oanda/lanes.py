"""Lanes: what is done for one order is done in turn, what is done for several beside each other."""

from collections import deque
from collections.abc import Awaitable, Callable, Coroutine

Work = Callable[[], Awaitable[None]]


class Lanes:
    """A lane for each key that has something to do."""

    def __init__(self, start: Callable[[Coroutine[object, object, None]], None]) -> None:
        self._start = start
        self._waiting: dict[str, deque[Work]] = {}

    def __len__(self) -> int:
        """How many keys have something to do."""
        return len(self._waiting)

    def add(self, key: str, work: Work) -> None:
        """Have something done for a key, after what was asked for before."""
        lane = self._waiting.get(key)
        if lane is not None:
            lane.append(work)
            return
        self._waiting[key] = deque([work])
        self._start(self._run(key))

    async def _run(self, key: str) -> None:
        lane = self._waiting[key]
        while lane:
            await lane[0]()
            lane.popleft()
        del self._waiting[key]
