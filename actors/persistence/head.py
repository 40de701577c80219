"""The head file: the last seal, kept outside the database, so that nobody can cut off the end unseen."""

import os
from pathlib import Path

import msgspec

from actors.persistence.images import canonical
from lts.security.signing import SigningKey, verify


class Head(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The last seal that is known to be committed, signed.

    Before a seal is committed the head announces it, and afterwards names it. So after a crash the
    chain ends either at the one or at the other; a head of before fits neither.
    """

    seal: int
    """Its number; 0 before the first one."""
    hash: str
    """In hex."""
    last_seq: int
    at: int
    key_id: str
    announced: str = ""
    """The hash of the seal that is being committed, in hex."""
    signature: str = ""

    def signed(self, key: SigningKey) -> "Head":
        """Return this head with the signature of a key."""
        head = msgspec.structs.replace(self, key_id=key.id, signature="")
        return msgspec.structs.replace(head, signature=key.sign(head.message()).hex())

    def is_signed_by(self, public: bytes) -> bool:
        """Whether the holder of the secret behind `public` signed it."""
        try:
            signature = bytes.fromhex(self.signature)
        except ValueError:
            return False
        return signature.hex() == self.signature and verify(public, signature, self.message())

    def message(self) -> bytes:
        """Return what is signed: all of it but the signature."""
        return canonical(
            {name: getattr(self, name) for name in self.__struct_fields__ if name != "signature"}
        )


def write_head(path: Path, head: Head) -> None:
    """Replace the head file, so that at every instant the one or the other is whole on disk. Blocks."""
    new = path.with_name(f".{path.name}.new")
    path.parent.mkdir(parents=True, exist_ok=True)
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(_content(head))
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def read_head(path: Path) -> Head | None:
    """Return what the head file says, None if there is none; ValueError if it cannot be read. Blocks."""
    try:
        content = path.read_bytes()
        head = msgspec.json.decode(content, type=Head)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError) as error:  # which a ValidationError is, too
        raise ValueError(f"{path} cannot be read as a head: {error}") from None
    if content != _content(head):
        raise ValueError(f"{path} cannot be read as a head: it is written in another way")
    return head


def _content(head: Head) -> bytes:
    return canonical(head) + b"\n"
