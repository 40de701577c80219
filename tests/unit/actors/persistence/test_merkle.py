"""Merkle trees: the root stands for the leaves, for their number and for their order."""

from hashlib import sha256

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from actors.persistence.merkle import Merkle

pytestmark = pytest.mark.requirement("INT-010", "INT-024")

MACS = st.lists(st.binary(min_size=32, max_size=32), min_size=1, max_size=70)


def root_of(macs: list[bytes]) -> bytes:
    tree = Merkle()
    for mac in macs:
        tree.add(mac)
    return tree.root()


def level_by_level(macs: list[bytes]) -> bytes:
    """The root by the letter of the contract: pairs are hashed, an odd node is promoted."""
    level = [sha256(b"\x00" + mac).digest() for mac in macs]
    while len(level) > 1:
        pairs = zip(level[::2], level[1::2], strict=False)
        odd = level[-1:] if len(level) % 2 else []
        level = [sha256(b"\x01" + left + right).digest() for left, right in pairs] + odd
    return level[0]


def recursively(macs: list[bytes]) -> bytes:
    """The root by RFC 9162, 2.1.1: split at the largest power of two below the number of leaves."""
    if len(macs) == 1:
        return sha256(b"\x00" + macs[0]).digest()
    split = 1
    while split * 2 < len(macs):
        split *= 2
    return sha256(b"\x01" + recursively(macs[:split]) + recursively(macs[split:])).digest()


@given(MACS)
def test_the_root_is_that_of_the_tree_built_level_by_level_and_of_rfc_9162(macs: list[bytes]) -> None:
    assert root_of(macs) == level_by_level(macs) == recursively(macs)


@given(MACS, st.data())
def test_another_leaf_gives_another_root(macs: list[bytes], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(macs) - 1))
    other = data.draw(st.binary(min_size=32, max_size=32))
    assume(other != macs[place])

    assert root_of([*macs[:place], other, *macs[place + 1 :]]) != root_of(macs)


@given(MACS, st.data())
def test_another_order_gives_another_root(macs: list[bytes], data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(macs))
    assume(shuffled != macs)

    assert root_of(shuffled) != root_of(macs)


@given(MACS, st.data())
def test_fewer_leaves_give_another_root(macs: list[bytes], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(macs) - 1))
    fewer = [*macs[:place], *macs[place + 1 :]]
    assume(fewer)

    assert root_of(fewer) != root_of(macs)


@given(MACS)
def test_a_last_leaf_that_stands_there_twice_is_not_the_odd_one_alone(macs: list[bytes]) -> None:
    assert root_of([*macs, macs[-1]]) != root_of(macs)


@given(st.lists(st.binary(min_size=32, max_size=32), min_size=2, max_size=2))
def test_a_node_does_not_pass_for_a_leaf(macs: list[bytes]) -> None:
    left, right = (sha256(b"\x00" + mac).digest() for mac in macs)

    assert root_of(macs) != root_of([left + right])
    assert root_of(macs) != root_of([b"\x01" + left + right])
    assert root_of([root_of(macs)]) != root_of(macs)


@given(MACS, MACS)
def test_a_root_does_not_pass_for_a_subtree(left: list[bytes], right: list[bytes]) -> None:
    assert root_of([root_of(left), root_of(right)]) != root_of([*left, *right])


def test_a_tree_without_leaves_has_no_root() -> None:
    with pytest.raises(ValueError, match="no root"):
        Merkle().root()
