"""The risk book reserves what working orders and those in doubt may still trade, at every moment."""

from collections.abc import Iterator
from contextlib import suppress
from decimal import Decimal
from itertools import count

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule

from lts.config.schema import RiskPlan
from lts.domain.fills import Fill
from lts.domain.guards import Guards
from lts.domain.journal import OrdersRecalled
from lts.domain.money import ZERO
from lts.domain.order_flow import ExecType, OrderChanged, OrderFilled
from lts.domain.order_record import IllegalTransition, OrderRecord
from lts.domain.order_status import OrderStatus
from lts.domain.orders import Order, OrderType, Side, Terms, TimeInForce, client_order_id
from lts.domain.prices import Prices
from lts.domain.reconciliation import PositionAdjusted
from lts.domain.register import Register
from lts.domain.reports import path
from lts.domain.risk_book import RiskBook
from lts.domain.totals import worse
from lts.testing import BEGIN, TEST

pytestmark = pytest.mark.requirement("INT-4.6", "INT-018")

S = OrderStatus
OWNERS = {"one": "olga", "two": "olga", "three": "tess"}
REGISTER = Register({"TEST": TEST}, OWNERS, {}, dict.fromkeys(OWNERS, Decimal(1000)))
LIMITED = {"max_exposure": "1000000", "max_position": "1000000"}
PLAN = RiskPlan.model_validate(
    {
        **LIMITED,
        "system": LIMITED,
        "user": [{"name": "olga", **LIMITED}],
        "account": [{"name": "paper", **LIMITED}],
    }
)
WORKING = {S.ACCEPTED, S.TRIGGERED, S.PARTIALLY_FILLED}
quantities = st.integers(1, 40).map(Decimal)
positions = st.sampled_from(["", "", "trend:long", "trend:short"])


