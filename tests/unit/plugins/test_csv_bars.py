"""A CSV file of bars is read exactly as it was written, or refused in one sentence."""

import codecs
import csv
import io
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lts.sdk import Bar, Refused
from plugins.feed.csv.bars import read_bars, span

pytestmark = pytest.mark.requirement("INT-012", "INT-026")

SAMPLES = Path(__file__).parents[3] / "lts" / "samples"
SECOND, MINUTE, DAY = 10**9, 60 * 10**9, 86_400 * 10**9
NEW_YEAR_2020 = 1_577_836_800 * SECOND


def loaded(path: Path, content: str | bytes, bar: str = "1d") -> list[Bar]:
    """The bars of a file with this content."""
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_bars(path, "X", span(bar))


def at(year: int, month: int, day: int, minute: int = 0) -> int:
    """A moment in UTC."""
    since = datetime(year, month, day, tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    return since.days * DAY + minute * MINUTE


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "bars.csv"


# Real files


@pytest.mark.parametrize(
    ("name", "bar", "count", "first", "last"),
    [
        (
            "btcusd_1min_2020-01-01.csv",
            "1m",
            1_440,
            (at(2020, 1, 1), 7160.69, 7160.69, 7159.64, 7159.64, 5.50169101),
            (at(2020, 1, 1, 1_439), 7178.68, 7178.68, 7178.68, 7178.68, 0.35519025),
        ),
        (
            "btcusdt_1day_2020.csv",
            "1d",
            366,
            (at(2020, 1, 1), 7195.24, 7255.0, 7175.15, 7200.85, 16792.388165),
            (at(2020, 12, 31), 28875.55, 29300.0, 27850.0, 28923.63, 75508.505152),
        ),
        (
            "nasdaq_1day_1999_2018.csv",
            "1d",
            5_031,
            (at(1999, 1, 4), 2207.540039, 2233.570068, 2192.679932, 2208.050049, 936660000.0),
            (at(2018, 12, 31), 6649.52002, 6659.959961, 6570.060059, 6635.279785, 2098560000.0),
        ),
        (
            "sp500_1day_1999_2018.csv",
            "1d",
            5_031,
            (at(1999, 1, 4), 1229.22998, 1248.810059, 1219.099976, 1228.099976, 877000000.0),
            (at(2018, 12, 31), 2498.939941, 2509.23999, 2482.820068, 2506.850098, 3442870000.0),
        ),
    ],
)
def test_a_real_file_is_read_whole(
    name: str, bar: str, count: int, first: tuple[float, ...], last: tuple[float, ...]
) -> None:
    bars = read_bars(SAMPLES / name, "X", span(bar))
    ends = [
        (bar.opened_at, bar.open, bar.high, bar.low, bar.close, bar.volume) for bar in (bars[0], bars[-1])
    ]
    assert (len(bars), *ends) == (count, first, last)
    assert {bar.instrument for bar in bars} == {"X"}
    assert {bar.closed_at - bar.opened_at for bar in bars} == {span(bar)}


# What a bar's length may be


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        ("1s", SECOND),
        ("1m", MINUTE),
        ("5m", 5 * MINUTE),
        ("15m", 15 * MINUTE),
        ("1h", 60 * MINUTE),
        ("4h", 240 * MINUTE),
        ("1d", DAY),
        ("1w", 7 * DAY),
    ],
)
def test_a_span_is_a_number_and_a_unit(text: str, nanoseconds: int) -> None:
    assert span(text) == nanoseconds


@pytest.mark.parametrize(
    "text", ["", "m", "0m", "-1m", "1", "1M", "1 m", "1.5h", "1y", "m1", "1m\n", "٣m", "9" * 5_000 + "w"]
)
def test_anything_else_is_no_span(text: str) -> None:
    with pytest.raises(Refused, match=r"^bar = .* is not the length of a bar; write a whole number .*\.$"):
        span(text)


# What a file may look like


