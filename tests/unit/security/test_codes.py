"""Codes by time are those of RFC 6238, and one step off at most."""

from base64 import b32encode

import pytest

from lts.security.totp import code_at, secret_of, step_of, uri

pytestmark = pytest.mark.requirement("INT-4.1")

RFC = b32encode(b"12345678901234567890").decode()
"""The secret of RFC 6238, appendix B."""


@pytest.mark.parametrize(
    ("at", "code"),
    [
        (59, "287082"), (1111111109, "081804"), (1111111111, "050471"), (1234567890, "005924"),
        (2000000000, "279037"), (20000000000, "353130"),
    ],
)  # fmt: skip
def test_the_codes_are_those_of_the_rfc(at: int, code: str) -> None:
    assert code_at(RFC, at) == code
    assert step_of(RFC, code, at) == at // 30


def test_a_clock_may_be_off_by_one_step() -> None:
    now = 1_700_000_000
    found = [step_of(RFC, code_at(RFC, now + 30 * off), now) for off in range(-2, 3)]
    assert found == [0, now // 30 - 1, now // 30, now // 30 + 1, 0]


@pytest.mark.parametrize(
    "code", ["", "12345", "1234567", "ABCDEF", "\u0661\u0662\u0663\u0664\u0665\u0666", "\ud800"]
)
def test_what_is_no_code_is_wrong(code: str) -> None:
    assert step_of(RFC, code, 59) == 0


def test_an_authenticator_is_set_up_with_an_address_of_its_own() -> None:
    secret = secret_of(bytes(range(20)))
    assert len(secret) == 32
    assert uri(secret, "ann b", "LTS").startswith("otpauth://totp/LTS:ann%20b?")
    assert f"secret={secret}" in uri(secret, "ann b", "LTS")
