"""Orders meet prices: what is filled, how much of it, at which price, and what follows from it.

Where v20's documents are silent: what IOC leaves over, or REDUCE_ONLY beyond the position, is ended by an
ORDER_CANCEL after the ORDER_FILL; what a limit or stop order leaves over waits under a new id, with the same
client id (`orderReissueTransaction`). Margin is checked when an order opens something; there is no margin
closeout, and no financing.
"""

from dataclasses import dataclass, field
from decimal import Decimal

from tests.venues.book import DEPENDENT, ZERO, Book, id_of
from tests.venues.fills import closings, fill_fields
from tests.venues.instants import end_of_day, read
from tests.venues.instruments import LISTED, Instrument, Json, units
from tests.venues.orders import ON_FILL

AT_ONCE = ("FOK", "IOC")
NOT_COPIED = (
    "id", "createTime", "type", "state", "units", "fillingTransactionID", "filledTime", "tradeOpenedID",
    "tradeReducedID", "tradeClosedIDs", "replacesOrderID", "trailingStopValue",
)  # fmt: skip


@dataclass
class Outcome:
    """What became of an order when it met the market: the transactions, by their names in an answer."""

    named: dict[str, Json] = field(default_factory=dict)

    def note(self, name: str, entry: Json) -> None:
        self.named.setdefault(name, entry)


