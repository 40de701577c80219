"""Sessions: logins that go on, each with one refresh token that is good once."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import msgspec

from bus import SECOND
from lts.domain.credentials import StoredSession
from lts.domain.users import Session

MOST = 50
"""Sessions of one user: the one that was used longest ago ends when another begins."""
WORTH_KEEPING = 60 * SECOND
"""By how much a session must have been used later than is stored, to have that stored."""


@dataclass(frozen=True, slots=True)
class Lifetime:
    """How long a session lasts, in nanoseconds."""

    idle: int
    """Without being used."""
    whole: int
    """However much it is used."""


class Sessions:
    """All sessions that live, by id, by the token that goes on with each, and by those that did."""

    def __init__(
        self,
        lifetime: Lifetime,
        stored: Iterable[StoredSession] = (),
        spent: Mapping[bytes, str] = MappingProxyType({}),
    ) -> None:
        self.lifetime = lifetime
        self._stored = {each.session.id: each for each in stored}
        self._used = {id_: each.session.used_at for id_, each in self._stored.items()}
        self._by_refresh = {each.refresh: id_ for id_, each in self._stored.items()}
        self._spent = dict(spent)
        self._tokens: dict[str, list[bytes]] = {}
        """The spent tokens of each session."""
        for token, id_ in self._spent.items():
            self._tokens.setdefault(id_, []).append(token)

    def find(self, session_id: str, now: int) -> Session | None:
        """Return a session that lives; None if it is over."""
        stored = self._stored.get(session_id)
        if stored is None or self.ends_at(session_id) <= now:
            return None
        return self._shown(stored)

    def use(self, session_id: str, now: int) -> None:
        """Note that a session is used."""
        self._used[session_id] = max(now, self._used[session_id])

    def ends_at(self, session_id: str) -> int:
        """Return when a session ends unless it is used: idle, or too old."""
        stored = self._stored[session_id]
        return min(stored.session.expires_at, self._used[session_id] + self.lifetime.idle)

    def put(self, stored: StoredSession) -> None:
        """Take in a session that was stored."""
        self._stored[stored.session.id] = stored
        self._used[stored.session.id] = stored.session.used_at
        self._by_refresh[stored.refresh] = stored.session.id

    def holder(self, refresh: bytes, now: int) -> Session | None:
        """Return the session with which this token goes on; None if there is none that lives."""
        id_ = self._by_refresh.get(refresh)
        return None if id_ is None else self.find(id_, now)

    def family(self, refresh: bytes) -> str | None:
        """Return the session of which this token was spent: it is shown a second time."""
        id_ = self._spent.get(refresh)
        return id_ if id_ in self._stored else None

    def turn(self, session_id: str, refresh: bytes, now: int) -> StoredSession:
        """Have a session go on with another token; the one of before is spent."""
        before = self._stored[session_id]
        self.use(session_id, now)
        after = StoredSession(self._shown(before), refresh)
        self._stored[session_id] = after
        self._spent[before.refresh] = session_id
        self._tokens.setdefault(session_id, []).append(before.refresh)
        del self._by_refresh[before.refresh]
        self._by_refresh[refresh] = session_id
        return after

    def turn_back(self, session_id: str, refresh: bytes) -> None:
        """Have a session go on with the token of before, as the other one could not be stored."""
        if after := self._stored.get(session_id):
            self._by_refresh.pop(after.refresh, None)
            del self._spent[refresh]
            self._tokens[session_id].remove(refresh)
            self._by_refresh[refresh] = session_id
            self._stored[session_id] = msgspec.structs.replace(after, refresh=refresh)

    def end(self, session_id: str) -> Session | None:
        """End a session; None if it is over."""
        stored = self._stored.pop(session_id, None)
        if stored is None:
            return None
        session = self._shown(stored)
        self._used.pop(session_id)
        self._by_refresh.pop(stored.refresh, None)
        for token in self._tokens.pop(session_id, ()):
            del self._spent[token]
        return session

    def of(self, user: str | None, now: int) -> tuple[Session, ...]:
        """Return the sessions of a user that live, or of everybody; the latest first."""
        found = [
            self._shown(each)
            for id_, each in self._stored.items()
            if user in {None, each.session.user} and self.ends_at(id_) > now
        ]
        return tuple(sorted(found, key=lambda each: (each.begun_at, each.id), reverse=True))

    def surplus(self, user: str, now: int) -> list[str]:
        """Return the sessions that have to end before another of this user begins."""
        living = sorted(self.of(user, now), key=lambda each: (each.used_at, each.id))
        return [each.id for each in living[: max(0, len(living) - MOST + 1)]]

    def over(self, now: int) -> list[str]:
        """Return the sessions whose time is over, and that are still here."""
        return [id_ for id_ in self._stored if self.ends_at(id_) <= now]

    def to_mark(self) -> dict[str, int]:
        """Return when sessions were used last, of those of which much older news is stored."""
        found = {
            id_: used
            for id_, used in self._used.items()
            if used - self._stored[id_].session.used_at >= WORTH_KEEPING
        }
        for id_ in found:
            stored = self._stored[id_]
            self._stored[id_] = msgspec.structs.replace(stored, session=self._shown(stored))
        return found

    def __len__(self) -> int:
        return len(self._stored)

    def _shown(self, stored: StoredSession) -> Session:
        return msgspec.structs.replace(stored.session, used_at=self._used[stored.session.id])
