"""Problems: what is told of an error, as RFC 9457 has it; what is inside stays there."""

import re
from collections.abc import Mapping
from secrets import token_hex

import msgspec

from lts.web.problems import Kind, ProblemDocument, Reason

__all__ = [
    "CORRELATION",
    "MEDIA_TYPE",
    "MOST_REASONS",
    "Kind",
    "Problem",
    "ProblemDocument",
    "Reason",
    "correlated",
    "not_found",
    "too_many",
    "unavailable",
]

MEDIA_TYPE = "application/problem+json"
MOST_REASONS = 50
"""Of what is wrong with one request, so much is told: who is wrong often gets no larger answer."""
CORRELATION = re.compile(r"[A-Za-z0-9_-]{8,64}")
"""What a caller may name a request."""


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
