"""Raw tables read strictly into pydantic models, and what was wrong with them as one sentence.

Strict is meant as in JSON: an amount may be the text `"1.0"`, but `"10"` is no whole number, neither is
`10.0`, `true` is no number at all, and NaN and infinity are nowhere accepted. Unknown keys are refused,
also by a model that would ignore them.
"""

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, time
from typing import Any, NamedTuple, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from lts.config.sentence import did_you_mean, quoted, shown, with_others
from lts.refusal import Refused

M = TypeVar("M", bound=BaseModel)

Location = tuple[int | str, ...]

_BARE_KEY = re.compile(r"[\w-]{1,60}")
_SHOULD = re.compile(r"^(\w+ )?(input )?should ", re.IGNORECASE)
_DEEPEST = 32
_LABELS = ("name", "symbol", "instrument")
_WANTED = {
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "string_type": "text in quotes",
    "path_type": "text in quotes",
    "decimal_type": 'an amount such as "10.5"',
    "decimal_parsing": 'an amount such as "10.5"',
    "list_type": "a list in square brackets",
    "tuple_type": "a list in square brackets",
    "dict_type": "a table",
    "model_type": "a table",
}


class Misfit(Refused):
    """Tables or parameters that a model does not take. `at` is where the first thing wrong with them is."""

    def __init__(self, sentence: str, at: Location) -> None:
        super().__init__(sentence)
        self.at = at

    @property
    def field(self) -> str:
        """The place with dots between its steps, for example `params.fast`; empty for the whole."""
        return ".".join(map(str, self.at))


class _Problem(NamedTuple):
    """One thing that is wrong, in the words of pydantic."""

    type: str
    at: Location
    message: str
    found: object


def parse_params(model: type[M], raw: Mapping[str, Any], where: str) -> M:
    """A plugin's parameters as its model has them; raises Misfit with one sentence that starts at `where`.

    `where` names the table, for example `demo.toml: portfolio 'trend', asset 'SP500', params`.
    """
    return _parse(model, raw, where, joint=".", context=None)


def parse_tables(
    model: type[M], raw: Mapping[str, Any], where: str, context: Mapping[str, Any] | None = None
) -> M:
    """A file's tables as a model has them; raises Misfit with one sentence that starts with the file.

    `context` is what the model's own validators are told (`ValidationInfo.context`).
    """
    return _parse(model, raw, where, joint=": ", context=context)


def _parse(
    model: type[M], raw: Mapping[str, Any], where: str, *, joint: str, context: Mapping[str, Any] | None
) -> M:
    problems = list(_unfit(raw))
    if not problems:
        try:
            text = json.dumps(raw, default=_spelled)
            return model.model_validate_json(text, strict=True, extra="forbid", context=context)
        except ValidationError as refused:
            problems = [
                _Problem(error["type"], error["loc"], error["msg"], error["input"])
                for error in refused.errors(include_url=False)
            ]
    # A mistyped key is both unknown and missing: the unknown one says more.
    problems.sort(key=lambda problem: problem.type != "extra_forbidden")
    sentences = [_sentence(problem, model, raw, where, joint) for problem in problems]
    raise Misfit(with_others(sentences), problems[0].at)


def _unfit(value: object, at: Location = ()) -> Iterator[_Problem]:
    """Values that JSON has no word for, and nesting that no reader of JSON would follow."""
    if len(at) > _DEEPEST:
        yield _Problem("too_deep", at[:6], "should not be nested so deeply", value)  # where it starts will do
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _unfit(inner, (*at, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _unfit(inner, (*at, index))
    elif isinstance(value, float) and not math.isfinite(value):
        yield _Problem("finite_number", at, "should be finite", value)


def _spelled(value: object) -> str:
    """A date or time of TOML as JSON spells it."""
    if isinstance(value, date | datetime | time):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} is not a value of TOML or JSON")


def _sentence(problem: _Problem, model: type[BaseModel], raw: object, where: str, joint: str) -> str:
    at: Sequence[int | str] = problem.at
    match problem.type:
        case "extra_forbidden":
            *at, key = at
            said = f": unknown key {quoted(key)}; {did_you_mean(str(key), _keys_at(model, at))}"
        case "missing":
            *at, key = at
            said = f": the key {quoted(key)} is missing; add it"
        case "value_error" | "assertion_error":
            said = f": {problem.message.partition(', ')[2]}"
            said += "" if isinstance(problem.found, dict | list) else f"; found {shown(problem.found)}"
        case _:
            said = f" {_requirement(problem)}; found {shown(problem.found)}"
    place = _place(at, raw)
    return where + (joint + place if place else "") + said


def _requirement(problem: _Problem) -> str:
    """What the value has to be: our words for the usual types, else those of pydantic."""
    if problem.type in ("list_type", "tuple_type") and isinstance(problem.found, dict):
        return f"must be a list: write the table as [[{problem.at[-1]}]]"
    if problem.type in ("int_type", "float_type") and isinstance(problem.found, str):
        return f"must be {_WANTED[problem.type]}, without quotes"
    if problem.type in _WANTED:
        return f"must be {_WANTED[problem.type]}"
    said, known = _SHOULD.subn("must ", problem.message)
    return said if known else f"cannot be used ({problem.message})"


def _place(at: Sequence[int | str], raw: object) -> str:
    """A location in words: `portfolio 'trend', asset 'SP500', params.fast`.

    An entry of a list of tables is called by its name, or else by its number counted from one.
    """
    place, joint, here = "", "", raw
    for step in at:
        try:
            here = here[step]  # type: ignore[index]  # what is no container raises, and is left out
        except (LookupError, TypeError):
            continue
        if isinstance(step, int):
            place += f" {_label(here) or f'number {step + 1}'}"
            joint = ", "
        else:
            place += joint + (step if _BARE_KEY.fullmatch(step) else quoted(step))
            joint = "."
    return place


def _label(entry: object) -> str:
    names = (entry.get(label) for label in _LABELS) if isinstance(entry, dict) else ()
    return next((quoted(name) for name in names if isinstance(name, str)), "")


def _keys_at(model: type[BaseModel], at: Sequence[int | str]) -> list[str]:
    """The keys that a model knows at a location, as they are written in a file."""
    fields = _fields(model)
    for step in at:
        if isinstance(step, str):
            inner = _model_in(fields[step].annotation) if step in fields else None
            fields = _fields(inner) if inner else {}
    return list(fields)


def _fields(model: type[BaseModel]) -> dict[str, FieldInfo]:
    return {field.alias or name: field for name, field in model.model_fields.items()}


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The model of a table's key: itself, or inside `tuple[…]`, `X | None` and the like."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((model for inner in get_args(annotation) if (model := _model_in(inner))), None)
