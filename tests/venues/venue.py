"""One venue, put together: its clock, prices, log, book and faults."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

from tests.venues.book import Book
from tests.venues.counter import Counter
from tests.venues.faults import Faults
from tests.venues.instants import SECOND, Clock, pause
from tests.venues.instruments import Json, money
from tests.venues.matching import Matching
from tests.venues.prices import Prices
from tests.venues.streams import End, Streams
from tests.venues.transactions import Transactions

TRANSACTIONS, PRICING = "/transactions/stream", "/pricing/stream"


class Venue:
    """What a request is answered from, and what moves on by itself."""

    def __init__(
        self,
        file: Path,
        account: str,
        *,
        balance: Decimal = Decimal(100_000),
        commission: Decimal = Decimal(0),
        liquidity: Decimal | None = None,
        heartbeat: float = 5.0,
        seed: int = 0,
    ) -> None:
        self.clock = Clock()
        self.prices = Prices(self.clock, liquidity=liquidity)
        self.log = Transactions(file, account, self.clock)
        for name, value in self.log.marks().items():
            if name in self.prices.quotes:
                self.prices.set(name, *map(Decimal, value))
        self.book = Book(self.log, self.prices)
        self.matching = Matching(self.book, commission)
        self.counter = Counter(self.book, self.matching)
        self.faults = Faults(self.clock, seed)
        self.streams = Streams(self.faults, heartbeat)
        self.balance = balance
        if not self.log.entries:
            self._open()
        self.log.listeners.append(lambda entry: self.streams.tell(TRANSACTIONS, entry))
        self.prices.listeners.append(self._priced)

    def reset(self) -> None:
        """Begin anew: another book, the listed prices, no faults, no streams."""
        self.streams.end(End.CUT)
        self.log.forget()
        self.book.empty()
        self.faults.forget()
        self.prices.begin()
        self._open()

    def _open(self) -> None:
        with self.log.batch():
            self.log.add(
                "CREATE", divisionID=1, siteID=1, accountUserID=1000001, accountNumber=1, homeCurrency="USD"
            )
            funds = {"amount": money(self.balance), "accountBalance": money(self.balance)}
            self.log.add("TRANSFER_FUNDS", fundingReason="CLIENT_FUNDING", **funds)

    def _priced(self, name: str) -> None:
        if any(reader.path == PRICING for reader in self.streams.readers):
            self.streams.tell(PRICING, self.prices.written(name))
        self.matching.tick(name)

    def set_price(self, name: str, bid: Decimal, ask: Decimal, liquidity: Decimal | None = None) -> None:
        """Quote what somebody has commanded; it is still so after a restart."""
        with self.log.batch():
            self.log.mark(name, [str(bid), str(ask)])
        self.prices.set(name, bid, ask, liquidity)

    def transaction_beat(self) -> Json:
        return {"type": "HEARTBEAT", "lastTransactionID": self.log.last, "time": self.clock.text()}

    def pricing_beat(self) -> Json:
        return {"type": "HEARTBEAT", "time": self.clock.text()}

    async def live(self, rounds: Iterator[str] | None, tick: float) -> None:
        """Let prices move and orders expire, until the process ends; keep prices once a second."""
        kept = self.clock.now()
        while True:
            await pause(tick)
            self.matching.expire()
            if rounds is not None and next(rounds, None) is None:
                rounds = None
            if rounds is not None and self.clock.now() - kept > SECOND:
                kept = self.clock.now()
                with self.log.batch():
                    for name, quote in self.prices.quotes.items():
                        self.log.mark(name, [str(quote.bid), str(quote.ask)])
