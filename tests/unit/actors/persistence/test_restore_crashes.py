"""A restore that is killed leaves the old database or the new one, whole and with its head file."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any
from unittest.mock import AsyncMock

import pytest

from actors.persistence.backup import back_up
from actors.persistence.inspection import prove
from actors.persistence.rows import UserRow
from actors.persistence.storage import Storage, opened
from lts.security.key_file import write_node_keys

pytestmark = pytest.mark.requirement("INT-5.3")

KILLED = '''
"""Restores a backup into copies of a state directory, and is killed: after a time, or at a call."""

import asyncio, os, shutil, signal, sys
from pathlib import Path

from actors.persistence import exchange, restore
from actors.persistence.storage import Storage

state, backup, delays = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
CALLS = {"os.link", "os.rename", "os.remove", "open"}
exchanging = exchange.exchange


def copied(name):
    return Path(shutil.copytree(state, state.with_name(name)))


def in_a_child(name, work):
    child = os.fork()
    if not child:
        try:
            work()
        finally:
            os._exit(0)
    status = os.waitpid(child, 0)[1]
    print(name, "killed" if os.WIFSIGNALED(status) else "done", flush=True)
    return os.WIFSIGNALED(status)


def restore_into(directory):
    storage = Storage(directory)
    asyncio.run(restore.restore(backup, storage, storage.node_keys(create=False).keys))


def restore_for(seconds, directory):
    signal.setitimer(signal.ITIMER_REAL, seconds)
    restore_into(directory)


def killed_at(call, database, new, head, heads, aside):
    def watch(event, args):
        nonlocal call
        if event in CALLS:
            call -= 1
            if not call:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(watch)
    exchanging(database, new, head, heads, aside)


def exchange_in_children(database, new, head, heads, aside):
    call, killed = 0, True
    while killed:
        call += 1
        copy = copied(f"at-{call}")
        shutil.copy(new, copy / new.name)
        places = copy / database.name, copy / new.name, copy / head.name
        killed = in_a_child(copy.name, lambda: killed_at(call, *places, heads, aside))


for number in range(1, delays + 1):
    copy = copied(f"after-{number}")
    in_a_child(copy.name, lambda: restore_for(0.4 * number / (delays + 1), copy))
restore.exchange = exchange_in_children
restore_into(copied("exchanged"))
'''
DELAYS = 2


@pytest.fixture
async def state(lane_in: Callable[[Path], Any], user: Any, tmp_path: Path) -> Path:
    """A state directory that has moved on since its backup was made."""
    directory = tmp_path / "state"
    async with lane_in(_made(directory)) as lane:
        await lane.open()
        write_node_keys(directory / "node.key", lane.node_keys)
        await lane.insert(UserRow, user(1, "ann"))
        await lane.seal()
        await back_up(Storage(directory), tmp_path / "a.backup", record=AsyncMock())
        await lane.insert(UserRow, user(2, "bob"))
        await lane.seal()
        await lane.insert(UserRow, user(3, "cyd"))
    return directory


def _made(directory: Path) -> Path:
    directory.mkdir(mode=0o700)
    return directory


def _kill(state: Path) -> Iterator[tuple[Path, str]]:
    """Yield what each kill has left, and whether it was one."""
    backup = state.parent / "a.backup"
    run = subprocess.run(
        [sys.executable, "-c", KILLED, state, backup, str(DELAYS)], check=True, capture_output=True, text=True
    )
    for line in run.stdout.splitlines():
        name, end = line.split()
        yield state.with_name(name), end


def _digest(directory: Path) -> str:
    """Return what tells apart the states in which a node could find everything."""
    files = [directory / name for name in ("audit.head", "lts.db", "lts.db-wal")]
    return sha256(b"|".join(path.read_bytes() if path.exists() else b"" for path in files)).hexdigest()


async def _seals(directory: Path) -> int:
    """Return how many seals there are, after proving all of it and taking it up as a node does."""
    storage = Storage(directory)
    assert (await prove(storage)).findings == (), directory
    async with opened(storage) as own:
        return own.sealer.number


async def test_whenever_it_is_killed_one_of_both_databases_can_be_used(state: Path) -> None:
    known: dict[str, int] = {}
    at_calls = []
    for directory, end in _kill(state):
        content = _digest(directory)
        if content not in known:
            known[content] = await _seals(directory)
        if directory.name.startswith("at-"):
            at_calls.append((end, known[content]))
    assert at_calls[0] == ("killed", 2)
    assert at_calls[-1] == ("done", 1)
    assert at_calls[:-1] == sorted(at_calls[:-1], reverse=True)
    assert ("killed", 1) in at_calls
