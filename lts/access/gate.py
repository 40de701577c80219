"""The gate: who is it that shows an access token, an API key or a signature?"""

from bus import SECOND
from lts.access.entrance import LATER, NO, identity_of
from lts.access.keys import PREFIX
from lts.access.lockouts import network_of
from lts.access.nonces import is_nonce
from lts.access.store import Store
from lts.domain.access import AccessRefused, Denial, Identify, IdentifySigned, Identity
from lts.domain.credentials import SPENT, SpendNonce
from lts.domain.users import ApiKey

LONGEST_TOKEN = 4_096


class Gate:
    """Tells who somebody is, from memory: what ended, ended here first."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def identify(self, wanted: Identify) -> Identity | AccessRefused:
        """Return whose access token or API key this is."""
        token = wanted.token.value
        if len(token) > LONGEST_TOKEN:
            return NO
        return self._by_key(token, wanted.address) if token.startswith(PREFIX) else self._by_token(token)

    async def identify_signed(self, wanted: IdentifySigned) -> Identity | AccessRefused:
        """Return who signed a request, once; its nonce is spent on disk before it counts."""
        store, request, now = self._store, wanted.request, self._store.now()
        key = store.keys.find(request.key_id, now)
        if key is None or not key.public_key or not store.users.permissions(key.user):
            store.refusals.count("signature", network_of(wanted.address))
            return NO
        verified = store.security.is_signed(key.public_key, request.signature, request.base)
        if not is_nonce(request.nonce) or not verified:
            return self._refused(key, wanted, Denial.SIGNATURE)
        if not store.nonces.is_timely(request, now) or not (nonce := store.nonces.spend(request)):
            return self._refused(key, wanted, Denial.REPLAYED)
        if refused := await store.keep(key.user, SpendNonce(nonce)):
            return self._refused(key, wanted, Denial.REPLAYED) if refused.reason == SPENT else LATER
        current = store.keys.find(key.id, now)
        return NO if current is None else self._identity(current, now)

    def _refused(self, key: ApiKey, wanted: IdentifySigned, denial: Denial) -> AccessRefused:
        self._store.refusals.count("signature", network_of(wanted.address), key.user)
        return AccessRefused(denial)

    def _by_token(self, token: str) -> Identity | AccessRefused:
        store, now = self._store, self._store.now()
        claims = store.passes.read(token, now)
        session = store.sessions.find(claims.sid, now) if claims else None
        if claims is None or session is None or session.user != claims.sub:
            return NO
        if not store.users.permissions(session.user):
            return NO
        store.sessions.use(session.id, now)
        return identity_of(session, store, min(claims.exp * SECOND, session.expires_at))

    def _by_key(self, token: str, address: str) -> Identity | AccessRefused:
        store, now = self._store, self._store.now()
        key = store.keys.shown_as(token, store.security.digest(token), now)
        if key is None:
            store.refusals.count("key", network_of(address))
            return NO
        return self._identity(key, now)

    def _identity(self, key: ApiKey, now: int) -> Identity | AccessRefused:
        store = self._store
        login, permitted = store.users.find(key.user), store.users.permissions(key.user)
        if login is None or not permitted:
            return NO
        store.keys.use(key.id, now)
        scopes = permitted & key.scopes
        return Identity(key.user, login.role, scopes, f"key:{key.id}", key.expires_at, signs=True)
