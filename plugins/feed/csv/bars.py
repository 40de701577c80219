"""The bars of a CSV file: checked whole, or refused with the line at fault.

Two conventions are read, `datetime,open,high,low,close,volume` and
`Date,Open,High,Low,Close,Adj Close,Volume`. A time is the moment at which its
bar opens, in UTC.
"""

import codecs
import csv
import re
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from io import BytesIO, TextIOWrapper
from math import inf, isfinite
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple, Self

from lts.sdk import Bar, Refused

_SECOND = 1_000_000_000
_UNITS = {
    "s": _SECOND,
    "m": 60 * _SECOND,
    "h": 3_600 * _SECOND,
    "d": 86_400 * _SECOND,
    "w": 7 * 86_400 * _SECOND,
}
_SPAN = re.compile(r"([1-9][0-9]{0,8})([smhdw])")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EARLIEST, _LATEST = -(2**63), 2**63 - 1
"""The nanoseconds that 64 bits hold: September 1677 to April 2262."""

_TIME_COLUMNS = ("datetime", "date")
_PRICE_COLUMNS = ("open", "high", "low", "close")
_HEADER_ADVICE = (
    "the header names datetime (or date), open, high, low, close and, if there is one, volume, "
    "each once and separated by commas"
)
_ROW_ADVICE = "correct the row or remove it"
_LONGEST_SHOWN = 60


def read_bars(path: Path, instrument: str, span_ns: int) -> list[Bar]:
    """Every bar of the file at `path`, in its order, each `span_ns` nanoseconds long.

    Raises Refused, naming the line, the column and the value, for a file that
    cannot be read or has anything wrong in it.
    """
    rows = _Rows(path)
    try:
        columns = _Columns.of(next(rows.cells))
        builder = _BarBuilder(columns, instrument, span_ns, float if rows.are_plain else _number)
        bars = [builder.bar(cells) for cells in rows.cells]
    except _Fault as fault:
        raise Refused(f"{path}, line {rows.line}{fault}.") from None
    except csv.Error as error:
        reason = f"the row is not well-formed CSV ({error}); correct its quotes or remove it"
        raise Refused(f"{path}, line {rows.line}: {reason}.") from None
    if not bars:
        raise Refused(f"{path}, line {rows.line}: no row of data follows the header; add the bars.")
    return bars


def span(text: str) -> int:
    """The nanoseconds of a bar's length such as "1s", "5m", "4h", "1d" or "1w"; raises Refused."""
    match = _SPAN.fullmatch(text)
    if match is None:
        raise Refused(
            f"bar = {_shown(text)} is not the length of a bar; write a whole number above zero and one of "
            "s, m, h, d, w, such as '1m', '4h' or '1d'."
        )
    return int(match[1]) * _UNITS[match[2]]


class _Fault(Exception):
    """What is wrong with a line, where in it, and what to do."""

    def __init__(self, reason: str, column: str = "") -> None:
        super().__init__(f", column {column}: {reason}" if column else f": {reason}")


class _Rows:
    """The rows of a file and the number of the physical line on which the current one begins."""

    def __init__(self, path: Path) -> None:
        content = _content(path)
        self.line = 1
        self.are_plain = content.isascii() and b"_" not in content
        self.cells = self._read(TextIOWrapper(BytesIO(content), encoding="utf-8", newline=""))

    def _read(self, text: TextIOWrapper) -> Iterator[list[str]]:
        reader = csv.reader(text, strict=True, skipinitialspace=True)
        for cells in reader:
            yield cells
            self.line = reader.line_num + 1


def _content(path: Path) -> bytes:
    """The bytes of a file that is there, is text, and is not empty; without BOM and trailing blank lines."""
    try:
        if path.exists() and not path.is_file():
            kind = "a directory" if path.is_dir() else "not a regular file"
            raise Refused(f"{path} is {kind}; give the path of a CSV file.")
        content = path.read_bytes().removeprefix(codecs.BOM_UTF8).rstrip()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise Refused(f"{path} cannot be read ({reason}); give the path of a readable CSV file.") from None
    if not content:
        raise Refused(f"{path}, line 1: the file is empty; {_HEADER_ADVICE}.")
    try:
        content.decode("utf-8")
        at = content.find(b"\0")
    except UnicodeDecodeError as error:
        at = error.start
    if at >= 0:
        lines = content[: at + 1].splitlines()
        found = f"byte {len(lines[-1])} of the line is 0x{content[at]:02x}, which is not UTF-8 text"
        raise Refused(f"{path}, line {len(lines)}: {found}; save the file as UTF-8 without NUL bytes.")
    return content


