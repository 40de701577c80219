"""The desk: where users are made and changed, and where they change what is theirs."""

from collections.abc import Callable

from msgspec.structs import replace

from bus import SECOND
from lts.access.keys import MOST, bearer
from lts.access.policy import LONGEST, weakness
from lts.access.store import Ending, Store
from lts.access.users import Wish, revised, shown, unknown
from lts.domain.access import CredentialEnded, EndCredential
from lts.domain.credentials import Login, PutApiKey, PutLogin, StoredApiKey
from lts.domain.permissions import ROLES, Role
from lts.domain.secret import Secret
from lts.domain.users import (
    AddUser,
    ApiKey,
    ApiKeyMade,
    ChangeUser,
    ConfirmSecondFactor,
    DropSecondFactor,
    Fault,
    MakeApiKey,
    NotDone,
    OfferSecondFactor,
    SecondFactorOffered,
    SetPassword,
    UserChanged,
)
from lts.security.busy import Busy

_DAY = 86_400 * SECOND
_OFFER = 600 * SECOND
"""How long an offered second factor can be confirmed, in nanoseconds."""
_LONGEST_LABEL = 64
_BUSY = NotDone(Fault.UNAVAILABLE, "too many passwords are being looked at; try again in a second")


class Desk:
    """Changes users, one change after the other; each is on disk before it counts."""

    def __init__(self, store: Store, key_days: float) -> None:
        self._store = store
        self._key_life = round(key_days * _DAY)
        self._offered: dict[str, tuple[str, int]] = {}
        """Second factors that are not confirmed, by user, and until when they can be."""

    async def add(self, wanted: AddUser) -> UserChanged | NotDone:
        """Make a user; one who was only named as an owner gets a login."""
        store = self._store
        if refused := store.users.objection_to_new(wanted.name):
            return refused
        hashed = await self._hashed_for(wanted.name, wanted.role, wanted.password)
        if isinstance(hashed, NotDone):
            return hashed
        async with store.turn:
            if refused := store.users.objection_to_new(wanted.name):
                return refused
            known = store.users.find(wanted.name)
            created_at = known.created_at if known else store.now()
            login = Login(wanted.name, wanted.role, active=True, created_at=created_at, password=hashed)
            if refused := await store.keep(wanted.who, PutLogin(login)):
                return refused
            store.users.put(login)
        return UserChanged(shown(login))

    async def change(self, wanted: ChangeUser) -> UserChanged | NotDone:
        """Give a user another role, or take them out of service and back; their credentials end."""
        store, wish = self._store, Wish(wanted.role, wanted.active, wanted.revision)
        async with store.turn:
            before, after = store.users.find(wanted.name), store.users.changed(wanted.name, wish)
            if isinstance(after, NotDone) or after == before:
                return after if isinstance(after, NotDone) else UserChanged(shown(after))
            role, active = after.role, after.active
            done = await store.change(
                wanted.who,
                after,
                lambda login: revised(replace(login, role=role, active=active)),
                store.ending(wanted.name, keys=True),
            )
        return done if isinstance(done, NotDone) else UserChanged(shown(done))

    async def set_password(self, wanted: SetPassword) -> UserChanged | NotDone:
        """Give a user another password; their other sessions end, and their keys if somebody else sets it."""
        login = self._store.users.find(wanted.name)
        if login is None:
            return unknown(wanted.name)
        if wanted.old is not None:
            if refused := await self._unproved(wanted.name, wanted.old):
                return refused
            if wanted.old == wanted.new:
                return NotDone(Fault.TOO_WEAK, "the new password is the old one")
        if not wanted.new:
            return NotDone(Fault.TOO_WEAK, weakness("", wanted.name))
        hashed = await self._hashed_for(wanted.name, login.role, wanted.new)
        if isinstance(hashed, NotDone):
            return hashed
        kept, keys = wanted.session.removeprefix("session:"), wanted.old is None or wanted.keys
        return await self._changed(
            wanted.who,
            login,
            lambda each: replace(each, password=hashed, failures=0),
            lambda: self._store.ending(wanted.name, kept, keys=keys),
        )

    async def offer_second_factor(self, wanted: OfferSecondFactor) -> SecondFactorOffered | NotDone:
        """Make a secret for codes; it counts once a code has confirmed it."""
        if refused := await self._unproved(wanted.name, wanted.password):
            return refused
        security = self._store.security
        secret = security.new_code_secret()
        self._offered[wanted.name] = secret, self._store.now() + _OFFER
        return SecondFactorOffered(Secret(security.code_uri(secret, wanted.name)))

    async def confirm_second_factor(self, wanted: ConfirmSecondFactor) -> UserChanged | NotDone:
        """Take the offered secret into use."""
        store, login = self._store, self._store.users.find(wanted.name)
        if login is None:
            return unknown(wanted.name)
        secret, until = self._offered.get(wanted.name, ("", 0))
        if until <= store.now():
            return NotDone(Fault.INVALID, "no second factor was offered, or too long ago; have one offered")
        if refused := self._counted(wanted.name):
            return refused
        step = store.security.step_of(secret, wanted.code.value)
        if not step:
            return NotDone(Fault.WRONG_CODE, "this is not the code of now")
        store.proofs.uncount(wanted.name)
        del self._offered[wanted.name]
        factor = Secret(secret)
        return await self._changed(
            wanted.name,
            login,
            lambda each: replace(each, second_factor=factor, last_step=step),
            lambda: self._store.looked_at_anew(wanted.name),
        )

    async def drop_second_factor(self, wanted: DropSecondFactor) -> UserChanged | NotDone:
        """Let a user log in without codes again."""
        login = self._store.users.find(wanted.name)
        if login is None:
            return unknown(wanted.name)
        if wanted.password is not None and (refused := await self._unproved(wanted.name, wanted.password)):
            return refused
        if wanted.password is not None and self._store.needs_factor(login):
            return NotDone(Fault.INVALID, "a second factor is required of this user")
        return await self._changed(
            wanted.who,
            login,
            lambda each: replace(each, second_factor=Secret(), last_step=0),
            lambda: self._store.looked_at_anew(wanted.name),
        )

    async def make_key(self, wanted: MakeApiKey) -> ApiKeyMade | NotDone:
        """Make an API key, and show its secret this once."""
        store = self._store
        async with store.turn:
            if refused := self._objection_to_key(wanted):
                return refused
            id_, now = store.security.new_id(), store.now()
            token = bearer(id_, store.security.new_secret())
            key = ApiKey(
                id_,
                wanted.user,
                wanted.label,
                wanted.scopes,
                now,
                wanted.expires_at,
                public_key=wanted.public_key,
            )
            stored = StoredApiKey(key, store.security.digest(token))
            if refused := await store.keep(wanted.who, PutApiKey(stored)):
                return refused
            store.keys.put(stored)
        return ApiKeyMade(key, Secret(token))

    async def end_credential(self, wanted: EndCredential) -> CredentialEnded:
        """End a session or revoke a key, if it is whose it has to be."""
        store, now = self._store, self._store.now()
        kind, _, id_ = wanted.credential.partition(":")
        held = {"session": store.sessions.find, "key": store.keys.find}.get(kind)
        found = held(id_, now) if held else None
        if found is None or wanted.owner not in {None, found.user}:
            return CredentialEnded(found=False)
        sessions, keys = ((id_,), ()) if kind == "session" else ((), (id_,))
        await store.end(wanted.who, sessions, keys)
        return CredentialEnded(found=True)

    async def _changed(
        self, who: str, login: Login, wished: Callable[[Login], Login], ending: Callable[[], Ending]
    ) -> UserChanged | NotDone:
        """Change a user, and end what is to end by it."""
        store = self._store
        async with store.turn:
            done = await store.change(who, login, lambda each: revised(wished(each)), ending())
        return done if isinstance(done, NotDone) else UserChanged(shown(done))

    async def _hashed_for(self, name: str, role: Role, password: Secret) -> Secret | NotDone:
        """Return the hash of a new password, none of none, or why it is not taken."""
        if not password:
            return Secret()
        if role is Role.SERVICE:
            return NotDone(Fault.INVALID, f"{name} is a service, which has API keys and no password")
        if not self._store.users.doors.take_password(name):
            return NotDone(Fault.INVALID, f"{name} logs in at the provider; a password would not count")
        if weak := weakness(password.value, name):
            return NotDone(Fault.TOO_WEAK, weak)
        try:
            return Secret(await self._store.security.hashed(password.value))
        except Busy:
            return _BUSY

    async def _unproved(self, name: str, password: Secret) -> NotDone | None:
        """Return why a user has not proved who they are; None if this is their password."""
        store, login = self._store, self._store.users.find(name)
        if login is None:
            return unknown(name)
        if refused := self._counted(name):
            return refused
        try:
            fits = await store.security.fits(login.password.value, password.value[: LONGEST + 1])
        except Busy:
            store.proofs.uncount(name)
            return _BUSY
        if not fits:
            store.refusals.count("password", "", name)
            return NotDone(Fault.NOT_PROVED, "this is not the user's password")
        store.proofs.uncount(name)
        return None

    def _counted(self, name: str) -> NotDone | None:
        """Count an attempt of a user to prove something, and return why it is not looked at."""
        store = self._store
        if wait_s := store.proofs.wait_s(name, store.now()):
            return NotDone(Fault.NOT_PROVED, f"too many attempts; try again in {wait_s:.0f} seconds")
        store.proofs.count(name, store.now())
        return None

    def _objection_to_key(self, wanted: MakeApiKey) -> NotDone | None:
        """Return why there can be no such key."""
        store, now = self._store, self._store.now()
        login = store.users.find(wanted.user)
        if login is None:
            return unknown(wanted.user)
        objection = ""
        if not login.active:
            objection = f"{wanted.user} is out of service"
        elif store.lacks_factor(login):
            objection = f"{wanted.user} has to set up a second factor first"
        elif not (0 < len(wanted.label) <= _LONGEST_LABEL and wanted.label.isprintable()):
            objection = f"the label of a key has 1 to {_LONGEST_LABEL} printable characters"
        elif not wanted.scopes or not wanted.scopes <= ROLES[login.role]:
            objection = f"the scopes of a key are one or more of what its user may do as {login.role}"
        elif not now < wanted.expires_at <= now + self._key_life:
            objection = f"a key expires in the future, within {self._key_life / _DAY:g} days"
        elif wanted.public_key and not store.security.is_public_key(wanted.public_key):
            objection = "the public key is not 32 bytes of Ed25519 in base64"
        elif len(store.keys.of(wanted.user, now)) >= MOST:
            objection = f"{wanted.user} has {MOST} keys already; revoke one"
        return NotDone(Fault.INVALID, objection) if objection else None
