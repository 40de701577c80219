"""Snapshots: what is so when somebody begins to follow."""

from collections.abc import AsyncIterator, Callable
from typing import Any

from actors.api.port import Port
from actors.api.scopes import in_reach
from actors.api.stream.market import bar_data, quote_data
from actors.api.stream.reader import Channel, Reader
from actors.api.stream.told import News, Told
from actors.api.views.accounts import account_view, position_view
from actors.api.views.orders import order_view
from actors.api.views.trading_states import state_view
from lts.domain.accounts import GetAccount
from lts.domain.listings import MOST
from lts.domain.order_listings import ListOrders, OrdersListed
from lts.domain.risk import GetTradingStates

TRIES = 3
"""How often what changes meanwhile is asked for: what comes behind it tells the rest."""


class Snapshots:
    """Tells readers what is so."""

    def __init__(self, port: Port) -> None:
        self._port = port
        self._of: dict[str, Callable[[str], Any]] = {"quotes": self._quote, "bars": self._bar}

    def tell_prices(self, reader: Reader, channel: Channel) -> None:
        """Tell the latest of a market, where there was any since the API started."""
        topic, key = channel
        if topic in self._of and (data := self._of[topic](key)) is not None:
            _tell(reader, channel, self._port.streams.number(channel), data)

    async def tell_account(self, reader: Reader, channel: Channel) -> None:
        """Tell what a portfolio has or holds, and all that changes from then on."""
        topic, key = channel
        streams = self._port.streams
        for _ in range(TRIES):
            number = streams.number(channel)
            account = await self._port.find(GetAccount(key))
            if number == streams.number(channel):
                break
        held = [position_view(each) for each in account.positions]
        _tell(reader, channel, number, account_view(account) if topic == "account" else held)
        streams.subscribe(reader, channel)

    async def tell_orders(self, reader: Reader, key: str, seq: int) -> None:
        """Tell the orders of a portfolio that may still trade, as of a number of the journal or later."""
        async for page in self._open_orders(key):
            await reader.room()
            _tell(reader, ("orders", key), seq, [order_view(each) for each in page.orders])

    async def tell_states(self, reader: Reader, seq: int) -> None:
        """Tell which scopes that concern a reader may not trade as they like."""
        owners, identity = self._port.premises.owners, reader.identity
        states = (await self._port.ask(GetTradingStates())).states
        seen = [
            state_view(identity, owners, each) for each in states if in_reach(each.scope, identity, owners)
        ]
        _tell(reader, ("trading-states", ""), seq, seen)

    async def _open_orders(self, portfolio: str) -> AsyncIterator[OrdersListed]:
        mark = ""
        while True:
            page = await self._port.ask(ListOrders((portfolio,), open=True, after=mark, limit=MOST))
            if not isinstance(page, OrdersListed):
                return
            yield page
            mark = page.next
            if not mark:
                return

    def _quote(self, instrument: str) -> Any:
        quote = self._port.quotes.get(instrument)
        return None if quote is None else quote_data(quote)

    def _bar(self, instrument: str) -> Any:
        bar = self._port.bars.get(instrument)
        return None if bar is None else bar_data(bar)


def _tell(reader: Reader, channel: Channel, seq: int, data: Any) -> None:
    reader.tell(Told(News("snapshot", *channel, seq, data), channel[0]))
