"""The guards of a system: one for each scope that has limits, made when it first trades."""

from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple

from lts.config.schema import Limits, RiskPlan
from lts.domain.controls import Control, controls_of
from lts.domain.exposure import Exposure
from lts.domain.fills import Fill
from lts.domain.financing import FinancingCharged
from lts.domain.guard import Guard
from lts.domain.loss_marks import LossMarks
from lts.domain.money import ZERO
from lts.domain.orders import Order
from lts.domain.prices import Prices
from lts.domain.proposal import Proposal
from lts.domain.register import SYSTEM, Register
from lts.domain.reservation import Reservation
from lts.domain.totals import Totals
from lts.domain.trading_day import TradingDay

_LAST = "max_messages_per_s"
_LATCHING = frozenset({"max_repeated_executions"})
"""Limits of which a breach is more than a denial."""


class Objection(NamedTuple):
    """Why a proposal may not pass, and who says so."""

    guard: Guard
    limit: str
    said: str

    @property
    def reason(self) -> str:
        """In one sentence: the limit, and of whom it is unless it is the portfolio's own."""
        whose = "" if self.guard.scope.startswith("portfolio:") else f", for {self.guard.scope}"
        return f"{self.limit}: {self.said}{whose}"

    @property
    def latches(self) -> bool:
        """Whether the scope has to be reset afterwards."""
        return self.limit in _LATCHING


