"""A broker: the way to one venue account. It takes approved orders and reports what becomes of them."""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar, Generic, TypeVar

from bus import on
from lts.config.schema import Positions
from lts.domain.financing import FinancingReport
from lts.domain.journal import RecallOrders
from lts.domain.market import Instrument, RecentBars
from lts.domain.money import ZERO
from lts.domain.order_flow import (
    AmendOrder,
    ExecType,
    ExecutionReport,
    PlaceOrder,
    QueryOrder,
    WithdrawOrder,
)
from lts.domain.order_record import OrderRecord
from lts.domain.orders import Order, Terms
from lts.domain.plugins import InstrumentNotTaken, InstrumentTaken, TakeInstrument
from lts.domain.reconciliation import (
    RecallCursor,
    TransactionsSeen,
    VenueLost,
    VenueOrder,
    VenuePosition,
    VenueReported,
)
from lts.kinds.plugin import EVERYONE, MARKET_DATA, Params, Plugin

P = TypeVar("P", bound=Params)

# Looked up once: reading a member off its class takes longer than the report.
_ACCEPTED, _FILLED = ExecType.ACCEPTED, ExecType.FILLED


@dataclass(frozen=True, slots=True)
class BrokerAssignment:
    """Which account a broker keeps, and what can be traded there."""

    broker: str
    instruments: dict[str, Instrument]
    """It grows when more is traded there: whoever holds on to it sees that."""
    positions: Positions = "netting"
    """How the account keeps positions."""


