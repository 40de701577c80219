"""The register: what is traded, whose each portfolio is, and who trades what where."""

from collections.abc import Iterable
from decimal import Decimal

import msgspec

from lts.domain.conversion import NO_CONVERSIONS, Conversions
from lts.domain.market import Instrument
from lts.domain.orders import Order

SYSTEM = "system"


class Entry(msgspec.Struct, frozen=True):
    """A portfolio as the register has it."""

    portfolio: str
    owner: str
    currency: str
    capital: Decimal
    trades: tuple[tuple[str, str], ...] = ()
    """Broker and symbol of each of its assets."""


class Register(msgspec.Struct, frozen=True):
    """What the residents have to know of a system's plan: one object, which all of them read.

    It grows in place when a portfolio is entered at run time, so that nobody has an old one; who keeps
    something of it hears `PortfolioRegistered`.
    """

    instruments: dict[str, Instrument] = {}
    owners: dict[str, str] = {}
    """The user of each portfolio."""
    traders: dict[tuple[str, str], tuple[str, ...]] = {}
    """The portfolios that trade an instrument through a broker, by broker and symbol."""
    capital: dict[str, Decimal] = {}
    """What each portfolio began with."""
    hedging: frozenset[str] = frozenset()
    """The brokers whose accounts keep positions side by side."""
    currencies: dict[str, str] = {}
    """What each portfolio is kept in; one that is not here has the currency of what it trades."""
    conversions: Conversions = NO_CONVERSIONS

    def enter(self, *entries: Entry) -> None:
        """Take portfolios in, or what they trade now."""
        for entry in entries:
            self.owners[entry.portfolio] = entry.owner
            self.capital[entry.portfolio] = entry.capital
            self.currencies[entry.portfolio] = entry.currency
            self._trade(entry.portfolio, entry.trades)

    def _trade(self, portfolio: str, places: Iterable[tuple[str, str]]) -> None:
        for there, others in tuple(self.traders.items()):
            if portfolio in others and there not in places:
                if left := tuple(each for each in others if each != portfolio):
                    self.traders[there] = left
                else:
                    del self.traders[there]
        for there in places:
            if portfolio not in (those := self.traders.get(there, ())):
                self.traders[there] = (*those, portfolio)

    def scopes(self, order: Order) -> tuple[str, ...]:
        """Return every scope of trading that an order is in."""
        return self.scopes_of(order.portfolio, order.broker)

    def scopes_of(self, portfolio: str, broker: str) -> tuple[str, ...]:
        """Return every scope that a portfolio is in as far as it trades through a broker."""
        own = (f"portfolio:{portfolio}", f"account:{broker}")
        if owner := self.owners.get(portfolio):
            return (SYSTEM, f"user:{owner}", *own)
        return (SYSTEM, *own)

    def currency_of(self, portfolio: str, instrument: str) -> str:
        """Return what a portfolio is kept in that trades an instrument."""
        own = self.currencies.get(portfolio)
        return self.instruments[instrument].currency if own is None else own

    def converts(self, currency: str, portfolio: str, instrument: str) -> bool:
        """Whether money in a currency is in that of a portfolio, or can be converted into it."""
        home = self.currency_of(portfolio, instrument)
        return currency == home or self.conversions.way(currency, home) is not None

    def converted_into(self, portfolio: str) -> str:
        """Return what a portfolio is kept in; empty where nothing is converted."""
        return self.currencies.get(portfolio, "") if self.conversions else ""

    @property
    def all_scopes(self) -> tuple[str, ...]:
        """Every scope of trading that there is."""
        users = (f"user:{owner}" for owner in self.owners.values())
        portfolios = (f"portfolio:{portfolio}" for portfolio in self.owners)
        accounts = (f"account:{broker}" for broker, _ in self.traders)
        return (SYSTEM, *dict.fromkeys((*users, *portfolios, *accounts)))

    def around(self, scope: str) -> tuple[str, ...]:
        """Return the wider scopes that a scope is in, whatever else it may be part of."""
        owner = self.owners.get(scope.removeprefix("portfolio:")) if scope.startswith("portfolio:") else None
        return () if scope == SYSTEM else (SYSTEM, f"user:{owner}") if owner else (SYSTEM,)
