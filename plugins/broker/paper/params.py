"""What the venue charges, on what it matches orders, and what it holds them against."""

from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from lts.sdk import Params, TradingDay

NOTHING = Decimal(0)
Amount = Annotated[Decimal, Field(ge=0, decimal_places=18)]
Milliseconds = Annotated[int, Field(ge=0, le=600_000)]

Rate = Annotated[Decimal, Field(ge=-1_000, le=1_000, decimal_places=18)]


def _a_time_of_day(text: str) -> str:
    TradingDay(text)
    return text


class PaperParams(Params):
    """The rules of a venue: by default nothing costs, nothing takes time, and volume has no end."""

    commission_bps: Decimal = Field(
        NOTHING, ge=0, le=10_000, decimal_places=18, description="Of the notional, unrounded."
    )
    commission_per_unit: Amount = Field(NOTHING, description="For each share, coin or contract.")
    commission_per_lot: Amount = Field(NOTHING, description="For each lot begun.")
    commission_min: Amount = Field(NOTHING, description="At least, for an order that trades.")
    commission_max: Amount | None = Field(None, description="At most, for an order.")
    slippage_bps: Decimal = Field(
        NOTHING,
        ge=0,
        lt=10_000,
        decimal_places=18,
        description="Of the price, against market orders and stops.",
    )
    slippage_ticks: Amount = Field(NOTHING, description="The same in ticks, beside the other.")
    match_on: Literal["bars", "quotes", "trades"] = Field("bars", description="What orders meet.")
    path: Literal["nearest", "high_first", "low_first"] = Field(
        "nearest", description="How the price went within a bar: to which extreme first."
    )
    participation: Decimal | None = Field(
        None, gt=0, le=1, decimal_places=18, description="The share of what the market trades or shows."
    )
    queue_ahead: Amount = Field(NOTHING, description="What stands before a limit order, on trades.")
    trailing_step_ticks: int = Field(1, ge=1, description="By how much a trailing trigger moves at least.")
    order_latency_ms: Milliseconds = Field(0, description="From the desk to the venue, in market time.")
    report_latency_ms: Milliseconds = Field(0, description="From the venue to the desk, in market time.")
    strict: Annotated[bool, Field(description="Reject what breaks lot, tick or minimum notional.")] = False
    balance: Amount | None = Field(None, description="What each portfolio has here; None asks for no margin.")
    leverage: Decimal = Field(
        Decimal(1), gt=0, decimal_places=18, description="How many times its equity a portfolio may carry."
    )

    financing_long_pct_per_year: Rate = Field(
        NOTHING, description="What holding long costs, of the notional; negative is paid out."
    )
    financing_short_pct_per_year: Rate = Field(NOTHING, description="The same of holding short.")
    financing_at: Annotated[str, AfterValidator(_a_time_of_day)] = Field(
        "17:00 America/New_York", description="When it is charged, each day: what is held then."
    )

    @property
    def finances(self) -> bool:
        """Whether holding a position over night costs or brings anything."""
        return bool(self.financing_long_pct_per_year or self.financing_short_pct_per_year)

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if self.commission_max is not None and self.commission_max < self.commission_min:
            raise ValueError("commission_max is below commission_min; raise it or take it away")
        if self.balance is None and self.leverage != 1:
            raise ValueError("leverage needs a balance to be a multiple of; add balance")
        if self.queue_ahead and self.match_on != "trades":
            raise ValueError('a queue is seen on trades alone; add match_on = "trades" or drop queue_ahead')
        return self