class Trading(RuleBasedStateMachine):
    """Orders live as the desk has them live, and the book is told what the desk tells."""

    orders: Bundle[str] = Bundle("orders")

    @initialize()
    def begin(self) -> None:
        self.book = self._empty()
        self.records: dict[str, OrderRecord] = {}
        self.wanted: dict[str, Terms] = {}
        self.adjusted: list[PositionAdjusted] = []
        self.numbers: Iterator[int] = count(1)

    @rule(
        target=orders,
        portfolio=st.sampled_from(sorted(OWNERS)),
        broker=st.sampled_from(["paper", "oanda"]),
        side=st.sampled_from(Side),
        quantity=quantities,
        reduce_only=st.booleans(),
        position=positions,
    )
    def approve(
        self, portfolio: str, broker: str, side: Side, quantity: Decimal, position: str, *, reduce_only: bool
    ) -> str:
        name = client_order_id(portfolio, "TEST", next(self.numbers))
        told = (side, quantity, OrderType.LIMIT, Decimal(100), TimeInForce.GTC, BEGIN)
        order = Order(name, portfolio, "TEST", broker, *told, reduce_only=reduce_only, position=position)
        self.book.reserve(order, self.book.exposure(portfolio, broker, "TEST", position), BEGIN)
        self.records[name] = OrderRecord(order)
        self._advance(name, S.SUBMITTED)
        return name

    @rule(name=orders, kind=st.sampled_from([kind for kind in ExecType if kind is not ExecType.FILLED]))
    def report(self, name: str, kind: ExecType) -> None:
        record = self.records[name]
        terms = None
        if kind is ExecType.UPDATED:
            terms = self.wanted.get(name)
            if terms is None or record.status not in {S.PENDING_UPDATE, S.UNKNOWN, *WORKING}:
                return
            record.amend(terms, 0)
        states = path(record, kind)
        if terms is not None and not states:
            self._tell(name, terms)
        for status in states:
            if not self._advance(name, status, terms):
                return

    @rule(name=orders, quantity=quantities)
    def fill(self, name: str, quantity: Decimal) -> None:
        record = self.records[name]
        order, exec_id = record.order, f"x{next(self.numbers)}"
        price, market = Decimal(100), (order.portfolio, "TEST", order.broker, name, exec_id, order.side)
        fill = Fill(*market, quantity, price, ZERO, "USD", BEGIN, position=order.position)
        with suppress(IllegalTransition):
            record.book(fill)
            self.book.fill(OrderFilled(order.portfolio, fill, record.status), BEGIN)

    @rule(name=orders)
    def cancel(self, name: str) -> None:
        if self.records[name].status in {S.SUBMITTED, *WORKING}:
            self._advance(name, S.PENDING_CANCEL)

    @rule(name=orders, quantity=quantities)
    def modify(self, name: str, quantity: Decimal) -> None:
        record, reservation = self.records[name], self.book.reservations.get(name)
        if reservation is None or not reservation.is_working or quantity <= record.filled:
            return
        terms = Terms(quantity, Decimal(99))
        reservation.want(terms)
        self.wanted[name] = terms
        self._advance(name, S.PENDING_UPDATE)
        record.wanted = terms

    @rule(
        portfolio=st.sampled_from(sorted(OWNERS)),
        quantity=st.integers(-20, 20).map(Decimal),
        position=positions,
    )
    def adjust(self, portfolio: str, quantity: Decimal, position: str) -> None:
        said = ("TEST", "paper", quantity, Decimal(100), str(next(self.numbers)), "approved", BEGIN, position)
        self.adjusted.append(PositionAdjusted(portfolio, *said))
        self.book.adjust(self.adjusted[-1])

    @rule()
    def be_born_again(self) -> None:
        self.book = self._empty()
        self.wanted = {
            name: record.wanted for name, record in self.records.items() if record.wanted is not None
        }
        self.book.take_up(OrdersRecalled(tuple(self.records.values()), (), tuple(self.adjusted)), BEGIN)

    @invariant()
    def what_is_reserved_is_what_open_orders_may_still_trade(self) -> None:
        for name, record in getattr(self, "records", {}).items():
            reservation = self.book.reservations.get(name)
            assert (reservation is not None) is (record.status.is_open and bool(record.leaves)) or (
                reservation is not None and not record.leaves and record.status.is_open
            ), name
            if reservation is not None:
                quantity = record.quantity
                if reservation.wanted is not None:
                    assert reservation.wanted == self.wanted[name]
                    quantity = max(quantity, reservation.wanted.quantity)
                assert reservation.left == max(ZERO, quantity - record.filled)

    @invariant()
    def exposures_are_the_fold_of_all_of_it(self) -> None:
        if not getattr(self, "records", None):
            return
        for exposure in self.book._exposures.values():
            mine = [
                each
                for each in self.book.reservations.values()
                if (each.order.portfolio, each.order.broker, each.order.position)
                == (exposure.portfolio, exposure.broker, exposure.id)
            ]
            for side, reserved in ((Side.BUY, exposure.buys), (Side.SELL, exposure.sells)):
                lefts = [(each.left, each.order.reduce_only) for each in mine if each.order.side is side]
                assert reserved == sum(left for left, closes in lefts if not closes)
                assert exposure.closing[side] == sum(left for left, closes in lefts if closes)
            assert exposure.position == self._held(exposure.portfolio, exposure.broker, exposure.id)
            bought, sold = exposure.buys, exposure.sells
            if exposure.id:  # what closes a position changes what all of them come to
                bought += min(exposure.closing[Side.BUY], max(-exposure.position, ZERO))
                sold += min(exposure.closing[Side.SELL], max(exposure.position, ZERO))
            assert exposure.ends() == (exposure.position - sold, exposure.position + bought)

    @invariant()
    def sums_are_the_sums_of_exposures(self) -> None:
        for scope in ("system", "user:olga", "portfolio:one", "account:paper"):
            guard = self.book._guards.guard(scope) if getattr(self, "records", None) else None
            if guard is None or guard.totals is None:
                continue
            part = [
                each
                for each in self.book._exposures.values()
                if scope in REGISTER.scopes_of(each.portfolio, each.broker)
            ]
            totals = guard.totals
            assert totals.gross.get("TEST", ZERO) == sum(worse(each.ends()) for each in part)
            assert totals.lowest.get("TEST", ZERO) == sum(each.lowest for each in part)
            assert totals.highest.get("TEST", ZERO) == sum(each.highest for each in part)
            assert totals.positions.get("TEST", ZERO) == sum(each.position for each in part)

    def _empty(self) -> RiskBook:
        return RiskBook(REGISTER, Guards(PLAN, REGISTER), Prices(REGISTER.instruments))

    def _held(self, *place: str) -> Decimal:
        fills = [fill for record in self.records.values() for fill in record.fills]
        held = sum(
            (
                fill.side.signed(fill.quantity)
                for fill in fills
                if (fill.portfolio, fill.broker, fill.position) == place
            ),
            ZERO,
        )
        adjusted = (
            each.quantity for each in self.adjusted if (each.portfolio, each.broker, each.position) == place
        )
        return held + sum(adjusted, ZERO)

    def _advance(self, name: str, status: OrderStatus, terms: Terms | None = None) -> bool:
        try:
            self.records[name].advance(status, BEGIN)
        except IllegalTransition:
            return False
        self._tell(name, terms)
        return True

    def _tell(self, name: str, terms: Terms | None = None) -> None:
        record = self.records[name]
        self.book.follow(OrderChanged(record.order.portfolio, name, record.status, BEGIN, terms=terms))


TestTrading = Trading.TestCase
TestTrading.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
