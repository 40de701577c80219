"""Knows users by what a provider of identities says of them, and keeps them and their sessions here."""

from collections.abc import AsyncGenerator
from typing import Any

from lts.sdk import (
    AccessKeeper,
    AccessRefused,
    BeginProviderLogin,
    Doors,
    FinishProviderLogin,
    IdTokenAgreement,
    IdTokens,
    Later,
    LoggedIn,
    ProviderLoginBegun,
    WebService,
    on,
    read_secret,
)

from .door import ProviderDoor
from .params import OidcParams
from .people import People
from .provider import LARGEST, Provider

REQUESTS_PER_S = 20.0
"""That are made of the provider, however many want to log in."""


class OidcAaa(AccessKeeper[OidcParams]):
    """Users come by the word of one provider; passwords are for those whom the file names."""

    @property
    def doors(self) -> Doors:
        """By the provider's word, and by the passwords of a few."""
        return Doors(frozenset(self.params.passwords), self.params.issuer)

    async def lifespan(self) -> AsyncGenerator[None, None]:
        """Take up what is stored; the provider is asked when somebody comes.

        Raises:
            Refused: the secret cannot be used, or the libraries are missing.
        """
        params = self.params
        secret = read_secret(params.client_secret_file, "client secret") if params.client_secret_file else ""
        agreed = IdTokenAgreement(
            params.issuer, params.client_id, frozenset(params.algorithms), params.leeway_s
        )
        tokens = IdTokens(agreed)
        service = WebService(
            params.issuer, {}, timeout_s=params.timeout_s, requests_per_s=REQUESTS_PER_S, largest=LARGEST
        )
        async with service as web:
            provider = Provider(params, secret, web, tokens, self.security.now)
            async for _ in super().lifespan():
                people = People(self.store, params, self.name)
                self.door = ProviderDoor(self.store, self.entrance, provider, people, self.log)
                yield

    @on
    def begin_at_provider(self, wanted: BeginProviderLogin) -> Later[ProviderLoginBegun | AccessRefused]:
        """Tell a browser where to log in."""
        return self.answered(self.door.begin(wanted))

    @on
    def finish_at_provider(self, wanted: FinishProviderLogin) -> Later[LoggedIn | AccessRefused]:
        """Begin a session for who comes back from there."""
        return self.answered(self.door.finish(wanted))

    def debug_info(self) -> dict[str, Any]:
        """Say how much of everything there is."""
        return super().debug_info() | {"logins under way": len(self.door.attempts)}
