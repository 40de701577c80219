"""The operator's door: one line in, one line out, and nobody else's."""

import asyncio
import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from actors.door import SOCKET, Door
from lts.domain.storage import KeysNotRotated, KeysRotated, RotateKeys
from lts.testing import NOBODY, Bench

pytestmark = pytest.mark.requirement("INT-028", "INT-026", "INT-4.2")

ROTATED = KeysRotated("0123456789abcdef", {"seal": "a", "mac": "b", "sign": "c"})


def bench(directory: Path, answer: Any = ROTATED) -> Bench[Door]:
    return Bench(Door, directory, answers={RotateKeys: answer})


async def say(directory: Path, line: bytes) -> Any:
    here = os.open(directory, os.O_RDONLY)
    try:
        reader, writer = await asyncio.open_unix_connection(f"/proc/self/fd/{here}/{SOCKET}")
    finally:
        os.close(here)
    writer.write(line)
    writer.write_eof()
    answer = await reader.read()
    writer.close()
    return json.loads(answer)


async def test_a_command_comes_in_and_its_answer_goes_out(tmp_path: Path) -> None:
    async with bench(tmp_path) as scene:
        answer = await say(tmp_path, b'{"command": "rotate-keys", "arguments": {"node_key": true}}\n')
        assert answer == {"answer": {"node_key": ROTATED.node_key, "keys": ROTATED.keys}}
        assert RotateKeys(node_key=True) in scene.said
        assert await say(tmp_path, b'{"command": "rotate-keys"}\n') == answer


async def test_a_command_that_is_refused_says_why(tmp_path: Path) -> None:
    async with bench(tmp_path, KeysNotRotated("not now")):
        assert await say(tmp_path, b'{"command": "rotate-keys"}\n') == {"answer": {"reason": "not now"}}
    async with bench(tmp_path, NOBODY):
        assert "no actor owns RotateKeys" in (await say(tmp_path, b'{"command": "rotate-keys"}\n'))["error"]


@pytest.mark.parametrize(
    ("line", "part"),
    [
        (b'{"command": "sell-everything"}\n', "no command 'sell-everything'; known: rotate-keys"),
        (b'{"command": "rotate-keys", "arguments": {"node_key": "yes"}}\n', "Expected `bool`"),
        (b'{"command": "rotate-keys", "argument": {}}\n', "unknown field"),
        (b"[]\n", "this is no command"),
        (b"\xff\n", "this is no command"),
        (b"", "this is no command"),
        (b"x" * 100_000, "this is no command"),
    ],
)
async def test_what_is_no_command_is_told_so_and_the_door_stays_open(
    tmp_path: Path, line: bytes, part: str
) -> None:
    async with bench(tmp_path) as scene:
        assert part in (await say(tmp_path, line))["error"]
        assert "answer" in await say(tmp_path, b'{"command": "rotate-keys"}\n')
        assert len([each for each in scene.said if isinstance(each, RotateKeys)]) == 1


async def test_only_the_user_of_the_node_can_open_it_however_long_its_path(tmp_path: Path) -> None:
    directory = tmp_path / ("deep" * 30) / ("er" * 60)
    directory.mkdir(parents=True)
    (directory / SOCKET).touch()  # what a node that was killed left behind
    async with bench(directory):
        found = (directory / SOCKET).lstat()
        assert stat.S_ISSOCK(found.st_mode)
        assert stat.S_IMODE(found.st_mode) == 0o600
        assert "answer" in await say(directory, b'{"command": "rotate-keys"}\n')
    assert not (directory / SOCKET).exists()


async def test_whoever_hangs_up_is_forgotten(tmp_path: Path) -> None:
    async with bench(tmp_path):
        _, writer = await asyncio.open_unix_connection(str(tmp_path / SOCKET))
        writer.transport.abort()
        assert "answer" in await say(tmp_path, b'{"command": "rotate-keys"}\n')
