"""Scheduled backups: taken when the last one is old enough, by a process of their own."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from actors.backups import AT_ONCE, HOUR, Backups, Schedule
from lts.testing import Bench

pytestmark = pytest.mark.requirement("INT-5.3")

Scheduled = Callable[..., Schedule]


@pytest.fixture
def scheduled(tmp_path: Path) -> Scheduled:
    def schedule(code: str = "") -> Schedule:
        return Schedule(24.0, tmp_path / "backups", (sys.executable, "-c", code, str(tmp_path / "backups")))

    return schedule


def put_backup(directory: Path, hours_ago: float, now: float) -> None:
    directory.mkdir(exist_ok=True)
    path = directory / f"{hours_ago}.backup"
    path.touch()
    os.utime(path, (now - hours_ago * HOUR,) * 2)


async def test_a_new_node_waits_a_whole_period(scheduled: Scheduled) -> None:
    async with Bench(Backups, scheduled()) as bench:
        assert bench.actor._left() == 24 * HOUR


@pytest.mark.parametrize(("hours_ago", "left"), [((1, 30), 23 * HOUR), ((30,), AT_ONCE), ((24,), AT_ONCE)])
async def test_the_youngest_backup_says_when_the_next_is_due(
    scheduled: Scheduled, hours_ago: tuple[int, ...], left: float
) -> None:
    async with Bench(Backups, scheduled()) as bench:
        now = bench.actor.system.now() / 1e9
        for each in hours_ago:
            put_backup(bench.actor.params.directory, each, now)
        assert bench.actor._left() == pytest.approx(left, abs=5)


async def test_a_backup_that_fails_is_said_and_counted(
    scheduled: Scheduled, capsys: pytest.CaptureFixture[str]
) -> None:
    async with Bench(Backups, scheduled("raise SystemExit('the disk is full')")) as bench:
        await bench.actor._take()
        assert (bench.actor.taken, bench.actor.failed) == (0, 1)
    said: Any = capsys.readouterr()
    assert "the disk is full" in said.out + said.err


async def test_a_backup_is_taken_by_its_command(scheduled: Scheduled) -> None:
    code = "import pathlib, sys; d = pathlib.Path(sys.argv[1]); d.mkdir(); (d / 'a.backup').touch()"
    async with Bench(Backups, scheduled(code)) as bench:
        await bench.actor._take()
        assert (bench.actor.taken, bench.actor.failed) == (1, 0)
        assert bench.actor._left() == pytest.approx(24 * HOUR, abs=5)