class _Columns(NamedTuple):
    """Where in a row each value stands, and what the header calls it."""

    names: tuple[str, ...]
    time: int
    prices: tuple[int, int, int, int]
    volume: int
    """One past the end of the row if the file has no volume."""

    @classmethod
    def of(cls, header: list[str]) -> Self:
        """The columns that a header names, in any order and case; raises _Fault."""
        names = tuple(name.strip() for name in header)
        open_, high, low, close = (_only(names, (wanted,)) for wanted in _PRICE_COLUMNS)
        has_volume = any(name.lower() == "volume" for name in names)
        volume = _only(names, ("volume",)) if has_volume else len(names)
        return cls(names, _only(names, _TIME_COLUMNS), (open_, high, low, close), volume)


def _only(names: tuple[str, ...], wanted: tuple[str, ...]) -> int:
    """The place of the one column that has a wanted name."""
    places = [place for place, name in enumerate(names) if name.lower() in wanted]
    if len(places) == 1:
        return places[0]
    count = f"{len(places)} columns" if places else "no column"
    called = " or ".join(wanted)
    raise _Fault(f"the header {_shown(','.join(names))} has {count} {called}; {_HEADER_ADVICE}", called)


class _BarBuilder:
    """Makes a bar of each row, held against the bar before it."""

    def __init__(
        self, columns: _Columns, instrument: str, span_ns: int, number: Callable[[str], float]
    ) -> None:
        self.columns = columns
        self.width = len(columns.names)
        self.numbers: Callable[[list[str]], tuple[str, ...]] = itemgetter(*columns.prices, columns.volume)
        self.number = number
        self.instrument = instrument
        self.span = span_ns
        self.format: _TimeFormat | None = None
        self.last: Bar | None = None
        self.free_from = _EARLIEST

    def bar(self, cells: list[str]) -> Bar:
        """The bar of one row; raises _Fault."""
        if len(cells) != self.width:
            row, count = _shown(",".join(cells)), f"{len(cells)} field{'' if len(cells) == 1 else 's'}"
            raise _Fault(f"the row {row} has {count} where the header has {self.width}; {_ROW_ADVICE}")
        time = cells[self.columns.time].strip()
        opened_at = self._nanoseconds(time)
        closed_at = opened_at + self.span
        if opened_at < self.free_from or closed_at > _LATEST:
            raise self._misplaced(opened_at, time)
        cells.append("0")  # the volume, in a file that has none
        try:
            open_, high, low, close, volume = map(self.number, self.numbers(cells))
        except ValueError:
            raise self._unfit(cells) from None
        if not (0.0 < low <= open_ <= high < inf and low <= close <= high and 0.0 <= volume < inf):
            raise self._unfit(cells)
        self.last = Bar(self.instrument, opened_at, closed_at, open_, high, low, close, volume)
        self.free_from = closed_at
        return self.last

    def _nanoseconds(self, text: str) -> int:
        """The nanoseconds of a time in the one format of the file, which the first row settles."""
        if self.format is None:
            self.format = next((known for known in _FORMATS if known.pattern.fullmatch(text)), None)
        column = self.columns.names[self.columns.time]
        if self.format is None:
            raise _Fault(f"{_shown(text)} is not a time; {_TIME_ADVICE}", column)
        match = self.format.pattern.fullmatch(text)
        try:
            if match is not None:
                return self.format.nanoseconds(match)
        except ValueError:
            pass
        form = f"a time of the form {self.format.form}, which the first row settles for the whole file"
        raise _Fault(f"{_shown(text)} is not {form}; {_ROW_ADVICE}", column)

    def _misplaced(self, opened_at: int, text: str) -> _Fault:
        """Why a bar cannot open at this time."""
        if self.last is None or not _EARLIEST <= opened_at <= _LATEST - self.span:
            reason = f"begins a bar that is not within the years 1678 to 2261; {_ROW_ADVICE}"
        elif opened_at == self.last.opened_at:
            reason = "is also the time of the row above; remove one of the two rows"
        elif opened_at < self.last.opened_at:
            reason = "is earlier than the row above; sort the rows by time, the oldest first"
        else:
            length = f"bars of {_written(self.span)}"
            reason = f"is before the bar of the row above ends ({length}); set bar to the spacing of the rows"
        return _Fault(f"{_shown(text)} {reason}", self.columns.names[self.columns.time])

    def _unfit(self, cells: list[str]) -> _Fault:
        """What is wrong with the numbers of a row in which something is."""
        names, _, prices, volume = self.columns
        for place in (*prices, volume):
            if objection := _objection(cells[place], may_be_zero=place == volume):
                return _Fault(f"{_shown(cells[place])} {objection}", names[place])
        opened, high, low, close = prices
        if float(cells[high]) < float(cells[low]):
            below = f"is below the low {_shown(cells[low])}"
            return _Fault(f"{_shown(cells[high])} {below}; {_ROW_ADVICE}", names[high])
        outside = close if float(cells[low]) <= float(cells[opened]) <= float(cells[high]) else opened
        between = f"the low {_shown(cells[low])} and the high {_shown(cells[high])}"
        return _Fault(f"{_shown(cells[outside])} is not between {between}; {_ROW_ADVICE}", names[outside])


