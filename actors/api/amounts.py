"""Amounts: exact decimals, as text without an exponent."""

from typing import Annotated

import msgspec

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
