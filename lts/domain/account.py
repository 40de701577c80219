"""An account at a venue elsewhere: what it holds by what is known here, and how far it can be trusted."""

from collections.abc import Iterable, Mapping
from decimal import Decimal

from msgspec.structs import replace

from lts.domain.fills import Fill
from lts.domain.journal import BalanceSnapshot
from lts.domain.money import UNROUNDED, ZERO
from lts.domain.order_record import OrderRecord
from lts.domain.order_status import OrderStatus
from lts.domain.reconciliation import (
    AccountApproved,
    AccountNotApproved,
    AccountState,
    AccountStateChanged,
    Differences,
    PositionAdjusted,
    VenueReported,
    differences,
)

CONFIRMED = frozenset(
    {
        OrderStatus.ACCEPTED,
        OrderStatus.TRIGGERED,
        OrderStatus.PARTIALLY_FILLED,
        OrderStatus.PENDING_UPDATE,
        OrderStatus.PENDING_CANCEL,
    }
)
"""The states of an order that its venue has to know."""


class Account:
    """The fold of fills and adjustments in one account, held against what its venue reports."""

    __slots__ = (
        "_adjustments",
        "_hedged",
        "_held",
        "_holders",
        "approved",
        "broker",
        "differs",
        "reason",
        "reported",
        "state",
    )

    def __init__(self, broker: str) -> None:
        self.broker = broker
        self.state = AccountState.CONNECTING
        self.reason = "nothing has been heard of it yet"
        self.reported: VenueReported | None = None
        """The last report."""
        self.differs = Differences()
        self.approved: frozenset[str] = frozenset()
        """Foreign orders that an operator let stand, by the venue's ids."""
        self._held: dict[str, Decimal] = {}
        self._holders: dict[str, dict[str, Decimal]] = {}
        self._hedged: dict[str, str] = {}
        """The instrument of each position that stands beside others."""
        self._adjustments: list[PositionAdjusted] = []

    @property
    def held(self) -> Mapping[str, Decimal]:
        """The net quantity of each instrument, or of each position by itself, negative for short."""
        return self._held

    def held_by(self, portfolio: str, instrument: str) -> Decimal:
        """Return how much of what is held of an instrument is a portfolio's, negative for short."""
        return self._holders.get(instrument, {}).get(portfolio, ZERO)

    def take_up(
        self,
        snapshots: Iterable[BalanceSnapshot],
        records: Iterable[OrderRecord],
        adjustments: Iterable[PositionAdjusted],
    ) -> None:
        """Fold all that was ever filled or adjusted in it, what was archived included."""
        for snapshot in snapshots:
            if snapshot.broker == self.broker:
                held = snapshot.position
                self._add(held.portfolio, held.instrument, held.quantity, held.id)
        for record in records:
            if record.order.broker == self.broker:
                for fill in record.fills:
                    self.fill(fill)
        for adjusted in adjustments:
            if adjusted.broker == self.broker:
                self.adjust(adjusted)

    def fill(self, fill: Fill) -> None:
        """Count what traded."""
        self._add(fill.portfolio, fill.instrument, fill.side.signed(fill.quantity), fill.position)

    def adjust(self, adjusted: PositionAdjusted) -> None:
        """Count what an operator approved."""
        self._adjustments.append(adjusted)
        self._add(adjusted.portfolio, adjusted.instrument, adjusted.quantity, adjusted.position)

    def lose(self, reason: str) -> bool:
        """Trust it no longer, for it cannot be reached; return whether that is news."""
        return self._move(AccountState.LOST, reason)

    def reconcile(self, reported: VenueReported, records: Mapping[str, OrderRecord]) -> bool:
        """Hold a report against what is known; return whether the account can be trusted more or less since.

        What differs while orders come and go may be under way: of an account that was trusted it has
        to be seen twice, by as much, however much has traded in between.
        """
        sent = (r for r in records.values() if r.order.broker == self.broker and r.status in CONFIRMED)
        before, self.differs = self.differs, differences(reported, records, sent, self._held, self.approved)
        self.reported = reported
        self._hedged |= {each.position: each.instrument for each in reported.positions if each.position}
        reason = self.differs.reason
        if not reason:
            return self._move(AccountState.READY, "")
        if self.state is AccountState.READY and before.traits.isdisjoint(self.differs.traits):
            return False
        return self._move(AccountState.DIFFERS, reason)

    def approve(
        self, traders: Mapping[tuple[str, str], tuple[str, ...]], who: str, at: int
    ) -> AccountApproved | AccountNotApproved:
        """Take what the venue reported last for true, if it is clear to which portfolio it belongs.

        Args:
            traders: the portfolios that trade an instrument through a broker.
            who: the operator.
            at: market time, in UTC nanoseconds.
        """
        if self.reported is None or self.state is not AccountState.DIFFERS:
            return AccountNotApproved(f"nothing of account:{self.broker} waits for an approval")
        adjusted: list[PositionAdjusted] = []
        for number, (place, (ours, theirs)) in enumerate(
            sorted(self.differs.positions.items()), len(self._adjustments) + 1
        ):
            instrument = self._hedged.get(place, place)
            portfolios = traders.get((self.broker, instrument), ())
            if len(portfolios) != 1:
                return AccountNotApproved(
                    f"{len(portfolios)} portfolios trade {instrument} through {self.broker}, "
                    "so that it cannot be told whose the difference is"
                )
            adjusted.append(
                PositionAdjusted(
                    portfolio=portfolios[0],
                    instrument=instrument,
                    broker=self.broker,
                    quantity=UNROUNDED.subtract(theirs, ours),
                    price=self._price_there(place),
                    reference=f"{number}: {place} as of {self.reported.cursor}",
                    reason=f"approved by {who}",
                    at=at,
                    position=place if place in self._hedged else "",
                )
            )
        for each in adjusted:
            self.adjust(each)
        foreign = tuple(order.venue_order_id for order in self.differs.foreign)
        self.approved |= set(foreign)
        self.differs = replace(self.differs, positions={}, foreign=())
        reason = self.differs.reason
        self._move(AccountState.DIFFERS if reason else AccountState.READY, reason)
        return AccountApproved(self.broker, tuple(adjusted), foreign)

    def told(self, at: int) -> AccountStateChanged:
        """Return how far it can be trusted at a market time."""
        return AccountStateChanged(self.broker, self.state, self.reason, at)

    def _price_there(self, place: str) -> Decimal:
        assert self.reported is not None  # noqa: S101 - who approves has looked
        prices = {each.place: each.average_price for each in self.reported.positions}
        return prices.get(place, ZERO)

    def _add(self, portfolio: str, instrument: str, quantity: Decimal, position: str) -> None:
        if position:
            self._hedged[position] = instrument
        place = position or instrument
        self._held[place] = UNROUNDED.add(self._held.get(place, ZERO), quantity)
        holders = self._holders.setdefault(instrument, {})
        holders[portfolio] = UNROUNDED.add(holders.get(portfolio, ZERO), quantity)

    def _move(self, state: AccountState, reason: str) -> bool:
        if (state, reason) == (self.state, self.reason):
            return False
        self.state, self.reason = state, reason
        return True
