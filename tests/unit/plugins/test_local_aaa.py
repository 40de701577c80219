"""aaa/local keeps what every AAA plugin owes, and some more."""

from collections import Counter
from collections.abc import AsyncIterator
from statistics import median
from typing import Any

import pytest

from bus import SECOND, SystemClock
from lts.access.sessions import MOST
from lts.config.schema import AccessPlan
from lts.sdk import (
    ROLES,
    AccessChanged,
    AccessRefused,
    AddUser,
    ChangeUser,
    ConfirmSecondFactor,
    CredentialEnded,
    Denial,
    DropApiKeys,
    DropSecondFactor,
    EndCredential,
    Fault,
    Identify,
    Identity,
    ListApiKeys,
    ListSessions,
    LoggedIn,
    LogIn,
    MakeApiKey,
    MarkUse,
    NotDone,
    NoteRefusals,
    OfferSecondFactor,
    Perform,
    Permission,
    RecallAccess,
    RefreshLogin,
    Role,
    SecondFactorOffered,
    Secret,
    SetPassword,
    UserChanged,
)
from lts.security.totp import code_at
from lts.testing import AaaContract, Bench, Shelf, Watch, aaa_assignment
from lts.testing.house import ELSEWHERE, HOME, RIGHT, WRONG, House
from plugins.aaa.local.plugin import LocalAaa

pytestmark = pytest.mark.requirement("INT-4.1", "INT-021", "INT-022", "INT-023", "INT-024", "INT-027")


class TestLocalAaa(AaaContract):
    plugin = LocalAaa


@pytest.fixture
async def house() -> AsyncIterator[House]:
    """A house that knows ann, who trades."""
    shelf, watch = Shelf("owner"), Watch()
    answers = {Perform: shelf.perform, RecallAccess: shelf.recall}
    async with Bench(LocalAaa, assignment=aaa_assignment(watch), answers=answers) as bench:
        house = House(bench, shelf, watch)
        await house.add("ann")
        yield house


def stored(house: House, kind: type[Any]) -> list[Any]:
    return [each for unit in house.shelf.units for each in unit.commands if isinstance(each, kind)]


async def second_factor(house: House) -> str:
    """Set up a second factor for ann, and return its secret."""
    offered = await house.bench.ask(OfferSecondFactor("ann", RIGHT))
    assert isinstance(offered, SecondFactorOffered)
    secret = offered.uri.value.partition("secret=")[2].partition("&")[0]
    assert isinstance(await house.bench.ask(ConfirmSecondFactor("ann", code(house, secret))), UserChanged)
    return secret


