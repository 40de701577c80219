"""The counter at which orders are handed in: each request is one batch of transactions, and one answer."""

from decimal import Decimal

from tests.venues.book import Book, id_of
from tests.venues.instruments import Json, units
from tests.venues.matching import Matching, Outcome
from tests.venues.orders import Malformed, Rejected, checked, kind_of
from tests.venues.transactions import USER

Answer = tuple[int, Json]
SOMEBODY_ELSE = 2000002
"""The user id of trades made by another hand."""


class Counter:
    """Places, replaces and cancels for those who ask."""

    def __init__(self, book: Book, matching: Matching) -> None:
        self.book, self.log, self.matching = book, book.log, matching

    def place(self, body: Json, request_id: str, user: int = USER) -> Answer:
        """Handle POST /orders."""
        order = body.get("order")
        kind = kind_of(order)
        assert isinstance(order, dict)
        fields, refused, malformed = self._checked(order)
        outcome = Outcome()
        with self.log.batch(request_id, user) as made:
            if refused:
                self._reject(kind, order, refused, outcome)
            elif not malformed:
                outcome = self.matching.submit(kind, fields)
            if user == USER:
                created = next(iter(outcome.named.values()), {"id": ""})["id"]
                self.log.receive(id_of(order), request_id, (created, refused or malformed), order)
        if malformed:
            raise Malformed(malformed)
        return self._answer(400 if refused else 201, outcome, made, refused)

    def replace(self, found: Json | None, specifier: str, body: Json, request_id: str) -> Answer:
        """Handle PUT /orders/{id}: the old order is cancelled, and the new one has an id of its own."""
        order, outcome = body.get("order"), Outcome()
        kind = kind_of(order)
        assert isinstance(order, dict)
        if found is None or found["id"] not in self.book.pending:
            return self._no_such_order(specifier, request_id)
        fields, refused, malformed = self._checked(order, found)
        if malformed:
            raise Malformed(malformed)
        with self.log.batch(request_id) as made:
            if refused:
                self._reject(kind, order, refused, outcome, intendedReplacesOrderID=found["id"])
            else:
                by = str(int(self.log.next) + 1)
                cancel = self.matching.cancel(found, "CLIENT_REQUEST_REPLACED", replacedByOrderID=by)
                links = {"replacesOrderID": found["id"], "cancellingTransactionID": cancel["id"]}
                outcome = self.matching.submit(kind, fields | links, "REPLACEMENT")
                outcome.named = {"orderCancelTransaction": cancel} | {
                    "replacingOrderCancelTransaction" if name == "orderCancelTransaction" else name: entry
                    for name, entry in outcome.named.items()
                }
        return self._answer(400 if refused else 201, outcome, made, refused)

    def _checked(self, order: Json, replaced: Json | None = None) -> tuple[Json, str, str]:
        """Return the fields of an order, or why it is rejected, or why it is none."""
        try:
            return checked(order, self.book, replaced), "", ""
        except Rejected as rejected:
            return {}, str(rejected), ""
        except Malformed as malformed:
            return {}, "", str(malformed)

    def cancel(self, found: Json | None, specifier: str, request_id: str, user: int = USER) -> Answer:
        """Handle PUT /orders/{id}/cancel."""
        if found is None or found["id"] not in self.book.pending:
            return self._no_such_order(specifier, request_id)
        with self.log.batch(request_id, user) as made:
            entry = self.matching.cancel(found, "CLIENT_REQUEST")
        return self._answer(200, Outcome({"orderCancelTransaction": entry}), made)

    def extend(self, found: Json, body: Json, request_id: str) -> Answer:
        """Handle PUT /orders/{id}/clientExtensions."""
        wanted = {"clientExtensionsModify": body.get("clientExtensions", {})}
        with self.log.batch(request_id) as made:
            entry = self.log.add(
                "ORDER_CLIENT_EXTENSIONS_MODIFY",
                orderID=found["id"],
                clientOrderID=id_of(found) or None,
                **wanted,
            )
        return self._answer(200, Outcome({"orderClientExtensionsModifyTransaction": entry}), made)

    def close_trade(self, trade: Json, wanted: str, request_id: str) -> Answer:
        """Handle PUT /trades/{id}/close."""
        held = Decimal(trade["currentUnits"])
        amount = -held if wanted == "ALL" else Decimal(wanted) * (-1 if held > 0 else 1)
        fields = {"instrument": trade["instrument"], "units": units(amount)}
        return self._close(fields | {"tradeClose": {"tradeID": trade["id"], "units": wanted}}, request_id)

    def close_position(
        self, instrument: str, wanted: Json, request_id: str, user: int = USER
    ) -> Answer | None:
        """Handle PUT /positions/{instrument}/close; None is: there is none."""
        net = self.book.net(instrument)
        asked = wanted.get("longUnits" if net > 0 else "shortUnits", "ALL")
        if not net or asked == "NONE":
            return None
        amount = net if asked == "ALL" else Decimal(asked) * (1 if net > 0 else -1)
        closed = "longPositionCloseout" if net > 0 else "shortPositionCloseout"
        fields = {"instrument": instrument, "units": units(-amount)}
        return self._close(fields | {closed: {"instrument": instrument, "units": asked}}, request_id, user)

    def _close(self, fields: Json, request_id: str, user: int = USER) -> Answer:
        reason = "TRADE_CLOSE" if "tradeClose" in fields else "POSITION_CLOSEOUT"
        fields |= {"timeInForce": "FOK", "positionFill": "REDUCE_ONLY"}
        with self.log.batch(request_id, user) as made:
            outcome = self.matching.submit("MARKET", fields, reason)
        if reason == "POSITION_CLOSEOUT":
            side = "long" if "longPositionCloseout" in fields else "short"
            outcome.named = {f"{side}O{name[1:]}": entry for name, entry in outcome.named.items()}
        return self._answer(200, outcome, made)

    def _reject(self, kind: str, order: Json, why: str, outcome: Outcome, **more: str) -> None:
        asked = {name: value for name, value in order.items() if name not in ("type", "id", "reason", "time")}
        entry = self.log.add(f"{kind}_ORDER_REJECT", **asked, reason="CLIENT_ORDER", rejectReason=why, **more)
        outcome.note("orderRejectTransaction", entry)

    def _no_such_order(self, specifier: str, request_id: str) -> Answer:
        name = "clientOrderID" if specifier.startswith("@") else "orderID"
        with self.log.batch(request_id) as made:
            entry = self.log.add(
                "ORDER_CANCEL_REJECT",
                **{name: specifier.removeprefix("@")},
                rejectReason="ORDER_DOESNT_EXIST",
            )
        outcome = Outcome({"orderCancelRejectTransaction": entry})
        return self._answer(404, outcome, made, "ORDER_DOESNT_EXIST")

    def _answer(self, status: int, outcome: Outcome, made: list[Json], refused: str = "") -> Answer:
        body: Json = dict(outcome.named)
        body |= {"relatedTransactionIDs": [entry["id"] for entry in made], "lastTransactionID": self.log.last}
        if refused:
            body |= {"errorCode": refused, "errorMessage": refused.replace("_", " ").capitalize()}
        return status, body
