"""Commands as they are signed, the ways in which somebody might alter them, and what else might come."""

import json
from base64 import b64encode
from collections.abc import Callable
from random import Random
from typing import Any

import msgspec

from bus import SECOND
from lts.domain.commands import NAMES
from tests.chaos.replays.robot import CLOCK, Robot
from tests.commander import signed

ROOT = "lts/v1/here"
REPLY = f"{ROOT}/reply/robot"
ORDER = {
    "portfolio": "house",
    "instrument": "BTC/USD",
    "side": "buy",
    "quantity": "0.001",
    "type": "limit",
    "limit_price": "100.00",
}


class Message(msgspec.Struct, frozen=True):
    """A message as it goes to the broker."""

    topic: str
    payload: bytes
    response_topic: str = REPLY
    correlation: bytes = b""
    retain: bool = False


class Sender:
    """Who signs, and draws what is sent."""

    def __init__(self, robot: Robot, draw: Random) -> None:
        self._robot = robot
        self._draw = draw

    def order(self) -> Message:
        """Return an order that nobody has seen yet."""
        return self.command("submit", ORDER | {"idempotency_key": self._name()})

    def command(self, name: str, fields: Any) -> Message:
        """Return a command that is signed as it has to be."""
        topic, correlation = f"{ROOT}/command/{name}", self._name().encode()
        payload = signed(
            self._robot.secret,
            topic=topic,
            key=self._robot.key,
            body=json.dumps(fields).encode(),
            response_topic=REPLY,
            correlation=correlation,
            nonce=self._name(),
            created=CLOCK.now() // SECOND,
        )
        return Message(topic, payload, REPLY, correlation)

    def altered(self, how: str) -> Message:
        """Return an order that somebody has altered."""
        return ALTERATIONS[how](self.order(), self._draw)

    def generated(self) -> Message:
        """Return whatever somebody might send: most of it is no command, and some is even signed."""
        draw = self._draw
        topic = f"{ROOT}/command/{draw.choice((*NAMES, 'explode', 'a b'))}"
        match draw.randrange(5):
            case 0:
                payload = draw.randbytes(draw.randrange(300))
            case 1:
                payload = json.dumps(_value(draw, 4)).encode()
            case 2:
                whole = self.order().payload
                place = draw.randrange(len(whole))
                payload = whole[:place] + draw.randbytes(draw.randrange(9)) + whole[place + 1 :]
            case 3:
                return self.command(draw.choice(NAMES), _value(draw, 3))
            case _:
                fields = {each: _value(draw, 2) for each in draw.sample([*ORDER, "resource", "query"], 3)}
                return self.command(draw.choice(NAMES), fields | {"state": "x"})
        return Message(topic, payload, REPLY, b"g")

    def _name(self) -> str:
        return f"{self._draw.getrandbits(128):032x}"


ODD = (
    *(None, True, False, 0, -1, 10**40, 1e308, 5e-324),
    *("", "house", "BTC/USD", "\x00", "\ud800", "\u00e4" * 40, "../..", "%2f", "x" * 999),
)
"""Values that something might stumble over."""
Alteration = Callable[[Message, Random], Message]


def _value(draw: Random, depth: int) -> Any:
    """Return any value that JSON can have."""
    plain: tuple[Any, ...] = (
        draw.choice(ODD),
        draw.getrandbits(70) - 2**69,
        draw.random() * 10 ** draw.randrange(30),
        "".join(chr(draw.randrange(1, 0xD7FF)) for _ in range(draw.randrange(12))),
    )
    match draw.randrange(8 if depth else 6):
        case 6:
            return [_value(draw, depth - 1) for _ in range(draw.randrange(5))]
        case 7:
            return {str(_value(draw, 0)): _value(draw, depth - 1) for _ in range(draw.randrange(5))}
        case _:
            return draw.choice(plain)


def _put(**fields: Any) -> Alteration:
    def alter(message: Message, _: Random) -> Message:
        told = json.loads(message.payload) | fields
        return msgspec.structs.replace(message, payload=json.dumps(told).encode())

    return alter


def _body(**fields: Any) -> Alteration:
    def alter(message: Message, draw: Random) -> Message:
        return _put(body=json.loads(message.payload)["body"] | fields)(message, draw)

    return alter


def _later(message: Message, draw: Random) -> Message:
    return _put(created=json.loads(message.payload)["created"] + 1)(message, draw)


def _bit(message: Message, draw: Random) -> Message:
    told = list(json.loads(message.payload)["signature"])
    place = draw.randrange(len(told) - 4)
    told[place] = "B" if told[place] == "A" else "A"
    return _put(signature="".join(told))(message, draw)


def _without(name: str) -> Alteration:
    def alter(message: Message, _: Random) -> Message:
        told = {key: value for key, value in json.loads(message.payload).items() if key != name}
        return msgspec.structs.replace(message, payload=json.dumps(told).encode())

    return alter


ALTERATIONS: dict[str, Alteration] = {
    "a larger quantity": _body(quantity="0.002"),
    "another portfolio": _body(portfolio="home"),
    "another idempotency key": _body(idempotency_key="another"),
    "a body that is written otherwise": lambda message, _: msgspec.structs.replace(
        message, payload=message.payload.replace(b'", "', b'","')
    ),
    "another command": lambda message, draw: msgspec.structs.replace(
        message, topic=f"{ROOT}/command/{draw.choice([name for name in NAMES if name != 'submit'])}"
    ),
    "another nonce": _put(nonce="another-nonce-that-is-long"),
    "a time of its own": _put(created=1),
    "a second later": _later,
    "another key": _put(key="another"),
    "another place for the answer": lambda message, _: msgspec.structs.replace(
        message, response_topic=f"{ROOT}/reply/another"
    ),
    "another correlation": lambda message, _: msgspec.structs.replace(message, correlation=b"another"),
    "a flipped letter": _bit,
    "another signature": lambda message, draw: _put(signature=b64encode(draw.randbytes(64)).decode())(
        message, draw
    ),
    "a field more": _put(more=1),
    "no signature": _without("signature"),
    "no key": _without("key"),
    "no nonce": _without("nonce"),
    "no time": _without("created"),
    "no body": _without("body"),
}
"""Ways to alter a command that was signed."""
