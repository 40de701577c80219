"""The operator's door: one line in, one line out, and nobody else's."""

import asyncio
import json
import os
import pwd
import stat
import sys
from pathlib import Path
from typing import Any

import pytest

from actors.door import SOCKET, Door, _name_of, operator
from lts.domain.reconciliation import AccountApproved, ApproveAccount
from lts.domain.risk import SetTradingState, TradingState, TradingStateSet
from lts.domain.storage import KeysNotRotated, KeysRotated, RotateKeys
from lts.domain.units import NotPerformed, Perform, Performed, RecordRead
from lts.testing import NOBODY, Bench

pytestmark = pytest.mark.requirement("INT-028", "INT-026", "INT-4.2")

ROTATED = KeysRotated("0123456789abcdef", {"seal": "a", "mac": "b", "sign": "c"})


def bench(directory: Path, answer: Any = ROTATED) -> Bench[Door]:
    return Bench(Door, directory, answers={RotateKeys: answer, Perform: answer})


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
        (
            b'{"command": "sell-everything"}\n',
            "'sell-everything'; known: rotate-keys, record-read",
        ),
        (b'{"command": "rotate-keys", "arguments": {"node_key": "yes"}}\n', "Expected `bool`"),
        (b'{"command": "rotate-keys", "argument": {}}\n', "unknown field"),
        (b'{"command": "record-read", "arguments": {"subject": "users"}}\n', "missing required field `why`"),
        (
            b'{"command": "record-read", "arguments": {"subject": "users", "why": "x", "who": "eve"}}\n',
            "unknown field `who`",
        ),
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


READ = b'{"command": "record-read", "arguments": {"subject": "users", "why": "a list"}}\n'
SAY = """
import os, socket, sys
os.chdir(sys.argv[1])
with socket.socket(socket.AF_UNIX) as door:
    door.connect("door.sock")
    door.sendall(sys.stdin.buffer.read())
    print(door.makefile().readline(), end="")
"""


@pytest.mark.requirement("INT-010", "INT-024")
async def test_a_read_is_recorded_in_the_name_that_the_kernel_gives(tmp_path: Path) -> None:
    async with bench(tmp_path, Performed()) as scene:
        assert await say(tmp_path, READ) == {"answer": {}}
        me = f"operator {pwd.getpwuid(os.geteuid()).pw_name}"
        assert Perform((RecordRead("users", "a list"),), me) in scene.said
    async with bench(tmp_path, NotPerformed("the disk is full")):
        assert await say(tmp_path, READ) == {"answer": {"reason": "the disk is full"}}


@pytest.mark.requirement("INT-010", "INT-024")
async def test_what_the_node_itself_has_started_reads_as_the_system(tmp_path: Path) -> None:
    pipe = asyncio.subprocess.PIPE
    async with bench(tmp_path, Performed()) as scene:
        words = (sys.executable, "-c", SAY, str(tmp_path))
        process = await asyncio.create_subprocess_exec(*words, stdin=pipe, stdout=pipe)
        out, _ = await process.communicate(READ)
        assert json.loads(out) == {"answer": {}}
        assert Perform((RecordRead("users", "a list"),), "system") in scene.said


def test_a_user_without_a_name_is_told_by_number() -> None:
    assert operator(4_000_000_000) == "operator 4000000000"
    assert _name_of(2**22 + 1, os.geteuid()) == operator(os.geteuid())  # a process that is gone


STATE_SET = TradingStateSet("system", TradingState.HALTED, "enough", "operator ada", 1, durable=True)


async def test_an_operator_halts_and_approves_in_the_name_that_the_kernel_gives(tmp_path: Path) -> None:
    answers = {SetTradingState: STATE_SET, ApproveAccount: AccountApproved("oanda", (), ("7",))}
    me = operator(os.geteuid())
    async with Bench(Door, tmp_path, answers=answers) as scene:
        halt = {"scope": "system", "state": "halted", "reason": "enough", "flatten": True}
        line = json.dumps({"command": "set-trading-state", "arguments": halt}).encode() + b"\n"
        assert (await say(tmp_path, line))["answer"]["state"] == "halted"
        assert scene.asked(SetTradingState) == [
            SetTradingState("system", TradingState.HALTED, "enough", me, flatten=True)
        ]
        line = b'{"command": "approve-account", "arguments": {"broker": "oanda"}}\n'
        assert (await say(tmp_path, line))["answer"]["foreign_orders"] == ["7"]
        assert scene.asked(ApproveAccount) == [ApproveAccount("oanda", me)]


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        ("set-trading-state", {"scope": "system", "state": "active", "reason": "x", "who": "operator eve"}),
        ("approve-account", {"broker": "oanda", "who": "operator eve"}),
        ("set-trading-state", {"scope": "system", "state": "asleep", "reason": "x"}),
        ("set-trading-state", {"scope": "system"}),
    ],
)
async def test_nobody_commands_in_the_name_of_another(
    tmp_path: Path, command: str, arguments: dict[str, str]
) -> None:
    async with Bench(Door, tmp_path, answers={SetTradingState: STATE_SET}) as scene:
        line = json.dumps({"command": command, "arguments": arguments}).encode() + b"\n"
        assert "this is no command" in (await say(tmp_path, line))["error"]
        assert scene.said == []