class Guards:
    """Finds out which limits an order has to keep to."""

    def __init__(self, plan: RiskPlan, register: Register) -> None:
        self._plan = plan
        self._register = register
        self._day = TradingDay(plan.day_begins)
        self._named: dict[str, Limits] = {} if plan.system is None else {SYSTEM: plan.system}
        self._named |= {f"user:{each.name}": each for each in plan.users}
        self._named |= {f"account:{each.name}": each for each in plan.accounts}
        self._marks: Mapping[str, LossMarks] = {}
        self._by_scope: dict[str, Guard | None] = {}
        self._of: dict[tuple[str, str], tuple[Guard, ...]] = {}
        self._checks: dict[tuple[str, str], tuple[tuple[Guard, str, Control], ...]] = {}
        told = [plan, *self._named.values(), *plan.portfolios]
        self.any = any(limits.self_match_prevention or controls_of(limits) for limits in told)
        """Whether there is any limit at all."""
        self.leaps = any(limits.max_price_jump_bps is not None for limits in told)
        """Whether prices have to be compared with those before them."""
        self.losing = any(
            limits.max_drawdown_pct is not None or limits.max_daily_loss is not None for limits in told
        )
        """Whether losses have to be measured."""
        self.recording = any(
            limits.credit_limit is not None or limits.duplicate_window_s is not None for limits in told
        )
        """Whether it has to be remembered what was approved."""
        self.matching = any(limits.self_match_prevention for limits in told)
        """Whether anybody's orders must not trade with each other."""

    def resume(self, marks: Mapping[str, LossMarks]) -> None:
        """Measure losses from where they were measured before a restart; to be told before anything else."""
        self._marks = marks

    def of(self, portfolio: str, broker: str) -> tuple[Guard, ...]:
        """Return the guards of all scopes that a portfolio is in as far as it trades through a broker."""
        if not self.any:
            return ()
        found = self._of.get((portfolio, broker))
        if found is None:
            scopes = self._register.scopes_of(portfolio, broker)
            found = tuple(guard for scope in scopes if (guard := self._guard(scope, portfolio)) is not None)
            self._of[portfolio, broker] = found
        return found

    def guard(self, scope: str) -> Guard | None:
        """Return a scope's guard; None if it has no limits, or has never traded."""
        return self._by_scope.get(scope)

    def grow(self) -> list[Guard]:
        """Count on the capital that the register has now; return the guards that have another one since."""
        grown = []
        for scope, guard in self._by_scope.items():
            if guard is not None and guard.losses is not None:
                capital = self._capital(scope)
                if capital != guard.capital:
                    guard.count_on(capital)
                    grown.append(guard)
        return grown

    def losers(self, symbol: str) -> list[Guard]:
        """Return the guards of those who lose or gain by the price of an instrument."""
        found = (guard for guard in self._by_scope.values() if guard is not None)
        return [guard for guard in found if guard.losses is not None and guard.losses.holds(symbol)]

    def commit(self, reservation: Reservation, prices: Prices, now: int) -> None:
        """Take note that an order was approved at these prices."""
        for guard in self.of(reservation.order.portfolio, reservation.order.broker):
            guard.commit(reservation, prices, now)

    def trade(self, fill: Fill, now: int) -> None:
        """Take note that an order traded."""
        instrument = self._register.instruments[fill.instrument]
        for guard in self.of(fill.portfolio, fill.broker):
            guard.trade(fill, instrument, now)

    def carry(self, exposure: Exposure, units: float, paid: float) -> None:
        """Take note that something is held that no fill tells of: so many units, for so much money.

        The money is in the portfolio's currency.
        """
        instrument = self._register.instruments.get(exposure.instrument)
        if instrument is None:
            return
        for guard in self.of(exposure.portfolio, exposure.broker):
            if guard.losses is not None:
                guard.losses.carry(instrument, units, paid)

    def charge(self, charged: FinancingCharged) -> None:
        """Take note of what holding something over night has cost, or brought."""
        for guard in self.of(charged.portfolio, charged.broker):
            if guard.losses is not None:
                guard.losses.pay(float(charged.amount) * float(charged.rate))

    def release(self, order: Order) -> None:
        """Take note that an order is over."""
        for guard in self.of(order.portfolio, order.broker):
            guard.release(order.client_order_id)

    def note_cancel(self, order: Order, now: int) -> None:
        """Count the message that cancels an order, which nobody may hold up."""
        for guard in self.of(order.portfolio, order.broker):
            if guard.throttle is not None:
                guard.throttle.note(now)

    def totals(self, portfolio: str, broker: str) -> tuple[Totals, ...]:
        """Return the sums that what a portfolio holds through a broker is a part of."""
        return tuple(guard.totals for guard in self.of(portfolio, broker) if guard.totals is not None)

    def prevents_self_match(self, portfolio: str, broker: str) -> bool:
        """Whether an order of a portfolio must not trade with another one of its owner."""
        return any(guard.limits.self_match_prevention for guard in self.of(portfolio, broker))

    def objection(self, proposal: Proposal) -> Objection | None:
        """Return the first limit that a proposal breaks; only one that breaks none uses up messages."""
        order = proposal.order
        for guard, name, control in self._in_force(order.portfolio, order.broker):
            if said := control(guard, proposal):
                return Objection(guard, name, said)
        return None

    def _in_force(self, portfolio: str, broker: str) -> tuple[tuple[Guard, str, Control], ...]:
        key = (portfolio, broker)
        if key not in self._checks:
            found = [
                (guard, name, control)
                for guard in reversed(self.of(portfolio, broker))
                for name, control in controls_of(guard.limits).items()
            ]
            self._checks[key] = tuple(sorted(found, key=lambda check: check[1] == _LAST))
        return self._checks[key]

    def _guard(self, scope: str, trader: str) -> Guard | None:
        """Return a scope's guard; its money is that of who trades in it first, for all have the same."""
        if scope not in self._by_scope:
            portfolio = scope.removeprefix("portfolio:")
            limits = self._plan.of_portfolio(portfolio) if portfolio != scope else self._named.get(scope)
            guard: Guard | None = None
            if limits is not None and limits != Limits():
                money = (self._register.converted_into(trader), self._register.conversions)
                guard = Guard(scope, limits, self._capital(scope), self._day, *money)
            if guard and guard.losses and scope in self._marks:
                guard.losses.resume(self._marks[scope])
            self._by_scope[scope] = guard
        return self._by_scope[scope]

    def _capital(self, scope: str) -> Decimal:
        """Return what the portfolios of a scope began with; an account counts those that trade through it."""
        register = self._register
        traders = {
            portfolio
            for (broker, _), portfolios in register.traders.items()
            for portfolio in portfolios
            if scope in register.scopes_of(portfolio, broker)
        }
        traders |= {portfolio for portfolio in register.capital if scope in register.scopes_of(portfolio, "")}
        return sum((capital for portfolio, capital in register.capital.items() if portfolio in traders), ZERO)
