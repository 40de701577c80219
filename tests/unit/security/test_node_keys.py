"""The keys of a node: named by their secrets, rotated, and kept as text."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lts.security.key import UnknownKey
from lts.security.node_key import NodeKey, NodeKeys

pytestmark = pytest.mark.requirement("INT-020", "INT-025")

MANY = st.lists(st.binary(min_size=32, max_size=32), min_size=1, max_size=5, unique=True).map(
    lambda found: NodeKeys(*map(NodeKey, found))
)


def node_keys() -> NodeKeys:
    return NodeKeys(NodeKey.generate())


def test_a_key_is_named_after_its_secret() -> None:
    key = NodeKey.generate()
    assert re.fullmatch("[0-9a-f]{16}", key.id)
    assert NodeKey(key.secret).id == key.id
    assert NodeKey.generate().id != key.id


@pytest.mark.parametrize("secret", [b"", bytes(16), bytes(31), bytes(33)])
def test_a_secret_of_another_size_is_no_key(secret: bytes) -> None:
    with pytest.raises(ValueError, match=f"32 bytes, not {len(secret)}"):
        NodeKey(secret)


def test_each_purpose_has_its_own_secret() -> None:
    key = NodeKey.generate()
    derived = {key.derive(purpose) for purpose in ("", "backup", "backups", "session")}
    assert len(derived | {key.secret}) == 5
    assert key.derive("backup") == key.derive("backup")
    assert NodeKey.generate().derive("backup") != key.derive("backup")


def test_rotation_puts_a_new_key_in_front_of_the_old_ones() -> None:
    first = node_keys()
    second = first.rotated()
    third = second.rotated()
    assert third.current.id not in (first.current.id, second.current.id)
    assert third.retired == (second.current, first.current)
    assert third.of(first.current.id) is first.current
    assert third.of(third.current.id) is third.current
    assert first.retired == ()


def test_an_unknown_key_is_named() -> None:
    with pytest.raises(UnknownKey, match="no key with the id 0123456789abcdef is here") as caught:
        node_keys().of("0123456789abcdef")
    assert caught.value.key_id == "0123456789abcdef"


def test_a_key_is_there_only_once() -> None:
    key = NodeKey.generate()
    with pytest.raises(ValueError, match="twice"):
        NodeKeys(key, NodeKey.generate(), key)


@given(MANY)
def test_the_text_form_gives_the_same_keys(keys: NodeKeys) -> None:
    again = NodeKeys.parse(keys.format())
    assert again.format() == keys.format()
    assert again.current.secret == keys.current.secret
    assert [key.secret for key in again.retired] == [key.secret for key in keys.retired]


def test_the_text_form_may_come_from_any_editor() -> None:
    keys = node_keys().rotated()
    assert NodeKeys.parse("\n" + keys.format().replace("\n", " \r\n\r\n")).format() == keys.format()


def break_up(line: str) -> dict[str, str]:
    _, key_id, secret = line.split()
    other = NodeKey.generate()
    return {
        "another version": line.replace("v1", "v2"),
        "no secret": f"lts-node-key-v1 {key_id}",
        "a short secret": f"lts-node-key-v1 {key_id} {secret[4:]}",
        "another id": f"lts-node-key-v1 {other.id} {secret}",
        "another alphabet": f"lts-node-key-v1 {key_id} {'-' * 43}=",
        "a comment": f"{line} # mine",
        "half a line": line[: len(line) // 2],
        "no text": "�" * 40,
    }


@pytest.mark.parametrize("what", break_up(node_keys().format()))
def test_a_line_that_is_none_is_named_and_not_repeated(what: str) -> None:
    good = node_keys().format()
    line = break_up(node_keys().format().strip())[what]
    with pytest.raises(ValueError, match="line 2") as caught:
        NodeKeys.parse(good + line + "\n")
    assert not set(line.split()[1:]) & set(str(caught.value).split())


@pytest.mark.parametrize("text", ["", "\n", "  \n\n"])
def test_an_empty_text_holds_no_key(text: str) -> None:
    with pytest.raises(ValueError, match="no node key in it"):
        NodeKeys.parse(text)


@given(st.text(max_size=100))
def test_any_other_text_is_no_key(text: str) -> None:
    with pytest.raises(ValueError, match=r"line|no node key"):
        NodeKeys.parse(text)
