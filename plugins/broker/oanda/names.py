"""What things are called here and there: instruments, and the ids of orders."""

from collections.abc import Iterable, Mapping
from urllib.parse import quote


class Names:
    """The names of instruments: EUR/USD is EUR_USD there, unless a system file says otherwise."""

    def __init__(self, symbols: Iterable[str], others: Mapping[str, str]) -> None:
        self._others = others
        self._theirs: dict[str, str] = {}
        self._ours: dict[str, str] = {}
        for symbol in symbols:
            self.add(symbol)

    def add(self, symbol: str) -> None:
        """Know one more of our instruments."""
        theirs = self._others.get(symbol, symbol.replace("/", "_"))
        self._theirs[symbol], self._ours[theirs] = theirs, symbol

    def theirs(self, symbol: str) -> str:
        """What one of our instruments is called there."""
        return self._theirs[symbol]

    def ours(self, instrument: str) -> str:
        """What an instrument of theirs is called here, also one that is not traded here."""
        return self._ours.get(instrument, instrument.replace("_", "/"))


def there(client_order_id: str) -> str:
    """A client order id as it is told to the venue: a slash would end a part of a path, and is a ~."""
    return client_order_id.replace("/", "~")


def here(client_order_id: str) -> str:
    """A client order id as the venue told it."""
    return client_order_id.replace("~", "/")


def specifier(client_order_id: str) -> str:
    """How an order is named in a path, by its client order id."""
    return "@" + quote(there(client_order_id), safe="")
