"""A signature fits one message and one signer."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from lts.security.signing import SigningKey, verify

pytestmark = pytest.mark.requirement("INT-025")


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=300))
def test_what_is_signed_is_verified_by_the_public_key_alone(secret: bytes, message: bytes) -> None:
    key = SigningKey("k", secret)
    signature = key.sign(message)
    assert (len(key.public), len(signature)) == (32, 64)
    assert verify(key.public, signature, message)
    assert SigningKey("again", secret).public == key.public


@given(st.binary(max_size=60), st.binary(max_size=60))
def test_another_message_is_not_verified(message: bytes, other: bytes) -> None:
    assume(message != other)
    key = SigningKey.generate()
    assert not verify(key.public, key.sign(message), other)


def test_another_signer_is_not_verified() -> None:
    assert not verify(SigningKey.generate().public, SigningKey.generate().sign(b"a seal"), b"a seal")


def test_any_changed_bit_of_a_signature_is_found() -> None:
    key = SigningKey.generate()
    signature = key.sign(b"a seal")
    for position in range(8 * len(signature)):
        changed = bytearray(signature)
        changed[position // 8] ^= 1 << position % 8
        assert not verify(key.public, bytes(changed), b"a seal")


@given(st.binary(max_size=70), st.binary(max_size=70), st.binary(max_size=20))
def test_what_is_no_key_or_no_signature_verifies_nothing(
    public: bytes, signature: bytes, message: bytes
) -> None:
    key = SigningKey.generate()
    assert not verify(public, key.sign(message), message)
    assert not verify(key.public, signature, message)
