"""A sealed value opens with its key, in its place, unchanged; and in no other case."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from lts.security.node_key import NodeKey, NodeKeys
from lts.security.seal import SealingKey, SealingKeys, Unsealable, key_id_of, unwrap, wrap

pytestmark = pytest.mark.requirement("INT-020", "INT-025")

IDS = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=16)
KEYS = st.builds(SealingKey, IDS, st.binary(min_size=32, max_size=32))
PLACE = b"assets/params/7"


@given(KEYS, st.binary(max_size=500), st.binary(max_size=50))
def test_what_is_sealed_opens_again(key: SealingKey, plaintext: bytes, context: bytes) -> None:
    sealed = key.seal(plaintext, context)
    assert key.open(sealed, context) == plaintext
    assert key_id_of(sealed) == key.id
    assert len(sealed) == len(plaintext) + len(key.id) + 30


def test_the_same_value_is_never_sealed_the_same_way() -> None:
    key = SealingKey.generate()
    assert len({key.seal(b"the same", PLACE) for _ in range(1000)}) == 1000


@given(KEYS, st.binary(max_size=20))
def test_any_changed_bit_is_found(key: SealingKey, plaintext: bytes) -> None:
    sealed = key.seal(plaintext, PLACE)
    keys = SealingKeys(key)
    for position in range(8 * len(sealed)):
        changed = bytearray(sealed)
        changed[position // 8] ^= 1 << position % 8
        for opener in (key, keys):
            with pytest.raises(Unsealable):
                opener.open(bytes(changed), PLACE)


@given(KEYS, st.binary(max_size=60))
def test_a_value_cut_short_or_continued_is_found(key: SealingKey, plaintext: bytes) -> None:
    sealed = key.seal(plaintext, PLACE)
    for wrong in [
        *(sealed[:size] for size in range(len(sealed))),
        sealed + b"\0",
        b"\0" + sealed,
        sealed + sealed,
    ]:
        with pytest.raises(Unsealable):
            key.open(wrong, PLACE)


@given(KEYS, st.binary(max_size=20), st.binary(max_size=20))
def test_a_value_opens_in_its_own_place_only(key: SealingKey, here: bytes, there: bytes) -> None:
    assume(here != there)
    with pytest.raises(Unsealable, match="was sealed elsewhere"):
        key.open(key.seal(b"limits", here), there)


@given(st.binary(max_size=100))
def test_what_was_never_sealed_does_not_open(data: bytes) -> None:
    with pytest.raises(Unsealable):
        SealingKeys(SealingKey("k", bytes(32))).open(data, PLACE)


def test_another_secret_under_the_same_id_does_not_open_it() -> None:
    sealed = SealingKey("k", bytes(32)).seal(b"limits", PLACE)
    with pytest.raises(Unsealable, match="changed since the key k sealed it"):
        SealingKey("k", b"\1" * 32).open(sealed, PLACE)


def test_another_key_says_whose_value_it_is() -> None:
    sealed = SealingKey("old", bytes(32)).seal(b"limits", PLACE)
    with pytest.raises(Unsealable, match="sealed under the key old, not under new"):
        SealingKey("new", bytes(32)).open(sealed, PLACE)


def test_old_values_open_after_the_key_was_rotated() -> None:
    old, new = SealingKey("old", bytes(32)), SealingKey("new", b"\1" * 32)
    before = SealingKeys(old).seal(b"limits", PLACE)
    keys = SealingKeys(new, old)
    assert keys.open(before, PLACE) == b"limits"
    after = keys.seal(b"limits", PLACE)
    assert (key_id_of(before), key_id_of(after)) == ("old", "new")
    assert keys.open(after, PLACE) == b"limits"
    with pytest.raises(Unsealable, match="sealed under the key old, which is not here"):
        SealingKeys(new).open(before, PLACE)


def test_a_wrapped_key_unwraps_after_the_node_key_was_rotated() -> None:
    before = NodeKeys(NodeKey.generate())
    wrapped = wrap(before.current, b"a data key", b"k1/mac")
    after = before.rotated().rotated()
    assert unwrap(after.of(key_id_of(wrapped)), wrapped, b"k1/mac") == b"a data key"
    with pytest.raises(Unsealable):
        unwrap(after.current, wrapped, b"k1/mac")


def test_a_wrapped_key_unwraps_for_its_own_purpose_only() -> None:
    node_key = NodeKey.generate()
    with pytest.raises(Unsealable):
        unwrap(node_key, wrap(node_key, b"a data key", b"k1/mac"), b"k1/seal")


def test_what_a_node_key_wraps_is_not_sealed_by_its_secret_itself() -> None:
    node_key = NodeKey.generate()
    wrapped = wrap(node_key, b"a data key", b"k1/mac")
    with pytest.raises(Unsealable):
        SealingKey(node_key.id, node_key.secret).open(wrapped, b"k1/mac")
