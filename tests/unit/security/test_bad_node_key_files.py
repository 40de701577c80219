"""A key file is read only if nobody else could have seen or changed it."""

import os
import socket
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from lts.refusal import Refused
from lts.security.key_file import make_node_keys, read_node_keys, write_node_keys
from lts.security.node_key import NodeKey, NodeKeys

pytestmark = pytest.mark.requirement("INT-020", "INT-025", "INT-026")

STRANGER = 4321
DESCRIPTORS = Path("/proc/self/fd")


def node_keys() -> NodeKeys:
    return NodeKeys(NodeKey.generate())


def refusal_of(path: Path) -> str:
    with pytest.raises(Refused) as caught:
        read_node_keys(path)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    return str(caught.value)


def owned_by_a_stranger(
    which: Callable[[int], bool], owner: int = STRANGER
) -> Callable[[int], os.stat_result]:
    """An `fstat` that says so of these kinds of files."""
    fstat = os.fstat

    def stranger(descriptor: int) -> os.stat_result:
        found = fstat(descriptor)
        return os.stat_result((*found[:4], owner, *found[5:])) if which(found.st_mode) else found

    return stranger


@pytest.mark.parametrize("mode", [0o601, 0o602, 0o604, 0o610, 0o620, 0o640, 0o644, 0o666, 0o777])
def test_a_file_for_others_is_refused(key_file: Path, mode: int) -> None:
    key_file.chmod(mode)
    assert refusal_of(key_file) == (
        f"{key_file}: the node key has mode {mode:04o}, so others can use it; chmod 600 {key_file}"
    )
    key_file.chmod(0o600)
    assert read_node_keys(key_file)


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o700])
def test_a_file_for_its_owner_is_read(key_file: Path, mode: int) -> None:
    key_file.chmod(mode)
    assert read_node_keys(key_file)


def test_the_advice_can_be_pasted_into_a_shell(tmp_path: Path) -> None:
    path = tmp_path / "it's mine" / "node.key"
    make_node_keys(path)
    path.chmod(0o644)
    command = refusal_of(path).partition("; ")[2]
    assert os.system(command) == 0  # noqa: S605 - what it says is what is tested
    assert read_node_keys(path)


