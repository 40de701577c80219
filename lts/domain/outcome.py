"""How a session went, as people and programs are told."""

import heapq
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

import msgspec

from lts.domain.accounts import AccountReported
from lts.domain.digest import digest
from lts.domain.money import ZERO, unrounded
from lts.domain.order_record import OrderRecord
from lts.domain.order_status import OrderStatus
from lts.domain.performance import EquityCurve
from lts.domain.storage import Tally

NOTHING = Tally()


class PositionOutcome(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is held of one instrument, or in one position of it."""

    instrument: str
    quantity: Decimal
    average_price: Decimal
    position: str = ""
    """Its id in an account that hedges; empty where positions are netted."""


class PortfolioOutcome(msgspec.Struct, frozen=True):
    """What one portfolio has at the end."""

    name: str
    owner: str
    currency: str
    cash: Decimal
    equity: Decimal
    fees: Decimal
    financing: Decimal
    trades: int
    positions: tuple[PositionOutcome, ...]

    @classmethod
    def of(cls, account: AccountReported) -> "PortfolioOutcome":
        """Return what an account's report says; instruments that are not held are left out."""
        held = (position for position in account.positions if position.quantity)
        return cls(
            account.portfolio,
            account.owner,
            account.currency,
            account.cash,
            account.equity,
            account.fees,
            account.financing,
            account.round_trips,
            tuple(
                PositionOutcome(each.instrument, each.quantity, each.average_price, each.id) for each in held
            ),
        )


class Outcome(msgspec.Struct, frozen=True):
    """A session in figures. Sums over portfolios are None where these are kept in several currencies.

    `trades` are round trips; `events` are the messages that went over the bus; `max_drawdown` is a
    fraction of the peak, and with `sharpe` is taken on the equity of all portfolios together, at
    every close.
    """

    bars: int
    events: int
    orders: int
    denied: int
    fills: int
    trades: int
    fees: Decimal | None
    financing: Decimal | None
    final_equity: Decimal | None
    max_drawdown: float | None
    sharpe: float | None
    elapsed_s: float
    bars_per_s: float
    digest: str
    portfolios: tuple[PortfolioOutcome, ...]

    @classmethod
    def of(  # noqa: PLR0913 - all that a session is summed up from
        cls,
        records: Sequence[OrderRecord],
        accounts: Sequence[AccountReported],
        curves: Mapping[str, EquityCurve],
        *,
        bars: int,
        events: int,
        elapsed_s: float,
        found: Tally = NOTHING,
    ) -> "Outcome":
        """Return the figures of a session from all orders, what its portfolios have, and how that moved.

        `found` is what there was when it began: counts are those of the session, amounts are not.
        """
        comparable = len({account.currency for account in accounts}) == 1
        curve = together(accounts, curves) if comparable else None
        return cls(
            bars=bars,
            events=events,
            orders=len(records) - found.orders,
            denied=sum(record.status is OrderStatus.DENIED for record in records) - found.denied,
            fills=sum(len(record.fills) for record in records) - found.fills,
            trades=sum(account.round_trips for account in accounts) - found.round_trips,
            fees=_sum(account.fees for account in accounts) if comparable else None,
            financing=_sum(account.financing for account in accounts) if comparable else None,
            final_equity=_sum(account.equity for account in accounts) if comparable else None,
            max_drawdown=curve.max_drawdown if curve else None,
            sharpe=curve.sharpe if curve else None,
            elapsed_s=elapsed_s,
            bars_per_s=bars / elapsed_s if elapsed_s else 0.0,
            digest=digest(records),
            portfolios=tuple(PortfolioOutcome.of(account) for account in accounts),
        )


def together(accounts: Sequence[AccountReported], curves: Mapping[str, EquityCurve]) -> EquityCurve:
    """Return the sum of the equity curves; before its first sample, a portfolio counts with its capital."""
    if len(accounts) == 1:
        return curves[accounts[0].portfolio]
    values = [float(account.capital) for account in accounts]
    whole = EquityCurve()
    samples = (
        [(at, place, value) for at, value in zip(curve.times, curve.values, strict=True)]
        for place, curve in enumerate(curves[account.portfolio] for account in accounts)
    )
    for at, place, value in heapq.merge(*samples):
        values[place] = value
        whole.sample(at, sum(values))
    return whole


@unrounded
def _sum(amounts: Iterable[Decimal]) -> Decimal:
    return sum(amounts, ZERO)
