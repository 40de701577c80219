"""The pace: how often each topic of a family may have a message, and where the rest waits for its turn."""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping

from actors.mqtt.journal import Sends
from actors.mqtt.letters import JOURNALLED, Letter, Update
from actors.mqtt.outbox import Outbox
from bus import SECOND, pause

LOOKED_S = 0.01
"""Between looks at whose turn it is."""
_FAMILIES = {word: family for family, word in JOURNALLED.values()}
"""Of what is journalled, by the last word of its topic."""


class Pace:
    """Lets through what has its turn. Of what each one counts the rest waits, else the newest of a topic.

    Args:
        rates: messages a second of one topic, by family; the others go at once.
        outbox: where what has its turn goes.
        most: how many may wait here of what each one counts.
        now: system time, in UTC nanoseconds.
    """

    def __init__(self, rates: Mapping[str, float], outbox: Outbox, most: int, now: Callable[[], int]) -> None:
        self._gaps = {family: round(SECOND / rate) for family, rate in rates.items()}
        self._outbox = outbox
        self._most = most
        self._now = now
        self._due: dict[str, int] = {}
        self._waiting: dict[str, deque[Update]] = {}
        self._each = 0
        self._held = asyncio.Event()

    def __len__(self) -> int:
        """How many wait for a turn."""
        return sum(map(len, self._waiting.values()))

    def put(self, update: Update) -> None:
        """Have something told now, or when its topic has its turn."""
        family, topic = update.family, update.topic
        if family not in self._gaps or (topic not in self._waiting and self._has_turn(family, topic)):
            self._outbox.put(update)
        else:
            self._hold(update)

    async def run(self) -> None:
        """Let through whoever has waited for a turn, for good."""
        while True:
            await self._held.wait()
            await pause(LOOKED_S)
            for topic, waiting in tuple(self._waiting.items()):
                while waiting and self._has_turn(waiting[0].family, topic):
                    update = waiting.popleft()
                    self._each -= update.slot is None
                    self._outbox.put(update)
                if not waiting:
                    del self._waiting[topic]
            if not self._waiting:
                self._held.clear()

    async def send(self, letters: list[Letter], send: Sends) -> None:
        """Send what is journalled at this pace: in its order, and all of it; raises MqttError."""
        begun = 0
        for number, letter in enumerate(letters):
            family = _FAMILIES[letter.topic.rpartition("/")[2]]
            if family in self._gaps and not self._has_turn(family, letter.topic):
                await send(letters[begun:number])
                begun = number
                while not self._has_turn(family, letter.topic):
                    await pause(LOOKED_S)
        await send(letters[begun:])

    def _hold(self, update: Update) -> None:
        waiting = self._waiting.setdefault(update.topic, deque())
        if update.slot is not None:
            self._outbox.conflated += len(waiting)
            waiting.clear()
        elif self._each < self._most:
            self._each += 1
        else:
            self._outbox.dropped += 1
            return
        waiting.append(update)
        self._held.set()

    def _has_turn(self, family: str, topic: str) -> bool:
        """Whether a topic may have a message now; its next turn is then a gap later."""
        now, gap = self._now(), self._gaps[family]
        due = self._due.get(topic, 0)
        if now < due <= now + gap:  # further away it is only if the clock was set back
            return False
        # A turn that was looked at a little late does not make the next one later.
        self._due[topic] = gap + (due if now - gap < due <= now else now)
        return True
