"""The recorder writes every input down as it is accepted, and the tape plays it again."""

import json
from pathlib import Path
from typing import Any

import pytest

from actors.recorder import Recorder, Recording
from actors.tape import Tape
from bus import Accepted
from lts.domain.market import Bar, BarOpened, GetFeedProgress, Quote, RecentBars, Trade
from lts.domain.recording import FORMAT, FinishRecording, RecordingFinished, read_recording
from lts.refusal import Refused
from lts.testing import BEGIN, Bench, bars, tape

pytestmark = pytest.mark.requirement("INT-001", "INT-5.1", "LTS-002")

MINUTE = 60 * 10**9
PLAN = '{"node":{"core":"default"}}'


def accepted(series: list[Bar]) -> list[Accepted]:
    """All that a market says, as the bus numbers it."""
    return [
        Accepted(number, message.closed_at if isinstance(message, Bar) else message.at, "feed/test", message)  # type: ignore[attr-defined]
        for number, message in enumerate(tape(series), 1)
    ]


def lines_of(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


async def test_a_recording_is_read_again_as_it_was_heard(tmp_path: Path) -> None:
    inputs = accepted(bars([100.1, 1e-9, 0.1 + 0.2]))
    path = tmp_path / "session.jsonl"
    async with Bench(Recorder, Recording(path, PLAN)) as bench:
        await bench.hear(*inputs)
        order = '{"fills":[],"intent":{"quantity":"1"},"states":[]}'
        finished = await bench.ask(FinishRecording((order,), "d1935"))
        assert finished == RecordingFinished(12)
    session = read_recording(path)
    assert json.loads(session.plan) == json.loads(PLAN)
    assert session.inputs == tuple(inputs)
    assert session.ending is not None
    assert (session.ending.digest, session.ending.inputs) == ("d1935", 12)


async def test_each_input_has_a_line_with_number_time_and_source(tmp_path: Path) -> None:
    path = tmp_path / "session.jsonl"
    async with Bench(Recorder, Recording(path, PLAN)) as bench:
        await bench.hear(Accepted(7, 123, "feed/test", BarOpened("TEST", 123, 100.0)))
    first, second = lines_of(path)
    assert first == {"recording": FORMAT, "plan": json.loads(PLAN)}
    assert (second["n"], second["at"], second["source"]) == (7, 123, "feed/test")
    assert second["message"]["type"] == "BarOpened/1"


async def test_a_session_that_is_cut_off_can_still_be_read(tmp_path: Path) -> None:
    path = tmp_path / "session.jsonl"
    async with Bench(Recorder, Recording(path, PLAN)) as bench:
        await bench.hear(*accepted(bars([1])))
    session = read_recording(path)
    assert (len(session.inputs), session.ending) == (4, None)


@pytest.mark.requirement("INT-026")
async def test_a_file_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "absent" / "session.jsonl"
    with pytest.raises(
        Refused, match=r"absent/session\.jsonl: the recording cannot be written: No such file"
    ):
        async with Bench(Recorder, Recording(path, PLAN)):
            raise AssertionError


async def test_a_tape_plays_each_input_at_the_time_of_its_acceptance() -> None:
    inputs = accepted(bars([10, 11, 12]))
    async with Bench(Tape, inputs) as bench:
        played = await bench.play()
        assert [(at, message) for at, _, message in played] == [(each.at, each.message) for each in inputs]
        assert bench.said == [each.message for each in inputs]
        assert bench.now == BEGIN + 3 * MINUTE
        assert {type(each) for each in bench.said} == {BarOpened, Quote, Trade, Bar}


async def test_a_tape_knows_the_bars_that_it_has_played() -> None:
    series = bars([10, 11, 12]) + bars([1, 2], instrument="OTHER", begin=BEGIN + 3 * MINUTE)
    async with Bench(Tape, accepted(series)) as bench:
        await bench.play(8)
        history = await bench.ask(RecentBars("TEST", 10))
        assert (history.bars, history.cursor) == (tuple(series[:2]), series[1].closed_at)
        await bench.play()
        assert (await bench.ask(RecentBars("TEST", 2))).bars == tuple(series[1:3])
        assert (await bench.ask(RecentBars("TEST", 0))).bars == ()
        assert (await bench.ask(RecentBars("OTHER", 10))).bars == tuple(series[3:])
        assert (await bench.ask(RecentBars("NO SUCH", 10))).cursor == 0
        progress = await bench.ask(GetFeedProgress("TEST"))
        assert (progress.bars, progress.total) == (3, None)
