"""One ORDER_FILL: which trades it closes, oldest first, which it opens, and the money of it."""

from decimal import ROUND_HALF_EVEN, Decimal

from tests.venues.book import Book, id_of
from tests.venues.instruments import LISTED, MONEY, Json, money, units


def fill_fields(book: Book, order: Json, amount: Decimal, price: Decimal, commission: Decimal) -> Json:
    """Return the fields of the transaction that fills so many signed units of an order."""
    name = order.get("instrument") or book.trades[order["tradeID"]]["instrument"]
    instrument = LISTED[name]
    factor = book.prices.home_factor(instrument.quote)
    parts, left, gained = _parts(book, order, name, amount, price)
    financing = book.accrued.pop(name, Decimal(0)) if parts else Decimal(0)
    if parts:
        parts[0]["financing"] = money(financing)
    realized = sum((Decimal(part["realizedPL"]) for part in parts), Decimal(0))
    fee = (abs(amount) * price * factor * commission).quantize(MONEY, ROUND_HALF_EVEN)
    half_spread = abs(amount) * (book.prices.quotes[name].ask - book.prices.quotes[name].bid) / 2 * factor
    reduced = [part for part in parts if part.pop("partly")]
    shown = book.prices.written(name)
    fields: Json = {
        "orderID": order["id"],
        "clientOrderID": id_of(order) or None,
        "instrument": name,
        "units": units(amount),
        "requestedUnits": order.get("units", units(amount)),
        "price": instrument.price(price),
        "fullVWAP": instrument.price(price),
        "fullPrice": {part: shown[part] for part in ("bids", "asks", "closeoutBid", "closeoutAsk")}
        | {"timestamp": shown["time"]},
        "reason": _reason(book, order),
        "pl": money(realized),
        "quotePL": f"{gained.normalize():f}" if gained else "0",
        "financing": money(financing),
        "commission": money(fee),
        "guaranteedExecutionFee": "0.0000",
        "halfSpreadCost": money(half_spread),
        "accountBalance": money(book.balance + realized + financing - fee),
        "gainQuoteHomeConversionFactor": f"{factor:.10f}",
        "lossQuoteHomeConversionFactor": f"{factor:.10f}",
        "homeConversionFactors": {
            side: {"factor": f"{factor:.10f}"} for side in ("gainQuoteHome", "lossQuoteHome")
        },
    }
    if closed := [part for part in parts if part not in reduced]:
        fields["tradesClosed"] = closed
    if reduced:
        fields["tradeReduced"] = reduced[0]
    if left:
        fields["tradeOpened"] = _opened(book, order, name, left, fields)
    return fields


def closings(entry: Json) -> list[Json]:
    """Return the trades that a fill closed, wholly or in part."""
    reduced = entry.get("tradeReduced")
    return [*entry.get("tradesClosed", []), *([reduced] if reduced else [])]


def _parts(
    book: Book, order: Json, name: str, amount: Decimal, price: Decimal
) -> tuple[list[Json], Decimal, Decimal]:
    """Return what is closed of each trade, the units that open one, and the profit in the quote currency."""
    factor = book.prices.home_factor(LISTED[name].quote)
    parts: list[Json]
    only, parts, left, gained = _only(order), [], amount, Decimal(0)
    for trade in book.trades_of(name) if book.net(name) * amount < 0 else ():
        held = Decimal(trade["currentUnits"])
        if not left or (only and trade["id"] != only):
            continue
        closed = -held if abs(held) <= abs(left) else left
        profit = (price - Decimal(trade["price"])) * -closed
        gained, left = gained + profit, left - closed
        parts.append({
            "tradeID": trade["id"],
            "units": units(closed),
            "price": LISTED[name].price(price),
            "realizedPL": money(profit * factor),
            "financing": "0.0000",
            "guaranteedExecutionFee": "0.0000",
            "partly": closed != -held,
        })  # fmt: skip
    return parts, left, gained


def _only(order: Json) -> str:
    """Return the one trade that an order may close, or "" if it may close any."""
    return str(order.get("tradeID") or order.get("tradeClose", {}).get("tradeID", ""))


def _opened(book: Book, order: Json, name: str, left: Decimal, fields: Json) -> Json:
    opened: Json = {
        "tradeID": book.log.next,
        "units": units(left),
        "price": fields["price"],
        "guaranteedExecutionFee": "0.0000",
        "halfSpreadCost": fields["halfSpreadCost"],
        "initialMarginRequired": money(book.margin(name, left)),
    }
    if extensions := order.get("tradeClientExtensions"):
        opened["clientExtensions"] = extensions
    return opened


def _reason(book: Book, order: Json) -> str:
    """Return why an order was filled: it is one of its kind, or closes a trade or a position."""
    created = book.log.entries[int(order["id"]) - 1]["reason"]
    more = f"_{created}" if created in ("TRADE_CLOSE", "POSITION_CLOSEOUT") else ""
    return f"{order['type']}_ORDER{more}"
