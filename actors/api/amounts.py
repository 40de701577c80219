"""Amounts: exact decimals, as text without an exponent."""

from decimal import Decimal
from typing import Annotated

import msgspec
from pydantic import Field

Amount = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^-?\d+(\.\d+)?$",
        examples=["1234.50"],
        description="An exact decimal.",
        extra_json_schema={"format": "decimal"},
    ),
]
"""Money, a price or a quantity."""
AmountIn = Annotated[
    str,
    Field(
        pattern=r"^[0-9]{1,15}(\.[0-9]{1,15})?$",
        examples=["10.5"],
        json_schema_extra={"format": "decimal"},
    ),
]
"""The same as it comes in: nothing below zero."""


def exact(text: str | None) -> Decimal | None:
    """Return an amount that may be left out."""
    return None if text is None else Decimal(text)
