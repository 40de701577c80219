"""`@on` and `@every`: which methods of an actor hear what, read from their annotations."""

from __future__ import annotations

import types
import typing
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from inspect import isasyncgenfunction, iscoroutinefunction, signature
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from bus.later import Later
from bus.message import Event, Message, Request

F = TypeVar("F", bound=Callable[..., Any])
V = TypeVar("V")


class Time(Enum):
    """Which clock a timer keeps."""

    MARKET = "market"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Hearing:
    """One subscription of a class: the message type and the method that hears it."""

    message_type: type[Message]
    method: str
    asynchronous: bool
    later: bool
    """Whether it returns a `Later` in the place of the answer."""


@dataclass(frozen=True, slots=True)
class Beat:
    """One timer of a class: the method, its period in seconds, and the clock it keeps."""

    method: str
    seconds: float
    time: Time
    asynchronous: bool


def on(method: F) -> F:
    """Subscribe a method to the message types of its parameter's annotation.

    A union subscribes it to each of its types. A plain `def` runs in place; an
    `async def` runs in a task of its actor, one message at a time. For a
    request, the return value is the answer; a plain `def` that is annotated with
    `Later` returns `self.later()` and answers when it can.
    """
    method.__dict__["bus_on"] = True
    return method


def every(seconds: float, *, time: Time = Time.MARKET) -> Callable[[F], F]:
    """Call a method without arguments every `seconds` of market (or system) time."""
    if seconds <= 0:
        raise ValueError(f"@every takes a positive number of seconds, not {seconds}")

    def mark(method: F) -> F:
        method.__dict__["bus_every"] = (seconds, time)
        return method

    return mark


def hearings(actor_class: type) -> tuple[Hearing, ...]:
    """Return what a class hears, inherited methods included.

    Raises:
        TypeError: an annotation is missing, is no message, or is heard twice.
    """
    return _remembered(_HEARINGS, actor_class, _read_hearings)


def beats(actor_class: type) -> tuple[Beat, ...]:
    """Return the timers of a class, inherited methods included."""
    return _remembered(_BEATS, actor_class, _read_beats)


_HEARINGS: WeakKeyDictionary[type, tuple[Hearing, ...]] = WeakKeyDictionary()
_BEATS: WeakKeyDictionary[type, tuple[Beat, ...]] = WeakKeyDictionary()


def _remembered(known: WeakKeyDictionary[type, V], actor_class: type, read: Callable[[type], V]) -> V:
    if actor_class not in known:
        known[actor_class] = read(actor_class)
    return known[actor_class]


def _read_hearings(actor_class: type) -> tuple[Hearing, ...]:
    found: dict[type[Message], Hearing] = {}
    for name, function in _marked(actor_class, "bus_on"):
        for message_type in _annotated(actor_class, function):
            if message_type in found:
                both = f"{found[message_type].method} and {name}"
                raise TypeError(f"{actor_class.__name__} hears {message_type.__name__} twice: in {both}")
            found[message_type] = Hearing(
                message_type, name, iscoroutinefunction(function), _answers_later(function)
            )
    return tuple(found.values())


def _read_beats(actor_class: type) -> tuple[Beat, ...]:
    found = []
    for name, function in _marked(actor_class, "bus_every"):
        seconds, time = function.__dict__["bus_every"]
        found.append(Beat(name, seconds, time, iscoroutinefunction(function)))
    return tuple(found)


def _marked(actor_class: type, mark: str) -> list[tuple[str, Callable[..., Any]]]:
    """The methods that carry a mark, as defined, bases first; an override counts as its own."""
    names = {name: None for base in reversed(actor_class.__mro__) for name in vars(base)}
    functions = ((name, getattr(actor_class, name)) for name in names)
    return [(name, function) for name, function in functions if mark in getattr(function, "__dict__", ())]


def _answers_later(function: Callable[..., Any]) -> bool:
    returned = typing.get_type_hints(function).get("return")
    return Later in {returned, typing.get_origin(returned)}


def _annotated(actor_class: type, function: Callable[..., Any]) -> tuple[type[Message], ...]:
    where = f"{actor_class.__name__}.{function.__name__}"
    if isasyncgenfunction(function):
        raise TypeError(f"{where} must not yield: it hears one message at a time, and returns")
    parameters = list(signature(function).parameters)[1:]
    if len(parameters) != 1:
        raise TypeError(f"{where} must take exactly one message, annotated with its type")
    try:
        annotation = typing.get_type_hints(function).get(parameters[0])
    except NameError as error:
        raise TypeError(f"{where}: {error}; import the message's type where the module runs") from None
    if annotation is None:
        raise TypeError(f"{where} must say which message it hears: annotate its parameter")
    union = typing.get_origin(annotation) in {typing.Union, types.UnionType}
    wanted = typing.get_args(annotation) if union else (annotation,)
    for each in wanted:
        if not (isinstance(each, type) and issubclass(each, Message)):
            raise TypeError(f"{where} is annotated with {each!r}, which is no Event or Request")
        if each in {Message, Event, Request}:
            raise TypeError(f"{where} hears {each.__name__}, and must name the exact types that it hears")
    return wanted