class Broker(Plugin[P], Generic[P]):
    """Executes orders. Subclasses mark `place` and `withdraw` with `@on`, and report through the rest.

    It may also hear `BarOpened`, `Bar`, `Quote` and `Trade`. An order that it cannot take is
    `rejected`, never an exception: an exception leaves the order's fate unknown.

    A venue elsewhere can be lost, and has an account of its own. Its broker says so from the start with
    `lost`, reports each transaction, tells how far it is with `seen`, and when it has caught up, and
    from time to time after that, `venue_reported` what is there: only then the account is traded.
    """

    kind: ClassVar[str] = "broker"
    positions: ClassVar[frozenset[Positions]] = frozenset({"netting"})
    """How the venue can keep positions: `netting`, `hedging` (side by side, each under its id), or both."""
    publishes = (ExecutionReport, FinancingReport, VenueLost, TransactionsSeen, VenueReported)
    hears = (*EVERYONE, *MARKET_DATA, PlaceOrder, WithdrawOrder, AmendOrder, QueryOrder, TakeInstrument)
    asks = (RecallOrders, RecallCursor, RecentBars)

    @classmethod
    def objection_to(cls, assignment: BrokerAssignment) -> str:
        """Return why the account cannot keep positions as it is to; empty if it can."""
        if assignment.positions in cls.positions:
            return ""
        known = " or ".join(f'"{each}"' for each in sorted(cls.positions))
        return f'positions = "{assignment.positions}" is not what its plugin can do; say {known}'

    @property
    def instruments(self) -> Mapping[str, Instrument]:
        """What can be traded, by symbol."""
        instruments: Mapping[str, Instrument] = self.assignment.instruments
        return instruments

    @on
    def take_instrument(self, request: TakeInstrument) -> InstrumentTaken | InstrumentNotTaken:
        """Have one more instrument traded through this account, or answer why it cannot be."""
        broker, instrument = request.broker, request.instrument
        if instrument.symbol not in self.instruments:
            if objection := self.objection_to_instrument(instrument):
                return InstrumentNotTaken(broker, instrument.symbol, objection)
            self.assignment.instruments[instrument.symbol] = instrument
            self.take_up_instrument(instrument)
        return InstrumentTaken(broker, instrument.symbol)

    def objection_to_instrument(self, instrument: Instrument) -> str:  # noqa: ARG002 - for venues with rules
        """Return why an instrument cannot be traded beside the others; empty if it can."""
        return ""

    def take_up_instrument(self, instrument: Instrument) -> None:
        """Make what a broker keeps for each instrument; what is only looked up needs nothing."""

    @abstractmethod
    def place(self, request: PlaceOrder) -> None:
        """Send an order to the venue."""

    @abstractmethod
    def withdraw(self, request: WithdrawOrder) -> None:
        """Cancel an order at the venue; one that is not there is left alone."""

    @on
    def amend(self, request: AmendOrder) -> None:
        """Have the venue work an order on other terms; a broker that cannot leaves this as it is."""
        self.update_rejected(request.client_order_id, "orders cannot be modified here")

    @on
    def query(self, request: QueryOrder) -> None:
        """Find out what became of an order; a broker that cannot leaves this as it is."""
        self.unknown(request.client_order_id, "orders cannot be asked after here")

    async def recalled_orders(self) -> tuple[OrderRecord, ...]:
        """Return this broker's orders as they were journalled, oldest first; for use in `lifespan`."""
        answer = await self.ask(RecallOrders(broker=self.assignment.broker))
        return answer.records

    async def recalled_cursor(self) -> str:
        """Return up to where the venue's transactions were taken in; empty if none ever was."""
        answer = await self.ask(RecallCursor(self.assignment.broker))
        return answer.cursor

    def accepted(self, order: Order | str, venue_order_id: str = "", at: int | None = None) -> None:
        """Report that the venue works the order."""
        self._report(_id(order), _ACCEPTED, at, venue_order_id=venue_order_id)

    def rejected(self, order: Order | str, reason: str, at: int | None = None) -> None:
        """Report that the venue does not take the order."""
        self._report(_id(order), ExecType.REJECTED, at, reason)

    def triggered(self, order: Order | str, at: int | None = None) -> None:
        """Report that the market has come to the trigger of a stop."""
        self._report(_id(order), ExecType.TRIGGERED, at)

    def filled(  # noqa: PLR0913, PLR0917 - what an execution has
        self,
        order: Order | str,
        quantity: Decimal,
        price: Decimal,
        fee: Decimal = ZERO,
        exec_id: str | None = None,
        at: int | None = None,
        rate: Decimal | None = None,
    ) -> None:
        """Report an execution, whole or in part.

        Args:
            order: what traded, or its id.
            quantity: of this execution.
            price: of this execution, in the instrument's currency.
            fee: of this execution, in the same currency; negative is a rebate.
            exec_id: unique in this account; by default the order's id, which does for one execution an order.
            at: when it traded, in UTC nanoseconds; by default now.
            rate: what one unit of the instrument's currency was in the portfolio's, if the venue has
                converted what traded; by default it is what the system states, or its market.
        """
        client_order_id = _id(order)
        self.publish(
            ExecutionReport(
                self.assignment.broker,
                client_order_id,
                _FILLED,
                self.clock.now() if at is None else at,
                exec_id or client_order_id,
                price,
                quantity,
                fee,
                rate=rate,
            )
        )

    def financed(  # noqa: PLR0913 - what a venue says of it
        self,
        instrument: str,
        amount: Decimal,
        charge_id: str,
        *,
        currency: str = "",
        portfolio: str = "",
        at: int | None = None,
    ) -> None:
        """Report what holding a position over night has cost, or brought.

        Args:
            instrument: what is held.
            amount: money that comes in, negative if it was paid.
            charge_id: of the venue, unique in this account; one that is repeated is charged once.
            currency: of the amount, by default the instrument's.
            portfolio: whose position it is; by default the desk divides the amount among those who trade
                the instrument through this broker.
            at: when it was booked there, in UTC nanoseconds; by default now.
        """
        self.publish(
            FinancingReport(
                self.assignment.broker,
                instrument,
                amount,
                currency or self.instruments[instrument].currency,
                charge_id,
                self.clock.now() if at is None else at,
                portfolio,
            )
        )

    def canceled(self, client_order_id: str, reason: str = "", at: int | None = None) -> None:
        """Report that the order is cancelled."""
        self._report(client_order_id, ExecType.CANCELED, at, reason)

    def expired(self, client_order_id: str, reason: str = "", at: int | None = None) -> None:
        """Report that the order's time is over."""
        self._report(client_order_id, ExecType.EXPIRED, at, reason)

    def updated(
        self, order: Order | str, terms: Terms, venue_order_id: str = "", at: int | None = None
    ) -> None:
        """Report that the venue works the order on other terms, and under another id where that is so."""
        self._report(_id(order), ExecType.UPDATED, at, "", venue_order_id, terms)

    def update_rejected(self, order: Order | str, reason: str, at: int | None = None) -> None:
        """Report that the venue works the order as before."""
        self._report(_id(order), ExecType.UPDATE_REJECTED, at, reason)

    def cancel_rejected(self, order: Order | str, reason: str, at: int | None = None) -> None:
        """Report that the venue does not cancel the order; where it stands was reported or will be."""
        self._report(_id(order), ExecType.CANCEL_REJECTED, at, reason)

    def unknown(self, order: Order | str, reason: str) -> None:
        """Report that it cannot be told what became of a request: a time-out, a broken connection."""
        self._report(_id(order), ExecType.UNKNOWN, None, reason)

    def absent(self, order: Order | str, reason: str) -> None:
        """Report that the venue has proved that it never received the order, and never will."""
        self._report(_id(order), ExecType.ABSENT, None, reason)

    def lost(self, reason: str) -> None:
        """Tell that the venue cannot be reached, or is silent."""
        self.publish(VenueLost(self.assignment.broker, reason, self.clock.now()))

    def seen(self, cursor: str) -> None:
        """Tell that every transaction up to this one has been reported."""
        self.publish(TransactionsSeen(self.assignment.broker, cursor, self.clock.now()))

    def venue_reported(
        self, cursor: str, orders: tuple[VenueOrder, ...], positions: tuple[VenuePosition, ...]
    ) -> None:
        """Tell all that is open at the venue, as of a cursor up to which everything has been reported."""
        self.publish(VenueReported(self.assignment.broker, cursor, orders, positions, self.clock.now()))

    def _report(  # noqa: PLR0913, PLR0917 - what a report may have
        self,
        client_order_id: str,
        kind: ExecType,
        at: int | None,
        reason: str = "",
        venue_order_id: str = "",
        terms: Terms | None = None,
    ) -> None:
        at = self.clock.now() if at is None else at
        broker = self.assignment.broker
        self.publish(
            ExecutionReport(
                broker, client_order_id, kind, at, "", None, None, ZERO, reason, venue_order_id, terms
            )
        )


def _id(order: Order | str) -> str:
    return order if isinstance(order, str) else order.client_order_id
