"""lts.sdk has all that a plugin can need: a plugin's author looks nowhere else."""

from collections.abc import Iterator
from typing import Any, get_args

import pytest

import lts.sdk
from bus import Message, Request
from lts.kinds import KINDS
from lts.kinds.plugin import Plugin

pytestmark = pytest.mark.requirement("LTS-005", "INT-7.1")


def answers_of(message: type[Message]) -> Iterator[type[Message]]:
    """The messages with which a request may be answered."""
    for base in getattr(message, "__orig_bases__", ()):
        for answer in get_args(base) if issubclass(message, Request) else ():
            yield from (each for each in (answer, *get_args(answer)) if isinstance(each, type))


@pytest.mark.parametrize("contract", KINDS.values())
def test_every_message_of_a_port_can_be_imported(contract: type[Plugin[Any]]) -> None:
    carried = {*contract.hears, *contract.publishes, *contract.asks}
    answers = {answer for message in carried for answer in answers_of(message) if issubclass(answer, Message)}
    missing = {each.__name__ for each in carried | answers} - set(lts.sdk.__all__)
    assert missing == set()


@pytest.mark.parametrize("contract", KINDS.values())
def test_every_kind_and_its_assignment_can_be_imported(contract: type[Plugin[Any]]) -> None:
    assert {contract.__name__, f"{contract.__name__}Assignment"} <= set(lts.sdk.__all__)


def test_all_that_it_promises_is_there() -> None:
    assert [name for name in lts.sdk.__all__ if not hasattr(lts.sdk, name)] == []
    assert lts.sdk.__all__ == sorted(set(lts.sdk.__all__), key=_as_ruff_sorts)


def _as_ruff_sorts(name: str) -> tuple[int, str]:
    constant, type_, rest = 0, 1, 2
    return (constant if name.isupper() else type_ if name[0].isupper() else rest, name)
