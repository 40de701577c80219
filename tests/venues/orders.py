"""An order as it is asked for: what v20 would take it for, or why it would reject it."""

from collections.abc import Iterable
from decimal import Decimal, InvalidOperation

from tests.venues.book import DEPENDENT, Book
from tests.venues.instants import read
from tests.venues.instruments import LISTED, Instrument, Json, units

ENTRY = ("MARKET", "LIMIT", "STOP", "MARKET_IF_TOUCHED")
WAITING = ("LIMIT", "STOP", "MARKET_IF_TOUCHED", *DEPENDENT)
POSITION_FILL = ("DEFAULT", "OPEN_ONLY", "REDUCE_FIRST", "REDUCE_ONLY")
TRIGGER = ("DEFAULT", "INVERSE", "BID", "ASK", "MID")
LONGEST_ID = 128
ON_FILL = {
    "takeProfitOnFill": "TAKE_PROFIT",
    "stopLossOnFill": "STOP_LOSS",
    "trailingStopLossOnFill": "TRAILING_STOP_LOSS",
}


class Malformed(Exception):
    """A request that makes no order, not even one to reject: answered 400, without a transaction."""


class Rejected(Exception):
    """An order that v20 rejects, with the transaction's `rejectReason`."""


def decimal(order: Json, name: str) -> Decimal | None:
    """Return a number of a request, or None if there is none."""
    if (value := order.get(name)) is None:
        return None
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite():
        raise Malformed(f"Invalid value specified for 'order.{name}'")
    return number


def kind_of(order: object) -> str:
    if not isinstance(order, dict):
        raise Malformed("Invalid value specified for 'order'")
    if (kind := order.get("type", "MARKET")) not in (*ENTRY, *DEPENDENT):
        raise Malformed("Invalid value specified for 'order.type'")
    return str(kind)


def checked(order: Json, book: Book, replaced: Json | None = None) -> Json:
    """Return the fields of the transaction that creates an order.

    Raises:
        Malformed: it cannot be read.
        Rejected: v20 would reject it.
    """
    kind = kind_of(order)
    fields = _entry(order) if kind in ENTRY else _dependent(order, book)
    instrument = LISTED[fields["instrument"]]
    fields |= _prices(order, kind, instrument) | _time(order, kind, book)
    fields["positionFill"] = one_of(
        order, "positionFill", POSITION_FILL, "ORDER_FILL_POSITION_ACTION_INVALID"
    )
    if kind in WAITING:
        fields["triggerCondition"] = one_of(order, "triggerCondition", TRIGGER, "TRIGGER_CONDITION_INVALID")
    if kind not in ENTRY:
        del fields["instrument"], fields["positionFill"]
    for name, dependent in ON_FILL.items():
        if (wanted := order.get(name)) is not None and kind in ENTRY:
            fields[name] = _on_fill(wanted, dependent, instrument)
    if extensions := order.get("tradeClientExtensions"):
        fields["tradeClientExtensions"] = extensions
    return fields | _extensions(order, book, replaced)


def one_of(order: Json, name: str, allowed: Iterable[str], refusal: str) -> str:
    """Return a choice, by default the one called DEFAULT."""
    if (choice := order.get(name, "DEFAULT")) not in allowed:
        raise Rejected(refusal)
    return str(choice)


def _entry(order: Json) -> Json:
    name, amount = order.get("instrument"), decimal(order, "units")
    if not name:
        raise Rejected("INSTRUMENT_MISSING")
    if name not in LISTED:
        raise Rejected("INSTRUMENT_UNKNOWN")
    instrument = LISTED[name]
    if amount is None:
        raise Rejected("UNITS_MISSING")
    if not amount:
        raise Rejected("UNITS_INVALID")
    if amount % Decimal(1).scaleb(-instrument.units_precision):
        raise Rejected("UNITS_PRECISION_EXCEEDED")
    if abs(amount) < Decimal(instrument.minimum):
        raise Rejected("UNITS_MINIMUM_NOT_MET")
    if abs(amount) > Decimal(instrument.maximum):
        raise Rejected("UNITS_LIMIT_EXCEEDED")
    return {"instrument": name, "units": units(amount)}