def code(house: House, secret: str, off_s: int = 0) -> Secret:
    return Secret(code_at(secret, house.watch.now() // SECOND + off_s))


# Constant answers, constant work


async def test_each_attempt_takes_one_look_at_one_hash_whoever_it_is(house: House) -> None:
    await house.add("gone")
    await house.add("robot", Role.SERVICE, Secret())
    await house.bench.ask(ChangeUser("gone", "root", active=False))
    looks: Counter[bool] = Counter()
    passwords = house.bench.actor.security._passwords
    verify = passwords._verify

    def counted(known: str, password: bytes) -> bool:
        looks[known.startswith("$argon2id$")] += 1
        found: bool = verify(known, password)
        return found

    passwords._verify = counted
    tries = [("nobody", RIGHT), ("gone", RIGHT), ("robot", RIGHT), ("owner", RIGHT), ("", RIGHT)]
    tries += [("ann", Secret("x" * 10_000)), ("ann", Secret("\ud800"))] + [("ann", WRONG)] * 9
    for number, (user, password) in enumerate(tries, 1):
        answer = await house.try_to_log_in(user, password)
        assert answer == AccessRefused(Denial.CREDENTIALS)
        assert looks == {True: number}


async def test_unknown_users_and_wrong_passwords_take_as_long(house: House) -> None:
    clock, taken = SystemClock(), {"nobody": [0] * 0, "ann": [0] * 0}
    for _ in range(20):
        for user, times in taken.items():
            house.watch.advance(1_000)
            begun = clock.monotonic()
            await house.bench.ask(LogIn(user, WRONG, address=HOME))
            times.append(clock.monotonic() - begun)
    unknown, wrong = (median(times) for times in taken.values())
    assert 1 / 4 < unknown / wrong < 4


# Second factors


async def test_a_second_factor_counts_once_it_is_confirmed(house: House) -> None:
    assert isinstance(await house.bench.ask(OfferSecondFactor("ann", WRONG)), NotDone)
    offered = await house.bench.ask(OfferSecondFactor("ann", RIGHT))
    assert isinstance(offered, SecondFactorOffered)
    refused = await house.bench.ask(ConfirmSecondFactor("ann", Secret("000000")))
    assert isinstance(refused, NotDone)
    assert refused.fault is Fault.WRONG_CODE
    await house.log_in("ann")  # without a code, as none is set up
    house.watch.advance(601)
    secret = offered.uri.value.partition("secret=")[2].partition("&")[0]
    late = await house.bench.ask(ConfirmSecondFactor("ann", code(house, secret)))
    assert isinstance(late, NotDone)
    assert late.fault is Fault.INVALID


async def test_codes_are_needed_until_they_are_dropped(house: House) -> None:
    secret = await second_factor(house)
    assert await house.try_to_log_in("ann") == AccessRefused(Denial.CODE_NEEDED)
    assert await house.try_to_log_in("ann", WRONG) == AccessRefused(Denial.CREDENTIALS)
    house.watch.advance(60)
    come = LogIn("ann", RIGHT, code(house, secret), HOME)
    assert isinstance(await house.bench.ask(come), LoggedIn)
    assert await house.bench.ask(come) == AccessRefused(Denial.CREDENTIALS)
    dropped = await house.bench.ask(DropSecondFactor("ann", "ann", WRONG))
    assert isinstance(dropped, NotDone)
    assert isinstance(await house.bench.ask(DropSecondFactor("ann", "ann", RIGHT)), UserChanged)
    await house.log_in("ann")


async def test_who_knows_the_password_cannot_try_codes_without_end(house: House) -> None:
    secret = await second_factor(house)
    house.watch.advance(60)
    for _ in range(20):
        assert await house.try_to_log_in("ann") == AccessRefused(Denial.CODE_NEEDED)
    for _ in range(5):
        await house.try_to_log_in("ann")
        wrong = LogIn("ann", RIGHT, Secret("000000"), ELSEWHERE)
        assert await house.bench.ask(wrong) == AccessRefused(Denial.CREDENTIALS)
    right = LogIn("ann", RIGHT, code(house, secret), HOME)
    assert await house.bench.ask(right) == AccessRefused(Denial.CREDENTIALS)


async def test_who_stole_a_session_cannot_try_passwords_without_end(house: House) -> None:
    new = Secret("nine blue lamps 44")
    for _ in range(5):
        assert isinstance(await house.bench.ask(SetPassword("ann", "ann", new, WRONG)), NotDone)
    refused = await house.bench.ask(SetPassword("ann", "ann", new, RIGHT))
    assert isinstance(refused, NotDone)
    assert "too many attempts" in refused.reason
    await house.log_in("ann")  # that is another count


async def test_keys_outlive_ones_own_new_password_unless_one_says_so_and_never_that_of_another(
    house: House,
) -> None:
    new, newer = Secret("nine blue lamps 44"), Secret("four red boats 71")
    for wanted, left in (
        (SetPassword("ann", "ann", new, RIGHT), 1),
        (SetPassword("ann", "ann", newer, new, keys=True), 0),
        (SetPassword("ann", "root", new), 0),
    ):
        if not (await house.bench.ask(ListApiKeys("ann"))).keys:
            await house.make_key("ann")
        assert isinstance(await house.bench.ask(wanted), UserChanged)
        assert len((await house.bench.ask(ListApiKeys("ann"))).keys) == left
        assert (await house.bench.ask(ListSessions("ann"))).sessions == ()
    drops = [(unit.who, each) for unit in house.shelf.units for each in unit.commands]
    ended = [who for who, each in drops if isinstance(each, DropApiKeys) and each.ids]
    assert ended == ["ann", "root"]


@pytest.mark.parametrize(("rule", "role"), [("required", Role.TRADER), ("admins", Role.ADMIN)])
async def test_who_needs_a_second_factor_and_has_none_may_only_set_one_up(rule: Any, role: Role) -> None:
    shelf, watch = Shelf(), Watch()
    answers = {Perform: shelf.perform, RecallAccess: shelf.recall}
    assignment = aaa_assignment(watch, AccessPlan(second_factor=rule))
    async with Bench(LocalAaa, assignment=assignment, answers=answers) as bench:
        house = House(bench, shelf, watch)
        await bench.ask(AddUser("ann", role, "operator me", RIGHT))
        await bench.ask(AddUser("vera", Role.VIEWER, "operator me", RIGHT))
        came = await house.log_in("ann")
        assert (came.identity.permissions, came.identity.enrols) == (frozenset(), True)
        assert (await house.log_in("vera")).identity.enrols is (rule == "required")
        with pytest.raises(AssertionError, match="second factor first"):
            await house.make_key("ann")
        await second_factor(house)
        known = await bench.ask(Identify(came.access_token))
        assert isinstance(known, Identity)
        assert (known.permissions, known.enrols) == (ROLES[role], False)
        assert AccessChanged("ann") in bench.published(AccessChanged)
        dropped = await bench.ask(DropSecondFactor("ann", "ann", RIGHT))
        assert isinstance(dropped, NotDone)
        assert "required" in dropped.reason
        assert isinstance(await bench.ask(DropSecondFactor("ann", "root")), UserChanged)
        again = await bench.ask(Identify(came.access_token))
        assert isinstance(again, Identity)
        assert again.enrols


# Storage that comes and goes


async def test_a_session_that_could_not_go_on_goes_on_later_with_the_same_token(house: House) -> None:
    came = await house.log_in("ann")
    house.shelf.trouble = "the disk is full"
    refused = await house.bench.ask(RefreshLogin(came.refresh_token))
    assert isinstance(refused, AccessRefused)
    assert refused.denial is Denial.UNAVAILABLE
    house.shelf.trouble = ""
    assert isinstance(await house.bench.ask(RefreshLogin(came.refresh_token)), LoggedIn)


async def test_what_ended_while_nothing_could_be_stored_is_stored_as_soon_as_that_can_be(
    house: House,
) -> None:
    came, key = await house.log_in("ann"), await house.make_key("ann")
    house.shelf.trouble = "the disk is full"
    for credential in (came.identity.credential, f"key:{key.made.id}"):
        assert await house.bench.ask(EndCredential(credential, "ann")) == CredentialEnded(found=True)
        assert await house.bench.ask(EndCredential(credential, "ann")) == CredentialEnded(found=False)
    for token in (came.access_token, key.secret):
        assert isinstance(await house.who(token), AccessRefused)
    assert house.shelf.sessions
    house.shelf.trouble = ""
    await house.bench.actor.store.tidy()
    assert not house.shelf.sessions
    assert not house.shelf.keys


async def test_a_user_who_could_not_be_changed_stays_as_they_were(house: House) -> None:
    came = await house.log_in("ann")
    house.shelf.trouble = "the disk is full"
    refused = await house.bench.ask(ChangeUser("ann", "root", active=False))
    assert isinstance(refused, NotDone)
    assert refused.fault is Fault.UNAVAILABLE
    assert isinstance(await house.who(came.access_token), Identity)
    assert house.bench.published(AccessChanged) == []


async def test_use_is_stored_and_what_is_over_goes(house: House) -> None:
    came, key = await house.log_in("ann"), await house.make_key("ann")
    for _ in range(100):
        house.watch.advance(1)
        await house.who(came.access_token)
        await house.who(key.secret)
    await house.bench.actor.store.tidy()
    [used] = stored(house, MarkUse)
    assert used == MarkUse(
        {came.identity.credential.removeprefix("session:"): house.watch.now()},
        {key.made.id: house.watch.now()},
    )
    assert (await house.bench.ask(ListSessions("ann"))).sessions[0].used_at == house.watch.now()
    house.watch.advance(14 * 86_400)
    assert (await house.bench.ask(ListSessions())).sessions == ()
    assert (await house.bench.ask(ListApiKeys())).keys == ()
    await house.bench.actor.store.tidy()
    assert not house.shelf.sessions
    assert not house.shelf.keys


# Bounds


async def test_a_user_has_so_many_sessions_and_no_more(house: House) -> None:
    first = await house.log_in("ann")
    for _ in range(MOST):
        house.watch.advance(1)
        await house.log_in("ann")
    assert isinstance(await house.who(first.access_token), AccessRefused)
    assert len((await house.bench.ask(ListSessions("ann"))).sessions) == MOST == len(house.shelf.sessions)


async def test_what_a_client_says_of_itself_is_cut_and_made_printable(house: House) -> None:
    await house.bench.ask(LogIn("ann", RIGHT, address="x" * 999, agent="\x00\n\ud800" + "y" * 999))
    [session] = (await house.bench.ask(ListSessions("ann"))).sessions
    assert (len(session.address), len(session.agent), session.agent[:4]) == (64, 200, "???y")


async def test_refusals_are_told_to_the_audit_without_what_strangers_typed(house: House) -> None:
    for _ in range(3):
        await house.try_to_log_in("ann", WRONG)
        await house.try_to_log_in("<script>", WRONG, ELSEWHERE)
    await house.bench.ask(Identify(Secret("lts_none_none"), HOME))
    await house.bench.actor.store.tell()
    assert stored(house, NoteRefusals) == [
        NoteRefusals("login", 3, HOME, "ann"),
        NoteRefusals("login", 3, ELSEWHERE),
        NoteRefusals("key", 1, HOME),
    ]


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"label": ""}, "label"),
        ({"label": "x\n"}, "label"),
        ({"scopes": frozenset()}, "scopes"),
        ({"scopes": frozenset({Permission.WRITE_USERS})}, "scopes"),
        ({"expires_at": 0}, "expires"),
        ({"expires_at": 2**62}, "expires"),
        ({"public_key": "AAAA"}, "public key"),
        ({"user": "nobody"}, "nobody"),
    ],
)
async def test_a_key_that_cannot_be_is_not_made(house: House, change: dict[str, Any], part: str) -> None:
    wish: dict[str, Any] = {
        "user": "ann", "who": "ann", "label": "desk", "scopes": frozenset({Permission.READ_ORDERS}),
        "expires_at": house.watch.now() + SECOND,
    }  # fmt: skip
    refused = await house.bench.ask(MakeApiKey(**wish | change))
    assert isinstance(refused, NotDone)
    assert part in refused.reason
    assert not house.shelf.keys


async def test_a_service_has_no_password(house: House) -> None:
    refused = await house.bench.ask(AddUser("robot", Role.SERVICE, "root", RIGHT))
    assert isinstance(refused, NotDone)
    assert refused.fault is Fault.INVALID
    taken = await house.bench.ask(AddUser("ann", Role.VIEWER, "root", RIGHT))
    assert isinstance(taken, NotDone)
    assert taken.fault is Fault.TAKEN
