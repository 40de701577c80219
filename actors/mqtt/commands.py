"""Commands over MQTT: refused or carried out, answered and counted; a flood of them costs no memory."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from secrets import token_hex
from typing import Any, Protocol

import msgspec
from aiomqtt import MqttError

from actors.mqtt.command import KINDS, Address, Arrived, Command, Outcome, Refusal, address, command
from actors.mqtt.letters import Letter
from actors.mqtt.line import Line
from actors.mqtt.params import MqttAssignment, MqttParams, segment
from actors.mqtt.together import first
from bus import SECOND, AskError, AskTimeout
from lts.domain.commands import SAFER, CarryOut, CommandCarriedOut
from lts.domain.throttle import Throttle
from lts.web.problems import Kind, ProblemDocument
from lts.web.times import to_rfc3339

AT_ONCE = 16
"""Commands that are carried out at the same time."""
WAITING = 256
"""Commands that wait for that, at most."""
PATIENCE = 45.0
"""Seconds that a command may take: longer than whatever HTTP waits for."""
MOST_TOLD = 262_144
"""Bytes of an answer."""
TAKEN = "taken"
_COUNTED = {
    Kind.UNAUTHENTICATED.type: "unknown-key",
    Kind.REPLAYED.type: "duplicated",
    Kind.FORBIDDEN.type: "not-permitted",
}
"""What some problems are counted as; others by the last part of their type."""


class Answer(msgspec.Struct, frozen=True, omit_defaults=True):
    """What became of a command."""

    schema: str
    node: str
    command: str
    correlation: str
    """As text: what is not UTF-8 is only in the property of MQTT 5."""
    status: int
    """As over HTTP; from 400 on there is a problem."""
    at: int
    time: str
    headers: dict[str, str] = {}
    """What HTTP tells beside it: `etag`, `location`, `idempotent-replayed`, `retry-after`."""
    result: msgspec.Raw = msgspec.Raw(b"")
    problem: msgspec.Raw = msgspec.Raw(b"")


class Asks(Protocol):
    """`Actor.ask`."""

    def __call__(self, request: CarryOut, within: float, /) -> Awaitable[CommandCarriedOut]:
        """Have a command carried out."""


class Sends(Protocol):
    """`Line.send`."""

    async def __call__(self, letter: Letter, correlation: bytes = b"", /) -> None:
        """Have the broker take a message."""


class Commands:
    """Takes commands off the line, has them carried out, and answers over whatever line there is then.

    Args:
        params: how many commands a second are looked at.
        assignment: by how much the time of a command may be off.
        ask: the port to who carries commands out.
        now: system time, in UTC nanoseconds.
    """

    def __init__(
        self, params: MqttParams, assignment: MqttAssignment, ask: Asks, now: Callable[[], int]
    ) -> None:
        self._params = params
        self._window_s = assignment.signature_window_s
        self._ask = ask
        self._now = now
        self._throttle = Throttle(params.commands_per_s, params.commands_per_s / 4)
        self._waiting: asyncio.Queue[_Task] = asyncio.Queue(WAITING)
        self.counts: Counter[str] = Counter()
        """Of commands, by what became of them."""
        self.send: Sends | None = None
        """Where answers go; None while there is no line."""
        self.trouble = ""
        """Why none come in, in one sentence."""

    async def listen(self, line: Line) -> None:
        """Have the broker bring commands over a line, and answer over it; raises MqttError."""
        self.trouble = ""
        if not await line.listen(self.filter):
            self.trouble = (
                f"the MQTT broker at {self._params.address} does not let this user hear commands; its access "
                f"rules have to permit to read {self._params.root}/command/+"
            )
        self.send = line.send

    @property
    def filter(self) -> str:
        """What is subscribed to: with MQTT 5 each command reaches one of those that share it."""
        topics = f"{self._params.root}/command/+"
        shared = self._params.protocol == "5"
        return f"$share/lts-{segment(self._params.node)}/{topics}" if shared else topics

    def take(self, message: Any) -> None:
        """Take a message of the client in; what is refused here is counted, and answered if there is room."""
        arrived = arrived_in(message)
        try:
            self._admit(arrived)
        except Refusal as refusal:
            self.counts[refusal.outcome.value] += 1
            if refusal.outcome is not Outcome.RETAINED and not self._waiting.full():
                self._refuse(arrived, refusal)

    async def run(self) -> None:
        """Carry out what waits, and answer it, for good."""
        await first(*(self._work() for _ in range(AT_ONCE)))

    async def _work(self) -> None:
        while True:
            task = await self._waiting.get()
            told = task.what
            if isinstance(told, Command):
                told = await self._carried_out(told)
                self.counts[_outcome(told)] += 1
            await self._answer(task.name, task.way, told)

    def _admit(self, arrived: Arrived) -> None:
        now, root = self._now(), self._params.root
        found = command(arrived, root, now // SECOND, self._window_s)
        if self._waiting.full() or not self._throttle.take(now, safer=found.name in SAFER):
            raise Refusal(Outcome.BUSY, "more commands come than are looked at")
        self._waiting.put_nowait(_Task(found.name, address(arrived, root), found))

    async def _carried_out(self, wanted: Command) -> CommandCarriedOut:
        try:
            return await self._ask(CarryOut(wanted.name, wanted.body, wanted.request), PATIENCE)
        except AskTimeout:
            return _problem(Kind.UNAVAILABLE, "no answer came in time; look whether what was wanted is so")
        except AskError:
            return _problem(Kind.UNAVAILABLE, "what carries commands out is out of service")

    def _refuse(self, arrived: Arrived, refusal: Refusal) -> None:
        way = address(arrived, self._params.root)
        if way.topic:
            told = _problem(KINDS[refusal.outcome], refusal.detail)
            self._waiting.put_nowait(_Task(arrived.topic.rpartition("/")[2], way, told))

    async def _answer(self, name: str, way: Address, told: CommandCarriedOut) -> None:
        if not way.topic or self.send is None:
            return
        if len(told.body) > MOST_TOLD:
            told = _problem(Kind.TOO_LARGE, f"the answer has more than {MOST_TOLD} bytes; ask for less")
        letter = Letter(way.topic, self._worded(name, way, told), 1)
        with suppress(MqttError):  # the line was lost: who wanted it asks again, under the same key
            await self.send(letter, way.correlation)

    def _worded(self, name: str, way: Address, told: CommandCarriedOut) -> bytes:
        at = self._now()
        body = msgspec.Raw(told.body or b"null")
        failed = told.status >= Kind.MALFORMED.status
        answer = Answer(
            "Answer/1",
            self._params.node,
            name[:64],
            way.correlation.decode(errors="replace"),
            told.status,
            at,
            to_rfc3339(at),
            dict(told.headers),
            **{"problem" if failed else "result": body},
        )
        return msgspec.json.encode(answer)


def arrived_in(message: Any) -> Arrived:
    """Return what a message of the client says."""
    properties = message.properties
    payload = message.payload
    return Arrived(
        str(message.topic),
        payload if isinstance(payload, bytes) else b"",
        bool(message.retain),
        getattr(properties, "ResponseTopic", ""),
        getattr(properties, "CorrelationData", b""),
    )


def _problem(kind: Kind, detail: str) -> CommandCarriedOut:
    document = ProblemDocument(kind.type, kind.title, kind.status, token_hex(16), detail)
    return CommandCarriedOut(kind.status, msgspec.json.encode(document))


def _outcome(told: CommandCarriedOut) -> str:
    if told.status < Kind.MALFORMED.status:
        return TAKEN
    kind = msgspec.json.decode(told.body, type=_Typed).type
    return _COUNTED.get(kind, kind.rpartition(":")[2])


class _Task(msgspec.Struct, frozen=True):
    """A command to carry out, or a refusal to tell."""

    name: str
    way: Address
    what: Command | CommandCarriedOut


class _Typed(msgspec.Struct):
    type: str = "urn:lts:problem:internal"
