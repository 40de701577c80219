"""The window: messages on their way to the broker, no more than it takes at once, without a task for each."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence

from aiomqtt import MqttError

from actors.mqtt.letters import Letter


class Lot:
    """Messages that somebody waits for."""

    def __init__(self, letters: Sequence[Letter]) -> None:
        self.waiting = deque(letters)
        self.left = len(letters)
        self.done = asyncio.get_running_loop().create_future()


class Window:
    """What of several lots is under way, in the order in which they came.

    Args:
        put: hands a message to the client, and returns by which number it is acknowledged; raises MqttError.
    """

    def __init__(self, put: Callable[[Letter], int]) -> None:
        self._put = put
        self._lots: deque[Lot] = deque()
        self._under_way: dict[int, Lot] = {}
        self._due = False
        self.most = 1
        """How many may be under way at once."""
        self.taken = 0
        """How many the broker has taken."""

    async def send(self, letters: Sequence[Letter], patience_s: float) -> None:
        """Have the broker take messages.

        Raises:
            MqttError: they cannot be sent, or nothing at all is taken for as long as our patience.
        """
        if not letters:
            return
        lot = Lot(letters)
        self._lots.append(lot)
        self._push()
        try:
            while not lot.done.done():
                before = self.taken
                await asyncio.wait((lot.done,), timeout=patience_s)
                if self.taken == before and not lot.done.done():
                    raise MqttError("Operation timed out")
            lot.done.result()
        finally:
            lot.waiting.clear()
            lot.done.cancel()

    def take(self, number: int) -> None:
        """Note that the broker has taken a message, which makes room for another one."""
        lot = self._under_way.pop(number, None)
        if lot is None:
            return
        self.taken += 1
        lot.left -= 1
        if not lot.left and not lot.done.done():
            lot.done.set_result(None)
        if self._lots and not self._due:
            # Not at once: the client is in the middle of what it has read, and more may follow.
            self._due = True
            asyncio.get_running_loop().call_soon(self._push)

    def _push(self) -> None:
        self._due = False
        while self._lots and len(self._under_way) < self.most:
            lot = self._lots[0]
            if not lot.waiting:
                self._lots.popleft()
                continue
            try:
                self._under_way[self._put(lot.waiting.popleft())] = lot
            except MqttError as error:
                lot.waiting.clear()
                if not lot.done.done():
                    lot.done.set_exception(error)
