"""Arguments and options that several commands have."""

from math import inf, isfinite
from pathlib import Path
from typing import Annotated

from typer import Argument, BadParameter, Option


def read_speed(text: str) -> float:
    """Return a multiple of real time; `max`, infinity, is not to wait at all."""
    return inf if text == "max" else _positive(text, "is neither max nor a number above zero")


def read_seconds(text: str) -> float:
    """Return a time span."""
    return _positive(text, "is no number above zero")


def pace(speed: float) -> float | None:
    """Return a speed as drivers take it."""
    return speed if isfinite(speed) else None


def _positive(text: str, otherwise: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not (isfinite(number) and number > 0):
        raise BadParameter(f"{text!r} {otherwise}")
    return number


SystemFile = Annotated[
    Path, Argument(metavar="FILE", readable=False, help="The TOML file that describes the system.")
]
Json = Annotated[bool, Option("--json", help="Print nothing but one JSON object on stdout.")]
Speed = Annotated[
    float,
    Option(
        parser=read_speed,
        metavar="X|max",
        help="How fast recorded data is replayed: a multiple of real time, or max not to wait at all.",
    ),
]
StateDir = Annotated[
    Path | None,
    Option(
        metavar="DIR",
        help="Where to keep everything; made if absent. Started again on it, a system goes on where it was.",
    ),
]
