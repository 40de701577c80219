"""Accounts as they are shown: what a portfolio has and holds."""

from typing import Annotated

import msgspec

from actors.api.amounts import Amount
from lts.domain.accounts import AccountReported
from lts.domain.money import plain
from lts.domain.positions import Position
from lts.web.times import to_rfc3339

DIGITS = 12
"""To which an average price is shown: a quotient may have no end."""


class PositionView(msgspec.Struct, frozen=True):
    """What is held of an instrument; negative: it is short."""

    instrument: str
    quantity: Amount
    average_price: Amount
    """Zero where nothing is held."""
    realised: Amount
    """The profit of what was closed, before fees."""
    fees: Amount
    round_trips: int
    id: str
    """What tells it from others of the instrument where an account hedges; else empty."""


class PortfolioView(msgspec.Struct, frozen=True):
    """A portfolio's money and positions, in its own currency."""

    name: str
    owner: str
    currency: str
    at: Annotated[str, msgspec.Meta(extra_json_schema={"format": "date-time"})]
    """Market time."""
    capital: Amount
    """What it began with."""
    cash: Amount
    equity: Amount
    realised: Amount
    fees: Amount
    financing: Amount
    positions: tuple[PositionView, ...]


def account_view(account: AccountReported) -> PortfolioView:
    """Return what a portfolio has and holds as it is shown."""
    return PortfolioView(
        account.portfolio,
        account.owner,
        account.currency,
        to_rfc3339(account.at),
        plain(account.capital),
        plain(account.cash),
        plain(account.equity),
        plain(account.realised),
        plain(account.fees),
        plain(account.financing),
        tuple(map(position_view, account.positions)),
    )


def position_view(position: Position) -> PositionView:
    """Return a position as it is shown."""
    return PositionView(
        position.instrument,
        plain(position.quantity),
        plain(round(position.average_price, DIGITS)),
        plain(position.realised),
        plain(position.fees),
        position.round_trips,
        position.id,
    )
