"""Rows as their images in the audit show them."""

from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from types import SimpleNamespace
from typing import Any

import msgspec

from actors.persistence.columns import Exact
from actors.persistence.rows import metadata

_FIELDS: msgspec.json.Decoder[dict[str, Any]] = msgspec.json.Decoder(dict[str, Any])


def row_of(entry: Any) -> SimpleNamespace:
    """Return the row that an entry of the audit has led to; its amounts are exact."""
    fields: Mapping[str, Any] = _FIELDS.decode(entry.after)
    amounts = _amounts(entry.entity)
    return SimpleNamespace(
        **{
            name: Decimal(value) if name in amounts and value is not None else value
            for name, value in fields.items()
        }
    )


@cache
def _amounts(table: str) -> frozenset[str]:
    """Return the columns of a table that are exact decimals."""
    return frozenset(each.name for each in metadata.tables[table].columns if isinstance(each.type, Exact))
