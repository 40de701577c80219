"""What every AAA plugin owes."""

from collections.abc import Awaitable, Callable
from typing import Any

from msgspec.structs import replace

from bus import SECOND, Message
from lts.config.schema import AccessPlan
from lts.domain.access import (
    AccessRefused,
    CredentialEnded,
    Denial,
    EndCredential,
    Identity,
    LoggedIn,
    LogIn,
    RefreshLogin,
)
from lts.domain.credentials import RecallAccess
from lts.domain.permissions import ROLES, Permission, Role
from lts.domain.secret import Secret
from lts.domain.units import Perform
from lts.domain.users import (
    AddUser,
    ChangeUser,
    Fault,
    ListUsers,
    MakeApiKey,
    NotDone,
    SetPassword,
    UserChanged,
)
from lts.testing.bench import Bench
from lts.testing.contract import PluginContract, run
from lts.testing.house import ELSEWHERE, HOME, READS, RIGHT, WRONG, House
from lts.testing.security import Shelf, Watch, aaa_assignment

Scene = Callable[[House], Awaitable[None]]


class AaaContract(PluginContract):
    """Inherit this, and name the plugin.

        class TestMine(AaaContract):
            plugin = Mine

    It is for plugins that know users by passwords of their own and keep them by the units of
    `lts.domain.credentials`; the bench performs those.
    """

    access: AccessPlan = AccessPlan(lock_after=3, lock_address_after=10)
    """The rules that it is given."""

    def bench(self, **how: Any) -> Bench[Any]:
        """Return a bench with a shelf and a watch of its own."""
        shelf, watch = Shelf("owner"), Watch()
        return self._house_bench(shelf, watch, **how)

    async def work(self, bench: Bench[Any]) -> list[Message]:
        """Make a user, and let them in."""
        await bench.ask(AddUser("ann", Role.TRADER, "admin", RIGHT))
        await bench.ask(LogIn("ann", RIGHT, address=HOME))
        return [*bench.said]

    def test_a_user_is_let_in_by_their_password(self) -> None:
        """And may do what their role may, until the token ends."""

        async def scene(it: House) -> None:
            await it.add("ann")
            came = await it.log_in("ann")
            known = await it.who(came.access_token)
            assert known == came.identity, f"the token says {known}"
            assert came.identity.permissions == ROLES[Role.TRADER], "it is not the role's permissions"
            it.watch.advance(601)
            assert isinstance(await it.who(came.access_token), AccessRefused), "a token lasts over 10 minutes"

        self._play(scene)

    def test_whoever_is_not_let_in_is_not_told_why(self) -> None:
        """Unknown, wrong, out of service, a service, without a password: all get the same answer."""

        async def scene(it: House) -> None:
            for name in ("ann", "gone"):
                await it.add(name)
            await it.add("robot", Role.SERVICE, Secret())
            await it.bench.ask(ChangeUser("gone", "admin", active=False))
            tries = dict.fromkeys(("nobody", "gone", "robot", "owner", "Ann", ""), RIGHT) | {"ann": WRONG}
            answers = {name: await it.try_to_log_in(name, word) for name, word in tries.items()}
            alike = set(answers.values()) == {AccessRefused(Denial.CREDENTIALS)}
            assert alike, f"they are told different things: {answers}"

        self._play(scene)

    def test_who_fails_too_often_is_locked_out(self) -> None:
        """For a while, also with the right password, and without a word of it; sessions go on."""

        async def scene(it: House) -> None:
            await it.add("ann")
            before = await it.log_in("ann")
            for _ in range(self.access.lock_after):
                await it.try_to_log_in("ann", WRONG, ELSEWHERE)
            locked = await it.try_to_log_in("ann")
            assert locked == AccessRefused(Denial.CREDENTIALS), f"they are not locked out: {locked}"
            assert isinstance(await it.who(before.access_token), Identity), "a session ends by a lock-out"
            await it.bench.restart()
            locked = await it.try_to_log_in("ann")
            assert locked == AccessRefused(Denial.CREDENTIALS), "a restart forgets who is locked out"
            it.watch.advance(self.access.lock_longest_s + 1)
            await it.log_in("ann")

        self._play(scene)

    def test_an_address_that_fails_too_often_is_held_off(self) -> None:
        """Whoever it tries to be; others come in."""

        async def scene(it: House) -> None:
            await it.add("ann")
            for number in range(self.access.lock_address_after):
                await it.try_to_log_in(f"user{number}", WRONG, ELSEWHERE)
            refused = await it.try_to_log_in("ann", RIGHT, ELSEWHERE)
            assert isinstance(refused, AccessRefused), "it is let in"
            assert refused.denial is Denial.TOO_MANY, f"it is told {refused}"
            assert refused.retry_after_s > 0, "it is not told for how long"
            await it.log_in("ann")

        self._play(scene)

    def test_a_refresh_token_is_good_once(self) -> None:
        """It goes on with the session; shown again, it ends it, for the thief and for the owner."""

        async def scene(it: House) -> None:
            await it.add("ann")
            first = await it.log_in("ann")
            second = await it.bench.ask(RefreshLogin(first.refresh_token, HOME))
            assert isinstance(second, LoggedIn), f"it does not go on: {second}"
            assert second.identity.credential == first.identity.credential, "it is another session"
            assert isinstance(await it.bench.ask(RefreshLogin(first.refresh_token, HOME)), AccessRefused)
            for token in (first.access_token, second.access_token):
                assert isinstance(await it.who(token), AccessRefused), "a stolen session goes on"
            assert isinstance(await it.bench.ask(RefreshLogin(second.refresh_token, HOME)), AccessRefused)
            assert it.told_of("ann"), "nobody is told"
            assert not it.shelf.sessions, "it is not over on disk"

        self._play(scene)

    def test_a_session_ends_when_it_is_ended(self) -> None:
        """At once, and after a restart as well; only for whose it is."""

        async def scene(it: House) -> None:
            await it.add("ann")
            came = await it.log_in("ann")
            end = EndCredential(came.identity.credential, "bob", "bob")
            assert await it.bench.ask(end) == CredentialEnded(found=False), "anybody can end it"
            assert await it.bench.ask(replace(end, who="ann", owner="ann")) == CredentialEnded(found=True)
            for _ in range(2):
                assert isinstance(await it.who(came.access_token), AccessRefused), "it goes on"
                assert isinstance(await it.bench.ask(RefreshLogin(came.refresh_token)), AccessRefused)
                await it.bench.restart()

        self._play(scene)

    def test_a_session_outlives_a_restart_and_not_its_time(self) -> None:
        """It goes on where it was, until it was idle for too long."""

        async def scene(it: House) -> None:
            await it.add("ann")
            came = await it.log_in("ann")
            await it.bench.restart()
            assert isinstance(await it.who(came.access_token), Identity), "a restart ends it"
            again = await it.bench.ask(RefreshLogin(came.refresh_token))
            assert isinstance(again, LoggedIn), "a restart ends it"
            it.watch.advance(self.access.session_idle_h * 3_600 + 1)
            assert isinstance(await it.bench.ask(RefreshLogin(again.refresh_token)), AccessRefused)

        self._play(scene)

    def test_who_is_out_of_service_has_no_credentials(self) -> None:
        """Their tokens and keys are refused at once, and those who know them are told."""

        async def scene(it: House) -> None:
            await it.add("ann")
            came, key = await it.log_in("ann"), await it.make_key("ann")
            assert isinstance(await it.bench.ask(ChangeUser("ann", "admin", active=False)), UserChanged)
            for token in (came.access_token, key.secret):
                assert isinstance(await it.who(token), AccessRefused), "they are let in"
            assert it.told_of("ann"), "nobody is told"
            await it.bench.ask(ChangeUser("ann", "admin", active=True))
            assert isinstance(await it.who(came.access_token), AccessRefused), "an ended session comes back"

        self._play(scene)

    def test_another_password_ends_other_sessions(self) -> None:
        """The old one has to be known, a weak one is not taken, and the session it is asked in goes on."""

        async def scene(it: House) -> None:
            await it.add("ann")
            here, there = await it.log_in("ann"), await it.log_in("ann")
            new, session = Secret("nine blue lamps 44"), here.identity.credential
            for wish, fault in (
                (SetPassword("ann", "ann", new, WRONG, session), Fault.NOT_PROVED),
                (SetPassword("ann", "ann", Secret("short"), RIGHT, session), Fault.TOO_WEAK),
                (SetPassword("nobody", "ann", new, RIGHT, session), Fault.UNKNOWN),
            ):
                answer = await it.bench.ask(wish)
                assert isinstance(answer, NotDone), f"it is done: {answer}"
                assert answer.fault is fault, f"it is told {answer}"
            assert isinstance(await it.bench.ask(SetPassword("ann", "ann", new, RIGHT, session)), UserChanged)
            assert isinstance(await it.who(here.access_token), Identity), "its own session ends"
            assert isinstance(await it.who(there.access_token), AccessRefused), "others go on"
            assert isinstance(await it.try_to_log_in("ann", RIGHT), AccessRefused), "the old one is good"
            assert isinstance(await it.try_to_log_in("ann", new), LoggedIn), "the new one is not"

        self._play(scene)

    def test_an_api_key_may_do_what_its_scopes_let_it(self) -> None:
        """And its user's role; until it expires or is revoked."""

        async def scene(it: House) -> None:
            await it.add("ann", Role.VIEWER)
            until = it.watch.now() + SECOND
            trades = MakeApiKey("ann", "ann", "x", frozenset({Permission.WRITE_ORDERS}), until)
            assert isinstance(await it.bench.ask(trades), NotDone), "a key may do more than its user"
            key = await it.make_key("ann")
            known = await it.who(key.secret)
            assert isinstance(known, Identity), f"it is not known: {known}"
            assert (known.permissions, known.signs) == (READS, True), f"it may do {known.permissions}"
            other = Secret(key.secret.value[:-1] + ("a" if key.secret.value[-1] != "a" else "b"))
            assert isinstance(await it.who(other), AccessRefused), "another secret is as good"
            it.watch.advance(3_601)
            assert isinstance(await it.who(key.secret), AccessRefused), "it does not expire"
            key = await it.make_key("ann")
            await it.bench.ask(EndCredential(f"key:{key.made.id}", "ann", "ann"))
            assert isinstance(await it.who(key.secret), AccessRefused), "it is not revoked"

        self._play(scene)

    def test_a_signed_request_is_taken_once(self) -> None:
        """Whatever happens in between; what was altered, or is old, is not taken at all."""

        async def scene(it: House) -> None:
            await it.add("ann")
            key = (await it.make_key("ann")).made.id
            nonce = "0123456789abcdef"
            request = it.signed(key, nonce)
            for altered in (
                it.signed(key, nonce, base=b'"@method": DELETE'),
                it.signed(key, nonce, signature=bytes(64)),
                it.signed(key, nonce, created=request.request.created - 10_000),
                it.signed(key, "", nonce=""),
                it.signed("nokey", nonce),
            ):
                assert isinstance(await it.bench.ask(altered), AccessRefused), f"it is taken: {altered}"
            first = await it.bench.ask(request)
            assert isinstance(first, Identity), f"it is not taken: {first}"
            for _ in range(2):
                again = await it.bench.ask(request)
                assert again == AccessRefused(Denial.REPLAYED), f"it is taken again: {again}"
                await it.bench.restart()
            assert isinstance(await it.bench.ask(it.signed(key, nonce[::-1])), Identity)

        self._play(scene)

    def test_somebody_can_always_administer_the_node(self) -> None:
        """The last administrator stays one, and changes that cross are told."""

        async def scene(it: House) -> None:
            await it.add("root", Role.ADMIN)
            for wish in (
                ChangeUser("root", "root", role=Role.VIEWER),
                ChangeUser("root", "root", active=False),
            ):
                answer = await it.bench.ask(wish)
                assert isinstance(answer, NotDone), "nobody is left"
                assert answer.fault is Fault.LAST_ADMIN, f"it is told {answer}"
            other = (await it.add("other", Role.ADMIN)).user
            answer = await it.bench.ask(
                ChangeUser("other", "root", active=False, revision=other.revision + 1)
            )
            assert isinstance(answer, NotDone), "a change of what was changed in between is done"
            assert answer.fault is Fault.CONFLICT, f"it is told {answer}"
            assert isinstance(await it.bench.ask(ChangeUser("root", "other", active=False)), UserChanged)

        self._play(scene)

    def test_what_cannot_be_stored_does_not_count(self) -> None:
        """No session begins, no user is there, and it is said that it is for the time being."""

        async def scene(it: House) -> None:
            await it.add("ann")
            key = (await it.make_key("ann")).made.id
            it.shelf.trouble = "the disk is full"
            answer = await it.try_to_log_in("ann")
            assert isinstance(answer, AccessRefused), "they are let in"
            assert answer.denial is Denial.UNAVAILABLE, f"they are told {answer}"
            added = await it.bench.ask(AddUser("bob", Role.TRADER, "admin", RIGHT))
            assert isinstance(added, NotDone), "somebody is there who is not stored"
            signed = await it.bench.ask(it.signed(key, "0123456789abcdef"))
            assert isinstance(signed, AccessRefused), "it is taken, and could be again"
            assert len((await it.bench.ask(ListUsers("bob"))).users) == 0, "they are there after all"
            it.shelf.trouble = ""
            await it.log_in("ann")

        self._play(scene)

    def test_no_secret_is_stored_as_it_is(self) -> None:
        """Nor said to anybody but to who is to have it."""

        async def scene(it: House) -> None:
            await it.add("ann")
            came, key = await it.log_in("ann"), await it.make_key("ann")
            stored = repr(it.shelf.recall(RecallAccess())) + repr(await it.bench.debug())
            stored += "".join(each.password.value for each in it.shelf.logins.values())
            for secret in (RIGHT, came.access_token, came.refresh_token, key.secret):
                assert secret.value not in stored, "a secret is stored"

        self._play(scene)

    def _house_bench(self, shelf: Shelf, watch: Watch, **how: Any) -> Bench[Any]:
        answers = {Perform: shelf.perform, RecallAccess: shelf.recall, **how.pop("answers", {})}
        return super().bench(assignment=aaa_assignment(watch, self.access), answers=answers, **how)

    def _play(self, scene: Scene) -> None:
        async def played() -> None:
            shelf, watch = Shelf("owner"), Watch()
            async with self._house_bench(shelf, watch) as bench:
                await scene(House(bench, shelf, watch))

        run(played())