def test_a_file_of_another_user_is_refused(key_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fstat", owned_by_a_stranger(stat.S_ISREG))
    assert refusal_of(key_file) == (
        f"{key_file}: the node key belongs to user {STRANGER}, not to the one who runs LTS;"
        f" if you trust what is in it, chown {os.geteuid()} {key_file}"
    )


def test_a_directory_of_another_user_is_refused(key_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fstat", owned_by_a_stranger(stat.S_ISDIR))
    expected = (
        f"{key_file.parent}: this directory belongs to user {STRANGER}, who can replace the node key in it;"
        " keep the key in a directory of the user who runs LTS"
    )
    assert refusal_of(key_file) == expected
    with pytest.raises(Refused, match="this directory belongs to user"):
        write_node_keys(key_file, node_keys())


def test_a_file_of_root_is_read_by_all_whom_it_lets(key_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fstat", owned_by_a_stranger(lambda _: True, owner=0))
    assert read_node_keys(key_file)


@pytest.mark.parametrize("mode", [0o702, 0o720, 0o722, 0o770, 0o775, 0o777, 0o1777])
def test_a_directory_that_others_write_to_is_refused(key_file: Path, mode: int) -> None:
    before = key_file.read_bytes()
    key_file.parent.chmod(mode)
    expected = (
        f"{key_file.parent}: this directory has mode {mode:04o}, so others can replace the node key in it;"
        f" chmod go-w {key_file.parent}"
    )
    assert refusal_of(key_file) == expected
    for write in (make_node_keys, lambda path: write_node_keys(path, node_keys())):
        with pytest.raises(Refused) as caught:
            write(key_file)
        assert str(caught.value) == expected
    assert key_file.read_bytes() == before


@pytest.mark.parametrize("target", ["node.key", "gone", "link"])
def test_a_symbolic_link_is_refused(key_file: Path, target: str) -> None:
    link = key_file.parent / "link"
    link.symlink_to(target)
    assert refusal_of(link) == (
        f"{link}: the node key is a symbolic link; name the file that it points to, or put it there"
    )


def test_the_directory_may_be_reached_by_a_link(key_file: Path, tmp_path: Path) -> None:
    (tmp_path / "linked").symlink_to(key_file.parent)
    assert read_node_keys(tmp_path / "linked" / "node.key")


def test_a_directory_in_its_place_is_refused(state_dir: Path) -> None:
    path = state_dir / "node.key"
    path.mkdir(0o700)
    assert refusal_of(path) == (
        f"{path}: the node key is not a regular file; put the file with the key there"
    )


def test_a_pipe_is_refused_without_waiting_for_it(state_dir: Path) -> None:
    path = state_dir / "node.key"
    os.mkfifo(path, 0o600)
    assert refusal_of(path) == (
        f"{path}: the node key is not a regular file; put the file with the key there"
    )


def test_a_socket_is_refused(state_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(state_dir)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("node.key")
        assert "node.key: the node key cannot be read: " in refusal_of(Path("node.key"))


@pytest.mark.parametrize("content", [b"", b"\n\n"])
def test_an_empty_file_is_refused(key_file: Path, content: bytes) -> None:
    key_file.write_bytes(content)
    assert refusal_of(key_file) == (
        f"{key_file}: there is no node key in it;"
        " put back your copy of the node key: nothing that was sealed opens without it"
    )


@pytest.mark.parametrize("content", [b"hunter2", b"\0" * 64, b"\xff\xfe\xfd", b"lts-node-key-v1 0 0\n"])
def test_another_content_is_refused_and_not_repeated(key_file: Path, content: bytes) -> None:
    key_file.write_bytes(content)
    assert refusal_of(key_file) == (
        f"{key_file}: line 1 does not read `lts-node-key-v1 ID SECRET`;"
        " put back your copy of the node key: nothing that was sealed opens without it"
    )


def test_a_changed_letter_is_found(key_file: Path) -> None:
    content = bytearray(key_file.read_bytes())
    content[40] ^= 1
    key_file.write_bytes(content)
    assert refusal_of(key_file).startswith(f"{key_file}: ")


def test_a_file_cut_short_is_found(key_file: Path) -> None:
    content = NodeKeys(NodeKey.generate()).rotated().format().encode()
    for size in range(len(content) - 1):
        if size not in (len(content) // 2 - 1, len(content) // 2):  # exactly one key is left there
            key_file.write_bytes(content[:size])
            assert refusal_of(key_file).startswith(f"{key_file}: ")


def test_a_huge_file_is_refused(key_file: Path) -> None:
    key_file.write_bytes(b"\n" * 65_537)
    assert refusal_of(key_file) == (
        f"{key_file}: more than 65536 bytes are no node key; put the file with the key there"
    )


@pytest.mark.parametrize("call", ["open", "fstat", "read"])
def test_a_file_that_cannot_be_read_is_refused(
    key_file: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(os, call, fail)
        sentence = refusal_of(key_file)
    assert sentence == (
        f"{key_file}: the node key cannot be read: Permission denied; check the path and its rights"
    )


def test_a_file_below_a_file_is_refused(key_file: Path) -> None:
    assert "the node key cannot be read: Not a directory" in refusal_of(key_file / "node.key")


def test_what_is_put_in_its_place_after_the_check_is_not_read(
    key_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = key_file.read_text()
    fstat = os.fstat

    def check_and_swap(descriptor: int) -> os.stat_result:
        found = fstat(descriptor)
        if stat.S_ISREG(found.st_mode):
            other = key_file.with_name("other")
            other.write_text(node_keys().format())
            other.replace(key_file)
        return found

    monkeypatch.setattr(os, "fstat", check_and_swap)
    found = read_node_keys(key_file)
    assert found
    assert found.format() == good
    assert key_file.read_text() != good


@pytest.mark.skipif(not DESCRIPTORS.exists(), reason="this system does not show what is open")
def test_no_descriptor_is_left_open(key_file: Path) -> None:
    before = len(list(DESCRIPTORS.iterdir()))
    for _ in range(3):
        read_node_keys(key_file)
        make_node_keys(key_file)
        write_node_keys(key_file, node_keys())
        key_file.chmod(0o644)
        refusal_of(key_file)
        key_file.parent.chmod(0o777)
        refusal_of(key_file)
        key_file.parent.chmod(0o700)
        key_file.chmod(0o600)
    assert len(list(DESCRIPTORS.iterdir())) == before
