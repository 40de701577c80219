"""A password is known by its hash, at a cost that two at a time may take."""

import asyncio
import threading
from statistics import median

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bus import SystemClock
from lts.security.busy import Busy
from lts.security.passwords import AT_ONCE, MOST_WAITING, Costs, Passwords

pytestmark = pytest.mark.requirement("INT-4.1", "INT-021", "INT-025")

CHEAP = Costs(memory_kib=8, passes=1)


async def test_a_hash_is_argon2id_at_what_owasp_recommends() -> None:
    hashed = await Passwords().hashed("correct horse")
    assert hashed.startswith("$argon2id$v=19$m=19456,t=2,p=1$")


@given(st.text(max_size=40), st.text(max_size=40))
@settings(max_examples=30, deadline=None)
def test_a_password_fits_its_own_hash_and_no_other_does(password: str, other: str) -> None:
    async def scene() -> tuple[bool, bool]:
        passwords = Passwords(CHEAP)
        hashed = await passwords.hashed(password)
        return await passwords.fits(hashed, password), await passwords.fits(hashed, other + "x")

    if password != other + "x":
        own, others = asyncio.run(scene())
        assert own
        assert others is (_same(password, other + "x"))


def _same(one: str, other: str) -> bool:
    from unicodedata import normalize  # noqa: PLC0415 - the rule, said once more

    return normalize("NFKC", one) == normalize("NFKC", other)


async def test_what_is_typed_in_two_ways_is_one_password() -> None:
    passwords = Passwords(CHEAP)
    assert await passwords.fits(await passwords.hashed("ma\u00f1ana"), "man\u0303ana")


@pytest.mark.parametrize("known", ["", "no hash", "$argon2id$v=19$m=8,t=1,p=1$c2FsdA$AAAA"])
async def test_what_is_no_hash_fits_nothing(known: str) -> None:
    passwords = Passwords(CHEAP)
    assert [await passwords.fits(known, password) for password in ("", "no hash", "x")] == [False] * 3


async def test_a_hash_at_other_costs_is_good_and_outdated() -> None:
    old, new = Passwords(CHEAP), Passwords(Costs(memory_kib=16, passes=1))
    hashed = await old.hashed("seven green cats")
    assert await new.fits(hashed, "seven green cats")
    assert (old.outdated(hashed), new.outdated(hashed)) == (False, True)


async def test_two_are_looked_at_at_a_time_beside_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    passwords, here, at_once, most = Passwords(CHEAP), threading.get_ident(), 0, 0
    door = threading.Barrier(AT_ONCE)

    def look(_: str, __: str) -> bool:
        nonlocal at_once, most
        assert threading.get_ident() != here
        at_once += 1
        most = max(most, at_once)
        door.wait(5)
        at_once -= 1
        return True

    monkeypatch.setattr(passwords, "_verify", look)
    assert await asyncio.gather(*(passwords.fits("x", "y") for _ in range(6))) == [True] * 6
    assert most == AT_ONCE


async def test_who_would_wait_behind_too_many_is_turned_away() -> None:
    passwords = Passwords(CHEAP)
    tries = [asyncio.ensure_future(passwords.fits("", "x")) for _ in range(MOST_WAITING + 3)]
    answers = await asyncio.gather(*tries, return_exceptions=True)
    assert [type(each) for each in answers].count(Busy) == 3
    assert await passwords.fits("", "x") is False


async def test_it_takes_as_long_to_look_at_nobody_as_at_somebody() -> None:
    passwords, clock = Passwords(Costs(memory_kib=2_048, passes=2)), SystemClock()
    hashed = await passwords.hashed("seven green cats")
    taken: dict[str, list[int]] = {"": [], hashed: []}
    for _ in range(15):
        for known, times in taken.items():
            begun = clock.monotonic()
            await passwords.fits(known, "seven green dogs")
            times.append(clock.monotonic() - begun)
    nobody, somebody = (median(times) for times in taken.values())
    assert 1 / 3 < nobody / somebody < 3
