"""Who comes from the provider, as the node knows them: by issuer and subject, in the role that rules give."""

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from lts.sdk import Login, NotDone, Role, Store, Wish

from .params import OidcParams
from .provider import NotLetIn


class People:
    """Finds the user of an identity, has their role follow the provider's claims, and makes who is new."""

    def __init__(self, store: Store, params: OidcParams, who: str) -> None:
        self._store, self._params, self._who = store, params, who

    async def meet(self, claims: Mapping[str, Any]) -> Login | NotDone:
        """Return the user whom the claims are of, as they now are, or why that cannot be stored.

        Raises:
            NotLetIn: the claims are nobody's here.
        """
        role, users = self._params.role_of(claims), self._store.users
        async with self._store.turn:
            login = users.known_as(self._params.issuer, claims["sub"])
            if role is None:
                raise NotLetIn("no rule has a role for them", login.name if login else "")
            if login is None:
                return await self._take_in(claims, role)
            return login if login.role is role else await self._change_role(login, role)

    async def _change_role(self, login: Login, role: Role) -> Login | NotDone:
        """Give a user another role, which ends what they had by the one before."""
        store, wished = self._store, replace(login, role=role)
        refused = store.users.changed(login.name, Wish(role))
        if isinstance(refused, NotDone):
            raise NotLetIn(refused.reason, login.name)
        ending = store.ending(login.name, keys=True)
        return await store.change(self._who, login, lambda each: _revised(each, wished), ending)

    async def _take_in(self, claims: Mapping[str, Any], role: Role) -> Login | NotDone:
        """Bind an identity to a user: to the one that the file names, or to one who is new."""
        store, issuer, subject = self._store, self._params.issuer, claims["sub"]
        named = self._params.users.get(subject, "")
        name = named or self._params.name_of(claims)
        known = store.users.find(name)
        if objection := self._objection_to_new(name) if known is None else self._objection_to(known, named):
            raise NotLetIn(objection, known.name if known else "")
        login = known or Login(name, role, active=True, created_at=store.now(), revision=0)
        bound = replace(login, issuer=issuer, subject=subject)
        if login.role is not role and known is not None:
            return await self._change_role(bound, role)
        return await store.change(self._who, bound, lambda each: _revised(each, bound))

    def _objection_to_new(self, name: str) -> str:
        """Return why nobody new is made under a name; empty if somebody is."""
        if not name:
            return "nobody is known by their subject"
        refused = self._store.users.objection_to_new(name)
        return refused.reason if refused else ""

    def _objection_to(self, known: Login, named: str) -> str:
        """Return why an identity is not bound to a user; empty if it is."""
        if not named:
            return f"there is a user named {known.name} already; bind them by their subject"
        if known.issuer == self._params.issuer:
            return f"{known.name} is somebody else there"
        return "" if known.active else f"{known.name} is out of service"


def _revised(login: Login, wished: Login) -> Login:
    return replace(
        login,
        role=wished.role,
        issuer=wished.issuer,
        subject=wished.subject,
        revision=login.revision + 1,
    )
