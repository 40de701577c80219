"""A secret in a file of its own, such as an access token: read only if nobody else could have read it.

What is checked is what was opened, without following a link: nothing can be put in its place between
the check and the reading (CWE-367).
"""

import errno
import os
import stat
from pathlib import Path
from shlex import quote

from lts.refusal import Refused

_LARGEST = 4_096
_PRINTABLE = range(0x21, 0x7F)


def read_secret(path: Path, what: str) -> str:
    """The one line that a file holds.

    Args:
        path: the file, which only its owner may use.
        what: what the secret is called in sentences, such as "access token".

    Raises:
        Refused: there is no such file, it is not ours alone, or it holds something else than one line of
            printable ASCII; the sentence repeats nothing of what is in it.
    """
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        link = "it is a symbolic link; name the file that it points to"
        reason = link if error.errno == errno.ELOOP else f"{error.strerror}; check the path and its rights"
        raise Refused(f"{path}: the {what} cannot be read: {reason}") from None
    try:
        _check(path, os.fstat(file), what)
        content = os.read(file, _LARGEST + 1).strip()
    finally:
        os.close(file)
    if not 0 < len(content) <= _LARGEST or any(byte not in _PRINTABLE for byte in content):
        raise Refused(f"{path}: there is no {what} in it; put it there, alone on one line")
    return content.decode("ascii")


def _check(path: Path, found: os.stat_result, what: str) -> None:
    mode = stat.S_IMODE(found.st_mode)
    if not stat.S_ISREG(found.st_mode):
        raise Refused(f"{path}: the {what} has to be in a regular file")
    if found.st_uid not in (0, os.geteuid()):
        raise Refused(
            f"{path}: the {what} belongs to user {found.st_uid}, not to the one who runs LTS; "
            f"if you trust what is in it, chown {os.geteuid()} {quote(str(path))}"
        )
    if mode & 0o077:
        raise Refused(
            f"{path}: the {what} has mode {mode:04o}, so others can use it; chmod 600 {quote(str(path))}"
        )