@pytest.mark.parametrize(
    "time",
    [
        "2020-01-01",
        "2020-01-01 00:00",
        "2020-01-01 00:00:00",
        "2020-01-01T00:00:00",
        "2020-01-01 00:00:00.000",
        "2020-01-01T00:00:00.000000000",
        "2020-01-01T00:00Z",
        "2020-01-01T00:00:00Z",
        "2020-01-01 00:00:00.000000Z",
        "2020-01-01 00:00:00+00:00",
        "2020-01-01T09:00:00+0900",
        "2019-12-31 19:00-05",
        "1/1/2020",
        "01/01/2020",
        "1577836800",
        "1577836800000",
        "1577836800000000",
        "1577836800000000000",
        "  2020-01-01  ",
    ],
)
def test_a_time_is_read_as_utc(path: Path, time: str) -> None:
    (bar,) = loaded(path, f"datetime,open,high,low,close,volume\n{time},1,1,1,1,0\n")
    assert (bar.opened_at, bar.closed_at) == (NEW_YEAR_2020, NEW_YEAR_2020 + DAY)


def test_the_nanoseconds_of_a_fraction_are_kept(path: Path) -> None:
    rows = "2020-01-01 00:00:00,1,1,1,1\n2020-01-01 00:00:01.000000001,1,1,1,1\n"
    bars = loaded(path, "datetime,open,high,low,close\n" + rows, "1s")
    assert [bar.opened_at - NEW_YEAR_2020 for bar in bars] == [0, SECOND + 1]


def test_times_before_1970_are_read(path: Path) -> None:
    bars = loaded(path, "Date,Open,High,Low,Close\n12/30/1969,1,1,1,1\n12/31/1969,1,1,1,1\n")
    assert [bar.opened_at for bar in bars] == [-2 * DAY, -DAY]
    (bar,) = loaded(path, "datetime,open,high,low,close\n1969-12-31 23:59:59.5,1,1,1,1\n")
    assert bar.opened_at == -SECOND // 2


@pytest.mark.parametrize(
    "content",
    [
        "VOLUME,cLose,LOW,high,Open,DateTime\n7,3,1,4,2,2020-01-01\n",
        "symbol,date,open,high,low,close,volume,trades\nBTC,2020-01-01,2,4,1,3,7,many\n",
        "Date,Open,High,Low,Close,Adj Close,Volume\r\n1/1/2020,2,4,1,3,999,7\r\n",
        "datetime,open,high,low,close,volume\r2020-01-01,2,4,1,3,7\r",
        '"datetime","open","high","low","close","volume"\n"2020-01-01","2","4","1","3","7"\n',
        " datetime, open, high, low, close, volume\n 2020-01-01, 2, 4, 1, 3, 7\n",
        "datetime,open,high,low,close,volume\n2020-01-01,2.0,4e0,+1.,03,7\n\n\r\n  \n",
        "datetime,open,high,low,close,volume\n2020-01-01,2,4,1,3,7",
        '_,datetime,open,high,low,close,volume\n"é, ""two""\nlines",2020-01-01,2,4,1,3,7\n',
        codecs.BOM_UTF8 + b"datetime,open,high,low,close,volume\n2020-01-01,2,4,1,3,7\n",
    ],
    ids=["any order", "more columns", "Yahoo", "CR", "quotes", "spaces", "blanks", "no end", "text", "BOM"],
)
def test_the_same_bar_in_another_dress(path: Path, content: str | bytes) -> None:
    assert loaded(path, content) == [Bar("X", NEW_YEAR_2020, NEW_YEAR_2020 + DAY, 2.0, 4.0, 1.0, 3.0, 7.0)]


def test_a_file_without_volumes_has_volumes_of_zero(path: Path) -> None:
    (bar,) = loaded(path, "datetime,open,high,low,close\n2020-01-01,2,4,1,3\n")
    assert (bar.close, bar.volume) == (3.0, 0.0)


# What is refused

