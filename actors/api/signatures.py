"""Signed requests (RFC 9421): what of them has to be signed, and the base that the signature is over.

Whether the signature fits, and whether the nonce is new, is the AAA plugin's to say.
"""

from collections.abc import Callable
from hashlib import sha256, sha512
from hmac import compare_digest
from typing import Any

from starlette.requests import Request

from actors.api.fields import Listed, byte_sequences, lists
from actors.api.problems import Kind, Problem
from lts.domain.access import SignedRequest

WHERE = ({"@target-uri"}, {"@authority", "@path", "@query"})
"""Either says where the request goes; one of the two has to be signed."""
IF_PRESENT = ("content-digest", "content-type", "idempotency-key", "if-match")
"""Headers that change what is done: signed, where they are sent."""
_DIGESTS: dict[str, Callable[[bytes], Any]] = {"sha-256": sha256, "sha-512": sha512}
_ALGORITHM = "ed25519"
_LONGEST_WORD = 128
_MOST_COMPONENTS = 32


def is_signed(request: Request) -> bool:
    """Whether a request claims to be signed."""
    return "signature-input" in request.headers or "signature" in request.headers


def signed(request: Request, body: bytes, now_s: int) -> SignedRequest:
    """Return what a request has signed.

    Args:
        request: with `scope["scheme"]` as its caller has it.
        body: all of it.
        now_s: seconds since 1970.

    Raises:
        Problem: something is missing, is not signed, or does not fit the body.
    """
    inputs = lists(_only(request, "signature-input"))
    signatures = byte_sequences(_only(request, "signature"))
    if len(inputs) != 1 or inputs.keys() != signatures.keys():
        raise _bad("send one signature, and its input under the same label")
    ((label, told),) = inputs.items()
    created = told.parameters.get("created")
    expires = told.parameters.get("expires", now_s + 1)
    key, nonce = told.parameters.get("keyid"), told.parameters.get("nonce")
    if not (isinstance(created, int) and isinstance(expires, int) and _word(key) and _word(nonce)):
        raise _bad("the parameters created, keyid and nonce are needed")
    if told.parameters.get("alg", _ALGORITHM) != _ALGORITHM:
        raise _bad(f"the algorithm is {_ALGORITHM}")
    if expires <= now_s:
        raise Problem(Kind.REPLAYED)
    _check_cover(request, set(told.items), body)
    _check_digest(request, body)
    return SignedRequest(str(key), base(request, told), signatures[label], str(nonce), created)


def base(request: Request, told: Listed) -> bytes:
    """Return the signature base of a request, RFC 9421, section 2.5.

    Raises:
        Problem: a component is named twice, or is not there, or there are too many.
    """
    if len(told.items) > _MOST_COMPONENTS:
        raise _bad(f"at most {_MOST_COMPONENTS} components are signed")
    if len(set(told.items)) != len(told.items):
        raise _bad("a component is named twice")
    lines = [f'"{name}": {_component(request, name)}' for name in told.items]
    return "\n".join([*lines, f'"@signature-params": {told.text}']).encode("latin-1")


def _component(request: Request, name: str) -> str:
    scope = request.scope
    path: str = scope["raw_path"].decode("latin-1")
    query: str = "?" + scope["query_string"].decode("latin-1")
    match name:
        case "@method":
            return request.method
        case "@authority":
            return request.headers.get("host", "").lower()
        case "@path":
            return path
        case "@query":
            return query
        case "@target-uri":
            authority = request.headers.get("host", "").lower()
            return f"{scope['scheme']}://{authority}{path}{query if scope['query_string'] else ''}"
    if name.startswith("@") or name != name.lower() or name not in request.headers:
        raise _bad(f"the component {name[:_LONGEST_WORD]!r} is not there, or is none that is known here")
    return ", ".join(value.strip() for value in request.headers.getlist(name))


def _check_cover(request: Request, covered: set[str], body: bytes) -> None:
    needed = {name for name in IF_PRESENT if name in request.headers}
    needed |= {"@method"} | ({"content-digest"} if body else set())
    if missing := needed - covered:
        raise _bad(f"{min(missing)} has to be signed")
    if not any(where <= covered for where in WHERE):
        raise _bad("@target-uri has to be signed, or @authority with @path and @query")


def _check_digest(request: Request, body: bytes) -> None:
    if "content-digest" not in request.headers:
        return
    digests = byte_sequences(_only(request, "content-digest"))
    known = {name: digest for name, digest in digests.items() if name in _DIGESTS}
    fits = all(compare_digest(_DIGESTS[name](body).digest(), known[name]) for name in known)
    if not (known and fits):
        raise _bad("the content digest does not fit the body, or is neither sha-256 nor sha-512")


def _only(request: Request, header: str) -> str:
    values = request.headers.getlist(header)
    if len(values) != 1:
        raise _bad(f"one header {header} is needed")
    return values[0].strip()


def _word(value: str | int | None) -> bool:
    return isinstance(value, str) and 0 < len(value) <= _LONGEST_WORD


def _bad(detail: str) -> Problem:
    return Problem(Kind.BAD_SIGNATURE, detail)
