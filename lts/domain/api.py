"""The HTTP API as it speaks of itself."""

from bus.message import Event, Request


class ApiServed(Event):
    """The API takes requests, at this address."""

    url: str
    """Without a path, as in `http://127.0.0.1:8443`."""


class GetApi(Request[ApiServed]):
    """Asks the API where it is."""
