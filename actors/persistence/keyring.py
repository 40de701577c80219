"""The data keys: random, wrapped by the node's key in the table `data_keys`, unwrapped in memory alone."""

from collections.abc import Iterable, Mapping
from typing import Any, Literal, TypeVar

import msgspec
from sqlalchemy import Select, column, select, table
from sqlalchemy.ext.asyncio import AsyncConnection

from actors.persistence.images import canonical
from lts.refusal import Refused
from lts.security.key import Key
from lts.security.mac import MacKey
from lts.security.node_key import NodeKey, NodeKeys
from lts.security.seal import SealingKey, SealingKeys, Unsealable, key_id_of, unwrap, wrap
from lts.security.signing import SigningKey
from lts.security.tokens import TokenKeys

Purpose = Literal["seal", "mac", "sign"]
KINDS: Mapping[Purpose, type[Key]] = {"seal": SealingKey, "mac": MacKey, "sign": SigningKey}
"""What a key of each purpose is."""

K = TypeVar("K", bound=Key)


class StoredKey(msgspec.Struct, frozen=True):
    """A row of `data_keys`, checked for its form."""

    id: str
    purpose: Purpose
    wrapped: bytes
    node_key: str
    public: bytes | None
    created_at: int
    retired_at: int | None


_FIELDS = StoredKey.__struct_fields__
_ALL: Select[*tuple[Any, ...]] = select(*[column(name) for name in _FIELDS]).select_from(table("data_keys"))
"""Without types, so that whatever is there can be read."""


class DataKeys:
    """The keys of one database: what columns are sealed with, audit rows authenticated, seals signed.

    Of each purpose the newest that is not retired is in use; the others only open and verify. Ask
    for `sealing`, `mac` and `signing` each time they are needed: a rotation changes them.
    """

    def __init__(self, rows: Iterable[Mapping[str, Any]], node_keys: NodeKeys) -> None:
        self.made: tuple[dict[str, Any], ...] = ()
        """Rows that are to be inserted into `data_keys`, because there were none."""
        self._unwrap(rows, node_keys)

    def _unwrap(self, rows: Iterable[Mapping[str, Any]], node_keys: NodeKeys) -> None:
        self.node_keys = node_keys
        self.faults: list[str] = []
        """A sentence for each key that is not as it was made."""
        opened: list[tuple[StoredKey, Key]] = []
        for row in rows:
            try:
                stored = msgspec.convert(row, StoredKey, builtin_types=(bytes,))
                opened.append((stored, _opened(stored, node_keys)))
            except (ValueError, LookupError, Unsealable) as error:
                self.faults.append(f"the data key {row['id']} cannot be used: {error}")
        opened.sort(
            key=lambda pair: (pair[0].retired_at is None, pair[0].created_at, pair[0].id), reverse=True
        )
        in_use = {stored.purpose for stored, _ in opened if stored.retired_at is None}
        self.faults += [f"there is no {purpose} key in use" for purpose in KINDS if purpose not in in_use]
        self._sealing = _of_kind(SealingKey, opened)
        self._signing = _of_kind(SigningKey, opened)
        self.macs = _of_kind(MacKey, opened)
        """The keys of audit rows by id, the one in use first."""
        self.publics = {key.id: key.public for key in self._signing.values()}
        """The public keys of seals and heads by id."""
        self._retired = {stored.id: stored.retired_at for stored, _ in opened}

    @classmethod
    async def load(cls, connection: AsyncConnection, node_keys: NodeKeys, now: int) -> "DataKeys":
        """Read and unwrap the keys, or make them for a database that has none: see `made`.

        Raises Refused for another node key than the one that wraps them, and if any is damaged.
        """
        rows = await _read(connection, node_keys)
        if rows:
            keys = cls(rows, node_keys)
        else:
            made = tuple(new_key_row(purpose, node_keys.current, now) for purpose in KINDS)
            keys = cls(made, node_keys)
            keys.made = made
        for fault in keys.faults:
            raise Refused(f"{fault}: run `lts db verify`, or restore the database from a backup")
        return keys

    @classmethod
    async def examine(cls, connection: AsyncConnection, node_keys: NodeKeys) -> "DataKeys":
        """Read the keys and unwrap those that can be unwrapped; `faults` tell of the others.

        Raises Refused if all of them are wrapped by another node key.
        """
        return cls(await _read(connection, node_keys), node_keys)

    @property
    def sealing(self) -> SealingKeys:
        """What columns are sealed with."""
        return SealingKeys(*self._sealing.values())

    @property
    def mac(self) -> MacKey:
        """What audit rows are authenticated with."""
        return next(iter(self.macs.values()))

    @property
    def signing(self) -> SigningKey:
        """What seals and heads are signed with."""
        return next(iter(self._signing.values()))

    def hand_over(self, tokens: TokenKeys) -> None:
        """Give those who sign access tokens what their keys are derived from."""
        tokens.adopt((key, self._retired[key.id]) for key in self._signing.values())

    def adopt(self, rows: Iterable[Mapping[str, Any]], node_keys: NodeKeys) -> None:
        """Become the keys in these rows: the table says so, as of a commit."""
        self.made = ()
        self._unwrap(rows, node_keys)

    def __repr__(self) -> str:
        return f"<DataKeys {' '.join((*self._sealing, *self.macs, *self._signing))}>"


