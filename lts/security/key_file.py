"""The file that holds the keys of a node: read only if nobody else could have read or written it.

It is opened once, without following a link, and what is checked is what was opened: nothing can be put in its
place between the check and the reading (CWE-367).
"""

import errno
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from shlex import quote

from lts.refusal import Refused
from lts.security.node_key import NodeKey, NodeKeys

_MODE = 0o600
_LARGEST = 65_536
_WHEN_LOST = "put back your copy of the node key: nothing that was sealed opens without it"


def read_node_keys(path: Path, allowed: int = _MODE) -> NodeKeys | None:
    """The keys in this file; None if there is no such file.

    Args:
        path: the file; its directory may be reached by links, the file itself may not.
        allowed: the permissions that it may have.

    Raises:
        Refused: it cannot be read, is no regular file, or holds something else; or someone could have read or
            written it who is neither the user of this process nor root.
    """
    try:
        with _open_directory(path.parent) as directory:
            content = _content(path, directory, allowed)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Refused(
            f"{path}: the node key cannot be read: {error.strerror}; check the path and its rights"
        ) from None
    return parse_node_keys(content.decode("ascii", "replace"), str(path))


def parse_node_keys(text: str, where: str) -> NodeKeys:
    """The keys in this text.

    Raises:
        Refused: it is none; the sentence begins with `where` and repeats nothing of the text.
    """
    try:
        return NodeKeys.parse(text)
    except ValueError as error:
        raise Refused(f"{where}: {error}; {_WHEN_LOST}") from None


def make_node_keys(path: Path) -> NodeKeys | None:
    """A new key, kept in a new file of mode 0600; None if there is one already, which stays as it is.

    A missing directory is made, with mode 0700.

    Raises:
        Refused: it cannot be written, or others may write to its directory.
    """
    keys = NodeKeys(NodeKey.generate())
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _written(path, keys) as (directory, draft):
            os.link(draft, path.name, src_dir_fd=directory, dst_dir_fd=directory)
            os.unlink(draft, dir_fd=directory)
            os.fsync(directory)
    except FileExistsError:
        return None
    except OSError as error:
        raise _unwritable(path, error) from None
    return keys


def write_node_keys(path: Path, keys: NodeKeys) -> None:
    """Keep these keys in this file, of mode 0600, in place of what is there.

    Whatever happens on the way, the file holds all of the old keys or all of the new ones, and once this
    returns it holds the new ones even if the power fails.

    Raises:
        Refused: it cannot be written, or others may write to its directory.
    """
    try:
        with _written(path, keys) as (directory, draft):
            os.rename(draft, path.name, src_dir_fd=directory, dst_dir_fd=directory)
            os.fsync(directory)
    except OSError as error:
        raise _unwritable(path, error) from None


def _content(path: Path, directory: int, allowed: int) -> bytes:
    # Not to wait for whoever might write into a pipe that was put there.
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        file = os.open(path.name, flags, dir_fd=directory)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise Refused(
                f"{path}: the node key is a symbolic link; name the file that it points to, or put it there"
            ) from None
        raise
    try:
        _check_file(path, os.fstat(file), allowed)
        content = bytearray()
        while len(content) <= _LARGEST and (more := os.read(file, _LARGEST)):
            content += more
        if len(content) > _LARGEST:
            raise Refused(
                f"{path}: more than {_LARGEST} bytes are no node key; put the file with the key there"
            )
        return bytes(content)
    finally:
        os.close(file)


def _check_file(path: Path, found: os.stat_result, allowed: int) -> None:
    mode = stat.S_IMODE(found.st_mode)
    name = quote(str(path))
    if not stat.S_ISREG(found.st_mode):
        raise Refused(f"{path}: the node key is not a regular file; put the file with the key there")
    if found.st_uid not in (0, os.geteuid()):
        raise Refused(
            f"{path}: the node key belongs to user {found.st_uid}, not to the one who runs LTS;"
            f" if you trust what is in it, chown {os.geteuid()} {name}"
        )
    if mode & ~allowed & 0o077:
        raise Refused(f"{path}: the node key has mode {mode:04o}, so others can use it; chmod 600 {name}")


@contextmanager
def _open_directory(path: Path) -> Iterator[int]:
    directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        _check_directory(path, os.fstat(directory))
        yield directory
    finally:
        os.close(directory)


def _check_directory(path: Path, found: os.stat_result) -> None:
    mode = stat.S_IMODE(found.st_mode)
    if found.st_uid not in (0, os.geteuid()):
        raise Refused(
            f"{path}: this directory belongs to user {found.st_uid}, who can replace the node key in it;"
            " keep the key in a directory of the user who runs LTS"
        )
    if mode & 0o022:
        raise Refused(
            f"{path}: this directory has mode {mode:04o}, so others can replace the node key in it;"
            f" chmod go-w {quote(str(path))}"
        )


@contextmanager
def _written(path: Path, keys: NodeKeys) -> Iterator[tuple[int, str]]:
    """The open directory and the name of a draft in it, which is on disk; it is gone afterwards."""
    draft = f".{path.name}.{secrets.token_hex(8)}"
    with _open_directory(path.parent) as directory:
        file = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, _MODE, dir_fd=directory)
        try:
            with os.fdopen(file, "wb") as stream:
                os.fchmod(file, _MODE)  # a umask may have taken away what the owner needs
                stream.write(keys.format().encode())
                stream.flush()
                os.fsync(file)
            yield directory, draft
        finally:
            with suppress(FileNotFoundError):
                os.unlink(draft, dir_fd=directory)


def _unwritable(path: Path, error: OSError) -> Refused:
    return Refused(f"{path}: the node key cannot be written: {error.strerror}; check the path and its rights")
