"""The manifest of a backup: what is in it, for all to read and for nobody to change."""

import json
from typing import Any

import msgspec
import pytest

from actors.persistence.head import Head
from actors.persistence.manifest import FORMAT, Manifest, TableSum, in_step, read, sign
from lts.refusal import Refused
from lts.security.node_key import NodeKey, NodeKeys

pytestmark = pytest.mark.requirement("INT-5.3", "INT-025", "INT-026")

KEY, OTHER = NodeKey(b"the secret of a node in a test, "), NodeKey(b"the secret of another one alone.")
KEYS = NodeKeys(KEY)
HEAD = Head(3, "ab" * 32, 77, 5, "key")


def manifest(**changes: Any) -> Manifest:
    fields: dict[str, Any] = {
        "lts_backup": FORMAT,
        "lts": "0.1.0",
        "node_key": KEY.id,
        "created_at": 1_700_000_000_000_000_000,
        "database": "sqlite",
        "revision": "0013",
        "last_seq": 77,
        "seal": 3,
        "seal_hash": "ab" * 32,
        "head": HEAD,
        "sequences": {"users": 4},
        "tables": {"users": TableSum(2, "cd" * 32), "orders": TableSum(0, "ef" * 32)},
    }
    return Manifest(**fields | changes)


def written(made: Manifest, key: NodeKey = KEY, room: int = 2_000) -> tuple[bytes, bytes]:
    text, signature, _ = sign(made, key, room).split(b"\n")
    return text, signature


def test_what_was_signed_is_read_again_with_the_key_that_opens_the_rest() -> None:
    made = manifest()
    found, key = read(*written(made), NodeKeys(OTHER, KEY), "b")
    assert (found, key) == (made, KEY)
    assert found.rows == 2


def test_it_is_one_line_of_json_that_anybody_can_read() -> None:
    text, signature = written(manifest())
    assert json.loads(text)["tables"] == {
        "users": {"rows": 2, "sha256": "cd" * 32},
        "orders": {"rows": 0, "sha256": "ef" * 32},
    }
    assert len(bytes.fromhex(signature.decode())) == 64
    assert KEY.secret not in text


def test_whatever_the_sums_are_they_take_no_more_room_than_was_left_for_them() -> None:
    draft = manifest(tables={"users": TableSum()}, head=None)
    largest = msgspec.structs.replace(draft, tables={"users": TableSum(10**18)}, payload="f" * 64)
    smallest = msgspec.structs.replace(draft, tables={"users": TableSum(0)})
    assert {len(sign(each, KEY, draft.room())) for each in (draft, largest, smallest)} == {draft.room() + 130}


@pytest.mark.parametrize("place", range(0, 1_000, 37))
def test_a_byte_that_is_changed_is_noticed(place: int) -> None:
    text, signature = written(manifest(), room=1_000)
    changed = bytearray(text)
    changed[place] ^= 1
    with pytest.raises(Refused, match=r"^b: ") as refused:
        read(bytes(changed), signature, KEYS, "b")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("signature", [b"", b"00", b"zz", b"\xff", b"00" * 64])
def test_another_signature_does_not_do(signature: bytes) -> None:
    text, _ = written(manifest())
    with pytest.raises(Refused, match="its manifest was changed since it was made; use another backup"):
        read(text, signature, KEYS, "b")


def test_the_key_of_another_node_is_told_from_damage() -> None:
    told = f"^b: was made with the node key '{OTHER.id}', and the key of this node is {KEY.id}; put back"
    with pytest.raises(Refused, match=told):
        read(*written(manifest(node_key=OTHER.id), OTHER), KEYS, "b")


def test_nobody_signs_for_another_node() -> None:
    with pytest.raises(Refused, match="its manifest was changed"):
        read(*written(manifest(), OTHER), KEYS, "b")


def test_a_format_of_a_later_version_is_named() -> None:
    with pytest.raises(Refused, match=r"has the format 2, of LTS 0\.1\.0; restore it with that"):
        read(*written(manifest(lts_backup=2)), KEYS, "b")


@pytest.mark.parametrize(
    "text", [b"", b"SQLite format 3\x00", b"[]", b"{}", b"\xff\xfe", b'{"lts_backup":"1"}']
)
def test_what_is_none_is_told(text: bytes) -> None:
    with pytest.raises(Refused, match=r"^b: is no backup, or its beginning is damaged; name a file that"):
        read(text, b"", KEYS, "b")


@pytest.mark.parametrize(
    ("head", "seal_hash", "last_seq", "fits"),
    [
        (None, "00", 0, True),
        (None, "00", 1, False),
        (HEAD, HEAD.hash, 77, True),
        (HEAD, "cd" * 32, 77, False),
        (msgspec.structs.replace(HEAD, announced="cd" * 32), "cd" * 32, 80, True),
    ],
)
def test_an_audit_ends_where_its_head_file_says(
    head: Head | None, seal_hash: str, last_seq: int, fits: bool
) -> None:
    assert in_step(head, seal_hash, last_seq) is fits
    made = manifest(head=head, seal_hash=seal_hash, last_seq=last_seq)
    assert bool(made.trouble) is not fits
