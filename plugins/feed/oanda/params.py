"""Which prices at OANDA, and what is made of them."""

from typing import Literal

from pydantic import Field

from lts.sdk import SECOND, AccessParams

URLS = {
    "practice": ("https://api-fxpractice.oanda.com", "https://stream-fxpractice.oanda.com"),
    "live": ("https://api-fxtrade.oanda.com", "https://stream-fxtrade.oanda.com"),
}
BarLength = Literal[
    "5s", "10s", "15s", "30s", "1m", "2m", "4m", "5m", "10m", "15m", "30m", "1h", "2h", "3h", "4h", "6h",
    "8h", "12h", "1d",
]  # fmt: skip
UNITS = {"s": SECOND, "m": 60 * SECOND, "h": 3_600 * SECOND, "d": 86_400 * SECOND}


class OandaFeedParams(AccessParams):
    """The account whose prices they are, where it is, and how long a bar lasts."""

    account: str = Field(pattern=r"^[0-9A-Za-z-]{1,64}$", description="The account whose prices they are.")
    environment: Literal["practice", "live"] = Field("practice", description="Where the account is.")
    symbol: str | None = Field(
        None, description="What the instrument is called there, if not as here with _ for /."
    )
    bar: BarLength | None = Field(None, description="How long a bar lasts; without it there are only quotes.")
    history_bars: int = Field(500, ge=0, le=5_000, description="How many bars before its start it knows.")

    @property
    def addresses(self) -> tuple[str, str]:
        """Where the REST API is, and where the streams are."""
        return self.addresses_or(URLS[self.environment])

    @property
    def span(self) -> int:
        """How long a bar lasts, in nanoseconds; 0 if there are none."""
        return int(self.bar[:-1]) * UNITS[self.bar[-1]] if self.bar else 0

    @property
    def granularity(self) -> str:
        """What the venue calls bars of this length: 30s is S30, 1d is D."""
        bar = self.bar or "1m"
        return "D" if bar == "1d" else bar[-1].upper() + bar[:-1]
