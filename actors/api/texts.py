"""Texts, names and times as they come in."""

from typing import Annotated

from fastapi import Header, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from actors.api.pages import MOST, SHORTEST

_PRINTABLE = r"^[^\x00-\x1f\x7f-\x9f]*$"
_DAY = (
    r"((19|20|21)[0-9]{2}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)"
    r"|02-(0[1-9]|1[0-9]|2[0-8]))|((19|20|21)(0[48]|[2468][048]|[13579][26])|2000)-02-29)"
)
_TIME = r"([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,9})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])"
_INSTANT = f"^{_DAY}T{_TIME}$"
"""Of the years 1900 to 2199: a signed number of 64 bits holds their nanoseconds, wherever they go."""
_NAME = r"^[A-Za-z0-9]+([ ._/-][A-Za-z0-9]+)*$"


class Body(BaseModel):
    """What comes in a request's body: nothing is converted, and nothing unknown is taken."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, use_attribute_docstrings=True)


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
    str,
    Field(
        max_length=40,
        pattern=_INSTANT,
        json_schema_extra={"format": "date-time"},
        examples=["2026-01-31T12:00:00Z"],
    ),
]
"""As RFC 3339 writes it, in the years 1900 to 2199."""
InPath = Annotated[str, Path(min_length=1, max_length=64, pattern=_NAME, examples=["main"])]
"""A name in a path, its slashes written as `%2F`."""
Id = Annotated[str, Path(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_-]+$")]
"""The id of a session or a key."""
NameQuery = Annotated[str | None, Query(min_length=1, max_length=64, pattern=_NAME)]
OrderQuery = Annotated[str | None, Query(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9._/-]+$")]
"""A client order id."""
Limit = Annotated[int, Query(ge=1, le=MOST, description="How many at most.")]
CursorQuery = Annotated[
    str | None,
    Query(
        min_length=SHORTEST,
        max_length=1024,
        pattern=r"^[A-Za-z0-9_-]+$",
        description="Where to go on: `next` of the page before. 404: it is of another list, or too old.",
    ),
]
InstantQuery = Annotated[
    str | None,
    Query(
        max_length=40,
        pattern=_INSTANT,
        json_schema_extra={"format": "date-time"},
        examples=["2026-01-31T12:00:00Z"],
    ),
]
_TAG = Header(
    max_length=64,
    pattern=r'^(\*|(W/)?"[!#-~]*")$',
    description="The ETag of what was read; `*`: any.",
    examples=['"3"'],
)
IfMatch = Annotated[str | None, _TAG]
IfMatchNeeded = Annotated[str, _TAG]
IfNoneMatch = Annotated[
    str | None, Header(max_length=1024, description="The ETag of what one has; 304 says that it still holds.")
]
