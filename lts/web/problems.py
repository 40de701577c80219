"""Problem documents, as RFC 9457 has them: what is told of an error, whatever way it goes."""

from enum import Enum

import msgspec


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
