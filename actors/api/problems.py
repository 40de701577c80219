"""Problems: what is told of an error, as RFC 9457 has it; what is inside stays there."""

import re
from collections.abc import Mapping
from enum import Enum
from secrets import token_hex

import msgspec

MEDIA_TYPE = "application/problem+json"
MOST_REASONS = 50
"""Of what is wrong with one request, so much is told: who is wrong often gets no larger answer."""
CORRELATION = re.compile(r"[A-Za-z0-9_-]{8,64}")
"""What a caller may name a request."""


class Kind(Enum):
    """What sort of problem it is: the last part of its type, the status, and a title."""

    MALFORMED = ("malformed", 400, "The request cannot be read")
    UNAUTHENTICATED = ("unauthenticated", 401, "Nobody is known by these credentials")
    CODE_NEEDED = ("code-needed", 401, "A code of the second factor is needed")
    SIGNATURE_NEEDED = ("signature-needed", 401, "The request has to be signed")
    BAD_SIGNATURE = ("bad-signature", 401, "The signature does not fit the request")
    REPLAYED = ("replayed", 401, "The signed request is too old, or was seen before")
    FORBIDDEN = ("forbidden", 403, "This may not be done with these credentials")
    ENROL = ("second-factor-required", 403, "A second factor has to be set up first")
    NOT_FOUND = ("not-found", 404, "There is no such thing")
    METHOD = ("method-not-allowed", 405, "This cannot be done to it")
    TOO_SLOW = ("too-slow", 408, "The body did not arrive in time")
    CONFLICT = ("conflict", 409, "It cannot be done as things are")
    GONE = ("gone", 410, "This is not kept any more")
    CHANGED = ("changed", 412, "It has been changed in between")
    TOO_LARGE = ("too-large", 413, "The body is too large")
    MEDIA_TYPE = ("media-type", 415, "The body is in no form that is taken here")
    MISDIRECTED = ("misdirected", 421, "Nothing is served under this host")
    INVALID = ("invalid", 422, "Something in the request is not as it has to be")
    DENIED = ("denied", 422, "It was not let through")
    KEY_REUSED = ("key-reused", 422, "The idempotency key marks another request")
    PRECONDITION_NEEDED = ("precondition-needed", 428, "Say which version is meant")
    TOO_MANY = ("too-many", 429, "Too many requests")
    INTERNAL = ("internal", 500, "Something went wrong here")
    UNAVAILABLE = ("unavailable", 503, "It cannot be answered for the time being")

    def __init__(self, slug: str, status: int, title: str) -> None:
        self.slug = slug
        self.status = status
        self.title = title

    @property
    def type(self) -> str:
        """The URI that stands for it, and stays."""
        return f"urn:lts:problem:{self.slug}"


class Reason(msgspec.Struct, frozen=True, rename={"where": "in"}):
    """What is wrong with one part of a request; its value is not repeated."""

    where: str
    """`body`, `query`, `path` or `header`."""
    pointer: str
    """A JSON pointer into the body, or the parameter's name behind a slash."""
    reason: str


class ProblemDocument(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is wrong, for programs (`type`, `errors`) and for people."""

    type: str
    title: str
    status: int
    correlation_id: str
    """Under which the log has the rest."""
    detail: str = ""
    errors: tuple[Reason, ...] = ()
    begin: int | None = None
    """After which number to go on, where those that were asked for are gone."""


class Problem(Exception):
    """A request that is not answered as its caller had hoped."""

    def __init__(
        self,
        kind: Kind,
        detail: str = "",
        *,
        headers: Mapping[str, str] | None = None,
        errors: tuple[Reason, ...] = (),
        begin: int | None = None,
    ) -> None:
        super().__init__(detail or kind.title)
        self.kind = kind
        self.detail = detail
        self.headers = headers or {}
        self.errors = errors
        self.begin = begin

    def body(self, correlation_id: str) -> bytes:
        """Return the document."""
        kind = self.kind
        return msgspec.json.encode(
            ProblemDocument(
                kind.type, kind.title, kind.status, correlation_id, self.detail, self.errors, self.begin
            )
        )


def not_found() -> Problem:
    """Return the one answer for what is not there, and for what is somebody else's."""
    return Problem(Kind.NOT_FOUND)


def unavailable(detail: str, retry_after_s: int = 1) -> Problem:
    """Return the answer for what cannot be done now."""
    return Problem(Kind.UNAVAILABLE, detail, headers={"Retry-After": str(retry_after_s)})


def too_many(detail: str, retry_after_s: float) -> Problem:
    """Return the answer for who asks too much."""
    return Problem(Kind.TOO_MANY, detail, headers={"Retry-After": str(max(1, -int(-retry_after_s // 1)))})


def correlated(given: bytes | None) -> str:
    """Return by what a request is to be known: as its caller has it, if that can be used.

    >>> correlated(b"my-request-1")
    'my-request-1'
    >>> len(correlated(b"no spaces"))
    32
    """
    name = (given or b"").decode("latin-1")
    return name if CORRELATION.fullmatch(name) else token_hex(16)
