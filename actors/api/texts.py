"""Texts, names and times as they come in."""

from contextlib import suppress
from typing import Annotated

from fastapi import Header, Path, Query
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from actors.api.pages import MOST
from lts.web.times import from_rfc3339

_PRINTABLE = r"^[^\x00-\x1f\x7f-\x9f]*$"
_TOLD_OF = range(from_rfc3339("1900-01-01T00:00:00Z"), from_rfc3339("2200-01-01T00:00:00Z"))
"""Nanoseconds that a signed number of 64 bits holds wherever they go, with what is reckoned from them."""
_NAME = r"^[A-Za-z0-9]+([ ._/-][A-Za-z0-9]+)*$"


class Body(BaseModel):
    """What comes in a request's body: nothing is converted, and nothing unknown is taken."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, use_attribute_docstrings=True)


def _is_instant(text: str) -> str:
    with suppress(ValueError, OverflowError):
        if from_rfc3339(text) in _TOLD_OF:
            return text
    raise ValueError("an instant is written as 2026-01-31T12:00:00Z, and lies between 1900 and 2200")


Name = Annotated[str, Field(min_length=1, max_length=64, pattern=_NAME, examples=["main"])]
"""What people call things."""
Symbol = Annotated[Name, Field(examples=["SP500"])]
"""An instrument."""
BrokerName = Annotated[Name, Field(examples=["paper"])]
Text = Annotated[str, Field(max_length=500, pattern=_PRINTABLE)]
Hidden = Annotated[
    str,
    Field(min_length=1, max_length=1024, pattern=_PRINTABLE, json_schema_extra={"format": "password"}),
]
"""A password, a code or a token."""
Instant = Annotated[
    str, Field(max_length=40, json_schema_extra={"format": "date-time"}), AfterValidator(_is_instant)
]
InPath = Annotated[str, Path(min_length=1, max_length=64, pattern=_NAME, examples=["main"])]
"""A name in a path, its slashes written as `%2F`."""
Id = Annotated[str, Path(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_-]+$")]
"""The id of a session or a key."""
NameQuery = Annotated[str | None, Query(min_length=1, max_length=64, pattern=_NAME)]
OrderQuery = Annotated[str | None, Query(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9._/-]+$")]
"""A client order id."""
Limit = Annotated[int, Query(ge=1, le=MOST, description="How many at most.")]
CursorQuery = Annotated[
    str | None, Query(max_length=1024, description="Where to go on: `next` of the page before.")
]
InstantQuery = Annotated[
    str | None,
    Query(max_length=40, json_schema_extra={"format": "date-time"}),
    AfterValidator(lambda text: text if text is None else _is_instant(text)),
]
IfMatch = Annotated[str | None, Header(max_length=64, description="The ETag of what was read; `*`: any.")]
IfNoneMatch = Annotated[
    str | None, Header(max_length=1024, description="The ETag of what one has; 304 says that it still holds.")
]