ROW = "2020-01-02,2,4,1,3,7"
SUBJECTS = {
    # name: (the third line of a file of daily bars, what the sentence says after "line 3")
    "a short row": (
        "2020-01-02,2,4,1,3",
        ": the row '2020-01-02,2,4,1,3' has 5 fields where the header has 6",
    ),
    "a long row": (ROW + ",8", ": the row '2020-01-02,2,4,1,3,7,8' has 7 fields where the header has 6;"),
    "one field": ("?", ": the row '?' has 1 field where the header has 6;"),
    "a blank line amid the rows": ("", ": the row '' has 0 fields where the header has 6;"),
    "a word": ("2020-01-02,2,4,1,abc,7", ", column Close: 'abc' is not a number;"),
    "an empty price": ("2020-01-02,2,4,1,,7", ", column Close: '' is not a number;"),
    "an empty volume": ("2020-01-02,2,4,1,3,", ", column Volume: '' is not a number;"),
    "a thousands separator": ('2020-01-02,2,"4,000",1,3,7', ", column High: '4,000' is not a number;"),
    "an underscore": ("2020-01-02,2,4_0,1,3,7", ", column High: '4_0' is not a number;"),
    "digits that are not ASCII": ("2020-01-02,2,٤,1,3,7", ", column High: '٤' is not a number;"),
    "NaN": ("2020-01-02,2,4,nan,3,7", ", column Low: 'nan' is not a finite number;"),
    "infinity": ("2020-01-02,2,inf,1,3,7", ", column High: 'inf' is not a finite number;"),
    "too large to be finite": ("2020-01-02,2,1e999,1,3,7", ", column High: '1e999' is not a finite number;"),
    "a volume of NaN": ("2020-01-02,2,4,1,3,NaN", ", column Volume: 'NaN' is not a finite number;"),
    "an infinite volume": ("2020-01-02,2,4,1,3,inf", ", column Volume: 'inf' is not a finite number;"),
    "a price of zero": ("2020-01-02,2,4,0,3,7", ", column Low: '0' is not above zero;"),
    "a negative price": ("2020-01-02,-2,4,1,3,7", ", column Open: '-2' is not above zero;"),
    "a negative volume": ("2020-01-02,2,4,1,3,-7", ", column Volume: '-7' is negative;"),
    "high below low": ("2020-01-02,2,1,4,3,7", ", column High: '1' is below the low '4';"),
    "open above high": ("2020-01-02,5,4,1,3,7", ", column Open: '5' is not between the low '1' and the high"),
    "open below low": ("2020-01-02,0.5,4,1,3,7", ", column Open: '0.5' is not between the low '1'"),
    "close above high": ("2020-01-02,2,4,1,4.1,7", ", column Close: '4.1' is not between the low '1'"),
    "close below low": ("2020-01-02,2,4,1,0.9,7", ", column Close: '0.9' is not between the low '1'"),
    "no time": (",2,4,1,3,7", ", column Date: '' is not a time of the form YYYY-MM-DD,"),
    "no such day": ("2020-02-30,2,4,1,3,7", ", column Date: '2020-02-30' is not a time of the form YYYY"),
    "another format": ("1/2/2020,2,4,1,3,7", ", column Date: '1/2/2020' is not a time of the form YYYY"),
    "a time among dates": ("2020-01-02 00:00,2,4,1,3,7", ", column Date: '2020-01-02 00:00' is not a time"),
    "a duplicate time": ("2020-01-01,2,4,1,3,7", ", column Date: '2020-01-01' is also the time of the row"),
    "an earlier time": ("2019-12-31,2,4,1,3,7", ", column Date: '2019-12-31' is earlier than the row above;"),
    "a far future": ("2262-04-11,2,4,1,3,7", ", column Date: '2262-04-11' begins a bar that is not within"),
    "a far past": ("0001-01-01,2,4,1,3,7", ", column Date: '0001-01-01' begins a bar that is not within"),
    "a quote left open": ('"2020-01-02,2,4,1,3,7', ": the row is not well-formed CSV (unexpected end of"),
    "text after a quote": ('"2020-01-02"x,2,4,1,3,7', ": the row is not well-formed CSV ("),
    "not UTF-8": (b"2020-01-02,2,4,1,3,\xe97", ": byte 20 of the line is 0xe9, which is not UTF-8 text;"),
    "a NUL byte": ("2020-01-02,2,4,1,3,\x007", ": byte 20 of the line is 0x00, which is not UTF-8 text;"),
}


