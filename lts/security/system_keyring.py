"""The system's keyring: where a desktop or a server keeps the secrets of its users (extra `keyring`)."""

from typing import Any

from lts.refusal import Refused
from lts.security.node_key import NodeKeys

SERVICE = "lts-node-key"


def fetch(account: str) -> str | None:
    """The text that is kept for a node; None if there is none.

    Args:
        account: which node, by its state directory.

    Raises:
        Refused: there is no keyring here, or it is locked.
    """
    keyring = _keyring()
    try:
        text: str | None = keyring.get_password(SERVICE, account)
    except keyring.errors.KeyringError as error:
        raise _unusable(error) from None
    return text


def store(account: str, keys: NodeKeys) -> None:
    """Keep the keys of a node, in place of what is kept for it.

    Raises:
        Refused: there is no keyring here, it is locked, or it keeps nothing.
    """
    keyring = _keyring()
    try:
        keyring.set_password(SERVICE, account, keys.format())
    except keyring.errors.KeyringError as error:
        raise _unusable(error) from None
    if fetch(account) != keys.format():
        raise Refused("keyring: it does not keep what is put into it; use a key file")


def _keyring() -> Any:
    try:
        import keyring  # type: ignore[import-not-found,unused-ignore] # noqa: PLC0415 - an extra
        import keyring.errors  # type: ignore[import-not-found,unused-ignore] # noqa: PLC0415 - the same
    except ImportError:
        raise Refused("keyring: it needs an extra; pip install 'lts[keyring]', or use a key file") from None
    return keyring


def _unusable(error: Exception) -> Refused:
    return Refused(f"keyring: it cannot be used ({type(error).__name__}); unlock it, or use a key file")
