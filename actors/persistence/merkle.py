"""The Merkle tree of the MACs in a segment of the audit."""

from hashlib import sha256

_LEAF, _NODE = b"\x00", b"\x01"
"""What is hashed before anything else: no node can pass for a leaf, nor a leaf for a node."""


class Merkle:
    """A tree that grows to the right, and of which only the roots of its full subtrees are kept.

    A leaf is SHA-256(0x00 + MAC), a node SHA-256(0x01 + left + right), an odd node is promoted to
    the level above as it is: the tree of RFC 9162, 2.1.1. A leaf costs two hashes, whenever it
    comes, and the root as many as there are digits in the number of leaves.
    """

    __slots__ = ("_full", "leaves")

    def __init__(self) -> None:
        self.leaves = 0
        self._full: list[bytes] = []
        """The roots of full subtrees, the widest first: one for each binary one in `leaves`."""

    def add(self, mac: bytes) -> None:
        """Add a leaf behind all others."""
        node = sha256(_LEAF + mac).digest()
        before = self.leaves
        while before & 1:
            node = sha256(_NODE + self._full.pop() + node).digest()
            before >>= 1
        self._full.append(node)
        self.leaves += 1

    def root(self) -> bytes:
        """Return the 32 bytes that stand for all leaves and their order; ValueError if there are none."""
        if not self._full:
            raise ValueError("a tree without leaves has no root")
        *wider, root = self._full
        for left in reversed(wider):
            root = sha256(_NODE + left + root).digest()
        return root
