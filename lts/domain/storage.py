"""The storage as it speaks of itself."""

import msgspec

from bus.message import Delivery, Event, Request


class StorageTroubled(Event, delivery=Delivery.URGENT):
    """Nothing can be stored for the time being; what is to be stored waits, and no order leaves."""

    reason: str


class StorageRecovered(Event, delivery=Delivery.URGENT):
    """What waited has been stored."""

    after_s: float


class FactNotKept(Event, delivery=Delivery.URGENT):
    """Something that happened contradicts what is stored, so that it could not be: somebody has to look."""

    fact: str
    reason: str


class Tally(msgspec.Struct, frozen=True):
    """How much there is."""

    orders: int = 0
    denied: int = 0
    fills: int = 0
    round_trips: int = 0


class StorageReported(Event):
    """Where everything is kept, and how storing goes."""

    database: str
    """The path of the file, or the address of the server without its password."""
    at: int
    """The latest market time of anything stored when the node began; 0 if there was nothing."""
    found: Tally
    """What was stored when the node began."""
    waiting: int
    """Pieces of work that are not on disk yet."""
    commits: int
    written: int
    """Pieces of work that were committed."""
    refused: int
    rows: int
    """Rows written, those of the audit included."""
    slowest_commit_ms: float
    trouble: str
    """Why nothing can be stored now; empty if it can."""
    pool_size: int
    pool_in_use: int
    cache_hits: int
    cache_misses: int


class GetStorage(Request[StorageReported]):
    """Asks the storage about itself."""


class KeysRotated(Event):
    """All keys of the database are new ones; those of before only open and verify."""

    node_key: str
    """The id of the node key that wraps them."""
    keys: dict[str, str]
    """The id of the key in use for each purpose."""


class KeysNotRotated(Event):
    """The keys are as they were, or partly new, for this reason; what was done is safe to do again."""

    reason: str


class RotateKeys(Request[KeysRotated | KeysNotRotated]):
    """Commands new keys while everything goes on: data keys, sealed values, and on demand the node's own."""

    node_key: bool = False
