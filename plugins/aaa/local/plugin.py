"""Knows the node's users by their passwords, codes, tokens and keys, and keeps them in its database."""

from lts.sdk import AccessKeeper, Params


class LocalAaa(AccessKeeper[Params]):
    """Takes everybody's password, and nobody else's word: as an `AccessKeeper` does by itself."""
