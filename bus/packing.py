"""Messages, answers and parameters as msgpack, for the way to a child process and back.

What can travel: messages whose fields msgspec can read back by their annotations; answers that are
such messages, structs, or what msgpack has; parameters that are None, a msgspec struct, a dataclass,
a pydantic model or a plain value, if what comes back equals what went in. Their types have to be
importable: the child finds them by their path. A message in a field that is annotated `Any` arrives as
itself where its type is known to the other side, and as its type's name and plain values elsewhere.
"""

from __future__ import annotations

import sys
import types
import typing
from collections.abc import Iterable, Iterator
from functools import partial
from importlib import import_module
from typing import Any

import msgspec

from bus.frames import LIMIT
from bus.letters import Value
from bus.message import Message, Request
from bus.wire import Garbled, name_of

_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError, TypeError, ValueError, OverflowError)
_UNWRITABLE = (msgspec.EncodeError, UnicodeEncodeError, RecursionError, TypeError, ValueError, OverflowError)
LARGEST = LIMIT // 2
"""Bytes of a message or an answer that may pass: it shares its frame with others."""
_WRITER = msgspec.msgpack.Encoder()
_MESSAGE = 1
"""The msgpack extension that holds a message with its name."""


class Untransportable(Exception):
    """This cannot travel to a child process or from it: what it is, and why not."""


def path_of(thing: Any) -> str:
    """Return where a class or function can be imported.

    Raises:
        Untransportable: nowhere, or only in this process.
    """
    path = f"{thing.__module__}:{thing.__qualname__}"
    if thing.__module__ == "__main__" or "<locals>" in path:
        raise Untransportable(f"{path} cannot be imported in a child process")
    if not _is_there(path, thing):
        raise Untransportable(f"{path} is not what is found under that name")
    return path


def found(path: str) -> Any:
    """Import what has a path.

    Raises:
        ImportError, AttributeError: there is no such thing.
    """
    module, _, name = path.partition(":")
    thing: Any = import_module(module)
    for part in name.split("."):
        thing = getattr(thing, part)
    return thing


def _is_there(path: str, thing: Any) -> bool:
    found: Any = sys.modules.get(path.partition(":")[0])
    for part in thing.__qualname__.split("."):
        found = getattr(found, part, None)
    return found is thing


# Parameters


def wrapped(value: Any, what: str) -> Value:
    """Return a value with what it takes to make it anew.

    Raises:
        Untransportable: it would not come back as what it is.
    """
    try:
        made = _wrap(value)
        back = unwrapped(made)
    except (Untransportable, *_UNWRITABLE, *_UNREADABLE, AttributeError, ImportError) as error:
        raise Untransportable(f"{what} cannot travel to a child process: {error}") from None
    if type(back) is not type(value) or back != value:
        kind = type(value).__qualname__
        raise Untransportable(f"{what} cannot travel to a child process: its {kind} comes back as another")
    return made


def unwrapped(value: Value) -> Any:
    """Return the value that travelled."""
    if value.way == "plain":
        return msgspec.msgpack.decode(value.data)
    kind = found(value.path)
    if value.way == "json":
        return kind.model_validate_json(value.data)
    return msgspec.msgpack.decode(value.data, type=kind)


def _wrap(value: Any) -> Value:
    kind = type(value)
    if value is None or kind.__module__ == "builtins":
        return Value("plain", "", _WRITER.encode(value))
    if hasattr(kind, "model_validate_json"):
        return Value("json", path_of(kind), value.model_dump_json(round_trip=True).encode())
    return Value("typed", path_of(kind), _WRITER.encode(value))


# Messages and answers


