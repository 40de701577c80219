"""The port of an AAA plugin draws, hashes and verifies, and shows no key."""

from base64 import b64encode

import pytest

from lts.kinds.aaa import Security
from lts.security.passwords import Costs
from lts.security.port import NodeSecurity
from lts.security.signing import SigningKey
from lts.security.tokens import TokenKeys

pytestmark = pytest.mark.requirement("INT-021", "INT-025")

NOW = 1_700_000_000 * 10**9
KEY = SigningKey("k", bytes(32))


@pytest.fixture
def port() -> Security:
    keys = TokenKeys()
    keys.adopt([(KEY, None)])
    return NodeSecurity(keys, lambda: NOW, Costs(memory_kib=8, passes=1))


def test_what_it_draws_is_long_enough_and_never_the_same(port: Security) -> None:
    assert len({port.new_id() for _ in range(100)}) == len({port.new_secret() for _ in range(100)}) == 100
    assert (len(port.new_id()), len(port.new_secret()), len(port.new_code_secret())) == (16, 43, 32)
    assert len(port.digest(port.new_secret())) == len(port.digest("\ud800")) == 32


def test_a_token_that_it_issues_it_reads(port: Security) -> None:
    token, ends_at = port.issue("ann", "s1", 300)
    said = port.read(token)
    assert said is not None
    assert (said.sub, said.sid, ends_at) == ("ann", "s1", NOW + 300 * 10**9)
    assert port.read(token[:-2]) is None


def test_a_signature_is_that_of_the_public_key_that_is_known(port: Security) -> None:
    public = b64encode(KEY.public).decode()
    assert port.is_public_key(public)
    assert port.is_signed(public, KEY.sign(b"base"), b"base")
    assert not port.is_signed(public, KEY.sign(b"base"), b"other")
    for text in ("", "AAAA", "not base64!", public + "\n", public[:-1], "\u00e9"):
        assert not port.is_public_key(text)
        assert not port.is_signed(text, KEY.sign(b"base"), b"base")
