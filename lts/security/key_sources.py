"""Where the keys of a node come from: a systemd credential, a file, the environment, or a keyring."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Literal

from lts.refusal import Refused
from lts.security import system_keyring
from lts.security.key_file import make_node_keys, parse_node_keys, read_node_keys, write_node_keys
from lts.security.node_key import NodeKey, NodeKeys

Source = Literal["auto", "file", "keyring", "environment", "credential"]

FILE_NAME = "node.key"
CREDENTIAL = "lts-node-key"
VARIABLE = "LTS_NODE_KEY"

_CREDENTIAL_MODE = 0o440
"""systemd grants a service's user access by an ACL, whose mask shows as permissions of the group."""


@dataclass(frozen=True, slots=True)
class FoundKeys:
    """The keys of a node, and where they were found."""

    keys: NodeKeys
    source: str
    """In words, such as "the file state/node.key"."""
    path: Path | None = None
    """The file, if they are in one that LTS writes."""
    made: bool = False
    """Whether they were made just now, so that there is no copy of them anywhere."""
    store: Callable[[NodeKeys], None] | None = field(default=None, repr=False)
    """Keeps other keys in the same place, if LTS can write there; raises Refused if it then cannot."""


def find_node_keys(
    state_dir: Path,
    *,
    key_file: Path | None = None,
    source: Source = "auto",
    create: bool,
    environ: Mapping[str, str],
) -> FoundKeys:
    """Find the keys of this node.

    Args:
        state_dir: the directory of its state; `node.key` in it is the key file if no other is named.
        key_file: another key file.
        source: the one place to look in; "auto" takes the first of: the systemd credential `lts-node-key`,
            the key file, the variable LTS_NODE_KEY. The keyring is looked in only when it is named.
        create: make a key where there is none, in the key file or the keyring.
        environ: the environment; its LTS_NODE_KEY counts only beside LTS_DEVELOPMENT=1, because whatever runs
            as this user, and every process started from this one, can read it.

    Raises:
        Refused: there is none, or there is one that cannot be used or that others could know.
    """
    file = state_dir / FILE_NAME if key_file is None else key_file
    found: FoundKeys | None
    match source:
        case "auto":
            found = _in_credential(environ) or _in_file(file, create=False) or _in_environment(environ)
            found = found or _in_file(file, create=create)
        case "credential":
            found = _in_credential(environ)
        case "file":
            found = _in_file(file, create=create)
        case "keyring":
            found = _in_keyring(state_dir, create=create)
        case "environment":
            found = _in_environment(environ)
    if found is None:
        raise Refused(_nowhere(source, file))
    return found


def _nowhere(source: Source, file: Path) -> str:
    match source:
        case "credential":
            return (
                f"systemd: there is no credential {CREDENTIAL};"
                f" add LoadCredentialEncrypted={CREDENTIAL} to the unit, or keep the node key elsewhere"
            )
        case "keyring":
            return "keyring: there is no node key of this node; run `lts init`, or put back your copy of it"
        case "environment":
            return f"{VARIABLE}: the variable is not set; set it, or keep the node key elsewhere"
        case _:
            return f"{file}: there is no node key; run `lts init`, or put back your copy of it"


def _in_credential(environ: Mapping[str, str]) -> FoundKeys | None:
    directory = environ.get("CREDENTIALS_DIRECTORY")
    if not directory:
        return None
    keys = read_node_keys(Path(directory, CREDENTIAL), _CREDENTIAL_MODE)
    return None if keys is None else FoundKeys(keys, f"the systemd credential {CREDENTIAL}")


def _in_file(path: Path, *, create: bool) -> FoundKeys | None:
    source, store = f"the file {path}", partial(write_node_keys, path)
    if keys := read_node_keys(path):
        return FoundKeys(keys, source, path, store=store)
    if not create:
        return None
    if keys := make_node_keys(path):
        return FoundKeys(keys, source, path, made=True, store=store)
    return _in_file(path, create=False)  # another process has just made one


def _in_environment(environ: Mapping[str, str]) -> FoundKeys | None:
    text = environ.get(VARIABLE)
    if text is None:
        return None
    if environ.get("LTS_DEVELOPMENT") != "1":
        raise Refused(
            f"{VARIABLE}: a node key in the environment is for development alone;"
            " keep it in a file or a systemd credential, or set LTS_DEVELOPMENT=1 as well"
        )
    return FoundKeys(parse_node_keys(text, VARIABLE), f"the variable {VARIABLE}")


def _in_keyring(state_dir: Path, *, create: bool) -> FoundKeys | None:
    account = str(state_dir.resolve())
    text = system_keyring.fetch(account)
    if text is None and not create:
        return None
    if text is None:
        keys = NodeKeys(NodeKey.generate())
        system_keyring.store(account, keys)
    else:
        keys = parse_node_keys(text, "keyring")
    keep = partial(system_keyring.store, account)
    return FoundKeys(keys, "the system's keyring", made=text is None, store=keep)