class Matching:
    """Fills, triggers, trails, expires and cancels the orders of a book."""

    def __init__(self, book: Book, commission: Decimal = ZERO) -> None:
        self.book, self.prices, self.log, self.commission = book, book.prices, book.log, commission
        for name, value in self.log.marks().items():
            if (order := book.orders.get(name)) is not None:
                order["trailingStopValue"] = value

    def submit(self, kind: str, fields: Json, reason: str = "CLIENT_ORDER") -> Outcome:
        """Create an order, and let it meet the market; call it within a batch of the log."""
        if kind == "MARKET_IF_TOUCHED":
            instrument = LISTED[fields["instrument"]]
            now = self.prices.quotes[instrument.name].side(1 if Decimal(fields["units"]) > 0 else -1)
            fields = fields | {"initialMarketPrice": instrument.price(now)}
        if kind == "STOP_LOSS" and "distance" in fields:
            trade = self.book.trades[fields["tradeID"]]
            away = Decimal(fields["distance"]) * (1 if Decimal(trade["initialUnits"]) > 0 else -1)
            listed = LISTED[trade["instrument"]]
            fields = fields | {"price": listed.price(Decimal(trade["price"]) - away)}
        create = self.log.add(f"{kind}_ORDER", **fields, reason=reason)
        outcome = Outcome({"orderCreateTransaction": create})
        self._trail(self.book.orders[create["id"]])
        self.attempt(self.book.orders[create["id"]], outcome)
        return outcome

    def cancel(self, order: Json, reason: str, **more: str) -> Json:
        client_id = id_of(order) or None
        return self.log.add(
            "ORDER_CANCEL", orderID=order["id"], clientOrderID=client_id, reason=reason, **more
        )

    def tick(self, name: str) -> None:
        """Let the pending orders in an instrument meet its new price."""
        for order in [each for each in self.book.pending.values() if self.instrument(each).name == name]:
            self._trail(order)
            if self.triggered(order):
                with self.log.batch():
                    if order["id"] in self.book.pending:
                        self.attempt(order, Outcome())

    def expire(self, *, day_over: bool = False) -> None:
        """End what has lived as long as it should: GTD by its own time, GFD with the day."""
        now = self.log.clock.now()
        for order in list(self.book.pending.values()):
            force = order["timeInForce"]
            over = force == "GTD" and read(order["gtdTime"]) <= now
            over |= force == "GFD" and (day_over or end_of_day(read(order["createTime"])) <= now)
            if over:
                with self.log.batch():
                    self.cancel(order, "TIME_IN_FORCE_EXPIRED")

    def instrument(self, order: Json) -> Instrument:
        return LISTED[order.get("instrument") or self.book.trades[order["tradeID"]]["instrument"]]

    def amount(self, order: Json) -> Decimal:
        """Return an order's signed units; one that hangs on a trade closes it."""
        if "units" in order:
            return Decimal(order["units"])
        return -Decimal(self.book.trades[order["tradeID"]]["currentUnits"])

    def trigger_price(self, order: Json) -> Decimal:
        quote = self.prices.quotes[self.instrument(order).name]
        sign = 1 if self.amount(order) > 0 else -1
        match order.get("triggerCondition", "DEFAULT"):
            case "INVERSE":
                return quote.side(-sign)
            case "BID":
                return quote.bid
            case "ASK":
                return quote.ask
            case "MID":
                return quote.mid
            case _:
                return quote.side(sign)

    def triggered(self, order: Json) -> bool:
        """Tell whether the market has reached an order."""
        if (kind := order["type"]) == "MARKET":
            return True
        sign, now = 1 if self.amount(order) > 0 else -1, self.trigger_price(order)
        price = Decimal(order.get("price", "0"))
        match kind:
            case "LIMIT" | "TAKE_PROFIT":
                pays = self.prices.quotes[self.instrument(order).name].side(sign)
                return sign * now <= sign * price and sign * pays <= sign * price
            case "MARKET_IF_TOUCHED":
                above = price >= Decimal(order["initialMarketPrice"])
                return now >= price if above else now <= price
            case "TRAILING_STOP_LOSS":
                return sign * now >= sign * Decimal(order["trailingStopValue"])
            case _:
                return sign * now >= sign * price

    def _trail(self, order: Json) -> None:
        """Draw a trailing stop behind the best price since it works."""
        if order["type"] != "TRAILING_STOP_LOSS":
            return
        sign, distance = 1 if self.amount(order) > 0 else -1, Decimal(order["distance"])
        value = self.trigger_price(order) + sign * distance
        if (before := order.get("trailingStopValue")) is None or sign * value < sign * Decimal(before):
            order["trailingStopValue"] = self.instrument(order).price(value)
            self.log.mark(order["id"], order["trailingStopValue"])

    def attempt(self, order: Json, outcome: Outcome) -> None:
        """Fill what can be filled; cancel what may not wait."""
        instrument, amount = self.instrument(order), self.amount(order)
        sign, at_once = 1 if amount > 0 else -1, order["timeInForce"] in AT_ONCE
        if not self.triggered(order):
            if at_once:
                outcome.note("orderCancelTransaction", self.cancel(order, "TIME_IN_FORCE_EXPIRED"))
            return
        price = self.prices.quotes[instrument.name].side(sign)
        wanted, refusal = self._wanted(order, instrument.name, amount, price)
        if refusal == "MARKET_HALTED" and not at_once:
            return
        left = self.prices.available(instrument.name, sign)
        filled = wanted if left is None else min(wanted, left)
        if not refusal and filled < wanted and (order["timeInForce"] == "FOK" or not filled):
            if not at_once:
                return
            refusal = "INSUFFICIENT_LIQUIDITY"
        if refusal:
            outcome.note("orderCancelTransaction", self.cancel(order, refusal))
            return
        self.prices.take(instrument.name, sign, filled)
        entry = self.log.add(
            "ORDER_FILL", **fill_fields(self.book, order, filled * sign, price, self.commission)
        )
        outcome.note("orderFillTransaction", entry)
        self._follow(order, entry)
        self._rest(order, amount, filled, wanted, outcome)

    def _wanted(self, order: Json, name: str, amount: Decimal, price: Decimal) -> tuple[Decimal, str]:
        """Return how much of an order may be filled, and why it may not be at all ("" if it may)."""
        sign, wanted, net = 1 if amount > 0 else -1, abs(amount), self.book.net(name)
        against = abs(net) if net * sign < 0 else ZERO
        rule = order.get("positionFill", "DEFAULT")
        if rule == "REDUCE_ONLY":
            wanted = min(wanted, against)
        opens = wanted - against if order["type"] not in DEPENDENT else ZERO
        bound = order.get("priceBound")
        if name in self.prices.halted:
            return wanted, "MARKET_HALTED"
        if bound is not None and sign * price > sign * Decimal(bound):
            return wanted, "BOUNDS_VIOLATION"
        if not wanted:
            return wanted, "POSITION_CLOSEOUT_FAILED"
        if rule == "OPEN_ONLY" and against:
            return wanted, "FIFO_VIOLATION"
        free = self.book.figures()["marginAvailable"] + self.book.margin(name, against)
        if opens > 0 and self.book.margin(name, opens) > free:
            return wanted, "INSUFFICIENT_MARGIN"
        return wanted, ""

    def _follow(self, order: Json, entry: Json) -> None:
        """Cancel what hung on trades that are closed, and hang on the new trade what was asked for."""
        for part in closings(entry):
            if part["tradeID"] in self.book.open:
                continue
            for hanging in [
                each for each in self.book.pending.values() if each.get("tradeID") == part["tradeID"]
            ]:
                self.cancel(hanging, "LINKED_TRADE_CLOSED", closedTradeID=part["tradeID"])
        if opened := entry.get("tradeOpened"):
            for name, kind in ON_FILL.items():
                if wanted := order.get(name):
                    self.submit(
                        kind,
                        {"tradeID": opened["tradeID"], "triggerCondition": "DEFAULT"} | wanted,
                        "ON_FILL",
                    )

    def _rest(self, order: Json, amount: Decimal, filled: Decimal, wanted: Decimal, outcome: Outcome) -> None:
        """Deal with what was not filled."""
        if filled == abs(amount):
            return
        if order["timeInForce"] in AT_ONCE or filled == wanted:
            why = "POSITION_CLOSEOUT_FAILED" if filled == wanted else "INSUFFICIENT_LIQUIDITY"
            outcome.note("orderCancelTransaction", self.cancel(order, why))
            return
        fields = {name: value for name, value in order.items() if name not in NOT_COPIED}
        if "units" in order:
            fields["units"] = units(amount - filled * (1 if amount > 0 else -1))
        again = self.log.add(
            f"{order['type']}_ORDER", **fields, reason="REPLACEMENT", replacesOrderID=order["id"]
        )
        outcome.note("orderReissueTransaction", again)
        self._trail(self.book.orders[again["id"]])
