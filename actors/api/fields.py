"""Structured fields of HTTP (RFC 9651), as far as signatures need them, and in one spelling only.

A dictionary whose members are byte sequences or lists of strings with parameters. What could be written in
two ways is taken in the shorter one, so that what was signed is what is read.
"""

import re
from base64 import b64decode
from collections.abc import Mapping

import msgspec

from actors.api.problems import Kind, Problem

_LABEL = r"[a-z*][a-z0-9_.*-]{0,63}"
_STRING = r'"(?:[ !#-\[\]-~]|\\["\\])*"'
_INTEGER = r"-?(?:0|[1-9][0-9]{0,14})"
_BYTES = re.compile(rf"({_LABEL})=:([A-Za-z0-9+/]*={{0,2}}):")
_LIST = re.compile(rf"({_LABEL})=(\(({_STRING}(?: {_STRING})*)?\)((?:;{_LABEL}=(?:{_STRING}|{_INTEGER}))*))")
_PARAMETER = re.compile(rf";({_LABEL})=({_STRING}|{_INTEGER})")
_ITEM = re.compile(_STRING)
_NEXT = re.compile(r"[ \t]*,[ \t]*")


class Listed(msgspec.Struct, frozen=True):
    """A list of strings with its parameters."""

    text: str
    """As it was written."""
    items: tuple[str, ...]
    parameters: Mapping[str, str | int]


def byte_sequences(field: str) -> dict[str, bytes]:
    """Return a dictionary of byte sequences.

    >>> byte_sequences("sha-256=:YWJj:")
    {'sha-256': b'abc'}

    Raises:
        Problem: it is none.
    """
    return {found[1]: _decoded(found[2]) for found in _members(field, _BYTES)}


def lists(field: str) -> dict[str, Listed]:
    """Return a dictionary of lists.

    >>> lists('sig=("@method");created=5')["sig"].items
    ('@method',)

    Raises:
        Problem: it is none.
    """
    return {found[1]: _listed(found) for found in _members(field, _LIST)}


def _members(field: str, pattern: re.Pattern[str]) -> list[re.Match[str]]:
    members: dict[str, re.Match[str]] = {}
    at = 0
    while found := pattern.match(field, at):
        if found[1] in members:
            break
        members[found[1]] = found
        if found.end() == len(field):
            return list(members.values())
        following = _NEXT.match(field, found.end())
        if following is None:
            break
        at = following.end()
    raise _unreadable()


def _listed(found: re.Match[str]) -> Listed:
    parameters: dict[str, str | int] = {}
    for name, value in _PARAMETER.findall(found[4]):
        if name in parameters:
            raise _unreadable()
        parameters[name] = _plain(value) if value.startswith('"') else int(value)
    return Listed(found[2], tuple(_plain(each) for each in _ITEM.findall(found[3] or "")), parameters)


def _plain(quoted: str) -> str:
    return re.sub(r"\\(.)", r"\1", quoted[1:-1])


def _decoded(text: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except ValueError:
        raise _unreadable() from None


def _unreadable() -> Problem:
    return Problem(Kind.BAD_SIGNATURE, "a header of the signature cannot be read")
