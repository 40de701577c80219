"""API keys: the credentials of machines, each with scopes of its own and an end."""

from collections.abc import Iterable
from hmac import compare_digest

import msgspec

from bus import SECOND
from lts.domain.credentials import StoredApiKey
from lts.domain.users import ApiKey

PREFIX = "lts_"
"""How the secret of a key begins, so that it is found where it does not belong."""
MOST = 50
"""Keys of one user."""
WORTH_KEEPING = 60 * SECOND
"""By how much a key must have been used later than is stored, to have that stored."""


class Keys:
    """All keys that live, by id."""

    def __init__(self, stored: Iterable[StoredApiKey] = ()) -> None:
        self._stored = {each.key.id: each for each in stored}
        self._used = {id_: each.key.used_at for id_, each in self._stored.items()}

    def find(self, key_id: str, now: int) -> ApiKey | None:
        """Return a key that lives; None if it is revoked or expired."""
        stored = self._stored.get(key_id)
        return None if stored is None or stored.key.expires_at <= now else self._shown(stored)

    def shown_as(self, token: str, digest: bytes, now: int) -> ApiKey | None:
        """Return the key that a bearer token is the secret of; None if it is none that lives."""
        stored = self._stored.get(id_in(token))
        if stored is None or not compare_digest(stored.secret, digest):
            return None
        return self.find(stored.key.id, now)

    def use(self, key_id: str, now: int) -> None:
        """Note that a key is used."""
        self._used[key_id] = max(now, self._used[key_id])

    def put(self, stored: StoredApiKey) -> None:
        """Take in a key that was stored."""
        self._stored[stored.key.id] = stored
        self._used[stored.key.id] = stored.key.used_at

    def revoke(self, key_id: str) -> ApiKey | None:
        """Take a key away; None if it is not here."""
        stored = self._stored.pop(key_id, None)
        if stored is None:
            return None
        return msgspec.structs.replace(stored.key, used_at=self._used.pop(key_id))

    def of(self, user: str | None, now: int) -> tuple[ApiKey, ...]:
        """Return the keys of a user that live, or of everybody; the latest first."""
        found = [
            self._shown(each)
            for each in self._stored.values()
            if user in {None, each.key.user} and each.key.expires_at > now
        ]
        return tuple(sorted(found, key=lambda each: (each.made_at, each.id), reverse=True))

    def over(self, now: int) -> list[str]:
        """Return the keys whose time is over, and that are still here."""
        return [id_ for id_, each in self._stored.items() if each.key.expires_at <= now]

    def to_mark(self) -> dict[str, int]:
        """Return when keys were used last, of those of which much older news is stored."""
        found = {
            id_: used
            for id_, used in self._used.items()
            if used - self._stored[id_].key.used_at >= WORTH_KEEPING
        }
        for id_ in found:
            stored = self._stored[id_]
            self._stored[id_] = msgspec.structs.replace(stored, key=self._shown(stored))
        return found

    def __len__(self) -> int:
        return len(self._stored)

    def _shown(self, stored: StoredApiKey) -> ApiKey:
        return msgspec.structs.replace(stored.key, used_at=self._used[stored.key.id])


def bearer(key_id: str, secret: str) -> str:
    """Return what a machine sends to say that it has a key."""
    return f"{PREFIX}{key_id}_{secret}"


def id_in(token: str) -> str:
    """Return the id that a bearer token names."""
    return token.removeprefix(PREFIX).partition("_")[0]
