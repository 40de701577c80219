"""Commission: what an execution costs, so that an order pays no less and no more than its bounds."""

from decimal import Decimal

from lts.sdk import Instrument

from .params import PaperParams
from .ticket import Ticket

BPS = Decimal("0.0001")


class Commission:
    """A tariff: so much of the notional, for each unit and each lot begun, within bounds an order."""

    __slots__ = ("_least", "_most", "_per_lot", "_per_unit", "_plain", "_rate")

    def __init__(self, params: PaperParams) -> None:
        self._rate = params.commission_bps * BPS
        self._per_unit, self._per_lot = params.commission_per_unit, params.commission_per_lot
        self._least, self._most = params.commission_min, params.commission_max
        self._plain = not (self._per_unit or self._per_lot or self._least) and self._most is None

    def of(self, ticket: Ticket, quantity: Decimal, price: Decimal, instrument: Instrument) -> Decimal:
        """Return what an execution adds to what its order pays; for callers that are `unrounded`.

        The ticket has its quantity in `filled` already. Where the tariff is more than a rate, it is
        reckoned on all that the order has traded, less what it has paid.
        """
        notional = quantity * price * instrument.multiplier
        if self._plain:
            return notional * self._rate
        ticket.notional += notional
        lots, begun = divmod(ticket.filled, instrument.lot_size)
        lots += bool(begun)
        due = ticket.notional * self._rate + ticket.filled * self._per_unit + lots * self._per_lot
        due = max(due, self._least)
        if self._most is not None:
            due = min(due, self._most)
        fee = due - ticket.charged
        ticket.charged = due
        return fee
