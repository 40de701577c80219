"""A broker: the way to one venue account. It takes approved orders and reports what becomes of them."""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar, Generic, TypeVar

from lts.domain.journal import RecallOrders
from lts.domain.market import Instrument
from lts.domain.money import ZERO
from lts.domain.order_flow import ExecType, ExecutionReport, PlaceOrder, WithdrawOrder
from lts.domain.orders import ApprovedOrder, OrderRecord
from lts.kinds.plugin import EVERYONE, MARKET_DATA, Params, Plugin

P = TypeVar("P", bound=Params)

# Looked up once: reading a member off its class takes longer than the report.
_ACCEPTED, _FILLED = ExecType.ACCEPTED, ExecType.FILLED


@dataclass(frozen=True, slots=True)
class BrokerAssignment:
    """Which account a broker keeps, and what can be traded there."""

    broker: str
    instruments: Mapping[str, Instrument]


class Broker(Plugin[P], Generic[P]):
    """Executes orders. Subclasses mark `place` and `withdraw` with `@on`, and report through the rest.

    It may also hear `BarOpened`, `Bar`, `Quote` and `Trade`. An order that it cannot take is
    `rejected`, never an exception: an exception leaves the order's fate unknown.
    """

    kind: ClassVar[str] = "broker"
    publishes = (ExecutionReport,)
    hears = (*EVERYONE, *MARKET_DATA, PlaceOrder, WithdrawOrder)
    asks = (RecallOrders,)

    @property
    def instruments(self) -> Mapping[str, Instrument]:
        """What can be traded, by symbol."""
        instruments: Mapping[str, Instrument] = self.assignment.instruments
        return instruments

    @abstractmethod
    def place(self, request: PlaceOrder) -> None:
        """Send an order to the venue."""

    @abstractmethod
    def withdraw(self, request: WithdrawOrder) -> None:
        """Cancel an order at the venue; one that is not there is left alone."""

    async def recalled_orders(self) -> tuple[OrderRecord, ...]:
        """Return this broker's orders as they were journalled, oldest first; for use in `lifespan`."""
        answer = await self.ask(RecallOrders(broker=self.assignment.broker))
        return answer.records

    def accepted(self, order: ApprovedOrder, venue_order_id: str = "") -> None:
        """Report that the venue works the order."""
        self._report(order.client_order_id, _ACCEPTED, venue_order_id=venue_order_id)

    def rejected(self, order: ApprovedOrder, reason: str) -> None:
        """Report that the venue does not take the order."""
        self._report(order.client_order_id, ExecType.REJECTED, reason=reason)

    def filled(
        self,
        order: ApprovedOrder,
        quantity: Decimal,
        price: Decimal,
        fee: Decimal = ZERO,
        exec_id: str | None = None,
    ) -> None:
        """Report an execution, whole or in part.

        Args:
            order: what traded.
            quantity: of this execution.
            price: of this execution, in the instrument's currency.
            fee: of this execution, in the same currency; negative is a rebate.
            exec_id: unique in this account; by default the order's id, which does for one execution an order.
        """
        self.publish(
            ExecutionReport(
                self.assignment.broker,
                order.client_order_id,
                _FILLED,
                self.clock.now(),
                exec_id or order.client_order_id,
                price,
                quantity,
                fee,
            )
        )

    def canceled(self, client_order_id: str, reason: str = "") -> None:
        """Report that the order is cancelled."""
        self._report(client_order_id, ExecType.CANCELED, reason=reason)

    def expired(self, client_order_id: str, reason: str = "") -> None:
        """Report that the order's time is over."""
        self._report(client_order_id, ExecType.EXPIRED, reason=reason)

    def _report(
        self, client_order_id: str, kind: ExecType, reason: str = "", venue_order_id: str = ""
    ) -> None:
        broker, now = self.assignment.broker, self.clock.now()
        self.publish(
            ExecutionReport(broker, client_order_id, kind, now, "", None, None, ZERO, reason, venue_order_id)
        )
