"""What a transaction of the account says of an order of ours."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from lts.sdk import ExecType, ExecutionReport, Terms, from_rfc3339

from .book import Book
from .names import here
from .requests import AT_ONCE

ORDERS = frozenset({"MARKET_ORDER", "LIMIT_ORDER", "STOP_ORDER"})
REJECTS = frozenset(f"{kind}_REJECT" for kind in ORDERS)
TAKEN = "CLIENT_ORDER_ID_ALREADY_EXISTS"
"""The reason for which the venue turns away an order that it has: what it has is not rejected by that."""
OVER, NOWHERE = "TIME_IN_FORCE_EXPIRED", "ORDER_DOESNT_EXIST"
PLACES = Decimal("1e-10")
"""To how many places what is in the currency of the account is converted."""


class Interpreter:
    """Turns a transaction into a report, if it says something of an order that has a client order id."""

    def __init__(self, broker: str, book: Book) -> None:
        self.broker = broker
        self.book = book

    def report(self, entry: Mapping[str, Any]) -> ExecutionReport | None:
        """Return what a transaction says of an order, if it says anything."""
        kind = entry["type"]
        if kind in ORDERS:
            return self._created(entry)
        if kind in REJECTS:
            return self._rejected(entry)
        match kind:
            case "ORDER_FILL":
                return self._filled(entry)
            case "ORDER_CANCEL":
                return self._canceled(entry)
            case "ORDER_CANCEL_REJECT":
                return self._not_canceled(entry)
        return None

    def _created(self, entry: Mapping[str, Any]) -> ExecutionReport | None:
        """A new order, a replacement that was asked for, or what a partial fill has left of an order."""
        if not (client_order_id := _extended(entry)):
            return None
        if "replacesOrderID" not in entry or "cancellingTransactionID" not in entry:
            return self._say(entry, client_order_id, ExecType.ACCEPTED, venue_order_id=entry["id"])
        held = self.book.get(client_order_id)
        price = Decimal(entry["price"])
        terms = Terms(
            abs(Decimal(entry["units"])) + (held.filled_before(entry["id"]) if held else 0),
            limit_price=price if entry["type"] == "LIMIT_ORDER" else None,
            trigger_price=price if entry["type"] == "STOP_ORDER" else None,
        )
        return self._say(entry, client_order_id, ExecType.UPDATED, venue_order_id=entry["id"], terms=terms)

    def _rejected(self, entry: Mapping[str, Any]) -> ExecutionReport | None:
        reason = entry.get("rejectReason", "")
        if "intendedReplacesOrderID" in entry:
            return self._say(entry, _extended(entry), ExecType.UPDATE_REJECTED, reason=reason)
        if reason == TAKEN:
            return None
        return self._say(entry, _extended(entry), ExecType.REJECTED, reason=reason)

    def _filled(self, entry: Mapping[str, Any]) -> ExecutionReport | None:
        return self._say(
            entry,
            _named(entry),
            ExecType.FILLED,
            exec_id=entry["id"],
            price=Decimal(entry["price"]),
            quantity=abs(Decimal(entry["units"])),
            fee=fee_of(entry),
        )

    def _canceled(self, entry: Mapping[str, Any]) -> ExecutionReport | None:
        if "replacedByOrderID" in entry:
            return None  # the order goes on under another id
        reason = entry.get("reason", "")
        kind = ExecType.EXPIRED if reason == OVER and self._waits(entry) else ExecType.CANCELED
        return self._say(entry, _named(entry), kind, reason=reason)

    def _not_canceled(self, entry: Mapping[str, Any]) -> ExecutionReport | None:
        """The answer to a cancel that came to nothing: of an order that is over, its end says enough.

        That there is nothing to cancel does not say that the order works: it has to be looked up.
        """
        reason, name = entry.get("rejectReason", ""), _named(entry)
        kind = ExecType.UNKNOWN if reason == NOWHERE else ExecType.CANCEL_REJECTED
        return self._say(entry, name, kind, reason=reason) if self.book.get(name) else None

    def _waits(self, entry: Mapping[str, Any]) -> bool:
        """Whether an order had a time that could be over: one that trades at once or not is cancelled."""
        held = self.book.get(_named(entry))
        return held is not None and held.order.time_in_force not in AT_ONCE

    def _say(
        self, entry: Mapping[str, Any], client_order_id: str, kind: ExecType, **more: Any
    ) -> ExecutionReport | None:
        if not client_order_id:
            return None
        return ExecutionReport(self.broker, client_order_id, kind, from_rfc3339(entry["time"]), **more)


def fee_of(entry: Mapping[str, Any]) -> Decimal:
    """Return what a fill cost beside its price, in the instrument's currency.

    The venue books fees in the account's currency; it says in each fill how it converts a loss into that.
    """
    fee = Decimal(entry.get("commission", 0)) + Decimal(entry.get("guaranteedExecutionFee", 0))
    rates = entry.get("homeConversionFactors", {}).get("lossQuoteHome", {})
    rate = Decimal(rates.get("factor", 0) or entry.get("lossQuoteHomeConversionFactor", 1))
    return fee if rate == 1 or not fee else (fee / rate).quantize(PLACES)


def _extended(entry: Mapping[str, Any]) -> str:
    """The client order id of an order that is created or turned away."""
    return here(entry.get("clientExtensions", {}).get("id", ""))


def _named(entry: Mapping[str, Any]) -> str:
    """The client order id of an order that something happens to."""
    return here(entry.get("clientOrderID", ""))
