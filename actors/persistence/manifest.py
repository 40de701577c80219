"""The manifest: what is in a backup, for all to read and signed by the node that made it."""

from importlib.metadata import version

import msgspec

from actors.persistence.head import Head
from actors.persistence.images import canonical
from lts.refusal import Refused
from lts.security.key import UnknownKey
from lts.security.node_key import NodeKey, NodeKeys
from lts.security.signing import SigningKey, verify

FORMAT = 1
LONGEST = 1 << 20
"""Bytes in a manifest, at most."""

_NO_BACKUP = "is no backup, or its beginning is damaged; name a file that `lts db backup` made"
_NOT_IN_STEP = "the audit does not end where its head file says: run `lts db verify`"
_LONGEST_COUNT = 10**18
_ANY_DIGEST = "0" * 64


class TableSum(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What proves the rows of one table."""

    rows: int = _LONGEST_COUNT
    sha256: str = _ANY_DIGEST
    """Of its lines, in hex."""


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is in a backup, and where it came from."""

    lts_backup: int
    """The format of the file."""
    lts: str
    """The version of LTS that made it."""
    node_key: str
    """The id of the node key that opens it."""
    created_at: int
    """System time of the snapshot, in UTC nanoseconds."""
    database: str
    """The engine that it was made from: sqlite or postgresql."""
    revision: str
    last_seq: int
    """The last audit row; 0 if nothing was audited."""
    seal: int
    """The last seal; 0 if there is none."""
    seal_hash: str
    """In hex."""
    head: Head | None
    """The head file as it was beside the snapshot."""
    sequences: dict[str, int]
    """The last id that was given, by table; those of rows that are gone too."""
    tables: dict[str, TableSum]
    """Each table comes after those that it refers to."""
    payload: str = _ANY_DIGEST
    """SHA-256 of all that follows the manifest, in hex."""

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return sum(table.rows for table in self.tables.values())

    @property
    def trouble(self) -> str:
        """What was wrong with what was backed up, as far as that shows; empty if nothing."""
        return "" if in_step(self.head, self.seal_hash, self.last_seq) else _NOT_IN_STEP

    def room(self) -> int:
        """Return how many bytes the text of this manifest takes, whatever the sums turn out to be."""
        return len(canonical(self))


class _Opening(msgspec.Struct):
    """What every manifest says, whatever its format."""

    lts_backup: int
    lts: str
    node_key: str


def in_step(head: Head | None, seal_hash: str, last_seq: int) -> bool:
    """Whether an audit ends where its head file says: if not, somebody changed one of them."""
    return not last_seq if head is None else seal_hash in {head.hash, head.announced}


def lts_version() -> str:
    """Return the version of LTS that is running."""
    return version("lts")


def sign(manifest: Manifest, node_key: NodeKey, room: int) -> bytes:
    """Return a manifest as the first two lines of a backup: a text that fills the room, and a signature."""
    text = canonical(manifest).ljust(room)
    return text + b"\n" + _signing_key(node_key).sign(text).hex().encode() + b"\n"


def read(text: bytes, signature: bytes, node_keys: NodeKeys, where: str) -> tuple[Manifest, NodeKey]:
    """Return what the first two lines of a backup say, without their ends, and the key that opens the rest.

    Raises:
        Refused: this is no backup, one of another node or a newer LTS, or it was changed.
    """
    try:
        opening = msgspec.json.decode(text, type=_Opening)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Refused(f"{where}: {_NO_BACKUP}") from None
    if opening.lts_backup != FORMAT:
        raise Refused(
            f"{where}: has the format {opening.lts_backup}, of LTS {opening.lts}; restore it with that"
        )
    try:
        node_key = node_keys.of(opening.node_key)
    except UnknownKey:
        raise Refused(
            f"{where}: was made with the node key {opening.node_key!r}, and the key of this node is "
            f"{node_keys.current.id}; put back the node key that it was made with"
        ) from None
    if not verify(_signing_key(node_key).public, _bytes(signature), text):
        raise Refused(f"{where}: its manifest was changed since it was made; use another backup")
    return msgspec.json.decode(text, type=Manifest), node_key


def _signing_key(node_key: NodeKey) -> SigningKey:
    return SigningKey("backup", node_key.derive("backup signature"))


def _bytes(text: bytes) -> bytes:
    try:
        return bytes.fromhex(text.decode())
    except ValueError:
        return b""
