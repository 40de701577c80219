"""Commands from outside that come as messages: what of them is signed, and how they are carried out.

A command goes by the rules that a request over HTTP goes by: who answers the one answers the other.
"""

from base64 import b64encode
from collections.abc import Mapping
from hashlib import sha256

import msgspec

from bus.message import Event, Request
from lts.domain.access import SignedRequest

FORM = "lts-command/1"
"""What the signed text begins with, so that it is nothing else that the same key might sign."""
NAMES = (
    "submit",
    "revise",
    "cancel",
    "cancel-all",
    "set-trading-state",
    "activate",
    "deactivate",
    "ping",
    "get",
)
"""What can be commanded."""
SAFER = frozenset({"cancel", "cancel-all", "set-trading-state", "deactivate"})
"""What mostly takes risk away: room is kept for it."""


class CommandCarriedOut(Event):
    """How a command was answered: with a result, or with a problem."""

    status: int
    """As over HTTP; from 400 on it is a problem."""
    body: bytes
    """JSON: the result or the problem document; empty where there is nothing to show."""
    headers: Mapping[str, str] = {}
    """What HTTP tells beside it, as `etag` and `location`."""


class CarryOut(Request[CommandCarriedOut]):
    """Has a signed command carried out: by who signed it, as far as they may, once."""

    name: str
    body: bytes
    """A JSON object; empty: `{}`."""
    request: SignedRequest


class Sealed(msgspec.Struct, frozen=True):
    """All of a command that matters: what its signature is over."""

    topic: str
    """The whole topic, with the node that is meant."""
    key: str
    nonce: str
    created: int
    """Seconds since 1970."""
    response_topic: str
    correlation: bytes
    body: bytes

    def base(self) -> bytes:
        """Return the text that is signed; no line of it can hold another.

        >>> print(Sealed("lts/v1/n/command/ping", "k", "n" * 16, 5, "r", b"c", b"{}").base().decode())
        lts-command/1
        topic: lts/v1/n/command/ping
        key: k
        nonce: nnnnnnnnnnnnnnnn
        created: 5
        response-topic: r
        correlation: Yw==
        sha-256: 44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a
        """
        lines = (
            FORM,
            f"topic: {self.topic}",
            f"key: {self.key}",
            f"nonce: {self.nonce}",
            f"created: {self.created}",
            f"response-topic: {self.response_topic}",
            f"correlation: {b64encode(self.correlation).decode()}",
            f"sha-256: {sha256(self.body).hexdigest()}",
        )
        return "\n".join(lines).encode()