def _dependent(order: Json, book: Book) -> Json:
    """Return what an order that hangs on a trade takes from it."""
    if not (trade_id := order.get("tradeID")):
        raise Rejected("TRADE_ID_UNSPECIFIED")
    if str(trade_id) not in book.open:
        raise Rejected("TRADE_DOESNT_EXIST")
    kind = order["type"]
    for other in book.pending.values():
        if other.get("tradeID") == str(trade_id) and other["type"] == kind:
            raise Rejected(f"{kind}_ORDER_ALREADY_EXISTS")
    return {"instrument": book.open[str(trade_id)]["instrument"], "tradeID": str(trade_id)}


def _price(value: Decimal, instrument: Instrument, name: str) -> str:
    if value <= 0:
        raise Rejected(f"{name}_INVALID")
    if value % instrument.tick:
        raise Rejected(f"{name}_PRECISION_EXCEEDED")
    return instrument.price(value)


def _prices(order: Json, kind: str, instrument: Instrument, prefix: str = "") -> Json:
    found = {}
    price, bound, distance = (decimal(order, name) for name in ("price", "priceBound", "distance"))
    if kind == "TRAILING_STOP_LOSS" or (kind == "STOP_LOSS" and price is None and distance is not None):
        if distance is None:
            raise Rejected(f"{prefix}PRICE_DISTANCE_MISSING")
        found["distance"] = _price(distance, instrument, f"{prefix}PRICE_DISTANCE")
    elif kind in WAITING:
        if price is None:
            raise Rejected(f"{prefix}PRICE_MISSING")
        found["price"] = _price(price, instrument, f"{prefix}PRICE")
    if bound is not None and kind in ("MARKET", "STOP", "MARKET_IF_TOUCHED"):
        found["priceBound"] = _price(bound, instrument, "PRICE_BOUND")
    return found


def _time(order: Json, kind: str, book: Book, prefix: str = "") -> Json:
    default = "FOK" if kind == "MARKET" else "GTC"
    allowed = {"MARKET": ("FOK", "IOC"), "LIMIT": ("GTC", "GTD", "GFD", "FOK", "IOC")}
    if (force := order.get("timeInForce", default)) not in allowed.get(kind, ("GTC", "GTD", "GFD")):
        raise Rejected(f"{prefix}TIME_IN_FORCE_INVALID")
    if force != "GTD":
        return {"timeInForce": force}
    if not (until := order.get("gtdTime")):
        raise Rejected(f"{prefix}TIME_IN_FORCE_GTD_TIMESTAMP_MISSING")
    try:
        past = read(str(until)) <= book.log.clock.now()
    except ValueError:
        raise Malformed("Invalid value specified for 'order.gtdTime'") from None
    if past:
        raise Rejected(f"{prefix}TIME_IN_FORCE_GTD_TIMESTAMP_IN_PAST")
    return {"timeInForce": force, "gtdTime": str(until)}


def _on_fill(wanted: Json, kind: str, instrument: Instrument) -> Json:
    found = {"timeInForce": wanted.get("timeInForce", "GTC")}
    found |= _prices(wanted, kind, instrument, f"{kind}_ON_FILL_")
    return found | {name: wanted[name] for name in ("gtdTime", "clientExtensions") if name in wanted}


def _extensions(order: Json, book: Book, replaced: Json | None) -> Json:
    """Return the client's own id, tag and comment; only pending orders keep an id from being taken again."""
    if not (extensions := order.get("clientExtensions")):
        return {}
    client_id = extensions.get("id", "")
    if not isinstance(client_id, str) or len(client_id) > LONGEST_ID:
        raise Rejected("CLIENT_ORDER_ID_INVALID")
    taken = client_id and book.by_client_id(client_id, pending_only=True)
    if taken and taken is not replaced:
        raise Rejected("CLIENT_ORDER_ID_ALREADY_EXISTS")
    return {"clientExtensions": extensions}
