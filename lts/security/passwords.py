"""Passwords: kept as Argon2id hashes (RFC 9106), made and looked at beside the event loop, few at a time.

Each hash takes 19 MiB and some 50 ms of a processor. Two at a time leave the others to trading; who would
wait behind too many is turned away at once.
"""

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar
from unicodedata import normalize

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

from lts.security.busy import Busy

T = TypeVar("T")

AT_ONCE = 2
"""Hashes that are made at a time."""
MOST_WAITING = 64
"""Those who wait for one, at most."""


@dataclass(frozen=True, slots=True)
class Costs:
    """What a hash costs: by default the least that OWASP's Password Storage Cheat Sheet recommends."""

    memory_kib: int = 19_456
    passes: int = 2
    lanes: int = 1


USUAL = Costs()
_SALT_SIZE = 16


class Passwords:
    """Makes hashes of passwords, and tells whether a password is the one of a hash.

    Args:
        costs: of a hash made from now on; those made at other costs still count.
        draw: so many random bytes.
    """

    def __init__(self, costs: Costs = USUAL, draw: Callable[[int], bytes] = os.urandom) -> None:
        self._draw = draw
        self._hasher = PasswordHasher(
            time_cost=costs.passes, memory_cost=costs.memory_kib, parallelism=costs.lanes, type=Type.ID
        )
        self._nobodys = self._hasher.hash("")
        """A hash for users who are not there: looking at it takes as long."""
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._waiting = 0

    async def hashed(self, password: str) -> str:
        """Return the hash of a password in PHC form, `$argon2id$…`: another one each time.

        Raises:
            Busy: too many wait.
        """
        salt = self._draw(_SALT_SIZE)
        return await self._in_turn(lambda text: self._hasher.hash(text, salt=salt), _canonical(password))

    async def fits(self, known: str, password: str) -> bool:
        """Return whether a password is the one of a hash; an empty hash fits none, and takes as long.

        Raises:
            Busy: too many wait.
        """
        fitting = await self._in_turn(self._verify, known or self._nobodys, _canonical(password))
        return fitting and bool(known)

    def outdated(self, known: str) -> bool:
        """Return whether a hash was made at other costs than hashes are made now."""
        return self._hasher.check_needs_rehash(known)

    def _verify(self, known: str, password: bytes) -> bool:
        try:
            return self._hasher.verify(known, password)
        except (VerificationError, InvalidHashError):
            return False

    async def _in_turn(self, work: Callable[..., T], *arguments: str | bytes) -> T:
        if self._waiting >= MOST_WAITING:
            raise Busy(f"{self._waiting} passwords wait to be looked at")
        self._waiting += 1
        try:
            async with self._turns:
                return await asyncio.to_thread(work, *arguments)
        finally:
            self._waiting -= 1


def _canonical(password: str) -> bytes:
    """Return one form of what can be typed in several ways (NIST SP 800-63B, 5.1.1.2)."""
    return normalize("NFKC", password).encode("utf-8", "surrogatepass")