@pytest.mark.parametrize(("row", "reason"), SUBJECTS.values(), ids=SUBJECTS.keys())
@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\r"], ids=["LF", "CRLF", "CR"])
def test_a_bad_row_is_refused_by_line_column_and_value(
    path: Path, row: str | bytes, reason: str, line_end: bytes
) -> None:
    third = row if isinstance(row, bytes) else row.encode()
    lines = [b"Date,Open,High,Low,Close,Volume", b"2020-01-01,2,4,1,3,7", third, b"2020-01-03,2,4,1,3,7", b""]
    with pytest.raises(Refused) as refusal:
        loaded(path, line_end.join(lines))
    sentence = str(refusal.value)
    assert sentence.startswith(f"{path}, line 3{reason}")
    assert sentence.endswith(".")
    assert "\n" not in sentence


@pytest.mark.parametrize("row", ["yesterday", "20200101", "31/12/2019x", "1/1/20", "2020-01-01T24", ""])
def test_a_first_time_in_no_known_format_is_refused(path: Path, row: str) -> None:
    with pytest.raises(Refused, match=r"line 2, column datetime: .* is not a time; write it as 2020-01-31, "):
        loaded(path, f"datetime,open,high,low,close\n{row},1,1,1,1\n")


@pytest.mark.parametrize("time", ["13/1/2020", "1/32/2020", "0/1/2020", "1/1/0000"])
def test_a_first_date_that_does_not_exist_is_refused(path: Path, time: str) -> None:
    with pytest.raises(Refused, match="is not a time of the form month/day/year, "):
        loaded(path, f"Date,Open,High,Low,Close\n{time},1,1,1,1\n")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("2020-01-01 00:00:00", "2020-01-01 00:01"),
        ("2020-01-01 00:00", "2020-01-01 00:01:00"),
        ("2020-01-01 00:00:00", "2020-01-01 00:01:00Z"),
        ("2020-01-01 00:00:00+01:00", "2020-01-01 00:01:00"),
        ("1577836800", "1577836860000"),
        ("1577836800", "2020-01-01 00:01:00"),
    ],
)
def test_the_first_row_settles_the_format_of_the_file(path: Path, first: str, second: str) -> None:
    with pytest.raises(Refused, match=r"line 3, column datetime: .* which the first row settles for the"):
        loaded(path, f"datetime,open,high,low,close\n{first},1,1,1,1\n{second},1,1,1,1\n", "1m")


def test_a_bar_that_overlaps_the_next_is_refused(path: Path) -> None:
    content = "datetime,open,high,low,close\n2020-01-01 00:00:00,1,1,1,1\n2020-01-01 00:04:59,1,1,1,1\n"
    with pytest.raises(Refused) as refusal:
        loaded(path, content, "5m")
    assert str(refusal.value) == (
        f"{path}, line 3, column datetime: '2020-01-01 00:04:59' is before the bar of the row above ends "
        "(bars of 5m); set bar to the spacing of the rows."
    )
    assert len(loaded(path, content, "1m")) == 2


def test_the_line_is_the_physical_one_after_a_field_of_many_lines(path: Path) -> None:
    content = 'note,date,open,high,low,close\n"a\nb\nc",2020-01-01,1,1,1,1\n"d\ne",2020-01-02,1,1,1,x\n'
    with pytest.raises(Refused, match="line 5, column close: 'x' is not a number"):
        loaded(path, content)


