"""The account: a fold of its transactions, and nothing else."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from tests.venues.instruments import LISTED, Json, money, units
from tests.venues.prices import Prices
from tests.venues.transactions import Transactions

ZERO = Decimal(0)
OF_A_TRANSACTION = (
    "accountID",
    "userID",
    "batchID",
    "requestID",
    "time",
    "type",
    "reason",
    "intendedReplacesOrderID",
)
DEPENDENT = {
    "TAKE_PROFIT": "takeProfitOrder",
    "STOP_LOSS": "stopLossOrder",
    "TRAILING_STOP_LOSS": "trailingStopLossOrder",
}


@dataclass
class Holding:
    """The open trades in an instrument, oldest first, and their sums; they are all long or all short."""

    trades: dict[str, Json] = field(default_factory=dict)
    units: Decimal = ZERO
    cost: Decimal = ZERO
    """The sum of units times price."""

    def add(self, amount: Decimal, price: str) -> None:
        self.units += amount
        self.cost += amount * Decimal(price)


class Book:
    """Orders, trades and money of one account."""

    def __init__(self, log: Transactions, prices: Prices) -> None:
        self.log, self.prices = log, prices
        self.empty()
        log.apply = self.fold
        for entry in log.entries:
            self.fold(entry)

    def empty(self) -> None:
        """Be the book of an account that does not exist yet."""
        self.orders: dict[str, Json] = {}
        self.pending: dict[str, Json] = {}
        self.trades: dict[str, Json] = {}
        self.open: dict[str, Json] = {}
        self.named: dict[str, str] = {}
        """The last order that had a client id."""
        self.holdings: dict[str, Holding] = {}
        self.balance = self.pl = self.commission = self.financing = ZERO
        self.created = ""
        self.pl_of: dict[tuple[str, str], Decimal] = {}
        """Realised, by instrument, and by long or short."""
        self.accrued: dict[str, Decimal] = {}
        """What the next fill that closes something has to pay, by instrument; no restart is outlived."""

    def fold(self, entry: Json) -> None:
        """Apply a transaction."""
        match entry["type"]:
            case "CREATE":
                self.created = entry["time"]
            case "TRANSFER_FUNDS":
                self.balance = Decimal(entry["accountBalance"])
            case "ORDER_FILL":
                self._fill(entry)
            case "DAILY_FINANCING":
                self._finance(entry)
            case "DIVIDEND_ADJUSTMENT":
                self.balance = Decimal(entry["accountBalance"])
            case "ORDER_CANCEL":
                self._cancel(entry)
            case "ORDER_CLIENT_EXTENSIONS_MODIFY":
                order = self.orders[entry["orderID"]]
                self.named.pop(id_of(order), None)
                order["clientExtensions"] = entry["clientExtensionsModify"]
                self.named[id_of(order)] = order["id"]
            case kind if kind.endswith("_ORDER"):
                self._create(entry)

    def _create(self, entry: Json) -> None:
        order = {name: value for name, value in entry.items() if name not in OF_A_TRANSACTION}
        order |= {
            "createTime": entry["time"],
            "type": entry["type"].removesuffix("_ORDER"),
            "state": "PENDING",
        }
        self.orders[entry["id"]] = self.pending[entry["id"]] = order
        self.named[id_of(order)] = entry["id"]

    def _cancel(self, entry: Json) -> None:
        order = self.orders[entry["orderID"]]
        self.pending.pop(entry["orderID"], None)
        order |= {
            "state": "CANCELLED",
            "cancellingTransactionID": entry["id"],
            "cancelledTime": entry["time"],
        }
        if by := entry.get("replacedByOrderID"):
            order["replacedByOrderID"] = by

    def _fill(self, entry: Json) -> None:
        order = self.orders[entry["orderID"]]
        self.pending.pop(entry["orderID"], None)
        order |= {"state": "FILLED", "fillingTransactionID": entry["id"], "filledTime": entry["time"]}
        for part in entry.get("tradesClosed", []):
            self._reduce(entry, part)
            order.setdefault("tradeClosedIDs", []).append(part["tradeID"])
        if part := entry.get("tradeReduced"):
            self._reduce(entry, part)
            order["tradeReducedID"] = part["tradeID"]
        if opened := entry.get("tradeOpened"):
            order["tradeOpenedID"] = opened["tradeID"]
            self._open(entry, opened)
        self.balance = Decimal(entry["accountBalance"])
        self.pl += Decimal(entry["pl"])
        self.financing += Decimal(entry["financing"])
        self.commission += Decimal(entry["commission"])

    def _finance(self, entry: Json) -> None:
        for position in entry["positionFinancings"]:
            for part in position["openTradeFinancings"]:
                trade = self.trades[part["tradeID"]]
                trade["financing"] = money(Decimal(trade["financing"]) + Decimal(part["financing"]))
        self.balance = Decimal(entry["accountBalance"])
        self.financing += Decimal(entry["financing"])

    def _open(self, entry: Json, opened: Json) -> None:
        trade: Json = {
            "id": opened["tradeID"],
            "instrument": entry["instrument"],
            "price": opened["price"],
            "openTime": entry["time"],
            "state": "OPEN",
            "initialUnits": opened["units"],
            "currentUnits": opened["units"],
            "realizedPL": "0.0000",
            "financing": "0.0000",
            "initialMarginRequired": opened["initialMarginRequired"],
        }
        if "clientExtensions" in opened:
            trade["clientExtensions"] = opened["clientExtensions"]
        self.trades[trade["id"]] = self.open[trade["id"]] = trade
        holding = self.holdings.setdefault(entry["instrument"], Holding())
        holding.trades[trade["id"]] = trade
        holding.add(Decimal(opened["units"]), opened["price"])

    def _reduce(self, entry: Json, part: Json) -> None:
        trade = self.trades[part["tradeID"]]
        before, closed = Decimal(trade["currentUnits"]), -Decimal(part["units"])
        realized = Decimal(part["realizedPL"])
        over = Decimal(trade.pop("closedSum", "0")) + closed * Decimal(part["price"])
        left, gone = before - closed, Decimal(trade["initialUnits"]) - before + closed
        trade |= {
            "currentUnits": units(left),
            "realizedPL": money(Decimal(trade["realizedPL"]) + realized),
            "averageClosePrice": LISTED[trade["instrument"]].price(over / gone),
            "closedSum": str(over),
        }
        trade.setdefault("closingTransactionIDs", []).append(entry["id"])
        key = trade["instrument"], "long" if before > 0 else "short"
        self.pl_of[key] = self.pl_of.get(key, ZERO) + realized
        holding = self.holdings[trade["instrument"]]
        holding.add(-closed, trade["price"])
        if not left:
            del holding.trades[trade["id"]]
            trade |= {"state": "CLOSED", "closeTime": entry["time"]}
            del self.open[trade["id"]]

    def by_client_id(self, client_id: str, *, pending_only: bool = False) -> Json | None:
        """Return the pending order with a client id; failing that, the last that had it."""
        for order in self.pending.values():
            if id_of(order) == client_id:
                return order
        return None if pending_only else self.orders.get(self.named.get(client_id, ""))

    def net(self, instrument: str) -> Decimal:
        """Return the position: what is long less what is short."""
        return self.holdings[instrument].units if instrument in self.holdings else ZERO

    def trades_of(self, instrument: str) -> list[Json]:
        """Return the open trades in an instrument, oldest first."""
        return list(self.holdings[instrument].trades.values()) if instrument in self.holdings else []

    def unrealized(self, trade: Json) -> Decimal:
        amount, instrument = Decimal(trade["currentUnits"]), LISTED[trade["instrument"]]
        closing = self.prices.quotes[instrument.name].side(-1 if amount > 0 else 1)
        return (closing - Decimal(trade["price"])) * amount * self.prices.home_factor(instrument.quote)

    def margin(self, instrument: str, amount: Decimal) -> Decimal:
        """Return the margin that so many units need."""
        listed = LISTED[instrument]
        worth = self.prices.quotes[instrument].mid * self.prices.home_factor(listed.quote)
        return abs(amount) * worth * Decimal(listed.margin)

    def figures(self) -> dict[str, Decimal]:
        """Return the sums that an account's summary is made of."""
        used = unrealized = held = ZERO
        for name, holding in self.holdings.items():
            if not holding.units:
                continue
            margin, factor = self.margin(name, holding.units), self.prices.home_factor(LISTED[name].quote)
            closing = self.prices.quotes[name].side(-1 if holding.units > 0 else 1)
            used, held = used + margin, held + margin / Decimal(LISTED[name].margin)
            unrealized += (closing * holding.units - holding.cost) * factor
        worth = self.balance + unrealized
        return {
            "balance": self.balance,
            "pl": self.pl,
            "resettablePL": self.pl,
            "commission": self.commission,
            "financing": self.financing,
            "unrealizedPL": unrealized,
            "NAV": worth,
            "marginUsed": used,
            "marginAvailable": max(worth - used, ZERO),
            "positionValue": held,
        }


def id_of(order: Json) -> str:
    """Return an order's client id, or "" if it has none."""
    extensions: dict[str, Any] = order.get("clientExtensions") or {}
    return str(extensions.get("id", ""))
