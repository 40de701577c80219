"""What an AAA plugin works with on a bench: a cheap security port, and a shelf for what it stores."""

from collections.abc import Mapping
from random import Random

from msgspec.structs import replace

from bus import SECOND
from lts.config.schema import AccessPlan
from lts.domain.credentials import (
    SPENT,
    AccessRecalled,
    DropApiKeys,
    DropNonces,
    DropSessions,
    Login,
    MarkUse,
    Nonce,
    PutApiKey,
    PutLogin,
    PutSession,
    RecallAccess,
    SpendNonce,
    StoredApiKey,
    StoredSession,
)
from lts.domain.permissions import Role
from lts.domain.units import Command, NotPerformed, Perform, Performed
from lts.kinds.aaa import AaaAssignment
from lts.security.passwords import Costs
from lts.security.port import NodeSecurity
from lts.security.signing import SigningKey
from lts.security.tokens import TokenKeys
from lts.testing.market import BEGIN

CHEAP = Costs(memory_kib=8, passes=1)
"""What a hash costs where nobody would want to break it."""


class Watch:
    """System time that stands still until a test lets it go on."""

    def __init__(self, at: int = BEGIN) -> None:
        self.at = at

    def now(self) -> int:
        """Return the time, in UTC nanoseconds."""
        return self.at

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.at += round(seconds * SECOND)


def cheap_security(watch: Watch, seed: int = 0) -> NodeSecurity:
    """Return the port of a node: what it draws is the same for the same seed."""
    chance, keys = Random(seed), TokenKeys()  # noqa: S311 - for tests, which are to be repeated
    keys.adopt([(SigningKey("test", chance.randbytes(32)), None)])
    return NodeSecurity(keys, watch.now, CHEAP, chance.randbytes)


def aaa_assignment(watch: Watch | None = None, access: AccessPlan | None = None) -> AaaAssignment:
    """Return what an AAA plugin is here for on a bench."""
    return AaaAssignment(access or AccessPlan(), cheap_security(watch or Watch()))


class Shelf:
    """Performs units of credentials in memory, as the database does on disk."""

    def __init__(self, *owners: str) -> None:
        self.trouble = ""
        """Why nothing can be stored; empty: it can."""
        self.units: list[Perform] = []
        """All that was performed."""
        self.logins = {
            name: Login(name, Role.TRADER, active=True, created_at=0, revision=0) for name in owners
        }
        self.sessions: dict[str, StoredSession] = {}
        self.spent: dict[bytes, str] = {}
        self.keys: dict[str, StoredApiKey] = {}
        self.nonces: dict[tuple[str, str], Nonce] = {}

    def recall(self, _: RecallAccess) -> AccessRecalled:
        """Answer with all that is on the shelf."""
        return AccessRecalled(
            tuple(self.logins.values()),
            tuple(self.sessions.values()),
            dict(self.spent),
            tuple(self.keys.values()),
            tuple(self.nonces.values()),
        )

    def perform(self, wanted: Perform) -> Performed | NotPerformed:
        """Carry out a unit, or nothing of it."""
        if self.trouble:
            return NotPerformed(self.trouble)
        nonces = [each.nonce for each in wanted.commands if isinstance(each, SpendNonce)]
        if any((each.key_id, each.nonce) in self.nonces for each in nonces):
            return NotPerformed(SPENT)
        for command in wanted.commands:
            self._carry_out(command)
        self.units.append(wanted)
        return Performed()

    def _carry_out(self, command: Command) -> None:
        match command:
            case PutLogin(login):
                self.logins[login.name] = login
            case PutSession(stored, spent):
                self.sessions[stored.session.id] = stored
                self.spent |= {spent: stored.session.id} if spent else {}
            case DropSessions(ids):
                self._drop_sessions(ids)
            case PutApiKey(key):
                self.keys[key.key.id] = key
            case DropApiKeys(ids):
                self.keys = {id_: each for id_, each in self.keys.items() if id_ not in ids}
            case MarkUse(sessions):
                self._mark(sessions)
            case SpendNonce(nonce):
                self.nonces[nonce.key_id, nonce.nonce] = nonce
            case DropNonces(before):
                self.nonces = {key: each for key, each in self.nonces.items() if each.expires_at >= before}

    def _drop_sessions(self, ids: tuple[str, ...]) -> None:
        self.sessions = {id_: each for id_, each in self.sessions.items() if id_ not in ids}
        self.spent = {token: id_ for token, id_ in self.spent.items() if id_ not in ids}

    def _mark(self, used: Mapping[str, int]) -> None:
        for id_, at in used.items():
            if stored := self.sessions.get(id_):
                session = replace(stored.session, used_at=at)
                self.sessions[id_] = replace(stored, session=session)