def test_a_long_value_is_shortened(path: Path) -> None:
    with pytest.raises(Refused) as refusal:
        loaded(path, f"date,open,high,low,close\n2020-01-01,1,1,1,{'9x' * 50_000}\n")
    assert len(str(refusal.value)) < len(str(path)) + 200


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ("datetime,open,high,low", "column close: the header 'datetime,open,high,low' has no column close;"),
        ("time,open,high,low,close", "has no column datetime or date;"),
        ("date,open,high,low,close,Open", "has 2 columns open;"),
        ("date,open,high,low,close,Volume,volume", "has 2 columns volume;"),
        ("date,datetime,open,high,low,close", "has 2 columns datetime or date;"),
        ("date;open;high;low;close", "has no column open; the header names datetime (or date), open, high,"),
        ("2020-01-01,1,1,1,1", "has no column open;"),
        ('"', "the row is not well-formed CSV (unexpected end of data);"),
    ],
)
def test_a_header_without_its_columns_is_refused(path: Path, header: str, reason: str) -> None:
    with pytest.raises(Refused) as refusal:
        loaded(path, f"{header}\n2020-01-01,1,1,1,1\n")
    assert str(refusal.value).startswith(f"{path}, line 1")
    assert reason in str(refusal.value)


@pytest.mark.parametrize("content", [b"", b"\n\r\n  ", codecs.BOM_UTF8])
def test_an_empty_file_is_refused(path: Path, content: bytes) -> None:
    with pytest.raises(Refused, match="line 1: the file is empty; the header names "):
        loaded(path, content)


def test_a_header_alone_is_refused(path: Path) -> None:
    with pytest.raises(Refused, match=r"line 2: no row of data follows the header; add the bars\."):
        loaded(path, "datetime,open,high,low,close\n\n")


def test_a_file_of_another_encoding_is_refused(path: Path) -> None:
    with pytest.raises(Refused, match=r"line 1: byte 1 of the line is 0xff, .*; save the file as UTF-8"):
        loaded(path, "datetime,open,high,low,close\n".encode("utf-16"))


def test_a_path_without_a_readable_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path, reason in [
        (tmp_path / "absent.csv", "cannot be read (No such file or directory); give the path"),
        (tmp_path, "is a directory; give the path of a CSV file."),
        (tmp_path / "pipe", "is not a regular file; give the path of a CSV file."),
        (tmp_path / ("x" * 300), "cannot be read (File name too long); give the path"),
        (tmp_path / "\0", "cannot be read (embedded null byte); give the path"),
    ]:
        with pytest.raises(Refused) as refusal:
            read_bars(path, "X", DAY)
        assert str(refusal.value).startswith(f"{path} {reason}")


