"""The suite for AAA plugins finds what it is there to find: each plugin here is wrong in one respect."""

from collections.abc import AsyncGenerator
from typing import Any

import pytest
from msgspec.structs import replace

from lts.access.lockouts import Rule
from lts.access.store import NOTHING
from lts.sdk import (
    Aaa,
    AccessRefused,
    ApiKeyMade,
    Claims,
    CredentialEnded,
    Denial,
    EndCredential,
    Identify,
    IdentifySigned,
    Identity,
    Later,
    LoggedIn,
    LogIn,
    MakeApiKey,
    NotDone,
    Params,
    Permission,
    SetPassword,
    UserChanged,
    on,
)
from lts.testing import AaaContract
from lts.testing.contract import PluginContract
from plugins.aaa.local.plugin import LocalAaa

pytestmark = pytest.mark.requirement("INT-001", "INT-10.1", "INT-021", "LTS-005")

LENIENT = Rule(10**6, 1, 1)


class IdleAaa(Aaa[Params]):
    """Knows nobody."""


class Powerless(LocalAaa):
    @on
    def identify(self, wanted: Identify) -> Identity | AccessRefused:
        known = super().identify(wanted)
        return replace(known, permissions=frozenset()) if isinstance(known, Identity) else known


class TellTale(LocalAaa):
    @on
    def log_in(self, wanted: LogIn) -> Later[LoggedIn | AccessRefused]:
        if self.store.users.find(wanted.user) is not None:
            return super().log_in(wanted)
        later: Later[LoggedIn | AccessRefused] = self.later(holds=False)
        later.answer(AccessRefused(Denial.SIGNATURE))
        return later


class Patient(LocalAaa):
    async def lifespan(self) -> AsyncGenerator[None, None]:
        async for _ in super().lifespan():
            self.store.rule = LENIENT
            yield


class OpenToAll(LocalAaa):
    async def lifespan(self) -> AsyncGenerator[None, None]:
        async for _ in super().lifespan():
            self.store.addresses.rule = LENIENT
            yield


class Credulous(LocalAaa):
    async def lifespan(self) -> AsyncGenerator[None, None]:
        async for _ in super().lifespan():
            self.store.sessions.family = lambda _: None  # type: ignore[method-assign, assignment]
            yield


class Obliging(LocalAaa):
    @on
    def end_credential(self, wanted: EndCredential) -> Later[CredentialEnded]:
        return super().end_credential(replace(wanted, owner=None))


class Forgetful(LocalAaa):
    async def lifespan(self) -> AsyncGenerator[None, None]:
        async for _ in super().lifespan():
            for each in self.store.sessions.of(None, self.security.now()):
                self.store.sessions.end(each.id)
            yield


class Lingering(LocalAaa):
    async def lifespan(self) -> AsyncGenerator[None, None]:
        async for _ in super().lifespan():
            self.store.users.permissions = lambda _: frozenset(Permission)  # type: ignore[method-assign, assignment]
            self.store.ending = lambda *_, **__: NOTHING  # type: ignore[method-assign]
            yield


class Uncurious(LocalAaa):
    @on
    def set_password(self, wanted: SetPassword) -> Later[UserChanged | NotDone]:
        return super().set_password(replace(wanted, old=None))


class Generous(LocalAaa):
    @on
    def make_key(self, wanted: MakeApiKey) -> Later[ApiKeyMade | NotDone]:
        return super().make_key(replace(wanted, scopes=frozenset({Permission.READ_ORDERS})))


class Gullible(LocalAaa):
    @on
    def identify_signed(self, wanted: IdentifySigned) -> Later[Identity | AccessRefused]:
        nonce = self.security.new_secret() if wanted.request.nonce else ""
        return super().identify_signed(replace(wanted, request=replace(wanted.request, nonce=nonce)))


class Headless(LocalAaa):
    async def lifespan(self) -> AsyncGenerator[None, None]:
        async for _ in super().lifespan():
            self.store.users._is_alone = lambda _: False  # type: ignore[method-assign, assignment]
            yield


class Careless(LocalAaa):
    async def keep(self, who: str, *commands: Any) -> str:
        await super().keep(who, *commands)
        return ""


class Talkative(LocalAaa):
    def debug_info(self) -> dict[str, Any]:
        return super().debug_info() | {"tokens": [*self.store.passes._read]}

    @on
    def log_in(self, wanted: LogIn) -> Later[LoggedIn | AccessRefused]:
        self.store.passes._read[wanted.password.value] = Claims("", "", 0, 0, "")
        return super().log_in(wanted)


WRONG: dict[type[LocalAaa], str] = {
    Powerless: "test_a_user_is_let_in_by_their_password",
    TellTale: "test_whoever_is_not_let_in_is_not_told_why",
    Patient: "test_who_fails_too_often_is_locked_out",
    OpenToAll: "test_an_address_that_fails_too_often_is_held_off",
    Credulous: "test_a_refresh_token_is_good_once",
    Obliging: "test_a_session_ends_when_it_is_ended",
    Forgetful: "test_a_session_outlives_a_restart_and_not_its_time",
    Lingering: "test_who_is_out_of_service_has_no_credentials",
    Uncurious: "test_another_password_ends_other_sessions",
    Generous: "test_an_api_key_may_do_what_its_scopes_let_it",
    Gullible: "test_a_signed_request_is_taken_once",
    Headless: "test_somebody_can_always_administer_the_node",
    Careless: "test_what_cannot_be_stored_does_not_count",
    Talkative: "test_no_secret_is_stored_as_it_is",
}


def names_in(suite: type[PluginContract]) -> set[str]:
    return {name for name in dir(suite) if name.startswith("test_")}


def fails(plugin: type[Aaa[Any]], name: str) -> bool:
    suite = type("Mine", (AaaContract,), {"plugin": plugin})()
    try:
        getattr(suite, name)()
    except Exception:  # noqa: BLE001 - whatever way a test fails, it fails
        return True
    return False


@pytest.mark.parametrize(("plugin", "test"), WRONG.items())
def test_a_plugin_that_is_wrong_in_one_respect_is_found_out(plugin: type[LocalAaa], test: str) -> None:
    assert fails(plugin, test)
    assert not fails(LocalAaa, test)


def test_a_plugin_that_does_nothing_fails_every_test() -> None:
    assert {name for name in names_in(AaaContract) if fails(IdleAaa, name)} == names_in(AaaContract)


def test_every_test_of_the_suite_finds_something() -> None:
    assert set(WRONG.values()) == names_in(AaaContract) - names_in(PluginContract)