class Packing:
    """Turns messages of the given types into bytes and back, and the answers to those that are requests.

    Raises:
        Untransportable: one of them, or of the answers, is of a type that cannot be read back.
        ValueError: two of the types have one name and version.
    """

    def __init__(self, types_: Iterable[type[Message]]) -> None:
        self._types: dict[str, type[Message]] = {}
        self._open: dict[type[Message], tuple[str, ...]] = {}
        for each in types_:
            if self._types.setdefault(name_of(each), each) is not each:
                raise ValueError(f"two types of message are called {name_of(each)}")
        self._readers = {name: self.reader(each, name) for name, each in self._types.items()}
        self._names = {each: name for name, each in self._types.items()}
        self._open = {each: fields for each in self._names if (fields := _open_fields(each))}
        self._answers = {
            each: Answers(self, each) for each in self._types.values() if issubclass(each, Request)
        }

    def type_of(self, name: str) -> type[Message] | None:
        """Return the type of message that has a name and version, None if it is not known here."""
        return self._types.get(name)

    def pack(self, message: Message) -> tuple[str, msgspec.Raw]:
        """Return a message's name, and its fields.

        Raises:
            Untransportable: its type was not given, or something in it has no place in msgpack.
        """
        kind = message.__class__
        name = self._names.get(kind)
        if name is None:
            raise Untransportable(f"{kind.__name__} is not among the messages that pass here")
        if kind in self._open:
            message = self._with_names_within(message, self._open[kind])
        return name, self.written(message, name)

    def unpack(self, name: str, body: msgspec.Raw) -> Message:
        """Return the message that travelled.

        Raises:
            Garbled: it is malformed or unknown.
        """
        reader = self._readers.get(name)
        if reader is None:
            raise Garbled(f"{name[:100]!r} is not a message known here, in this version")
        try:
            message: Message = reader.decode(body)
        except _UNREADABLE as error:
            raise Garbled(f"{name}: {error}") from None
        return message

    def answers(self, request: Request[Any]) -> Answers:
        """Return how the answers to a request travel."""
        return self._answers[type(request)]

    def reader(self, kind: Any, what: str) -> msgspec.msgpack.Decoder[Any]:
        """Return what reads one type.

        Raises:
            Untransportable: nothing does.
        """
        try:
            stranger = next(_strangers(msgspec.inspect.type_info(kind), set()), None)
            reader = msgspec.msgpack.Decoder(kind, ext_hook=self._message_within)
        except (TypeError, NameError) as error:
            raise Untransportable(f"{what} cannot travel: {error}") from None
        if stranger is not None:
            raise Untransportable(f"{what} cannot travel: it has {stranger} in it, which cannot be read back")
        return reader

    def written(self, value: Any, what: str) -> msgspec.Raw:
        """Return a value as it travels.

        Raises:
            Untransportable: something in it has no place in msgpack, or it is too large.
        """
        try:
            data = _WRITER.encode(value)
        except _UNWRITABLE as error:
            raise Untransportable(f"{what} cannot travel: {error}") from None
        if len(data) > LARGEST:
            raise Untransportable(f"{what} cannot travel: it has {len(data):,} bytes, {LARGEST:,} may pass")
        return msgspec.Raw(data)

    def _with_names_within(self, message: Message, fields: tuple[str, ...]) -> Message:
        within = {field: getattr(message, field) for field in fields}
        named = {
            field: msgspec.msgpack.Ext(_MESSAGE, self.written((name_of(type(value)), value), field))
            for field, value in within.items()
            if isinstance(value, Message)
        }
        return msgspec.structs.replace(message, **named) if named else message

    def _message_within(self, code: int, data: memoryview) -> Any:
        if code != _MESSAGE:
            raise ValueError(f"extension {code} is not known here")
        name, body = msgspec.msgpack.decode(data, type=tuple[str, msgspec.Raw])
        if name in self._readers:
            return self._readers[name].decode(body)
        return {"type": name, "body": msgspec.msgpack.decode(body)}


class Answers:
    """How the answers to one type of request travel: by their place in its union if they are structs."""

    def __init__(self, packing: Packing, request: type[Request[Any]]) -> None:
        self._packing = packing
        self._what = f"the answer to {name_of(request)}"
        wanted = _answer_of(request)
        members = typing.get_args(wanted) if _is_union(wanted) else (wanted,)
        self._structs = tuple(
            each for each in members if isinstance(each, type) and issubclass(each, msgspec.Struct)
        )
        rest = tuple(each for each in members if each not in self._structs)
        readers = [packing.reader(each, self._what) for each in self._structs]
        plain = typing.Union[rest] if rest else None  # noqa: UP007 - how many there are is not known here
        self._readers = (*readers, packing.reader(plain, self._what))

    def pack(self, answer: Any) -> tuple[int, msgspec.Raw]:
        """Return which of the types an answer is, and the answer.

        Raises:
            Untransportable: something in it has no place in msgpack.
        """
        kind = type(answer)
        which = self._structs.index(kind) if kind in self._structs else len(self._structs)
        return which, self._packing.written(answer, self._what)

    def unpack(self, which: int, body: msgspec.Raw) -> Any:
        """Return the answer that travelled.

        Raises:
            Garbled: it is malformed, or not what the request is answered with.
        """
        try:
            return self._readers[which].decode(body)
        except (*_UNREADABLE, IndexError) as error:
            raise Garbled(f"{self._what}: {error}") from None


def _answer_of(request: type[Request[Any]]) -> Any:
    """The R of the `Request[R]` that a class derives from; None stays None."""
    for base in request.__mro__:
        for made_of in vars(base).get("__orig_bases__", ()):
            if typing.get_origin(made_of) is Request:
                (answer,) = typing.get_args(made_of)
                if isinstance(answer, typing.ForwardRef):
                    answer = typing.get_type_hints(_hinted(answer, base))["answer"]
                return Any if isinstance(answer, typing.TypeVar) else answer
    return Any


def _hinted(answer: typing.ForwardRef, base: type) -> Any:
    return types.new_class("Hinted", exec_body=partial(_annotate, answer.__forward_arg__, base.__module__))


def _annotate(answer: str, module: str, namespace: dict[str, Any]) -> None:
    namespace["__annotations__"] = {"answer": answer}
    namespace["__module__"] = module


def _is_union(annotation: Any) -> bool:
    return typing.get_origin(annotation) in {typing.Union, types.UnionType}


def _open_fields(kind: type[Message]) -> tuple[str, ...]:
    """The fields of a message that may hold anything."""
    hints = typing.get_type_hints(kind)
    return tuple(field for field in kind.__struct_fields__ if hints[field] is Any)


def _strangers(info: Any, seen: set[int]) -> Iterator[str]:
    """The classes within a type of which msgspec knows nothing, so that it could not make them anew."""
    if id(info) in seen:
        return
    seen.add(id(info))
    if isinstance(info, msgspec.inspect.CustomType):
        yield f"a {info.cls.__qualname__}"
    elif isinstance(info, tuple):
        for each in info:
            yield from _strangers(each, seen)
    elif isinstance(info, msgspec.Struct):
        for field in info.__struct_fields__:
            yield from _strangers(getattr(info, field), seen)
