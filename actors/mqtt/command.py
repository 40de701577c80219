"""A command as it arrives: read strictly, and refused by name where it is none."""

from base64 import b64decode
from enum import StrEnum
from typing import Annotated

import msgspec

from lts.domain.access import SignedRequest
from lts.domain.commands import NAMES, Sealed
from lts.web.problems import Kind

MOST_BYTES = 65_536
"""Of a command."""
LONGEST_TOPIC = 512
LONGEST_CORRELATION = 256
_SIGNATURE = 64
"""Bytes, of Ed25519 (RFC 8032)."""


class Arrived(msgspec.Struct, frozen=True):
    """A message as the broker has brought it."""

    topic: str
    payload: bytes
    retained: bool = False
    response_topic: str = ""
    """As a property of MQTT 5; 3.1.1 has none, and it stands in the payload."""
    correlation: bytes = b""


class Outcome(StrEnum):
    """Why a command was not taken to who carries commands out."""

    RETAINED = "retained"
    """The broker keeps it: whoever subscribes would get it again."""
    OVERSIZED = "oversized"
    MALFORMED = "malformed"
    UNKNOWN_NAME = "unknown-name"
    STALE = "stale"
    """Its time is not of the present."""
    BUSY = "busy"
    """More come than are looked at."""


KINDS = {
    Outcome.RETAINED: Kind.INVALID,
    Outcome.OVERSIZED: Kind.TOO_LARGE,
    Outcome.MALFORMED: Kind.MALFORMED,
    Outcome.UNKNOWN_NAME: Kind.NOT_FOUND,
    Outcome.STALE: Kind.REPLAYED,
    Outcome.BUSY: Kind.TOO_MANY,
}
"""What of it is told, as over HTTP."""


class Refusal(Exception):
    """A command that is not taken.

    Args:
        outcome: as what it is counted.
        detail: what is told of it.
    """

    def __init__(self, outcome: Outcome, detail: str = "") -> None:
        super().__init__(detail or outcome.value)
        self.outcome = outcome
        self.detail = detail


class Command(msgspec.Struct, frozen=True):
    """A command that can be carried out, if its signature is right."""

    name: str
    body: bytes
    request: SignedRequest


class Address(msgspec.Struct, frozen=True):
    """Where the answer goes, and by what it is known there."""

    topic: str = ""
    """Empty: nobody wants one."""
    correlation: bytes = b""


class _Payload(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    key: Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
    nonce: Annotated[str, msgspec.Meta(min_length=16, max_length=128)]
    created: Annotated[int, msgspec.Meta(ge=0, le=2**53)]
    signature: Annotated[str, msgspec.Meta(max_length=128)]
    body: msgspec.Raw = msgspec.Raw(b"")
    response_topic: str = ""
    correlation: str = ""


class _Way(msgspec.Struct, frozen=True):
    response_topic: str = ""
    correlation: str = ""


_read = msgspec.json.Decoder(_Payload).decode
_find = msgspec.json.Decoder(_Way).decode


def command(arrived: Arrived, root: str, now_s: int, window_s: int) -> Command:
    """Return the command that a message is.

    Args:
        arrived: the message.
        root: what the topics of this node begin with.
        now_s: system time, in seconds since 1970.
        window_s: by how much the time of a command may be off.

    Raises:
        Refusal: it is none, or is none that is taken now.
    """
    if arrived.retained:
        raise Refusal(Outcome.RETAINED, "a command is not to be retained")
    if len(arrived.payload) > MOST_BYTES:
        raise Refusal(Outcome.OVERSIZED, f"at most {MOST_BYTES} bytes are taken")
    name = arrived.topic.removeprefix(f"{root}/command/")
    if name not in NAMES:
        raise Refusal(Outcome.UNKNOWN_NAME, "there is no such command")
    told = _told(arrived.payload)
    way = _address(arrived, told.response_topic, told.correlation, root)
    if not (_word(told.key) and _word(told.nonce)):
        raise Refusal(Outcome.MALFORMED, "key and nonce are printable ASCII")
    if abs(now_s - told.created) > window_s:
        raise Refusal(Outcome.STALE, f"its time is off by more than {window_s} s")
    body = bytes(told.body)
    signed = Sealed(arrived.topic, told.key, told.nonce, told.created, way.topic, way.correlation, body)
    request = SignedRequest(told.key, signed.base(), _signature(told.signature), told.nonce, told.created)
    return Command(name, body, request)


def address(arrived: Arrived, root: str) -> Address:
    """Return where the answer to a message goes, whatever else it is; nowhere if it does not say so well."""
    try:
        told = _Way() if len(arrived.payload) > MOST_BYTES else _find(arrived.payload)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        told = _Way()
    try:
        return _address(arrived, told.response_topic, told.correlation, root)
    except Refusal:
        return Address()


def _told(payload: bytes) -> _Payload:
    try:
        return _read(payload)
    except msgspec.ValidationError as error:
        raise Refusal(Outcome.MALFORMED, f"the payload is no command: {error}") from None
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise Refusal(Outcome.MALFORMED, "the payload is no JSON that is taken here") from None


def _address(arrived: Arrived, topic: str, correlation: str, root: str) -> Address:
    """Return where to answer; a node writes nowhere but below its own `reply`, whoever asks it to."""
    said = correlation.encode(errors="replace")
    if (arrived.response_topic and topic and topic != arrived.response_topic) or (
        arrived.correlation and said and said != arrived.correlation
    ):
        raise Refusal(Outcome.MALFORMED, "its properties and its payload differ in where the answer goes")
    found = Address(arrived.response_topic or topic, arrived.correlation or said)
    if len(found.correlation) > LONGEST_CORRELATION:
        raise Refusal(Outcome.MALFORMED, f"at most {LONGEST_CORRELATION} bytes of correlation are taken")
    if found.topic and not _can_be_written(found.topic, root):
        raise Refusal(Outcome.MALFORMED, f"answers go below {root}/reply/ alone")
    return found


def _can_be_written(topic: str, root: str) -> bool:
    return (
        topic.startswith(f"{root}/reply/")
        and len(topic) <= LONGEST_TOPIC
        and topic.isprintable()
        and topic.isascii()
        and not set("+#") & set(topic)
    )


def _word(text: str) -> bool:
    return text.isascii() and text.isprintable()


def _signature(text: str) -> bytes:
    try:
        signature = b64decode(text, validate=True)
    except ValueError:
        signature = b""
    if len(signature) != _SIGNATURE:
        raise Refusal(Outcome.MALFORMED, f"a signature is {_SIGNATURE} bytes of Ed25519, in base 64")
    return signature
