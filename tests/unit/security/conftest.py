"""A state directory and a key file as they should be, and a umask to play with."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from lts.security.key_file import write_node_keys
from lts.security.node_key import NodeKey, NodeKeys


@pytest.fixture
def state_dir(tmp_path: Path) -> Path:
    directory = tmp_path / "state"
    directory.mkdir()
    directory.chmod(0o700)
    return directory


@pytest.fixture
def key_file(state_dir: Path) -> Path:
    path = state_dir / "node.key"
    write_node_keys(path, NodeKeys(NodeKey.generate()))
    return path


@pytest.fixture
def umask() -> Iterator[None]:
    """Whatever a test sets, the others do not notice."""
    before = os.umask(0o022)
    yield
    os.umask(before)
