"""Codes by time (RFC 6238): six digits that an authenticator and we make of one secret, every 30 seconds."""

from base64 import b32decode, b32encode
from hmac import compare_digest

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP

SECRET_SIZE = 20
"""Bytes in a secret, as RFC 4226 recommends."""
_DIGITS, _STEP_S = 6, 30
_OFF = (0, -1, 1)
"""By how many steps an authenticator's clock may be off."""


def secret_of(drawn: bytes) -> str:
    """Return random bytes as a secret, in base32."""
    return b32encode(drawn).decode().rstrip("=")


def uri(secret: str, user: str, issuer: str) -> str:
    """Return what an authenticator is set up with, `otpauth://totp/…`."""
    return _totp(secret).get_provisioning_uri(user, issuer)


def code_at(secret: str, now_s: int) -> str:
    """Return the code of an instant, in seconds since 1970."""
    return _totp(secret).generate(now_s).decode()


def step_of(secret: str, code: str, now_s: int) -> int:
    """Return the step of time that a code belongs to, now or one step beside it; 0 if it is wrong.

    A code is to be taken once: whoever takes it keeps the step, and takes none that is not above it.
    """
    said, found = code.encode("utf-8", "replace"), 0
    for off in _OFF:
        step = now_s // _STEP_S + off
        if compare_digest(_totp(secret).generate(step * _STEP_S), said):
            found = found or step
    return found


def _totp(secret: str) -> TOTP:
    key = b32decode(secret + "=" * (-len(secret) % 8))
    return TOTP(key, _DIGITS, SHA1(), _STEP_S, enforce_key_length=False)  # noqa: S303 - what authenticators know