def test_a_file_that_may_not_be_read_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbid(_: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", forbid)
    with pytest.raises(Refused, match=r"bars.csv cannot be read \(Permission denied\); give the path"):
        read_bars(path, "X", DAY)


# Any file

PRICE = st.floats(min_value=1e-9, max_value=1e9)
TIME_FORMATS: list[Callable[[datetime], str]] = [
    str,
    datetime.isoformat,
    lambda time: time.astimezone(timezone(timedelta(hours=5, minutes=30))).isoformat(),
    lambda time: time.strftime("%Y-%m-%d %H:%M:%S"),
    lambda time: time.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
    lambda time: str(int(time.timestamp())),
    lambda time: str(int(time.timestamp()) * 1_000_000_000),
]


@st.composite
def series(draw: st.DrawFn, unit: timedelta) -> list[Bar]:
    """Bars in order, with gaps, each as long as `unit`."""
    time = datetime(2001, 9, 10, tzinfo=UTC) + draw(st.integers(0, 10_000)) * unit
    bars = []
    for gap in draw(st.lists(st.integers(1, 9), min_size=1, max_size=8)):
        time += gap * unit
        low, *between, high = sorted(draw(st.tuples(PRICE, PRICE, PRICE, PRICE)))
        open_, close = draw(st.permutations(between))
        opened_at, length = int(time.timestamp()) * SECOND, int(unit.total_seconds()) * SECOND
        volume = draw(st.floats(min_value=0, max_value=1e12))
        bars.append(Bar("X", opened_at, opened_at + length, open_, high, low, close, volume))
    return bars


def when(bar: Bar) -> datetime:
    """The moment at which a bar opens."""
    return datetime.fromtimestamp(bar.opened_at // SECOND, UTC)


def written(columns: list[str], rows: list[dict[str, object]], dialect: str) -> bytes:
    """A CSV file; the dialect "unix" quotes every field and ends lines with LF."""
    text = io.StringIO()
    writer = csv.writer(text, dialect)
    writer.writerow(columns)
    writer.writerows([row[column] for column in columns] for row in rows)
    return text.getvalue().encode()


@settings(deadline=None)  # the disk sets the pace
@given(
    bars=series(timedelta(minutes=1)),
    columns=st.permutations(["datetime", "open", "high", "low", "close", "volume"]),
    time=st.sampled_from(TIME_FORMATS),
    dialect=st.sampled_from(["excel", "unix"]),
)
def test_bars_written_with_iso_times_are_read_as_they_were(
    tmp_path_factory: pytest.TempPathFactory,
    bars: list[Bar],
    columns: list[str],
    time: Callable[[datetime], str],
    dialect: str,
) -> None:
    rows = [
        {"datetime": time(when(bar))} | {name: getattr(bar, name) for name in columns if name != "datetime"}
        for bar in bars
    ]
    path = tmp_path_factory.getbasetemp() / "iso.csv"
    assert loaded(path, written(columns, rows, dialect), "1m") == bars


@settings(deadline=None)  # the disk sets the pace
@given(bars=series(timedelta(days=1)), bom=st.sampled_from([b"", codecs.BOM_UTF8]))
def test_bars_written_with_us_dates_are_read_as_they_were(
    tmp_path_factory: pytest.TempPathFactory, bars: list[Bar], bom: bytes
) -> None:
    columns = ["Date", "Open", "High", "Low", "Close", "Adj Close", "Volume"]
    rows = [
        {"Date": f"{when(bar).month}/{when(bar).day}/{when(bar).year}", "Adj Close": bar.close / 2}
        | {name: getattr(bar, name.lower()) for name in ("Open", "High", "Low", "Close", "Volume")}
        for bar in bars
    ]
    path = tmp_path_factory.getbasetemp() / "us.csv"
    assert loaded(path, bom + written(columns, rows, "excel")) == bars


BEGINNINGS = [
    b"".join((SAMPLES / name).read_bytes().splitlines(keepends=True)[:6])
    for name in ("btcusd_1min_2020-01-01.csv", "sp500_1day_1999_2018.csv")
]
TELLING_BYTES = st.sampled_from([bytes([byte]) for byte in b'0123456789-+.,:/" \r\n\t\0TZe_n;\x80\xff'])


@settings(deadline=None)  # the disk sets the pace
@given(
    content=st.sampled_from(BEGINNINGS),
    edits=st.lists(
        st.tuples(st.integers(0, 500), st.integers(0, 30), st.one_of(TELLING_BYTES, st.binary(max_size=4))),
        min_size=1,
        max_size=4,
    ),
)
def test_a_damaged_file_gives_bars_or_a_refusal_and_nothing_else(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, edits: list[tuple[int, int, bytes]]
) -> None:
    path = tmp_path_factory.getbasetemp() / "damaged.csv"
    for place, removed, inserted in edits:
        content = content[:place] + inserted + content[place + removed // 10 :]
    try:
        bars = loaded(path, content, "1m")
    except Refused as refusal:
        sentence = str(refusal)
        assert sentence.startswith(f"{path}, line ")
        assert sentence.endswith(".")
        assert sentence.isprintable()
    else:
        assert all(0 < bar.low <= min(bar.open, bar.close) for bar in bars)
        assert all(max(bar.open, bar.close) <= bar.high < float("inf") for bar in bars)
        assert all(bar.closed_at <= later.opened_at for bar, later in pairwise(bars))
