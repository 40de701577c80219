"""The provider of identities, as it is seen from here."""

import asyncio
import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import quote_plus, urlencode

import msgspec

from lts.sdk import (
    SECOND,
    IdTokens,
    Unanswered,
    UnknownKey,
    WebService,
    is_loopback,
)

from .params import OidcParams

T = TypeVar("T")

DISCOVERY = "/.well-known/openid-configuration"
DESCRIBED_S, PUBLISHED_S = 3_600, 600
"""Seconds for which what a provider says of itself counts, and its keys do."""
REST_S = 5
"""Seconds in which nothing is fetched after that has failed."""
LOOK_AGAIN_S = 30
"""Seconds between two looks for keys that were not there."""
LARGEST = 1_048_576
"""Bytes of an answer."""
_CODE = re.compile(r"[a-z_]{1,40}")


class NotLetIn(Exception):
    """The provider lets nobody in, or somebody who is not let in here; it says why, for the log."""

    def __init__(self, why: str, user: str = "") -> None:
        super().__init__(why)
        self.user = user
        """Whom it is about, if that is somebody here."""


class Described(msgspec.Struct, frozen=True):
    """What a provider says of itself (OpenID Connect Discovery 1.0)."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    code_challenge_methods_supported: tuple[str, ...] = ("S256",)
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)
    authorization_response_iss_parameter_supported: bool = False
    """Whether it always says who it is when it sends somebody back (RFC 9207)."""

    def objection(self, issuer: str) -> str:
        """Return why this is not the provider that was meant, or not one to deal with; empty if it is."""
        if self.issuer != issuer:
            return "it calls itself otherwise"
        if "S256" not in self.code_challenge_methods_supported:
            return "it has no PKCE by S256"
        ends = (self.authorization_endpoint, self.token_endpoint, self.jwks_uri)
        open_to_all = [end for end in ends if not end.startswith("https://")]
        if open_to_all and not (is_loopback(issuer) and all(map(is_loopback, open_to_all))):
            return "it names an address that is not https"
        return ""

    def is_who_sends_back(self, told: str) -> bool:
        """Return whether a browser comes from here: it need not be told, unless that was announced."""
        return told == self.issuer or not (told or self.authorization_response_iss_parameter_supported)


class _Keys(msgspec.Struct, frozen=True):
    keys: tuple[Any, ...]


class _Tokens(msgspec.Struct, frozen=True):
    id_token: str


class Provider:
    """Asks the provider what it is, and who somebody is; what it says is remembered for a while.

    It is asked when somebody logs in, not before: a node starts and trades whether its provider is up or not.
    Every method raises Unanswered where it gives no answer with sense.
    """

    def __init__(
        self, params: OidcParams, secret: str, web: WebService, tokens: IdTokens, now: Callable[[], int]
    ) -> None:
        self._params, self._secret, self._web = params, secret, web
        self._tokens, self._now = tokens, now
        self._described: Described | None = None
        self._fetched = {"itself": 0, "keys": 0}
        self._failed_at = 0
        self._turn = asyncio.Lock()
        """Held by whoever fetches: the others find what was fetched."""

    async def invitation(self, state: str, nonce: str, challenge: bytes) -> str:
        """Return where a browser logs in."""
        end, params = (await self.described()).authorization_endpoint, self._params
        asked = urlencode(
            {
                "response_type": "code",
                "client_id": params.client_id,
                "redirect_uri": params.redirect_uri,
                "scope": " ".join(params.scopes),
                "state": state,
                "nonce": nonce,
                "code_challenge": urlsafe_b64encode(challenge).decode().rstrip("="),
                "code_challenge_method": "S256",
            }
        )
        return f"{end}{'&' if '?' in end else '?'}{asked}"

    async def described(self) -> Described:
        """Return what it says of itself."""
        async with self._turn:
            if self._described is None or self._is_old("itself", DESCRIBED_S):
                found = await self._fetch(self._params.issuer.rstrip("/") + DISCOVERY, Described)
                if objection := found.objection(self._params.issuer):
                    raise self._trouble(objection)
                self._described = found
                self._note("itself")
            return self._described

    async def redeem(self, code: str, verifier: str) -> str:
        """Return the ID token that a code is good for, once.

        Raises:
            NotLetIn: the code is good for nothing.
        """
        described, params = await self.described(), self._params
        fields = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": params.redirect_uri,
            "client_id": params.client_id,
            "code_verifier": verifier,
        }
        headers = {"Accept": "application/json"}
        if self._secret and "client_secret_basic" in described.token_endpoint_auth_methods_supported:
            pair = f"{quote_plus(params.client_id)}:{quote_plus(self._secret)}"
            headers["Authorization"] = f"Basic {b64encode(pair.encode()).decode()}"
        elif self._secret:
            fields["client_secret"] = self._secret
        answer = await self._web.submit(described.token_endpoint, fields, headers)
        if answer.is_yes:
            return _understood(answer.body, _Tokens).id_token
        error = str(answer.body.get("error", ""))
        if error == "invalid_grant":
            raise NotLetIn("the code is good for nothing")
        raise Unanswered(f"it refuses this node: {error if _CODE.fullmatch(error) else answer.status}")

    async def read(self, token: str, nonce: str) -> Mapping[str, Any]:
        """Return what an ID token claims; a key that is not known is looked for, but not too often.

        Raises:
            BadIdToken: it is none for this login.
        """
        await self._refresh_keys(PUBLISHED_S)
        try:
            return self._tokens.read(token, nonce, self._now() / SECOND)
        except UnknownKey:
            if not await self._refresh_keys(LOOK_AGAIN_S):
                raise
        return self._tokens.read(token, nonce, self._now() / SECOND)

    async def _refresh_keys(self, oldest_s: int) -> bool:
        """Fetch the keys if those that are known are older than that, and return whether they were."""
        described = await self.described()
        async with self._turn:
            if not self._is_old("keys", oldest_s):
                return False
            published = await self._fetch(described.jwks_uri, _Keys)
            self._tokens.adopt(published.keys)
            self._note("keys")
            return True

    async def _fetch(self, url: str, form: type[T]) -> T:
        if self._now() - self._failed_at < REST_S * SECOND:
            raise Unanswered("it gave no answer a moment ago")
        try:
            answer = await self._web.question(url)
            if not answer.is_yes:
                raise Unanswered(f"it answers {answer.status}")  # noqa: TRY301 - as bad as none
            return _understood(answer.body, form)
        except Unanswered:
            self._failed_at = self._now()
            raise

    def _trouble(self, why: str) -> Unanswered:
        self._failed_at = self._now()
        return Unanswered(why)

    def _is_old(self, what: str, oldest_s: int) -> bool:
        return self._now() - self._fetched[what] >= oldest_s * SECOND

    def _note(self, what: str) -> None:
        self._fetched[what] = self._now()


def _understood(body: Mapping[str, Any], form: type[T]) -> T:
    try:
        return msgspec.convert(body, form)
    except msgspec.ValidationError:
        raise Unanswered("it leaves out what it has to say") from None
