"""Who plays the others on a bench: ears for what an actor says, owners for what it asks."""

from collections.abc import Callable, Iterable
from typing import Any

from bus import Actor, Message, Request, on

NOBODY = object()
"""As the answer to a request: nobody owns it."""


class Voice(Actor[None]):
    """Says and asks what the test tells it to."""


def ears(message_types: Iterable[type[Message]], tell: Callable[[Any], None]) -> type[Actor[None]]:
    """Return an actor class that hears messages of these types and passes each on."""
    methods = {f"hear_{each.__name__}": _handler(each, tell) for each in message_types}
    return type("Ears", (Actor,), methods)


def owner(request_type: type[Request[Any]], answer: Callable[[Any], Any]) -> type[Actor[None]]:
    """Return an actor class that owns a request; it raises what it is given as an answer, if that can be."""

    def answered(request: Any) -> Any:
        given = answer(request)
        if isinstance(given, Exception):
            raise given
        return given

    return type("Owner", (Actor,), {"answer": _handler(request_type, answered)})


def _handler(message_type: type[Message], handle: Callable[[Any], Any]) -> Callable[..., Any]:
    def hear(_: Actor[None], message: Any) -> Any:
        return handle(message)

    hear.__annotations__ = {"message": message_type}
    return on(hear)
