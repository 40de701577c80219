"""Where a secret may be sent to, and when something was."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from lts.sdk import WebAddress, from_rfc3339, is_loopback, to_rfc3339

pytestmark = pytest.mark.requirement("INT-028")

ADDRESS: TypeAdapter[Any] = TypeAdapter(WebAddress)


@pytest.mark.parametrize(
    "url",
    [
        "https://api.example.com",
        "https://example.com:8443/v1",
        "http://localhost:80",
        "http://127.0.0.1:1",
        "http://[::1]:1",
    ],
)
def test_a_service_is_reached_by_https_or_on_this_machine(url: str) -> None:
    assert ADDRESS.validate_python(f"{url}/") == url


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://api.example.com", "only https"),
        ("http://127.0.0.1.example.com", "only https"),
        ("http://10.0.0.1", "only https"),
        ("ftp://example.com", "is written like"),
        ("example.com", "is written like"),
        ("https://", "is written like"),
        ("https://user:password@example.com", "secrets do not belong"),
        ("https://example.com?token=1", "secrets do not belong"),
    ],
)
def test_any_other_address_is_refused(url: str, reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        ADDRESS.validate_python(url)


def test_what_is_on_this_machine() -> None:
    assert is_loopback("http://127.0.0.2:1/x")
    assert not is_loopback("https://example.com")


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("2020-01-01T00:00:00.000000001Z", 1_577_836_800_000_000_001),
        ("2020-01-01T01:00:00.5+01:00", 1_577_836_800_500_000_000),
        ("2020-01-01T00:00:00.1234567890Z", 1_577_836_800_123_456_789),
    ],
)
def test_a_time_is_read_to_the_nanosecond(text: str, at: int) -> None:
    assert from_rfc3339(text) == at


@given(st.integers(0, 4_000_000_000_000_000_000))
def test_a_time_comes_back_as_it_was(at: int) -> None:
    assert from_rfc3339(to_rfc3339(at)) == at


@pytest.mark.parametrize(
    "text", ["", "2020-01-01", "2020-01-01T00:00:00", "1577836800.5", "2020-13-01T00:00:00Z"]
)
def test_what_is_no_time_is_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a time|month"):
        from_rfc3339(text)
