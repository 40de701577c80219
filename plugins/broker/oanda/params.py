"""Which account at OANDA, and how patient to be with it."""

from typing import Literal, Self

from pydantic import Field, model_validator

from lts.sdk import AccessParams

URLS = {
    "practice": ("https://api-fxpractice.oanda.com", "https://stream-fxpractice.oanda.com"),
    "live": ("https://api-fxtrade.oanda.com", "https://stream-fxtrade.oanda.com"),
}


class OandaParams(AccessParams):
    """The account, where it is, and what may be expected of it."""

    account: str = Field(
        pattern=r"^[0-9A-Za-z-]{1,64}$", description='The account\'s id, such as "101-004-1234567-001".'
    )
    environment: Literal["practice", "live"] = Field("practice", description="Play money, or money.")
    request_lifetime_s: float = Field(
        60.0,
        gt=0,
        le=3600,
        description="For how long the venue may still act on a request, or not show what it did.",
    )
    failure_settles_s: float = Field(
        3.0,
        gt=0,
        le=3600,
        description="For how long the venue may not show what it did of a request that it says it failed at.",
    )
    reconcile_every_s: float = Field(
        30.0, gt=0, le=3600, description="How often all that is open there is reported."
    )
    insist_s: float = Field(
        10.0,
        gt=0,
        le=60,
        description="For how long a cancel, or what only reduces, is tried again if the venue is too busy.",
    )
    symbols: dict[str, str] = Field(
        {}, description="What an instrument is called there, if not as here with _ for /."
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.request_lifetime_s <= self.request_timeout_s:
            raise ValueError("request_lifetime_s has to be more than request_timeout_s")
        return self

    @property
    def addresses(self) -> tuple[str, str]:
        """Where the REST API is, and where the streams are."""
        return self.addresses_or(URLS[self.environment])
