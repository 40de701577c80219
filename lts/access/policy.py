"""The password policy: long enough, not the name, and not what is tried first (NIST SP 800-63B, 5.1.1.2)."""

from lts.access.first_tried import COMMON

SHORTEST, LONGEST = 12, 128
"""Characters in a password."""
_FEWEST = 5
"""Different characters."""
_SHORTEST_NAME = 4
"""Characters of a name that a password must not hold: shorter ones stand in too much."""
_RUNS = (
    "abcdefghijklmnopqrstuvwxyz",
    "qwertyuiopasdfghjklzxcvbnm",
    "qwertzuiopasdfghjklyxcvbnm",
    "1234567890",
)


def weakness(password: str, name: str) -> str:
    """Return why a password is not taken, as a clause; empty if it is."""
    plain = password.casefold()
    if not SHORTEST <= len(password) <= LONGEST:
        return f"a password has {SHORTEST} to {LONGEST} characters"
    if plain == name.casefold() or (len(name) >= _SHORTEST_NAME and name.casefold() in plain):
        return "a password does not hold the user's name"
    if len(set(plain)) < _FEWEST:
        return f"a password has at least {_FEWEST} different characters"
    if plain in COMMON or _is_a_run(plain):
        return "this password is one of those that are tried first"
    return ""


def _is_a_run(plain: str) -> bool:
    """Return whether it is a piece of the alphabet, of the digits or of a keyboard, there or back."""
    around = (run * 2 for run in _RUNS)
    return any(plain in run or plain in run[::-1] for run in around)
