"""The key file is made for its owner alone, and never half."""

import os
import stat
from collections.abc import Callable
from pathlib import Path
from threading import Barrier, Thread
from typing import Any

import pytest

from lts.refusal import Refused
from lts.security.key_file import make_node_keys, read_node_keys, write_node_keys
from lts.security.node_key import NodeKey, NodeKeys

pytestmark = pytest.mark.requirement("INT-020", "INT-025")


def node_keys() -> NodeKeys:
    return NodeKeys(NodeKey.generate())


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def same(found: NodeKeys | None, keys: NodeKeys) -> bool:
    return found is not None and found.format() == keys.format()


def listing(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


@pytest.mark.usefixtures("umask")
@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077, 0o277, 0o777])
@pytest.mark.parametrize("write", [make_node_keys, lambda path: write_node_keys(path, node_keys())])
def test_a_key_file_is_its_owners_alone_whatever_the_umask(
    state_dir: Path, mask: int, write: Callable[[Path], object]
) -> None:
    os.umask(mask)
    write(state_dir / "node.key")
    assert mode_of(state_dir / "node.key") == 0o600


@pytest.mark.usefixtures("umask")
@pytest.mark.parametrize("mask", [0o000, 0o002, 0o022, 0o077])
def test_a_missing_directory_is_made_for_its_owner_alone(tmp_path: Path, mask: int) -> None:
    os.umask(mask)
    path = tmp_path / "new" / "state" / "node.key"
    keys = make_node_keys(path)
    assert keys is not None
    assert same(read_node_keys(path), keys)
    assert mode_of(path.parent) == 0o700


def test_what_is_written_is_read_again(state_dir: Path) -> None:
    keys = node_keys().rotated()
    write_node_keys(state_dir / "node.key", keys)
    assert same(read_node_keys(state_dir / "node.key"), keys)
    assert listing(state_dir) == ["node.key"]


def test_a_file_that_is_not_there_holds_nothing(state_dir: Path) -> None:
    assert read_node_keys(state_dir / "node.key") is None
    assert read_node_keys(state_dir / "no" / "such" / "node.key") is None


def test_a_key_is_never_made_over_another(key_file: Path) -> None:
    before = key_file.read_bytes()
    assert make_node_keys(key_file) is None
    assert key_file.read_bytes() == before
    assert listing(key_file.parent) == ["node.key"]


def test_of_many_who_make_a_key_at_once_one_does(state_dir: Path) -> None:
    path, start, made = state_dir / "node.key", Barrier(8), list[NodeKeys | None]()

    def make() -> None:
        start.wait()
        made.append(make_node_keys(path))

    threads = [Thread(target=make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    [winner] = [keys for keys in made if keys]
    assert len(made) == 8
    assert same(read_node_keys(path), winner)
    assert listing(state_dir) == ["node.key"]


@pytest.mark.parametrize("call", ["open", "fchmod", "fsync", "rename"])
def test_a_failed_write_leaves_the_old_keys_and_nothing_else(
    key_file: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    before = key_file.read_bytes()

    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, call, fail)
        with pytest.raises(Refused) as caught:
            write_node_keys(key_file, node_keys())
    assert str(caught.value) == (
        f"{key_file}: the node key cannot be written: No space left on device; check the path and its rights"
    )
    assert key_file.read_bytes() == before
    assert listing(key_file.parent) == ["node.key"]


@pytest.mark.parametrize(
    ("write", "naming"),
    [
        (make_node_keys, ["link", "unlink"]),
        (lambda path: write_node_keys(path, node_keys()), ["rename"]),
    ],
)
def test_the_file_and_then_its_name_are_on_disk_before_anyone_goes_on(
    state_dir: Path, monkeypatch: pytest.MonkeyPatch, write: Callable[[Path], object], naming: list[str]
) -> None:
    steps: list[str] = []

    def noted(call: Callable[..., None]) -> Callable[..., None]:
        def note(*args: Any, **kwargs: Any) -> None:
            step = call.__name__
            if step == "fsync":
                step += " directory" if stat.S_ISDIR(os.fstat(args[0]).st_mode) else " file"
            steps.append(step)
            call(*args, **kwargs)

        return note

    for call in ("fsync", "rename", "link", "unlink"):
        monkeypatch.setattr(os, call, noted(getattr(os, call)))
    write(state_dir / "node.key")
    assert steps[:-1] == ["fsync file", *naming, "fsync directory"]


def test_a_link_in_place_of_the_file_is_replaced_and_not_followed(state_dir: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("not ours")
    path = state_dir / "node.key"
    path.symlink_to(elsewhere)
    assert make_node_keys(path) is None
    keys = node_keys()
    write_node_keys(path, keys)
    assert same(read_node_keys(path), keys)
    assert elsewhere.read_text() == "not ours"


def test_what_cannot_be_replaced_is_refused(state_dir: Path) -> None:
    (state_dir / "node.key").mkdir()
    with pytest.raises(Refused, match="the node key cannot be written: Is a directory"):
        write_node_keys(state_dir / "node.key", node_keys())


def test_no_file_is_made_below_a_file(key_file: Path) -> None:
    with pytest.raises(Refused, match="the node key cannot be written: Not a directory"):
        make_node_keys(key_file / "below" / "node.key")
