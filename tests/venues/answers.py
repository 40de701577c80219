"""What the venue says when it is only asked: the account, its orders, trades and positions."""

from collections.abc import Iterable, Mapping
from decimal import Decimal

from tests.venues.book import DEPENDENT, ZERO, Book
from tests.venues.instruments import LISTED, Json, money, units

ORDERS, MOST = 50, 500
"""How many are listed, by default and at most."""


def summary(book: Book) -> Json:
    """Return the account without its orders, trades and positions."""
    figures = {name: money(value) for name, value in book.figures().items()}
    used, worth = Decimal(figures["marginUsed"]), Decimal(figures["NAV"])
    closeout = f"{used / 2 / worth:.5f}" if worth > 0 else "0.00000"
    return figures | {
        "id": book.log.account,
        "alias": "Primary",
        "currency": book.prices.home,
        "createdByUserID": book.log.entries[0]["userID"],
        "createdTime": book.created,
        "guaranteedStopLossOrderMode": "DISABLED",
        "hedgingEnabled": False,
        "marginRate": "0.02",
        "openTradeCount": len(book.open),
        "openPositionCount": len({each["instrument"] for each in book.open.values()}),
        "pendingOrderCount": len(book.pending),
        "dividendAdjustment": "0.0000",
        "guaranteedExecutionFees": "0.0000",
        "withdrawalLimit": figures["marginAvailable"],
        "marginCloseoutUnrealizedPL": figures["unrealizedPL"],
        "marginCloseoutNAV": figures["NAV"],
        "marginCloseoutMarginUsed": figures["marginUsed"],
        "marginCloseoutPositionValue": figures["positionValue"],
        "marginCloseoutPercent": closeout,
        "marginCallMarginUsed": figures["marginUsed"],
        "marginCallPercent": closeout,
        "lastTransactionID": book.log.last,
    }


def trade(book: Book, each: Json) -> Json:
    """Return a trade, with what hangs on it."""
    shown = {name: value for name, value in each.items() if name != "closedSum"}
    if each["state"] == "OPEN":
        shown["unrealizedPL"] = money(book.unrealized(each))
        shown["marginUsed"] = money(book.margin(each["instrument"], Decimal(each["currentUnits"])))
    for order in book.pending.values():
        if order.get("tradeID") == each["id"]:
            shown[DEPENDENT[order["type"]]] = order
    return shown


def trade_summary(book: Book, each: Json) -> Json:
    """Return a trade as an account lists it: what hangs on it by its id."""
    shown = trade(book, each)
    return {(f"{k}ID" if k in DEPENDENT.values() else k): v["id"] if k in DEPENDENT.values() else v
            for k, v in shown.items()}  # fmt: skip


def position(book: Book, name: str) -> Json:
    """Return the long and the short side of what is held of an instrument."""
    sides = {"long": _side(book, name, "long", 1), "short": _side(book, name, "short", -1)}
    totals = {
        total: money(sum((Decimal(side[total]) for side in sides.values()), ZERO))
        for total in ("pl", "resettablePL", "unrealizedPL", "financing")
    }
    shown: Json = {"instrument": name, "commission": "0.0000"} | totals | sides
    if held := book.net(name):
        shown["marginUsed"] = money(book.margin(name, held))
    return shown


def _side(book: Book, name: str, side: str, sign: int) -> Json:
    held = [each for each in book.trades_of(name) if Decimal(each["currentUnits"]) * sign > 0]
    amount = sum((Decimal(each["currentUnits"]) for each in held), ZERO)
    realized = money(book.pl_of.get((name, side), ZERO))
    shown = {
        "units": units(amount),
        "pl": realized,
        "resettablePL": realized,
        "financing": money(_financing(book, name, sign)),
        "unrealizedPL": money(sum(map(book.unrealized, held), ZERO)),
    }
    if held:
        paid = sum((Decimal(each["currentUnits"]) * Decimal(each["price"]) for each in held), ZERO)
        shown |= {
            "averagePrice": LISTED[name].price(paid / amount),
            "tradeIDs": [each["id"] for each in held],  # type: ignore[dict-item]
        }
    return shown


def _financing(book: Book, name: str, sign: int) -> Decimal:
    """Return what all trades of a side have paid for their nights, those that are closed too."""
    ever = (each for each in book.trades.values() if each["instrument"] == name)
    those = (each for each in ever if Decimal(each["initialUnits"]) * sign > 0)
    return sum((Decimal(each["financing"]) for each in those), ZERO)


def positions(book: Book, *, open_only: bool) -> list[Json]:
    """Return the positions there are, or (as v20 does for `/positions`) also those there ever were."""
    those = book.open if open_only else book.trades
    return [position(book, name) for name in sorted({each["instrument"] for each in those.values()})]


def account(book: Book) -> Json:
    return summary(book) | {
        "orders": list(book.pending.values()),
        "trades": [trade_summary(book, each) for each in book.open.values()],
        "positions": positions(book, open_only=False),
    }


def listed(those: Iterable[Json], query: Mapping[str, str], state: str) -> list[Json]:
    """Return orders or trades by state, instrument, ids, `beforeID` and `count`: the newest first."""
    state, instrument = query.get("state", state), query.get("instrument")
    ids = set(filter(None, query.get("ids", "").split(",")))
    before, count = query.get("beforeID"), min(int(query.get("count", ORDERS)), MOST)
    found = [
        each
        for each in those
        if (state == "ALL" or each["state"] == state or each["id"] in ids)
        and (instrument is None or each.get("instrument") == instrument)
        and (not ids or each["id"] in ids)
        and (before is None or int(each["id"]) < int(before))
    ]
    return sorted(found, key=lambda each: -int(each["id"]))[:count]
