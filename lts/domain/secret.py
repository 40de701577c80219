"""A secret on its way: it is never shown, whoever prints the message that carries it."""

import msgspec


class Secret(msgspec.Struct, frozen=True):
    """A password, a code or a token."""

    value: str = ""

    def __repr__(self) -> str:
        return "Secret(…)"

    __str__ = __repr__

    def __bool__(self) -> bool:
        return bool(self.value)
