"""A vault gives back all that was put into it, or says that it cannot."""

import io
import random
import shutil
import tarfile
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lts.security.node_key import NodeKey, NodeKeys
from lts.security.seal import Unsealable
from lts.security.vault import CHUNK, LARGEST_HEADER, VaultReader, VaultWriter

pytestmark = pytest.mark.requirement("INT-020", "INT-025")

KEY = bytes(range(32))
OTHER_KEY = bytes(32)
HEADER = b"node 1"
HEAD = 13 + 32 + 4 + len(HEADER) + 32
"""Bytes before the first chunk."""

SIZES = st.one_of(
    st.integers(0, 100),
    st.builds(lambda chunks, more: max(0, chunks * CHUNK + more), st.integers(0, 3), st.integers(-2, 2)),
)


def made(plaintext: bytes, header: bytes = HEADER, key: bytes = KEY) -> bytes:
    file = io.BytesIO()
    with VaultWriter(file, key, header) as vault:
        vault.write(plaintext)
    return file.getvalue()


def opened(vault: bytes, key: bytes = KEY) -> bytes:
    return VaultReader(io.BytesIO(vault), lambda _: key).read()


def some_bytes(size: int) -> bytes:
    return random.Random(size).randbytes(size)


class Trickle(io.RawIOBase):
    """A file that gives a few bytes at a time, as pipes do."""

    def __init__(self, content: bytes) -> None:
        super().__init__()
        self.content = io.BytesIO(content)

    def read(self, size: int = -1, /) -> bytes:
        return self.content.read(min(size, 1000))


# --- All that was put in --------------------------------------------------------------------------


@given(SIZES, st.binary(max_size=100))
def test_all_comes_back(size: int, header: bytes) -> None:
    plaintext = some_bytes(size)
    reader = VaultReader(io.BytesIO(made(plaintext, header)), lambda _: KEY)
    assert reader.header == header
    assert reader.read() == plaintext
    assert reader.read() == reader.read(10) == b""


@given(st.lists(SIZES, max_size=5), st.sampled_from([7, 1000, CHUNK - 1, CHUNK, 3 * CHUNK]))
def test_it_does_not_matter_in_which_pieces(sizes: list[int], piece: int) -> None:
    pieces = [some_bytes(size) for size in sizes]
    file = io.BytesIO()
    with VaultWriter(file, KEY, HEADER) as vault:
        assert [vault.write(written) for written in pieces] == sizes
    reader = VaultReader(Trickle(file.getvalue()), lambda _: KEY)
    read = list(iter(lambda: reader.read(piece), b""))
    assert b"".join(read) == b"".join(pieces)
    assert {len(part) for part in read[:-1]} <= {piece}


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_any_bytes_can_be_written(kind: Callable[[bytes], bytes]) -> None:
    file = io.BytesIO()
    with VaultWriter(file, KEY, HEADER) as vault:
        vault.write(kind(b"all that was"))
    assert opened(file.getvalue()) == b"all that was"


def test_what_is_written_may_change_afterwards() -> None:
    file, lines = io.BytesIO(), bytearray(b"one")
    with VaultWriter(file, KEY, HEADER) as vault:
        vault.write(lines)
        lines[:] = b"two"
    assert opened(file.getvalue()) == b"one"


