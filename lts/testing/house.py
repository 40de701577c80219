"""A house: an AAA plugin on a bench, with what it stores, its time, and the words of a test."""

from base64 import b64encode
from typing import Any

from msgspec.structs import replace

from bus import SECOND
from lts.domain.access import (
    AccessChanged,
    AccessRefused,
    Identify,
    IdentifySigned,
    Identity,
    LoggedIn,
    LogIn,
    SignedRequest,
)
from lts.domain.permissions import Permission, Role
from lts.domain.secret import Secret
from lts.domain.users import AddUser, ApiKeyMade, MakeApiKey, UserChanged
from lts.security.signing import SigningKey
from lts.testing.bench import Bench
from lts.testing.security import Shelf, Watch

RIGHT, WRONG = Secret("seven green cats 9"), Secret("seven green dogs 9")
HOME, ELSEWHERE = "192.0.2.1", "198.51.100.7"
READS = frozenset({Permission.READ_ORDERS})
CLERK = SigningKey("clerk", bytes(range(32)))
"""Who signs requests."""


class House:
    """A plugin on a bench, with its shelf and its watch, and the words of a test."""

    def __init__(self, bench: Bench[Any], shelf: Shelf, watch: Watch) -> None:
        self.bench, self.shelf, self.watch = bench, shelf, watch

    async def add(self, name: str, role: Role = Role.TRADER, password: Secret = RIGHT) -> UserChanged:
        """Make a user."""
        answer = await self.bench.ask(AddUser(name, role, "admin", password))
        assert isinstance(answer, UserChanged), f"{name} is not added: {answer}"
        return answer

    async def try_to_log_in(
        self, user: str, password: Secret = RIGHT, address: str = HOME
    ) -> LoggedIn | AccessRefused:
        """Try to log in."""
        return await self.bench.ask(LogIn(user, password, address=address))

    async def log_in(self, user: str) -> LoggedIn:
        """Log in."""
        answer = await self.try_to_log_in(user)
        assert isinstance(answer, LoggedIn), f"{user} is not let in: {answer}"
        return answer

    async def who(self, token: Secret) -> Identity | AccessRefused:
        """Ask whose token this is."""
        return await self.bench.ask(Identify(token, HOME))

    async def make_key(self, user: str, scopes: frozenset[Permission] = READS) -> ApiKeyMade:
        """Make an API key for CLERK, for an hour."""
        public = b64encode(CLERK.public).decode()
        until = self.watch.now() + 3_600 * SECOND
        answer = await self.bench.ask(MakeApiKey(user, user, "desk", scopes, until, public))
        assert isinstance(answer, ApiKeyMade), f"no key is made: {answer}"
        return answer

    def signed(self, key_id: str, nonce: str, /, **other: Any) -> IdentifySigned:
        """Return a request that CLERK has signed now; what is other than so is not signed for."""
        base = b'"@method": POST\n"@path": /api/v1/orders'
        created = self.watch.now() // SECOND
        request = SignedRequest(key_id, base, CLERK.sign(base), nonce, created)
        return IdentifySigned(replace(request, **other), HOME)

    def told_of(self, user: str) -> bool:
        """Whether somebody has been told that what a user has changed."""
        return any(each.user == user for each in self.bench.published(AccessChanged))
