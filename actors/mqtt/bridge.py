"""The bridge: one connection after the other, each with a client of its own, and what goes over them."""

import asyncio
import random
from collections.abc import Callable
from functools import partial
from typing import Any

from aiomqtt import MqttError

from actors.mqtt.commands import Commands
from actors.mqtt.journal import Journal
from actors.mqtt.letters import Letters, Update
from actors.mqtt.line import Line, opened, sentence
from actors.mqtt.outbox import Outbox
from actors.mqtt.pace import Pace
from actors.mqtt.params import MARKET, MqttParams
from actors.mqtt.together import first
from bus import pause
from lts.domain.bridge import BridgeReported, BridgeState
from lts.refusal import Refused

FIRST_S, LONGEST_S = 0.1, 3.0
"""Seconds between attempts, before chance takes up to half of them away."""
LASTING_S = 5.0
"""A connection that held so long is tried again at once when it is lost."""
AT_ONCE, LOTS = 100, 4
"""Updates that are taken from the outbox at once, and how often before the first of them have arrived."""
BATCH = 1_000
"""Updates in one message, at most."""


class Bridge:
    """Keeps the line to the broker, and sends what waits.

    Args:
        params: where the broker is.
        letters: how everything is put into words.
        journal: what is told behind a cursor.
        now: system time, in UTC nanoseconds.
        changed: what is called when the state of the bridge is another one.
        commands: who takes what comes in; None: nothing does.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - all that it brings together
        self,
        params: MqttParams,
        letters: Letters,
        journal: Journal,
        now: Callable[[], int],
        changed: Callable[[], None],
        commands: Commands | None = None,
    ) -> None:
        self._params = params
        self._letters = letters
        self._journal = journal
        self._now = now
        self._changed = changed
        self._commands = commands
        self._line: Line | None = None
        self._sent = 0
        self._refused = 0
        self._connections = 0
        self._under_way: list[list[Update]] = []
        """What was taken from the outbox and has not arrived yet, in order."""
        self.outbox = Outbox(params.buffer)
        self.pace = Pace(params.rates, self.outbox, params.buffer, now)
        self.state = BridgeState.CONNECTING
        self.trouble = ""

    def report(self) -> BridgeReported:
        """Return how it is."""
        line = self._line
        refused = self._refused + (line.refused if line else 0)
        commands = self._commands
        trouble = self.trouble or (commands.trouble if commands else "")
        if not trouble and refused:
            trouble = (
                f"the MQTT broker at {self._params.address} has not taken {refused} messages from this user; "
                f"its access rules have to permit to write below {self._params.root}/"
            )
        return BridgeReported(
            self.state,
            trouble,
            self._connections,
            self._sent + (line.sent if line else 0),
            self.outbox.conflated,
            self.outbox.dropped,
            refused,
            len(self.outbox) + len(self.pace),
            self._journal.through or 0,
            dict(commands.counts) if commands else {},
        )

    async def run(self) -> None:
        """Keep the line for good; what becomes of it is nobody's failure."""
        delay = FIRST_S
        while True:
            begun = self._now()
            try:
                await self._serve()
            except (MqttError, Refused, OSError, ValueError) as error:
                self._stand(BridgeState.LOST, self._why(error))
            if self._now() - begun > LASTING_S * 1e9:
                delay = FIRST_S
            await pause(delay * random.uniform(0.5, 1))  # noqa: S311 - so that nodes do not come back at once
            delay = min(delay * 2, LONGEST_S)

    async def _serve(self) -> None:
        if self._journal.through is None:
            await self._journal.open()
        will = self._letters.standing(online=False, reason="the connection was lost", at=self._now())
        line = await opened(self._params, will)
        try:
            await line.reach()
            self._line = line
            self._connections += 1
            await line.send(self._letters.standing(online=True, reason="", at=self._now()))
            if self._commands is not None:
                await self._commands.listen(line)
            self._stand(BridgeState.CONNECTED, "")
            sending = [self._send_what_waits(line) for _ in range(LOTS)]
            await first(
                _held(line, self._commands),
                self._journal.tell(partial(self.pace.send, send=line.send_all)),
                self.pace.run(),
                *sending,
            )
        except asyncio.CancelledError:
            await line.say_last(self._letters.standing(online=False, reason="stopped", at=self._now()))
            raise
        finally:
            self._sent += line.sent
            self._refused += line.refused
            self._line = None
            if self._commands is not None:
                self._commands.send = None
            while self._under_way:
                self.outbox.put_back(self._under_way.pop())
            await line.leave()

    async def _send_what_waits(self, line: Line) -> None:
        batches = self._params.batch
        while True:
            await self.outbox.filled.wait()
            if batches and len(self.outbox) < BATCH:
                await pause(self._params.batch_ms / 1_000)
            taken = self.outbox.take(BATCH if batches else AT_ONCE)
            if taken:  # others who wait may have been faster
                self._under_way.append(taken)
                await self._send(line, taken)
                self._under_way.remove(taken)

    async def _send(self, line: Line, updates: list[Update]) -> None:
        """Have the broker take updates, family by family where many go in one message."""
        batches: dict[str, list[Update]] = {name: [] for name in MARKET if name in self._params.batch}
        told = [self._letters.letter(each) for each in updates if each.family not in batches]
        for each in updates:
            if each.family in batches:
                batches[each.family].append(each)
        told += [self._letters.batch(family, some) for family, some in batches.items() if some]
        await line.send_all(told)

    def _why(self, error: Exception) -> str:
        told = isinstance(error, Refused) or type(error) is ValueError
        return str(error) if told else sentence(error, self._params)

    def _stand(self, state: BridgeState, trouble: str) -> None:
        changed = (state, trouble) != (self.state, self.trouble)
        self.state, self.trouble = state, trouble
        if changed:
            self._changed()


async def _held(line: Line, commands: Commands | None) -> None:
    """Hear what the broker brings until the line is lost, which raises MqttError."""
    take = commands.take if commands is not None else _pass_over
    try:
        async for message in line.messages:
            take(message)
    finally:
        for message in line.unread():
            take(message)


def _pass_over(_: Any) -> None:
    """Take nothing in: the broker may have kept a session from when commands were taken."""
