"""All that is open in an account, as the venue describes it."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from lts.sdk import Side, VenueOrder, VenuePosition

from .book import Book
from .names import Names, here

NOTHING = Decimal(0)


def orders_in(account: Mapping[str, Any], names: Names, book: Book) -> Iterator[VenueOrder]:
    """Yield the orders that are pending."""
    trades = {trade["id"]: trade for trade in account.get("trades", ())}
    for order in account.get("orders", ()):
        of = order if "units" in order else _closing(trades.get(order.get("tradeID", ""), {}))
        units = Decimal(of.get("units", 0))
        client_order_id = here(order.get("clientExtensions", {}).get("id", ""))
        held = book.get(client_order_id)
        filled = held.filled if held else NOTHING
        yield VenueOrder(
            client_order_id,
            order["id"],
            names.ours(of.get("instrument", "")),
            Side.BUY if units > 0 else Side.SELL,
            abs(units) + filled,
            filled,
        )


def positions_in(account: Mapping[str, Any], names: Names) -> Iterator[VenuePosition]:
    """Yield the positions that are not flat, net."""
    for position in account.get("positions", ()):
        long, short = position["long"], position["short"]
        units = Decimal(long["units"]) + Decimal(short["units"])
        if units:
            price = (long if units > 0 else short).get("averagePrice", 0)
            yield VenuePosition(names.ours(position["instrument"]), units, Decimal(price))


def _closing(trade: Mapping[str, Any]) -> dict[str, Any]:
    """What an order trades that hangs on a trade: all of it, the other way."""
    units = -Decimal(trade.get("currentUnits", 0))
    return {"instrument": trade.get("instrument", ""), "units": units}