def new_key_row(purpose: Purpose, node_key: NodeKey, now: int) -> dict[str, Any]:
    """Make a key, and return it as a row of `data_keys`."""
    key = KINDS[purpose].generate()
    public = key.public if isinstance(key, SigningKey) else None
    stored = StoredKey(key.id, purpose, b"", node_key.id, public, now, None)
    return msgspec.structs.asdict(stored) | {"wrapped": wrap(node_key, key.secret, _context(stored))}


def rewrapped(row: Mapping[str, Any], node_keys: NodeKeys) -> dict[str, Any]:
    """Return a row of `data_keys` with the same key in it, wrapped by the current node key."""
    stored = msgspec.convert(row, StoredKey, builtin_types=(bytes,))
    current = node_keys.current
    wrapped = wrap(current, _opened(stored, node_keys).secret, _context(stored))
    return {**row, "wrapped": wrapped, "node_key": current.id}


def _of_kind(kind: type[K], opened: Iterable[tuple[StoredKey, Key]]) -> dict[str, K]:
    return {key.id: key for _, key in opened if isinstance(key, kind)}


def _context(stored: StoredKey) -> bytes:
    return canonical([stored.id, stored.purpose])


def _opened(stored: StoredKey, node_keys: NodeKeys) -> Key:
    node_key = node_keys.of(key_id_of(stored.wrapped))
    if stored.node_key != node_key.id:
        raise Unsealable(f"it says that {stored.node_key} wraps it, which is not so")
    key = KINDS[stored.purpose](stored.id, unwrap(node_key, stored.wrapped, _context(stored)))
    if stored.public != (key.public if isinstance(key, SigningKey) else None):
        raise Unsealable("the public key beside it is another")
    return key


async def _read(connection: AsyncConnection, node_keys: NodeKeys) -> list[dict[str, Any]]:
    """Return the rows as they are stored, whatever that may be; refuse another node's."""
    rows = [dict(zip(_FIELDS, row, strict=True)) for row in await connection.execute(_ALL)]
    wrapped_by = {_wrapper_of(row["wrapped"]) for row in rows}
    if rows and wrapped_by.isdisjoint({node_keys.current.id, *(key.id for key in node_keys.retired)}):
        raise Refused(
            f"the database belongs to the node key {', '.join(sorted(wrapped_by))}, and the key of this "
            f"node is {node_keys.current.id}: give the node the key that the database was made with"
        )
    return rows


def _wrapper_of(wrapped: Any) -> str:
    try:
        return key_id_of(wrapped)
    except (TypeError, Unsealable):
        return "unknown"
