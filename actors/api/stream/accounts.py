"""Accounts, looked at once a second while somebody follows them: they move with every price."""

import msgspec

from actors.api.port import Port
from actors.api.problems import Problem
from actors.api.views.accounts import PortfolioView, account_view
from bus import pause
from lts.domain.accounts import GetAccount

EVERY_S = 1.0
TOPIC = "account"


class Accounts:
    """Tells what portfolios have, where it has changed."""

    def __init__(self, port: Port) -> None:
        self._port = port
        self._last: dict[str, PortfolioView] = {}

    async def follow(self) -> None:
        """Look, for good."""
        while True:
            await pause(EVERY_S)
            keys = self._port.streams.keys(TOPIC)
            self._last = {key: last for key, last in self._last.items() if key in keys}
            for key in keys:
                await self._look(key)

    async def _look(self, portfolio: str) -> None:
        streams, channel = self._port.streams, (TOPIC, portfolio)
        try:
            view = account_view(await self._port.find(GetAccount(portfolio)))
        except Problem:  # it is not there just now; its readers have what was last
            return
        before = self._last.get(portfolio)
        self._last[portfolio] = view
        same = before is not None and msgspec.structs.replace(before, at=view.at) == view
        if not same and (seq := streams.wanted(channel)):
            streams.tell(channel, seq, view)
