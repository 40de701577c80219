"""The words in which a refusal names values, keys and choices."""

import difflib
import reprlib
from collections.abc import Iterable, Sequence

_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = 60
_MOST_CHOICES = 12


def quoted(value: object) -> str:
    """A name or value in quotes, on one line, shortened where it is long."""
    return _SHORT.repr(value)


def shown(value: object) -> str:
    """A value of a file, together with what kind of value it is: `the text '10'`, `the number 2.5`."""
    match value:
        case bool():
            return str(value).lower()
        case str():
            return f"the text {quoted(value)}"
        case int() | float():
            return f"the number {quoted(value)}"
        case dict():
            return "a table"
        case list():
            return "a list"
        case _:
            return quoted(value)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """What to write in the place of an unknown word: the known one closest to it, else what is known."""
    choices = sorted(known)
    if close := difflib.get_close_matches(word, choices, n=1):
        return f"did you mean {quoted(close[0])}?"
    return listed(choices)


def listed(known: Iterable[str]) -> str:
    """What may be written in a place, or the first of it where that is much."""
    choices = sorted(known)
    if not choices:
        return "none is known here"
    return f"known: {', '.join(choices[:_MOST_CHOICES])}" + ", …" * (len(choices) > _MOST_CHOICES)


def with_others(problems: Sequence[str]) -> str:
    """The first of several problems, and how many others there are."""
    more = len(problems) - 1
    return problems[0] + (f" (and {more} more problem{'s' * (more > 1)})" if more else "")
