"""Protection: watches that what is held has a stop that works, and calls for an exit where it has none."""

from collections.abc import AsyncGenerator, Iterable, Mapping

from bus import SECOND, Actor, DeadLetter, Event, on
from lts.domain.fills import Fill
from lts.domain.journal import OrdersRecalled, RecallOrders
from lts.domain.money import plain, unrounded
from lts.domain.order_flow import (
    GetOrdersUnderWay,
    OrderAlarmed,
    OrderApproved,
    OrderChanged,
    OrderDenied,
    OrderFilled,
)
from lts.domain.order_record import IllegalTransition, OrderRecord
from lts.domain.orders import Order
from lts.domain.portfolio_settings import PortfolioRegistered
from lts.domain.positions import PositionChanged
from lts.domain.protection import (
    Cover,
    EmergencyExit,
    GetProtection,
    Place,
    ProtectionChanged,
    ProtectionReported,
    leaves_at_once,
)
from lts.domain.reconciliation import PositionAdjusted
from lts.domain.risk import TradingState, TradingStateChanged

AGAIN_S = 30.0
"""Seconds between two calls for an exit, at most: the first pause is one, each other twice the last.
None comes before the end of the exit that was called for before."""
BREATH_S = 0.1
"""Seconds that what is on its way has, at least, to be heard of."""


class TooLong(Event):
    """A word of the watch to itself: what is held in a place was not covered for so long."""

    place: Place


