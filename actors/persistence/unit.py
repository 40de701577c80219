"""One unit of work while it is carried out."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from actors.persistence.work import Batch
from lts.security.seal import SealingKeys


@dataclass(frozen=True, slots=True)
class Unit:
    """What a repository has to work with."""

    session: AsyncSession
    batch: Batch
    keys: SealingKeys
    who: str
    cause: int

    def seal(self, values: Mapping[str, Any], column: str) -> bytes:
        """Return plain values as they are kept in a sealed column, named as in `portfolios.params`."""
        return self.keys.seal(json.dumps(dict(values), sort_keys=True).encode(), column.encode())

    def same(self, sealed: bytes, values: Mapping[str, Any], column: str) -> bool:
        """Whether a sealed column holds these values."""
        opened: dict[str, Any] = json.loads(self.keys.open(sealed, column.encode()))
        wanted: dict[str, Any] = json.loads(json.dumps(dict(values)))
        return opened == wanted
