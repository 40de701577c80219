"""The archive: the file that a backup is.

| part | what it is |
|---|---|
| manifest | one line of JSON, filled up with spaces; for all to read |
| signature | one line of hex: Ed25519 over the line above |
| payload | to the end of the file: a vault, and in it gzip, and in that lines |

The lines are, for each table, an object that names it and its columns, and a list for each row in the
order of the primary key. The signature is of a key that is derived from the node key, and so is the
key of the vault.
"""

import zlib
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

import msgspec

from actors.persistence.images import canonical
from actors.persistence.manifest import LONGEST, Manifest, TableSum, read, sign
from lts.refusal import Refused
from lts.security.node_key import NodeKey, NodeKeys
from lts.security.seal import Unsealable
from lts.security.vault import VaultReader, VaultWriter

PAGE = 1_000
"""Rows that are held in memory at a time."""

_SIGNATURE = 128
_GZIP = 31
_READ = 16_384
"""Bytes that are inflated at a time: they become a thousand times as many at most."""


class ArchiveWriter:
    """Writes an archive, row by row; it is one once it is finished.

    Args:
        file: empty, and open for writing.
        node_key: of the node that will be able to open it.
        draft: a manifest without its sums.
    """

    def __init__(self, file: BinaryIO, node_key: NodeKey, draft: Manifest) -> None:
        self._file = file
        self._node_key = node_key
        self._draft = draft
        self._room = draft.room()
        file.write(sign(draft, node_key, self._room))
        self._payload = _Payload(file)
        self._vault = VaultWriter(self._payload, node_key.derive("backup"), b"lts backup")
        self._gzip = zlib.compressobj(wbits=_GZIP)
        self._sums: dict[str, TableSum] = {}
        self._open: tuple[str, int] | None = None

    def begin(self, table: str, columns: Sequence[str]) -> None:
        """Begin a table."""
        self._end()
        self._open, self._digest = (table, 0), sha256()
        self._put(canonical({"table": table, "columns": columns}) + b"\n")

    def add(self, lines: bytes, rows: int) -> None:
        """Add rows to the table that was begun."""
        if self._open is None:
            raise ValueError("no table was begun")
        self._open = (self._open[0], self._open[1] + rows)
        self._digest.update(lines)
        self._put(lines)

    def finish(self) -> Manifest:
        """Write what is left, and then the manifest; return it."""
        self._end()
        self._vault.write(self._gzip.flush())
        self._vault.close()
        manifest = msgspec.structs.replace(self._draft, tables=self._sums, payload=self._payload.sha256)
        self._file.seek(0)
        self._file.write(sign(manifest, self._node_key, self._room))
        return manifest

    def _end(self) -> None:
        if self._open is not None:
            table, rows = self._open
            self._sums[table] = TableSum(rows, self._digest.hexdigest())
            self._open = None

    def _put(self, lines: bytes) -> None:
        self._vault.write(self._gzip.compress(lines))


class Page(msgspec.Struct, frozen=True):
    """Some rows of a table; the last page of each may have none."""

    table: str
    columns: tuple[str, ...]
    lines: Sequence[bytes]


class Archive:
    """An archive that is read, and proved with every reading.

    Raises Refused if it cannot be read, is another node's, or was changed.
    """

    def __init__(self, path: Path, node_keys: NodeKeys) -> None:
        self.path = path
        try:
            self._file = path.open("rb")
        except OSError as error:
            raise _unreadable(path, error) from None
        try:
            text, signature = self._file.readline(LONGEST), self._file.readline(_SIGNATURE + 1)
            self.manifest, self._node_key = read(text[:-1], signature[:-1], node_keys, str(path))
            self._start = self._file.tell()
        except OSError as error:
            self.close()
            raise _unreadable(path, error) from None
        except Refused:
            self.close()
            raise

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def check(self) -> None:
        """Read all of it, and raise Refused unless it is whole and as it was made."""
        for _ in self.pages():
            pass

    def pages(self) -> Iterator[Page]:
        """Yield all rows, table by table; only what is read to the end is proved."""
        try:
            yield from self._pages()
        except (Unsealable, zlib.error, msgspec.DecodeError, ValueError) as error:
            raise Refused(f"{self.path}: is damaged ({error}); use another backup") from None
        except OSError as error:
            raise _unreadable(self.path, error) from None

    def _pages(self) -> Iterator[Page]:
        self._file.seek(self._start)
        payload = _Payload(self._file)
        vault = VaultReader(payload, lambda _: self._node_key.derive("backup"))
        sums: dict[str, TableSum] = {}
        table: _Table | None = None
        for line in _lines(vault):
            if line.startswith(b"{"):
                if table:
                    yield table.page()
                    sums[table.name] = table.sum()
                table = _Table(line)
            elif table is None:
                raise ValueError("its rows belong to no table")
            elif table.add(line):
                yield table.page()
        if table:
            yield table.page()
            sums[table.name] = table.sum()
        said = self.manifest
        if (list(sums.items()), payload.sha256) != (list(said.tables.items()), said.payload):
            raise ValueError("it does not hold what its manifest says")


class _Header(msgspec.Struct, frozen=True):
    """The line that begins a table."""

    table: str
    columns: tuple[str, ...]


class _Table:
    """A table that is being read."""

    def __init__(self, line: bytes) -> None:
        self._header = msgspec.json.decode(line, type=_Header)
        self._lines: list[bytes] = []
        self._rows = 0
        self._digest = sha256()

    @property
    def name(self) -> str:
        return self._header.table

    def add(self, line: bytes) -> bool:
        """Add a row, and return whether the page is full."""
        self._lines.append(line)
        return len(self._lines) == PAGE

    def page(self) -> Page:
        """Return what was added since the last page."""
        lines, self._lines = self._lines, []
        self._rows += len(lines)
        for line in lines:
            self._digest.update(line + b"\n")
        return Page(self._header.table, self._header.columns, lines)

    def sum(self) -> TableSum:
        """Return what proves the rows of all pages."""
        return TableSum(self._rows, self._digest.hexdigest())


class _Payload:
    """The file behind its first two lines, with the digest of all that went through."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._digest = sha256()

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    def write(self, data: bytes) -> None:
        self._digest.update(data)
        self._file.write(data)

    def read(self, size: int) -> bytes:
        data = self._file.read(size)
        self._digest.update(data)
        return data


def _lines(vault: VaultReader) -> Iterator[bytes]:
    """Yield the lines in a vault, without their ends."""
    gzip = zlib.decompressobj(wbits=_GZIP)
    rest = b""
    while packed := vault.read(_READ):
        *lines, rest = (rest + gzip.decompress(packed)).split(b"\n")
        yield from lines
    if rest or not gzip.eof or gzip.unused_data:
        raise ValueError("it ends in the middle, or goes on behind its end")


def _unreadable(path: Path, error: OSError) -> Refused:
    return Refused(f"{path}: cannot be read: {error.strerror}; name a backup that this user may read")
