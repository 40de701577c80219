"""The head file: whole at every instant, signed, and for its owner alone."""

import os
import stat
from pathlib import Path

import msgspec
import pytest

from actors.persistence.head import Head, read_head, write_head
from lts.security.signing import SigningKey

pytestmark = pytest.mark.requirement("INT-010", "INT-024", "INT-025")

KEY = SigningKey("signs", b"the secret of a key that signs, ")
HEAD = Head(3, "ab" * 32, 12, 5, "").signed(KEY)


def test_what_was_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "state" / "audit.head"
    write_head(path, Head(2, "cd" * 32, 9, 4, "").signed(KEY))
    write_head(path, HEAD)

    assert read_head(path) == HEAD
    assert HEAD.is_signed_by(KEY.public)
    assert [each.name for each in path.parent.iterdir()] == ["audit.head"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_where_there_is_no_file_there_is_no_head(tmp_path: Path) -> None:
    assert read_head(tmp_path / "audit.head") is None


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff", b'{"seal":"3"}', b"[1]", b'{"seal":3}'])
def test_what_is_no_head_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "audit.head"
    path.write_bytes(content)

    with pytest.raises(ValueError, match=r"audit\.head cannot be read as a head"):
        read_head(path)


def test_a_head_with_more_in_it_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "audit.head"
    path.write_bytes(msgspec.json.encode(msgspec.structs.asdict(HEAD) | {"more": 1}))

    with pytest.raises(ValueError, match="more"):
        read_head(path)


@pytest.mark.parametrize(
    "changed",
    [{"seal": 4}, {"hash": "00" * 32}, {"last_seq": 13}, {"at": 6}, {"key_id": "other"}, {"announced": "ab"}],
)
def test_a_head_that_was_edited_is_not_signed(changed: dict[str, object]) -> None:
    assert not msgspec.structs.replace(HEAD, **changed).is_signed_by(KEY.public)


def test_a_head_that_is_written_in_another_way_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "audit.head"
    path.write_bytes(msgspec.json.format(msgspec.json.encode(HEAD)))

    with pytest.raises(ValueError, match="another way"):
        read_head(path)


@pytest.mark.parametrize("signature", ["", "zz", "00" * 64, HEAD.signature.upper()])
def test_a_head_with_another_signature_is_not_signed(signature: str) -> None:
    assert not msgspec.structs.replace(HEAD, signature=signature).is_signed_by(KEY.public)


def test_a_write_that_is_broken_off_leaves_the_head_of_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "audit.head"
    write_head(path, HEAD)

    def fail(_: int) -> None:
        raise OSError("the disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", fail)
        with pytest.raises(OSError, match="full"):
            write_head(path, Head(4, "ef" * 32, 15, 9, "").signed(KEY))

    assert read_head(path) == HEAD
    write_head(path, HEAD)
    assert read_head(path) == HEAD
