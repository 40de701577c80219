"""The stream watch: notices when a feed is up and says nothing, though its market is open."""

from collections.abc import AsyncGenerator, Mapping
from typing import NamedTuple

from bus import SECOND, Actor, Event, on
from lts.domain.market import Bar, BarOpened, Quote, Trade
from lts.domain.sessions import Sessions
from lts.domain.streams import DataResumed, DataStale


class Stream(NamedTuple):
    """How long an instrument's feed may be silent, and when it has a reason to be."""

    stale_after_s: float
    sessions: Sessions


class LookUp(Event):
    """A word of the watch to itself: see whether something has been heard of an instrument."""

    instrument: str


class StreamWatch(Actor[Mapping[str, Stream]]):
    """Watches the instruments among `params`, in market time: a replay of 1999 is not stale.

    The silence of a closed market counts for nothing; after it has opened, its feed has as long as ever.
    """

    publishes = (DataStale, DataResumed)

    async def lifespan(self) -> AsyncGenerator[None, None]:
        """Begin to wait for each."""
        self.heard = dict.fromkeys(self.params, 0)
        self.begun = self.clock.now()
        self.stale: set[str] = set()
        for symbol, stream in self.params.items():
            self.after(stream.stale_after_s, LookUp(symbol))
        yield

    @on
    def hear(self, news: BarOpened | Bar | Quote | Trade) -> None:
        """Note that an instrument's feed is alive."""
        if news.instrument in self.heard:
            self.heard[news.instrument] = self.clock.now()
            if news.instrument in self.stale:
                self._resume(news.instrument)

    @on
    def look_up(self, due: LookUp) -> None:
        """Tell of an instrument of which nothing was heard for too long, and look again when it may be so."""
        symbol, now = due.instrument, self.clock.now()
        after_s, sessions = self.params[symbol]
        opened = sessions.opened(now)
        wait = round(after_s * SECOND)
        if opened is None:
            if symbol in self.stale:
                self._resume(symbol)
        else:
            # A watch that is born in 1970 has waited since the first moment only.
            silent = now - max(self.heard[symbol], opened, self.begun or now)
            self.begun = self.begun or now
            if silent < wait:
                wait -= silent
            elif symbol not in self.stale:
                self.stale.add(symbol)
                self.log.error("market data is stale", instrument=symbol, silent_s=silent / SECOND)
                self.publish(DataStale(symbol, self.heard[symbol], after_s))
        self.after(wait / SECOND, LookUp(symbol))

    def _resume(self, symbol: str) -> None:
        self.stale.discard(symbol)
        self.log.warning("market data is heard again, or its market has closed", instrument=symbol)
        self.publish(DataResumed(symbol, self.clock.now()))
