"""Refusals for the audit: counted by address, so that a flood of them fills no disk."""

from collections import Counter

from lts.domain.credentials import NoteRefusals

MOST = 100
"""Lines in one report; what is beyond them is one line more."""
ELSEWHERE = "elsewhere"
"""Where all those come from who found no line of their own."""


class Refusals:
    """What was refused since the last report."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str, str]] = Counter()

    def count(self, what: str, network: str, user: str = "") -> None:
        """Count one; `user` is one whom there is, never what a stranger has typed."""
        place = what, network, user
        if place not in self._counts and len(self._counts) >= MOST:
            place = what, ELSEWHERE, ""
        self._counts[place] += 1

    def report(self) -> tuple[NoteRefusals, ...]:
        """Return what is to be told to the audit, and begin anew."""
        told = tuple(
            NoteRefusals(what, count, network, user) for (what, network, user), count in self._counts.items()
        )
        self._counts.clear()
        return told

    def take_back(self, told: tuple[NoteRefusals, ...]) -> None:
        """Count again what could not be told."""
        for each in told:
            self._counts[each.what, each.address, each.user] += each.count
