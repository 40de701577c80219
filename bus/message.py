"""What travels: facts that many may hear, and questions that exactly one owner answers.

The type of a message is its address. Its class also declares the *key*, the
field that scopes it, and the *delivery*, what a crowded mailbox does with it:

>>> class Ticked(Event, key="symbol", delivery=Delivery.LATEST):
...     symbol: str
...     price: float
>>> Ticked("ABC", 1.5).key
'ABC'
"""

from __future__ import annotations

from enum import Enum
from typing import Any, ClassVar, Generic, TypeVar, dataclass_transform

import msgspec

R_co = TypeVar("R_co", covariant=True)


class Delivery(Enum):
    """What a mailbox promises for a message that has to wait."""

    EVERY = "every"
    """Each one, in the order of arrival; never dropped."""
    LATEST = "latest"
    """One slot a key: the oldest place, the newest value."""
    URGENT = "urgent"
    """Each one, ahead of all that is not urgent."""


_WORDS = frozenset({"delivery", "is_answered", "key", "key_name", "version"})
"""What every message says of itself. A field may take the name `key` if it is the key."""


@dataclass_transform(frozen_default=True, field_specifiers=(msgspec.field,))
class _MessageType(msgspec.StructMeta):
    """Reads key, delivery and version from the class line, and freezes the class."""

    def __new__(  # noqa: PLR0913 - the words of a class line
        mcls,
        name: str,
        bases: tuple[type, ...],
        namespace: dict[str, Any],
        *,
        key: str | None = None,
        delivery: Delivery | None = None,
        version: int | None = None,
        **config: Any,
    ) -> Any:
        config = {"forbid_unknown_fields": True, **config, "frozen": True}
        cls: Any = super().__new__(mcls, name, bases, namespace, **config)
        if taken := _WORDS.intersection(cls.__struct_fields__) - {key or cls.key_name}:
            raise TypeError(f"{name} has a field named {min(taken)!r}, which is a word of the bus")
        if key is not None:
            if key not in cls.__struct_fields__:
                raise TypeError(f"{name} declares the key {key!r}, which is not one of its fields")
            # The field's own slot descriptor under one name for all classes: reading
            # `message.key` is then as fast as reading the field itself.
            cls.key = getattr(cls, key)
            cls.key_name = key
        if delivery is Delivery.LATEST and cls.is_answered:
            raise TypeError(f"{name}: a request cannot be LATEST, each one is owed an answer")
        if delivery is not None:
            cls.delivery = delivery
        if version is not None:
            cls.version = version
        return cls


class Message(msgspec.Struct, metaclass=_MessageType):
    """A frozen value on its way between actors; read `key` for what scopes it."""

    key: ClassVar[Any] = None
    key_name: ClassVar[str | None] = None
    delivery: ClassVar[Delivery] = Delivery.EVERY
    version: ClassVar[int] = 1
    is_answered: ClassVar[bool] = False

    def __init_subclass__(
        cls,
        *,
        key: str | None = None,
        delivery: Delivery | None = None,
        version: int | None = None,
        **config: Any,
    ) -> None:
        """Accept the words of the class line, which the metaclass has taken."""
        super().__init_subclass__(**config)


class Event(Message):
    """A fact in the past tense; any number of actors may listen."""


class Request(Message, Generic[R_co]):
    """A question or a command with one owner; the owner's return value is the answer."""

    is_answered: ClassVar[bool] = True