def test_a_vault_takes_up_little_more_than_what_is_in_it() -> None:
    for size in (0, 1, CHUNK, CHUNK + 1, 3 * CHUNK):
        chunks = max(1, -(-size // CHUNK))
        assert len(made(bytes(size))) == HEAD + size + 16 * chunks


def test_the_same_content_never_makes_the_same_vault() -> None:
    first, second = made(b"all that was"), made(b"all that was")
    assert first[13:45] != second[13:45]
    assert first[HEAD:] != second[HEAD:]


def test_nothing_of_the_content_is_in_the_vault() -> None:
    vault = made(b"a balance of 12345.67 USD" * 1000)
    assert HEADER in vault
    assert b"balance" not in vault
    assert KEY not in vault


def test_an_archive_is_streamed_into_a_vault_and_out_of_it(tmp_path: Path) -> None:
    (tmp_path / "ledger").write_bytes(some_bytes(200_000))
    backup = io.BytesIO()
    vault: Any = VaultWriter(backup, KEY, HEADER)
    with vault, tarfile.open(fileobj=vault, mode="w|") as archive:
        archive.add(tmp_path / "ledger", "ledger")
    backup.seek(0)
    reader: Any = VaultReader(backup, lambda _: KEY)
    with tarfile.open(fileobj=reader, mode="r|") as archive:
        assert [(member.name, member.size) for member in archive] == [("ledger", 200_000)]


def test_a_vault_is_copied_like_any_file() -> None:
    copy = io.BytesIO()
    shutil.copyfileobj(VaultReader(io.BytesIO(made(some_bytes(200_000))), lambda _: KEY), copy)
    assert copy.getvalue() == some_bytes(200_000)


def test_a_large_vault_takes_little_memory(tmp_path: Path) -> None:
    block, blocks, backup = some_bytes(1_000_000), 20, tmp_path / "backup"
    tracemalloc.start()
    try:
        with backup.open("wb") as file, VaultWriter(file, KEY, HEADER) as vault:
            for _ in range(blocks):
                vault.write(block)
        with backup.open("rb") as source:
            reader = VaultReader(source, lambda _: KEY)
            size = sum(map(len, iter(lambda: reader.read(10_000), b"")))
        assert size == blocks * len(block)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_the_header_says_which_key_a_vault_takes() -> None:
    keys = NodeKeys(NodeKey.generate())
    vault = made(b"all that was", keys.current.id.encode(), keys.current.derive("backups"))
    rotated = keys.rotated()
    reader = VaultReader(io.BytesIO(vault), lambda header: rotated.of(header.decode()).derive("backups"))
    assert reader.read() == b"all that was"


# --- What was changed -----------------------------------------------------------------------------


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr("lts.security.vault.CHUNK", 16)
    return 32  # with its tag


@pytest.fixture(params=[0, 1, 15, 16, 17, 32, 40])
def small_vault(small_chunks: int, request: pytest.FixtureRequest) -> bytes:
    assert small_chunks
    return made(some_bytes(request.param))


def test_any_changed_bit_is_found(small_vault: bytes) -> None:
    assert opened(small_vault) is not None
    for position in range(8 * len(small_vault)):
        changed = bytearray(small_vault)
        changed[position // 8] ^= 1 << position % 8
        with pytest.raises(Unsealable):
            opened(bytes(changed))


def test_a_vault_cut_short_anywhere_is_found(small_vault: bytes) -> None:
    for size in range(len(small_vault)):
        with pytest.raises(Unsealable):
            opened(small_vault[:size])


def test_a_vault_that_goes_on_is_found(small_vault: bytes) -> None:
    for more in (b"\0", bytes(16), bytes(32), small_vault[HEAD:], small_vault):
        with pytest.raises(Unsealable):
            opened(small_vault + more)


def test_a_missing_byte_is_found_wherever_it_was(small_vault: bytes) -> None:
    for position in range(len(small_vault)):
        changed = small_vault[:position] + small_vault[position + 1 :]
        if changed != small_vault:
            with pytest.raises(Unsealable):
                opened(changed)


def chunks_of(vault: bytes, size: int) -> list[bytes]:
    return [vault[start : start + size] for start in range(HEAD, len(vault), size)]


def rearranged(chunks: list[bytes]) -> Iterator[list[bytes]]:
    for here in range(len(chunks)):
        yield chunks[:here] + chunks[here + 1 :]  # one is missing
        yield chunks[:here]  # the end is missing
        yield chunks[here + 1 :]  # the beginning is
        for there in range(len(chunks)):
            yield [*chunks[:there], chunks[here], *chunks[there:]]  # one is there twice
            if here != there:
                swapped = list(chunks)
                swapped[here], swapped[there] = swapped[there], swapped[here]
                yield swapped
                yield [chunks[there] if index == here else chunk for index, chunk in enumerate(chunks)]
    yield chunks[::-1]


def test_chunks_missing_moved_or_there_twice_are_found(small_chunks: int) -> None:
    vault = made(bytes(64))  # all chunks hold the same
    chunks = chunks_of(vault, small_chunks)
    assert len(chunks) == 4
    for other in rearranged(chunks):
        with pytest.raises(Unsealable):
            opened(vault[:HEAD] + b"".join(other))


def test_chunks_of_another_vault_are_found(small_chunks: int) -> None:
    vault, other = made(bytes(64)), made(bytes(64))
    ours, theirs = chunks_of(vault, small_chunks), chunks_of(other, small_chunks)
    for index in range(4):
        mixed = [*ours[:index], theirs[index], *ours[index + 1 :]]
        with pytest.raises(Unsealable):
            opened(vault[:HEAD] + b"".join(mixed))
    with pytest.raises(Unsealable):
        opened(other[:HEAD] + b"".join(ours))


def test_the_header_of_another_vault_is_found() -> None:
    ours, theirs = made(b"all that was", b"node 1"), made(b"all that was", b"node 2")
    with pytest.raises(Unsealable, match="its head was changed, or it takes another key"):
        opened(ours[:49] + theirs[49:HEAD] + ours[HEAD:])


@given(st.binary(max_size=200))
def test_what_is_no_vault_does_not_open(content: bytes) -> None:
    with pytest.raises(Unsealable, match="does not have the form of a vault"):
        opened(content)


def test_another_key_does_not_open_it() -> None:
    with pytest.raises(Unsealable, match="its head was changed, or it takes another key"):
        opened(made(b"all that was"), OTHER_KEY)


def test_a_header_that_claims_to_be_huge_is_not_read() -> None:
    vault = made(b"all that was")
    file = io.BytesIO(vault[:45] + b"\xff\xff\xff\xff" + vault[49:])
    with pytest.raises(Unsealable, match="does not have the form of a vault"):
        VaultReader(file, lambda _: pytest.fail("it was asked for a key"))
    assert file.tell() == 49


def test_what_comes_before_the_damage_is_right_and_nothing_comes_after_it(small_chunks: int) -> None:
    plaintext = some_bytes(64)
    vault = made(plaintext)
    chunks = chunks_of(vault, small_chunks)
    damaged = [chunks[0], chunks[1], bytes(small_chunks), chunks[2], chunks[3]]
    reader = VaultReader(io.BytesIO(vault[:HEAD] + b"".join(damaged)), lambda _: KEY)
    assert reader.read(32) == plaintext[:32]
    for _ in range(5):
        with pytest.raises(Unsealable, match="changed or cut short after the first 32 bytes in it"):
            reader.read(1)


def test_a_vault_cut_short_never_seems_to_end(small_chunks: int) -> None:
    reader = VaultReader(io.BytesIO(made(some_bytes(64))[:-small_chunks]), lambda _: KEY)
    assert reader.read(32) == some_bytes(64)[:32]
    for _ in range(5):
        with pytest.raises(Unsealable, match="changed or cut short after the first 32 bytes in it"):
            reader.read(1)


# --- What was never finished ----------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 10, CHUNK, CHUNK + 10])
def test_a_vault_that_was_left_by_an_exception_does_not_open_to_its_end(size: int) -> None:
    file = io.BytesIO()
    vault = VaultWriter(file, KEY, HEADER)
    vault.write(some_bytes(size))
    with pytest.raises(KeyboardInterrupt), vault:
        raise KeyboardInterrupt
    with pytest.raises(Unsealable):
        opened(file.getvalue())
    vault.close()
    with pytest.raises(Unsealable):
        opened(file.getvalue())


def test_a_vault_that_is_forgotten_does_not_open_to_its_end() -> None:
    file = io.BytesIO()
    vault = VaultWriter(file, KEY, HEADER)
    vault.write(b"all that was")
    del vault
    with pytest.raises(Unsealable):
        opened(file.getvalue())


def test_nothing_is_added_to_a_complete_vault() -> None:
    file = io.BytesIO()
    with VaultWriter(file, KEY, HEADER) as vault:
        vault.write(b"all that was")
    complete = file.getvalue()
    with pytest.raises(ValueError, match="complete"):
        vault.write(b" and more")
    vault.close()
    assert file.getvalue() == complete
    assert not file.closed


# --- What no vault can be made of -----------------------------------------------------------------


@pytest.mark.parametrize("key", [b"", bytes(16), bytes(33)])
def test_a_key_has_32_bytes(key: bytes) -> None:
    file = io.BytesIO()
    with pytest.raises(ValueError, match=f"the key of a vault is 32 bytes, not {len(key)}"):
        VaultWriter(file, key, HEADER)
    assert not file.getvalue()
    with pytest.raises(ValueError, match="the key of a vault is 32 bytes"):
        opened(made(b"all that was"), key)


def test_a_header_has_a_largest_size() -> None:
    assert opened(made(b"all that was", bytes(LARGEST_HEADER))) == b"all that was"
    with pytest.raises(ValueError, match="the header of a vault is at most 65536 bytes, not 65537"):
        made(b"all that was", bytes(LARGEST_HEADER + 1))
