"""The service: a socket, the application behind it, and its end in good order."""

import asyncio
import contextvars
import socket

from starlette.types import ASGIApp

from actors.api.params import ApiParams
from actors.api.server import server
from lts.refusal import Refused

BACKLOG = 1_024


class Service:
    """Takes requests from when it is made, and answers them from when it is started."""

    def __init__(self, app: ASGIApp, params: ApiParams) -> None:
        """Bind the socket.

        Raises:
            Refused: the address cannot be had, or the certificate cannot be used.
        """
        try:
            self._server = server(app, params)
        except (OSError, ValueError) as error:  # OpenSSL's errors are OSErrors
            raise Refused(f"{params.certificate}: the certificate cannot be used: {error}") from None
        self.app = app
        self._listening = _bound(params)
        scheme = "https" if params.certificate else "http"
        host, self.number = self._listening.getsockname()[:2]
        self.url = f"{scheme}://{f'[{host}]' if ':' in host else host}:{self.number}"
        self._serving: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to answer; requests are no errand of whoever starts it."""
        work = self._server.serve(sockets=[self._listening])
        self._serving = asyncio.get_running_loop().create_task(
            work, name="api server", context=contextvars.Context()
        )

    async def ended(self) -> None:
        """Wait until it is stopped; raises what made it end before."""
        if self._serving is not None:
            await asyncio.shield(self._serving)

    async def stop(self) -> None:
        """Take no more requests, and wait for those that are under way, for as long as they may take."""
        self._server.should_exit = True
        if self._serving is not None:
            await self._serving
        self._listening.close()


def _bound(params: ApiParams) -> socket.socket:
    family = socket.AF_INET6 if ":" in params.host else socket.AF_INET
    try:
        return socket.create_server((params.host, params.port), family=family, backlog=BACKLOG)
    except OSError as error:
        place = f"{params.host}:{params.port}"
        raise Refused(f"the API cannot be served at {place}: {error.strerror}") from None
