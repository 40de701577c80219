"""Signed requests: the base of RFC 9421, and what is refused before anybody looks at the signature."""

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from actors.api.fields import byte_sequences, lists
from actors.api.problems import Kind, Problem
from actors.api.signatures import base, signed

pytestmark = pytest.mark.requirement("INT-011", "INT-028")

BODY = b'{"hello": "world"}'
DIGEST = "sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:"
ALL = '"@method" "@authority" "@path" "@query" "content-digest" "content-type"'


def request(inputs: str, *, digest: str = DIGEST, **more: str) -> Request:
    """The request of RFC 9421, appendix B.2, with other headers."""
    headers = {
        "host": "example.com",
        "date": "Tue, 20 Apr 2021 02:07:55 GMT",
        "content-type": "application/json",
        "content-digest": digest,
        "content-length": "18",
        "signature-input": inputs,
        "signature": "sig=:c2lnbmVk:",
        **{name.replace("_", "-"): value for name, value in more.items()},
    }
    scope: dict[str, Any] = {
        "type": "http",
        "method": "POST",
        "scheme": "https",
        "path": "/foo",
        "raw_path": b"/foo",
        "query_string": b"param=Value&Pet=dog",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }
    return Request(scope)


def test_the_base_is_the_one_of_the_standard() -> None:
    # RFC 9421, appendix B.2.3
    covered = (
        '("date" "@method" "@path" "@query" "@authority" "content-type" "content-digest" "content-length")'
    )
    inputs = f'{covered};created=1618884473;keyid="test-key-rsa-pss"'
    expected = "\n".join(
        [
            '"date": Tue, 20 Apr 2021 02:07:55 GMT',
            '"@method": POST',
            '"@path": /foo',
            '"@query": ?param=Value&Pet=dog',
            '"@authority": example.com',
            '"content-type": application/json',
            f'"content-digest": {DIGEST}',
            '"content-length": 18',
            f'"@signature-params": {inputs}',
        ]
    )
    told = lists(f"sig-b23={inputs}")["sig-b23"]
    assert base(request(f"sig-b23={inputs}"), told).decode() == expected


def test_what_is_signed_is_handed_on() -> None:
    inputs = f'sig=({ALL});created=1618884473;keyid="k-1";nonce="n-1";alg="ed25519"'
    told = signed(request(inputs), BODY, 1_618_884_473)
    assert (told.key_id, told.nonce, told.created, told.signature) == ("k-1", "n-1", 1_618_884_473, b"signed")


@pytest.mark.parametrize(
    ("inputs", "more"),
    [
        ("", {}),
        ("sig", {}),
        (f'sig=({ALL});keyid="k";nonce="n"', {}),
        (f'sig=({ALL});created=1;nonce="n"', {}),
        (f'sig=({ALL});created=1;keyid="k"', {}),
        (f'sig=({ALL});created="1";keyid="k";nonce="n"', {}),
        (f'sig=({ALL});created=1;created=2;keyid="k";nonce="n"', {}),
        (f'sig=({ALL});created=1;keyid="k";nonce="n";alg="hmac-sha256"', {}),
        (f'sig=({ALL});created=1;expires=1;keyid="k";nonce="n"', {}),
        (f'other=({ALL});created=1;keyid="k";nonce="n"', {}),
        (f'sig=({ALL} "@method");created=1;keyid="k";nonce="n"', {}),
        (f'sig=({ALL} "@status");created=1;keyid="k";nonce="n"', {}),
        (f'sig=({ALL} "x-not-there");created=1;keyid="k";nonce="n"', {}),
        (f'sig=({ALL});created=1;keyid="k";nonce="n"', {"if_match": '"3"'}),
        (f'sig=({ALL});created=1;keyid="k";nonce="n"', {"idempotency_key": "once"}),
        (f'sig=({ALL});created=1;keyid="k";nonce="n"', {"digest": "sha-256=:AAAA:"}),
        (f'sig=({ALL});created=1;keyid="k";nonce="n"', {"digest": "md5=:AAAA:"}),
        ('sig=("@method" "content-digest" "content-type");created=1;keyid="k";nonce="n"', {}),
        ('sig=("@method" "@target-uri" "content-type");created=1;keyid="k";nonce="n"', {}),
        (f'sig=({ALL});created=1;keyid="k";nonce="n" ', {"signature": "sig=:x:"}),
    ],
)
def test_what_is_missing_or_does_not_fit_is_refused(inputs: str, more: dict[str, str]) -> None:
    with pytest.raises(Problem) as refused:
        signed(request(inputs, **more), BODY, 1)
    assert refused.value.kind in {Kind.BAD_SIGNATURE, Kind.REPLAYED}


def test_no_more_components_than_a_request_has_are_looked_for() -> None:
    more = {f"x-{number}": "" for number in range(40)}
    named = " ".join(f'"{name}"' for name in more)
    with pytest.raises(Problem, match="at most 32 components"):
        signed(request(f'sig=({ALL} {named});created=1;keyid="k";nonce="n"', **more), BODY, 1)


def test_an_altered_body_does_not_fit() -> None:
    with pytest.raises(Problem):
        signed(request(f'sig=({ALL});created=1;keyid="k";nonce="n"'), BODY + b" ", 1)


@given(st.text(max_size=60) | st.text('sig=();:"\\, ab-019', max_size=60))
def test_no_text_whatever_is_more_than_a_problem(text: str) -> None:
    for read in (byte_sequences, lists):
        with suppress(Problem):
            assert read(text)