class Protection(Actor[Mapping[Place, float | None]]):
    """Watches the places among `params`; for each, the seconds after which what is not covered has to go.

    None: it is watched, and nothing is done about it. All is market time.
    """

    publishes = (ProtectionChanged, EmergencyExit, OrderAlarmed)
    asks = (GetOrdersUnderWay, RecallOrders)

    async def lifespan(self) -> AsyncGenerator[None, None]:
        """Take up what the journal knows of orders and positions, and risk of orders not journalled yet."""
        self.covers = {place: Cover(place) for place in self.params}
        self.owners: dict[str, Cover] = {}
        """Of each open order that only reduces: what it is an order of."""
        for portfolio in dict.fromkeys(place.portfolio for place in self.params):
            under_way = (await self.ask(GetOrdersUnderWay(portfolio))).orders
            self._take_up(await self.ask(RecallOrders(portfolio=portfolio)), under_way)
        for cover in self.covers.values():
            self._look(cover)
        yield

    @on
    def look_after(self, registered: PortfolioRegistered) -> None:
        """Watch the places of a portfolio that are to be protected from now on; they are flat."""
        own = {place for place in self.params if place.portfolio == registered.portfolio}
        for place in [each for each in self.covers if each.portfolio == registered.portfolio]:
            if place not in own:
                del self.covers[place]
        self.covers |= {place: Cover(place) for place in self.params if place in own - self.covers.keys()}

    @on
    def take(self, approved: OrderApproved) -> None:
        """Follow an order that only reduces; it covers nothing before its venue works it."""
        self._take(OrderRecord(approved.order))

    @on
    def follow(self, changed: OrderChanged) -> None:
        """See what an order covers where it stands now."""
        cover = self.owners.get(changed.client_order_id)
        if cover is not None and (record := cover.order(changed.client_order_id)):
            try:
                record.follow(changed)
            except IllegalTransition:
                return  # news from before this watch began, which the journal had already
            self._see_to(cover, record)

    @on
    def trade(self, filled: OrderFilled) -> None:
        """See what an order covers that has traded."""
        cover = self.owners.get(filled.fill.client_order_id)
        if cover is not None and (record := cover.order(filled.fill.client_order_id)):
            record.book(filled.fill)
            self._see_to(cover, record)

    @on
    def hold(self, changed: PositionChanged) -> None:
        """See whether what is held now is covered."""
        held = changed.position
        cover = self.covers.get(Place(changed.portfolio, held.instrument, held.id))
        if cover is not None:
            cover.held = held.quantity
            if not cover.held:
                cover.asked = False
            self._look(cover)

    @on
    def hear_no(self, denied: OrderDenied) -> None:
        """Call again, after a while, for an exit that was denied."""
        cover = self._cover_of(denied.order)
        if cover is not None and leaves_at_once(denied.order):
            self._go_on(cover)

    @on
    def miss(self, dead: DeadLetter) -> None:
        """Call again, after a while, for an exit that nobody heard of."""
        if isinstance(dead.message, EmergencyExit):
            cover = self._cover_of(dead.message)
            if cover is not None:
                self._go_on(cover)

    @on
    def resume(self, changed: TradingStateChanged) -> None:
        """Lose no time where trading goes on: what was called for meanwhile was denied."""
        if changed.state is not TradingState.HALTED:
            for cover in self.covers.values():
                if cover.calls and not cover.is_being_left:
                    cover.calls = 0
                    self._wait(cover)

    @on
    def call(self, due: TooLong) -> None:
        """Call for an exit where nothing has covered what is held for too long."""
        cover = self.covers.get(due.place)
        if cover is None or cover.due is not due or cover.since is None or cover.is_being_left:
            return  # it was covered meanwhile; or the end of the way out is awaited
        now = self.clock.now()
        lasted = (now - cover.since) / SECOND
        portfolio, instrument, position = cover.place
        what = f"position {position} in {instrument}" if position else instrument
        reason = f"{plain(cover.told)} of {what} has had no stop that works for {lasted:g} s"
        cover.call(now)
        self.log.error("emergency exit", portfolio=portfolio, reason=reason)
        self.publish(OrderAlarmed(portfolio, "", reason, now))
        self.publish(EmergencyExit(portfolio, instrument, reason, now, position))

    @on
    def report(self, wanted: GetProtection) -> ProtectionReported:
        """Answer how a portfolio is protected."""
        now = self.clock.now()
        covers = [cover for place, cover in self.covers.items() if place.portfolio == wanted.portfolio]
        return ProtectionReported(wanted.portfolio, tuple(cover.report(now) for cover in covers))

    @unrounded
    def _take_up(self, recalled: OrdersRecalled, under_way: Iterable[Order]) -> None:
        for snapshot in recalled.snapshots:
            held = snapshot.position
            if cover := self.covers.get(Place(held.portfolio, held.instrument, held.id)):
                cover.held += held.quantity
        for booked in recalled.booked:
            if cover := self._cover_of(booked):
                moved = booked.side.signed(booked.quantity) if isinstance(booked, Fill) else booked.quantity
                cover.held += moved
        journalled = {record.order.client_order_id for record in recalled.records}
        approved = (OrderRecord(order) for order in under_way if order.client_order_id not in journalled)
        for record in (*recalled.records, *approved):
            self._take(record)

    def _take(self, record: OrderRecord) -> None:
        order = record.order
        if order.reduce_only and (cover := self._cover_of(order)):
            cover.take(record)
            if record.status.is_open:
                self.owners[order.client_order_id] = cover

    def _cover_of(self, placed: Order | Fill | PositionAdjusted | EmergencyExit) -> Cover | None:
        return self.covers.get(Place(placed.portfolio, placed.instrument, placed.position))

    def _see_to(self, cover: Cover, record: OrderRecord) -> None:
        """Look at what is covered after an order has moved; one that is over is followed no longer."""
        if record.status.is_closed:
            del self.owners[record.order.client_order_id]
        way_out_ended = cover.drop_closed(record)
        self._look(cover)
        if way_out_ended and cover.told:
            self._go_on(cover)

    def _look(self, cover: Cover) -> None:
        """Say if another part is uncovered than before, and arrange for what follows from that."""
        uncovered = cover.uncovered
        if uncovered == cover.told:
            return
        begins = not cover.told
        cover.tell(uncovered, self.clock.now())
        portfolio, instrument, position = cover.place
        self.publish(ProtectionChanged(portfolio, instrument, uncovered, self.clock.now(), position))
        if begins:
            self._wait(cover)

    def _go_on(self, cover: Cover) -> None:
        """Call for another exit, in a while, if nothing covers what is held by then."""
        cover.asked = False
        self._wait(cover)

    def _wait(self, cover: Cover) -> None:
        """Arrange for the time at which what is held has to go."""
        limit = self.params.get(cover.place)
        if limit is not None and cover.since is not None:
            cover.due = due = TooLong(cover.place)
            earliest = cover.since + round(limit * SECOND)
            if cover.calls:
                earliest = max(earliest, cover.called_at + round(cover.pause_s(AGAIN_S) * SECOND))
            self.after(max((earliest - self.clock.now()) / SECOND, BREATH_S), due)
