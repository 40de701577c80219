"""The CSV feed plays the bars of a file, once or round after round."""

from itertools import pairwise
from pathlib import Path

import pytest

from lts.sdk import (
    Bar,
    BarOpened,
    FeedAssignment,
    GetFeedProgress,
    ProgressRecalled,
    RecallProgress,
    RecentBars,
    Refused,
)
from lts.testing import TEST, Bench, FeedContract
from plugins.feed.csv.plugin import CsvFeed

pytestmark = pytest.mark.requirement("INT-001", "INT-012")

SAMPLES = FeedAssignment(TEST, Path(__file__).parents[3] / "lts" / "samples")
THREE = """\
datetime,open,high,low,close,volume
2020-01-01 00:00:00,10,12,9,11,1
2020-01-01 00:01:00,11,13,10,12,2
2020-01-01 00:05:00,12,14,11,13,3
"""
MINUTE = 60 * 10**9


class TestItsContract(FeedContract):
    plugin = CsvFeed
    params = {"path": "btcusd_1min_2020-01-01.csv", "bar": "1m"}
    unusable = {"path": "absent.csv", "bar": "1m"}
    assignment = SAMPLES


class TestItsContractWhenItRepeats(FeedContract):
    plugin = CsvFeed
    params = {"path": "btcusdt_1day_2020.csv", "bar": "1d", "repeat": True}
    unusable = {"path": "btcusdt_1day_2020.csv", "bar": "2d", "repeat": True}
    assignment = SAMPLES


@pytest.fixture
def three(tmp_path: Path) -> FeedAssignment:
    (tmp_path / "three.csv").write_text(THREE)
    return FeedAssignment(TEST, tmp_path)


async def test_it_plays_a_file_from_end_to_end(three: FeedAssignment) -> None:
    async with Bench(CsvFeed, {"path": "three.csv", "bar": "1m"}, assignment=three) as bench:
        played = [event for _, _, event in await bench.play()]
        assert [type(event) for event in played] == [BarOpened, Bar] * 3
        assert [event.close for event in played if isinstance(event, Bar)] == [11, 12, 13]
        assert bench.published(Bar) == played[1::2]
        assert await bench.play() == []
        progress = await bench.ask(GetFeedProgress("TEST"))
        assert (progress.bars, progress.total) == (3, 3)


async def test_round_after_round_time_goes_on(three: FeedAssignment) -> None:
    params = {"path": "three.csv", "bar": "1m", "repeat": True}
    async with Bench(CsvFeed, params, assignment=three) as bench:
        bars = [event for _, _, event in await bench.play(20) if isinstance(event, Bar)]
        assert [bar.close for bar in bars] == [11, 12, 13, 11, 12, 13, 11, 12, 13, 11]
        assert [(later.opened_at - bar.opened_at) // MINUTE for bar, later in pairwise(bars)] == [1, 4, 1] * 3
        recent = await bench.ask(RecentBars("TEST", 4))
        assert recent.bars == tuple(bars[-4:])
        progress = await bench.ask(GetFeedProgress("TEST"))
        assert progress.total is None


async def test_a_file_with_an_error_at_its_end_plays_nothing(tmp_path: Path) -> None:
    (tmp_path / "broken.csv").write_text(THREE + "2020-01-01 00:06:00,1,2,3\n")
    bench = Bench(CsvFeed, {"path": "broken.csv", "bar": "1m"}, assignment=FeedAssignment(TEST, tmp_path))
    with pytest.raises(Refused, match=r"broken\.csv, line 5: the row .* has 4 fields where the header has 6"):
        async with bench:
            raise AssertionError
    assert bench.said == []


async def test_it_goes_on_behind_what_was_played_and_remembers_it(three: FeedAssignment) -> None:
    params = {"path": "three.csv", "bar": "1m"}
    async with Bench(CsvFeed, params, assignment=three) as bench:
        whole = await bench.play()
    for done in range(7):
        progress = ProgressRecalled(done, whole[done - 1][0]) if done else ProgressRecalled()
        async with Bench(CsvFeed, params, assignment=three, answers={RecallProgress: progress}) as bench:
            before = [event for _, _, event in whole[:done] if isinstance(event, Bar)]
            assert list((await bench.ask(RecentBars("TEST", 9))).bars) == before
            assert (await bench.ask(GetFeedProgress("TEST"))).bars == len(before)
            assert await bench.play() == whole[done:]


async def test_data_that_is_not_what_was_played_is_refused(three: FeedAssignment) -> None:
    for progress in (ProgressRecalled(4, 1), ProgressRecalled(9, 1)):
        params = {"path": "three.csv", "bar": "1m"}
        bench = Bench(CsvFeed, params, assignment=three, answers={RecallProgress: progress})
        with pytest.raises(Refused, match="is not the one at which it stopped"):
            await bench.__aenter__()
