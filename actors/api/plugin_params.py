"""Parameters of plugins as they come in: what can be kept, and sent anywhere."""

import re
from typing import Annotated, Any

from pydantic import AfterValidator, Field

LARGEST, LONGEST, DEEPEST = 2**53, 1_000, 4
TEXT = r"^[^\x00-\x1f\x7f-\x9f]*$"
REF = "#/components/schemas/ParamWithin{depth}"
_is_text = re.compile(TEXT).fullmatch


def _keepable(params: dict[str, Any]) -> dict[str, Any]:
    """Return parameters that can be kept and sent anywhere; raise ValueError for others."""
    _check(params, 0)
    return params


def _check(value: Any, depth: int) -> None:
    if depth > DEEPEST:
        raise ValueError("it is nested too deeply")
    match value:
        case bool():
            return
        case int() | float() if abs(value) > LARGEST:
            raise ValueError("a number is too large; write it as text")
        case str() if len(value) > LONGEST or not _is_text(value):
            raise ValueError(f"a text has at most {LONGEST} characters, and no control characters")
        case list():
            for each in value:
                _check(each, depth + 1)
        case dict():
            for key, each in value.items():
                _check(key, depth)
                _check(each, depth + 1)


def schemas() -> dict[str, dict[str, Any]]:
    """Return the JSON Schemas of what parameters hold, one a depth: 0 is nested no more."""
    return {
        REF.rpartition("/")[2].format(depth=depth): {
            "description": f"A value of a plugin's parameters, nested at most {depth} deep.",
            "type": ["null", "boolean", "number", "string", "array", "object"],
            "minimum": -LARGEST,
            "maximum": LARGEST,
            **_TEXT,
            **({"items": {"$ref": REF.format(depth=depth - 1)}} if depth else {"maxItems": 0}),
            **(_members(depth - 1) if depth else {"maxProperties": 0}),
        }
        for depth in range(DEEPEST)
    }


def _members(depth: int) -> dict[str, Any]:
    return {"propertyNames": _TEXT, "additionalProperties": {"$ref": REF.format(depth=depth)}}


_TEXT = {"maxLength": LONGEST, "pattern": TEXT}
Params = Annotated[dict[str, Any], AfterValidator(_keepable), Field(json_schema_extra=_members(DEEPEST - 1))]
"""A plugin's parameters; the plugin says of each whether it can be used."""
