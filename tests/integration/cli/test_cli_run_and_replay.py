"""`lts run` and `lts replay`: a live session, recorded, is traded again with the same result."""

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import lts as package
from lts.live import LTS

pytestmark = pytest.mark.requirement("LTS-002", "INT-026")

Lts = Callable[..., Any]
SAMPLES = Path(package.__file__).parent / "samples"
FAST = ("--speed", "max", "--until-end")


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The recording of a session, to copy."""
    path = tmp_path_factory.mktemp("recorded") / "session.jsonl"
    where = ("--state-dir", path.parent / "state", "--record", path)
    subprocess.run([*LTS, "run", "--config", SAMPLES / "btcusd.toml", *FAST, *where], check=True)
    return path


@pytest.fixture
def recording(session: Path, tmp_path: Path) -> Path:
    """The recording of a session, to do with as one likes."""
    return Path(shutil.copy(session, tmp_path))


def edit(path: Path, line: int, pattern: str, replacement: str) -> None:
    """Change one line of a recording; the last is -1."""
    lines = path.read_text(encoding="utf-8").splitlines()
    lines[line], changes = re.subn(pattern, replacement, lines[line], count=1)
    assert changes == 1
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


@pytest.mark.parametrize("system", ["btcusd", "btcusdt", "nasdaq", "sp500"])
def test_backtest_run_and_replay_have_one_digest(
    lts: Lts, samples: Path, tmp_path: Path, system: str
) -> None:
    file, recorded = samples / f"{system}.toml", tmp_path / "session.jsonl"
    tested = json.loads(lts("backtest", file, "--json").out)
    ran = lts("run", "--config", file, *FAST, "--record", recorded, "--json")
    replayed = lts("replay", recorded, "--json")
    assert (ran.code, replayed.code, replayed.err) == (0, 0, "")
    assert json.loads(ran.out)["digest"] == tested["digest"]
    assert json.loads(ran.out).keys() == tested.keys()
    again = json.loads(replayed.out)
    assert (again["digest"], again["recorded_digest"], again["same"]) == (tested["digest"],) * 2 + (True,)
    for figure in ("bars", "orders", "fills", "fees", "final_equity", "max_drawdown", "sharpe", "portfolios"):
        assert again[figure] == tested[figure]


def test_a_replay_needs_neither_the_file_nor_the_data_of_the_system(
    lts: Lts, samples: Path, tmp_path: Path
) -> None:
    (tmp_path / "gone").mkdir()
    for name in ("btcusdt.toml", "btcusdt_1day_2020.csv"):
        shutil.copy(samples / name, tmp_path / "gone")
    recorded = tmp_path / "session.jsonl"
    file = tmp_path / "gone/btcusdt.toml"
    lts("run", "--config", file, *FAST, "--record", recorded)
    shutil.rmtree(tmp_path / "gone")
    done = lts("replay", recorded)
    assert (done.code, done.err) == (0, "")
    assert "The same as recorded." in done.out


def test_another_price_leads_to_another_decision_and_names_the_order(lts: Lts, recording: Path) -> None:
    edit(recording, 699, r'"open": [\d.]+', '"open": 7000.5')
    done = lts("replay", recording, "--json")
    assert done.code == 1
    assert json.loads(done.out)["same"] is False
    assert re.fullmatch(
        r"\S+session.jsonl: order scalp-BTC/USD-\d{6} is not the recorded one: "
        r"fills\[0\]\.fee was [\d.]+ and is [\d.]+\n",
        done.err,
    )


@pytest.mark.parametrize(
    ("pattern", "replacement", "told"),
    [
        (r'"digest": "....', '"digest": "ffff', "the recorded digest is not that of the recorded orders"),
        (
            r'"price": "7',
            '"price": "8',
            r"order scalp-BTC/USD-000001 is not the recorded one: fills[0].price was",
        ),
        (r'\{"fills.*?\]\]\}, ', "", "order scalp-BTC/USD-000001 is made in the replay"),
        (r'(USD-)000120(".*)', r"\g<1>000121\2", "order scalp-BTC/USD-000120 is made in the replay"),
        (r'"portfolio": "scalp"', '"portfolio": "sca"', "order scalp-BTC/USD-000001 was recorded"),
    ],
)
def test_an_edited_end_is_not_the_same(
    lts: Lts, recording: Path, pattern: str, replacement: str, told: str
) -> None:
    edit(recording, -1, pattern, replacement)
    done = lts("replay", recording, "--json")
    assert done.code == 1
    assert json.loads(done.out)["same"] is False
    assert told in done.err
    assert done.err.count("\n") == 1


def test_a_recording_that_was_cut_off_is_replayed_and_not_compared(lts: Lts, recording: Path) -> None:
    recording.write_bytes(recording.read_bytes()[:250_000])
    done = lts("replay", recording, "--json")
    result = json.loads(done.out)
    assert done.code == 0
    assert (result["recorded_digest"], result["same"]) == (None, None)
    assert result["bars"] > 100
    assert done.err == f"{recording}: the session was cut off, so there is nothing to compare with\n"


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        ((0, r'"recording": 1', '"recording": 2'), "line 1: the recording has format 2"),
        ((0, r'"recording"', '"reading"'), "line 1: is not the beginning of a recording"),
        ((0, r'"fast": 5', '"fast": "5"'), "params.fast must be a whole number"),
        ((99, r"\}$", ""), "line 100: is not JSON; the recording was edited or damaged"),
        ((99, r'"n"', '"m"'), "line 100: is not an input of a recording"),
        ((99, r"/1", "/9"), "line 100: 'BarOpened/9' is not a message known here"),
        ((99, r'"n": \d+', '"n": 2'), "line 100: comes before the input above it"),
        ((99, r"^.*$", "[]"), "line 100: is not an input of a recording"),
        ((99, r"^.*$", '{"digest": "", "inputs": 98, "orders": []}'), "line 101: comes after the end"),
        ((-1, r'"inputs": 2880', '"inputs": 2881'), "says that there are 2881 inputs, and there are 2880"),
        ((-1, r'"orders"', '"others"'), "is not the end of a recording"),
    ],
)
def test_a_damaged_recording_is_refused_with_its_line(
    lts: Lts, recording: Path, damage: tuple[int, str, str], told: str
) -> None:
    edit(recording, *damage)
    done = lts("replay", recording, "--json")
    assert (done.code, done.out) == (1, "")
    assert told in done.err
    assert done.err.count("\n") == 1


@pytest.mark.parametrize("content", [None, b"", b"\xff\n", b'{"recording": 1, "pl', b"[instrument]\n"])
def test_what_is_no_recording_is_refused(lts: Lts, tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "some.file"
    if content is not None:
        path.write_bytes(content)
    done = lts("replay", path)
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith(str(path))
    assert done.err.count("\n") == 1


def test_a_recording_that_cannot_be_written_is_refused(lts: Lts, samples: Path, tmp_path: Path) -> None:
    place = tmp_path / "none/session.jsonl"
    done = lts("run", "--config", samples / "btcusd.toml", *FAST, "--record", place)
    assert (done.code, done.out) == (1, "")
    assert done.err == f"{place}: the recording cannot be written: No such file or directory\n"


@pytest.mark.requirement("INT-9.1")
def test_the_log_goes_to_stderr_as_the_file_says_and_to_the_state_directory_as_json(
    lts: Lts, system: Callable[..., Path], tmp_path: Path
) -> None:
    file = system('[node]\nlog_level = "debug"\n')
    state = tmp_path / "a/state"
    done = lts("run", "--config", file, *FAST, "--state-dir", state, "--json")
    assert done.code == 0
    assert set(json.loads(done.out)) >= {"digest", "orders"}
    assert "plugin let in" in done.err
    lines = [json.loads(line) for line in (state / "lts.log").read_text(encoding="utf-8").splitlines()]
    assert {"plugin let in", "system started", "system stopping"} <= {line["event"] for line in lines}


@pytest.mark.requirement("INT-9.1")
def test_logs_can_be_json_on_stderr(lts: Lts, system: Callable[..., Path]) -> None:
    done = lts("run", "--config", system('[node]\nlog_format = "json"\n'), *FAST)
    assert {json.loads(line)["event"] for line in done.err.splitlines()} == {
        "system started",
        "system stopping",
    }


def test_a_state_directory_that_cannot_be_is_refused(lts: Lts, samples: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = lts("run", "--config", samples / "btcusd.toml", "--until-end", "--state-dir", tmp_path / "file")
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith(f"{tmp_path}/file: cannot be used as the state directory")


def test_a_file_that_is_no_recording_is_never_replaced(lts: Lts, samples: Path, tmp_path: Path) -> None:
    precious = tmp_path / "prices.csv"
    precious.write_text("datetime,open\n", encoding="utf-8")
    done = lts("run", "--config", samples / "btcusd.toml", *FAST, "--record", precious)
    assert (done.code, done.out) == (1, "")
    assert done.err == f"{precious} is there and is no recording; name another file\n"
    assert precious.read_text(encoding="utf-8") == "datetime,open\n"


def test_a_system_that_does_not_start_leaves_the_recording_that_was_there(
    lts: Lts, samples: Path, system: Callable[..., Path], tmp_path: Path
) -> None:
    kept = tmp_path / "session.jsonl"
    assert lts("run", "--config", samples / "btcusd.toml", *FAST, "--record", kept).code == 0
    before = kept.read_bytes()
    done = lts("run", "--config", system(strategy="nope"), *FAST, "--record", kept)
    assert done.code == 1
    assert kept.read_bytes() == before
    new = tmp_path / "new.jsonl"
    assert lts("run", "--config", system(strategy="nope"), *FAST, "--record", new).code == 1
    assert not new.exists()