def _number(cell: str) -> float:
    """The value of a cell, without what `float` allows beyond it, such as 1_000; raises ValueError."""
    if "_" in cell or not cell.isascii():
        raise ValueError(cell)
    return float(cell)


def _objection(cell: str, *, may_be_zero: bool) -> str:
    """Why a cell holds no price or volume; empty if it does."""
    try:
        value = _number(cell)
    except ValueError:
        return "is not a number; write a plain decimal such as 101.25, or remove the row"
    if not isfinite(value):
        return f"is not a finite number; {_ROW_ADVICE}"
    if may_be_zero:
        return f"is negative; a volume is zero or more, so {_ROW_ADVICE}" if value < 0 else ""
    return f"is not above zero; {_ROW_ADVICE}" if value <= 0 else ""


class _TimeFormat(NamedTuple):
    """One way to write a time: how it looks, and what it amounts to."""

    form: str
    pattern: re.Pattern[str]
    nanoseconds: Callable[[re.Match[str]], int]


def _of_iso(match: re.Match[str]) -> int:
    """The nanoseconds of an ISO 8601 time, which is in UTC if it names no offset."""
    moment, fraction, offset = match.groups()
    since = datetime.fromisoformat(moment + (offset or "Z")) - _EPOCH
    whole = (since.days * 86_400 + since.seconds) * _SECOND
    return whole + int(fraction.ljust(9, "0")) if fraction else whole


def _of_date(match: re.Match[str]) -> int:
    """The nanoseconds at which a day begins."""
    day = date(int(match["year"]), int(match["month"]), int(match["day"]))
    return (day.toordinal() - _EPOCH.toordinal()) * _UNITS["d"]


def _count_of(unit_ns: int) -> Callable[[re.Match[str]], int]:
    """A reader of whole units since 1970."""
    return lambda match: int(match[0]) * unit_ns


def _format(form: str, pattern: str, nanoseconds: Callable[[re.Match[str]], int]) -> _TimeFormat:
    return _TimeFormat(form, re.compile(pattern, re.ASCII), nanoseconds)


_MINUTES = r"(\d{4}-\d\d-\d\d[ T]\d\d:\d\d)()"
_SECONDS = r"(\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?"
_OFFSET = r"(Z|[+-]\d\d(?::?\d\d)?)"

_FORMATS = (
    _format("YYYY-MM-DD HH:MM:SS", _SECONDS + "()", _of_iso),
    _format("YYYY-MM-DD HH:MM", _MINUTES + "()", _of_iso),
    _format("YYYY-MM-DD HH:MM:SS with Z or an offset", _SECONDS + _OFFSET, _of_iso),
    _format("YYYY-MM-DD HH:MM with Z or an offset", _MINUTES + _OFFSET, _of_iso),
    _format("YYYY-MM-DD", r"(?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d)", _of_date),
    _format("month/day/year", r"(?P<month>\d\d?)/(?P<day>\d\d?)/(?P<year>\d{4})", _of_date),
    # Counts are told apart by their digits: nine or ten digits of seconds are the years 1973 to 2286.
    _format("seconds since 1970", r"\d{9,10}", _count_of(_SECOND)),
    _format("milliseconds since 1970", r"\d{12,13}", _count_of(1_000_000)),
    _format("microseconds since 1970", r"\d{15,16}", _count_of(1_000)),
    _format("nanoseconds since 1970", r"\d{18,19}", _count_of(1)),
)
_TIME_ADVICE = (
    "write it as 2020-01-31, as 2020-01-31 13:30:00 (a T, a Z or an offset may be in it), as 1/31/2020, "
    "or in seconds, milliseconds, microseconds or nanoseconds since 1970"
)


def _written(span_ns: int) -> str:
    """A bar's length as `span` reads it."""
    units = reversed(_UNITS.items())
    return next((f"{span_ns // ns}{unit}" for unit, ns in units if span_ns % ns == 0), f"{span_ns} ns")


def _shown(value: str) -> str:
    """A value in quotes, its unprintable characters escaped and its length bounded."""
    return repr(value if len(value) <= _LONGEST_SHOWN else value[: _LONGEST_SHOWN - 3] + "...")
