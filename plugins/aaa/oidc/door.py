"""The door for who comes from the provider: out with an invitation, back with a code."""

from collections.abc import Mapping
from typing import Any

from structlog.typing import FilteringBoundLogger

from lts.sdk import (
    LATER,
    NO,
    AccessRefused,
    BadIdToken,
    BeginProviderLogin,
    Denial,
    Entrance,
    FinishProviderLogin,
    LoggedIn,
    Login,
    NotDone,
    ProviderLoginBegun,
    Secret,
    Store,
    Unanswered,
    network_of,
)

from .attempts import Attempts
from .people import People
from .provider import NotLetIn, Provider


class ProviderDoor:
    """Begins logins at the provider, and ends them here.

    Whoever is not let in gets one answer, whatever the reason: that is in the log, the refusal in the audit.
    """

    def __init__(
        self, store: Store, entrance: Entrance, provider: Provider, people: People, log: FilteringBoundLogger
    ) -> None:
        self._store, self._entrance = store, entrance
        self._provider, self._people, self._log = provider, people, log
        self.attempts = Attempts(store.security)

    async def begin(self, wanted: BeginProviderLogin) -> ProviderLoginBegun | AccessRefused:
        """Tell a browser where to log in, and give it a ticket for the way back."""
        store = self._store
        if wait_s := store.addresses.wait_s(network_of(wanted.address), store.now()):
            return AccessRefused(Denial.TOO_MANY, wait_s)
        state, ticket, attempt = self.attempts.begin()
        try:
            challenge = store.security.digest(attempt.verifier)
            url = await self._provider.invitation(state, attempt.nonce, challenge)
        except Unanswered as trouble:
            self._log.warning("the provider of identities gives no answer", reason=str(trouble))
            return LATER
        return ProviderLoginBegun(url, Secret(ticket))

    async def finish(self, wanted: FinishProviderLogin) -> LoggedIn | AccessRefused:
        """Let in whom the provider says that it is."""
        store, network = self._store, network_of(wanted.address)
        if held_off := self._entrance.held_off(network):
            store.refusals.count("provider", network)
            return held_off
        answer, user = await self._answer(wanted)
        if answer == NO:
            store.refusals.count("provider", network, user)
        else:
            self._entrance.take_back(network)
        return answer

    async def _answer(self, wanted: FinishProviderLogin) -> tuple[LoggedIn | AccessRefused, str]:
        """Return the answer, and the user whom it is about, if there is one."""
        try:
            met = await self._people.meet(await self._claims(wanted))
        except Unanswered as trouble:
            self._log.warning("the provider of identities gives no answer", reason=str(trouble))
            return LATER, ""
        except (NotLetIn, BadIdToken) as refused:
            self._log.info("a login at the provider was refused", reason=str(refused), address=wanted.address)
            return NO, refused.user if isinstance(refused, NotLetIn) else ""
        return (LATER, "") if isinstance(met, NotDone) else (await self._let_in(met, wanted), met.name)

    async def _claims(self, wanted: FinishProviderLogin) -> Mapping[str, Any]:
        """Return what the provider claims of whom a browser brings back."""
        attempt = self.attempts.take(wanted.state, wanted.ticket.value)
        if attempt is None:
            raise NotLetIn("it belongs to no login that this browser has begun")
        if not wanted.code:
            raise NotLetIn("the provider has let nobody in")
        if not (await self._provider.described()).is_who_sends_back(wanted.issuer):
            raise NotLetIn("another provider has sent them back")
        token = await self._provider.redeem(wanted.code.value, attempt.verifier)
        return await self._provider.read(token, attempt.nonce)

    async def _let_in(self, met: Login, wanted: FinishProviderLogin) -> LoggedIn | AccessRefused:
        doors = self._store.users.doors

        def welcomed(login: Login) -> Login | None:
            same = (login.issuer, login.subject, login.role) == (met.issuer, met.subject, met.role)
            return login if same and doors.open_by_provider(login) else None

        return await self._entrance.begin(met.name, wanted, welcomed)
