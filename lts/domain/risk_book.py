"""The risk book: what every portfolio holds, and what every open order may still add to that."""

from operator import attrgetter

from lts.domain.exposure import Exposure
from lts.domain.fills import Fill
from lts.domain.financing import FinancingCharged
from lts.domain.guards import Guards
from lts.domain.hedging import HedgedExposure
from lts.domain.journal import OrdersRecalled
from lts.domain.money import ZERO, unrounded
from lts.domain.order_flow import OrderChanged, OrderFilled
from lts.domain.order_status import CLOSED
from lts.domain.orders import Order
from lts.domain.prices import Prices
from lts.domain.reconciliation import PositionAdjusted
from lts.domain.register import Register
from lts.domain.reservation import Reservation
from lts.domain.risk import Holding
from lts.domain.self_match import SelfMatch


class RiskBook:
    """The fold of all orders, fills and adjustments, as risk needs it; guards are told what they measure."""

    __slots__ = (
        "_exposures",
        "_guards",
        "_prices",
        "_register",
        "_taken_up",
        "matching",
        "reservations",
        "seen",
    )

    def __init__(self, register: Register, guards: Guards, prices: Prices) -> None:
        self._register = register
        self._guards = guards
        self._prices = prices
        self._exposures: dict[tuple[str, str, str, str], Exposure] = {}
        self._taken_up: set[tuple[str, ...]] = set()
        """What was booked before this book was begun: news of it may have waited meanwhile."""
        self.reservations: dict[str, Reservation] = {}
        """The open orders."""
        self.seen: set[str] = set()
        """The ids of all orders that there ever were."""
        self.matching = SelfMatch() if guards.matching else None

    def take_up(self, recalled: OrdersRecalled, now: int) -> None:
        """Fold what the journal knows."""
        for snapshot in recalled.snapshots:
            held = snapshot.position
            exposure = self.exposure(held.portfolio, snapshot.broker, held.instrument, held.id)
            exposure.hold(held.quantity)
            paid = float(held.cost - held.realised + held.fees)
            if snapshot.converted is not None:
                paid = -float(snapshot.converted)
            self._guards.carry(exposure, float(held.quantity * held.multiplier), paid)
        fills: list[Fill] = []
        for record in recalled.records:
            order = record.order
            self.seen.add(order.client_order_id)
            fills += record.fills
            if record.leaves:
                exposure = self.exposure(order.portfolio, order.broker, order.instrument, order.position)
                self._add(Reservation.recalled(record, exposure), order.created_at)
        for fill in sorted(fills, key=attrgetter("at")):
            self._hold(fill)
            if self._guards.any:
                self._guards.trade(fill, now)
        for adjusted in recalled.adjustments:
            self.adjust(adjusted)
        for charged in recalled.financing:
            self.charge(charged)
        self._taken_up.update(fill.uid for fill in fills)
        self._taken_up.update(adjusted.uid for adjusted in recalled.adjustments)
        self._taken_up.update(charged.uid for charged in recalled.financing)

    def exposure(self, portfolio: str, broker: str, instrument: str, position: str = "") -> Exposure:
        """Return what a portfolio has in an instrument through a broker, or in one position of it."""
        key = (portfolio, broker, instrument, position)
        exposure = self._exposures.get(key)
        if exposure is None:
            totals = self._guards.totals(portfolio, broker)
            place = (portfolio, broker, instrument)
            exposure = HedgedExposure(place, position, totals) if position else Exposure(*place, totals)
            self._exposures[key] = exposure
        return exposure

    def reserve(self, order: Order, exposure: Exposure, now: int) -> None:
        """Count on an order that was approved."""
        self.seen.add(order.client_order_id)
        self._add(Reservation(order, exposure), now)

    def fill(self, filled: OrderFilled, now: int) -> None:
        """Turn what traded from a reservation into a position."""
        fill = filled.fill
        if self._taken_up and fill.uid in self._taken_up:
            return
        reservation = self.reservations.get(fill.client_order_id)
        if reservation is not None and filled.status in CLOSED:
            reservation.end(fill.quantity)
            self._forget(reservation)
        else:
            self._hold(fill)
            if reservation is not None:
                reservation.fill(fill.quantity, filled.status)
        if self._guards.any:
            self._guards.trade(fill, now)

    def follow(self, changed: OrderChanged) -> Reservation | None:
        """Count on an order as far as it can trade where it stands now; return it if it is open."""
        reservation = self.reservations.get(changed.client_order_id)
        if reservation is None:
            return None
        if changed.status in CLOSED:
            reservation.release()
            self._forget(reservation)
            return None
        reservation.follow(changed)
        return reservation

    @unrounded
    def adjust(self, adjusted: PositionAdjusted) -> None:
        """Hold what an operator approved to be held; what has no rate yet is taken to have cost nothing."""
        if adjusted.uid in self._taken_up:
            return
        place = (adjusted.portfolio, adjusted.broker, adjusted.instrument, adjusted.position)
        exposure = self.exposure(*place)
        exposure.hold(adjusted.quantity)
        units = adjusted.quantity * self._register.instruments[adjusted.instrument].multiplier
        currency = self._register.converted_into(adjusted.portfolio)
        rate = self._prices.rate(adjusted.instrument, currency)
        self._guards.carry(exposure, float(units), float(units * adjusted.price * (rate or ZERO)))

    def charge(self, charged: FinancingCharged) -> None:
        """Count what was charged or credited for what was held over night."""
        if charged.uid not in self._taken_up:
            self._guards.charge(charged)

    def held(self, scope: str) -> tuple[Holding, ...]:
        """Return what the portfolios of a scope hold."""
        return tuple(
            Holding(each.portfolio, each.broker, each.instrument, each.position, each.id)
            for each in self._exposures.values()
            if each.position and scope in self._register.scopes_of(each.portfolio, each.broker)
        )

    def owner(self, portfolio: str) -> str:
        """Return whose a portfolio is; its own if nobody is known."""
        return self._register.owners.get(portfolio, portfolio)

    def _hold(self, fill: Fill) -> None:
        exposure = self.exposure(fill.portfolio, fill.broker, fill.instrument, fill.position)
        exposure.hold(fill.side.signed(fill.quantity))

    def _add(self, reservation: Reservation, now: int) -> None:
        order = reservation.order
        self.reservations[order.client_order_id] = reservation
        if self.matching is not None:
            self.matching.add(self.owner(order.portfolio), reservation)
        if self._guards.recording:
            self._guards.commit(reservation, self._prices, now)

    def _forget(self, reservation: Reservation) -> None:
        order = reservation.order
        del self.reservations[order.client_order_id]
        if self.matching is not None:
            self.matching.remove(self.owner(order.portfolio), reservation)
        if self._guards.recording:
            self._guards.release(order)
