"""Which provider, what is agreed on with it, and what its users are here."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, TypeAdapter, model_validator

from lts.sdk import Algorithm, Name, Params, Role, SecretPath, WebAddress

_ADDRESS: TypeAdapter[str] = TypeAdapter(WebAddress)
_ADDRESSES_OF_PEOPLE = frozenset({"email", "email_verified", "phone_number", "phone_number_verified"})


def _exact(url: str) -> str:
    """Take an address as it is written: an issuer is compared letter by letter."""
    _ADDRESS.validate_python(url)
    return url


def _telling(claim: str) -> str:
    if claim in _ADDRESSES_OF_PEOPLE:
        raise ValueError(f"{claim!r} can be given to somebody else tomorrow; name a claim that cannot")
    return claim


def _with_openid(scopes: tuple[str, ...]) -> tuple[str, ...]:
    if "openid" not in scopes:
        raise ValueError("without the scope openid nobody says who it is")
    return scopes


ExactAddress = Annotated[str, Field(max_length=255), AfterValidator(_exact)]
Claim = Annotated[str, Field(min_length=1, max_length=128), AfterValidator(_telling)]
Word = Annotated[str, Field(pattern=r"^[!#-\[\]-~]{1,255}$")]


class RoleRule(Params):
    """A role for whoever has a value in a claim, alone or in a list."""

    claim: Claim
    value: str
    role: Literal["admin", "trader", "viewer"]

    def holds(self, claims: Mapping[str, Any]) -> bool:
        """Return whether it is for who has these claims."""
        found = claim_in(claims, self.claim)
        return self.value in found if isinstance(found, list) else found == self.value


class OidcParams(Params):
    """The provider, and who its users are here."""

    issuer: ExactAddress = Field(description="The provider, letter by letter as it calls itself.")
    client_id: Word = Field(description="What this node is called there.")
    client_secret_file: SecretPath | None = Field(
        None,
        description="The file that holds the node's secret there; without it PKCE is all.",
    )
    redirect_uri: ExactAddress = Field(
        description="Where the provider sends browsers back to, as it is registered there."
    )
    scopes: Annotated[tuple[Word, ...], AfterValidator(_with_openid)] = Field(
        ("openid", "profile"), description="What is asked of the provider."
    )
    algorithms: tuple[Algorithm, ...] = Field(
        ("RS256", "ES256", "EdDSA"), min_length=1, description="What its ID tokens may be signed by."
    )
    leeway_s: float = Field(30.0, ge=0, le=300, description="By how much the clocks may differ.")
    timeout_s: float = Field(5.0, gt=0, le=30, description="How long an answer of the provider may take.")
    roles: tuple[RoleRule, ...] = Field(
        min_length=1,
        description="Who has which role: the first that holds counts, without one nobody comes in.",
    )
    users: dict[Word, Name] = Field({}, description="Users by the subject that the provider knows them by.")
    name_claim: Claim | None = Field(
        None,
        description="The claim that names who comes for the first time; without it nobody is made.",
    )
    passwords: tuple[Name, ...] = Field(
        (), description="Users whose passwords count as well, for when the provider is out of reach."
    )

    @model_validator(mode="after")
    def _one_subject_each(self) -> "OidcParams":
        if len(set(self.users.values())) < len(self.users):
            raise ValueError("a user has one subject at the provider")
        return self

    def role_of(self, claims: Mapping[str, Any]) -> Role | None:
        """Return the role of who has these claims; None: they have none."""
        return next((Role(rule.role) for rule in self.roles if rule.holds(claims)), None)

    def name_of(self, claims: Mapping[str, Any]) -> str:
        """Return what somebody new with these claims is to be called; empty: nobody new is made."""
        name = claim_in(claims, self.name_claim) if self.name_claim else None
        return name if isinstance(name, str) else ""


def claim_in(claims: Mapping[str, Any], name: str) -> Any:
    """Return a claim by its name, or by the names that lead to it; None if there is none.

    >>> claim_in({"realm_access": {"roles": ["trader"]}}, "realm_access.roles")
    ['trader']
    """
    if name in claims:
        return claims[name]
    first, _, rest = name.partition(".")
    within = claims.get(first)
    return claim_in(within, rest) if rest and isinstance(within, dict) else None
