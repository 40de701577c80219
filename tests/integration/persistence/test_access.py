"""Who may come in, with the real plugin, the real database and its audit, on both engines."""

import asyncio
import json
from base64 import b64encode
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest
from msgspec.structs import replace
from sqlalchemy import text

from actors.host import Host
from actors.persistence.actor import Persistence
from actors.persistence.storage import Storage
from actors.persistence.verify import verify
from bus import SECOND, Actor, Bus, LiveDriver, Request, Supervision, SystemClock, on
from lts.config.schema import AccessPlan
from lts.domain.access import (
    AccessChanged,
    AccessRefused,
    CredentialEnded,
    Denial,
    EndCredential,
    Identify,
    IdentifySigned,
    Identity,
    LoggedIn,
    LogIn,
    RefreshLogin,
    SignedRequest,
)
from lts.domain.credentials import PutLogin, RecallAccess
from lts.domain.permissions import Permission, Role
from lts.domain.plugins import PluginStarted, StartPlugin
from lts.domain.secret import Secret
from lts.domain.storage import KeysRotated, RotateKeys
from lts.domain.units import NotPerformed, Perform, Performed, PutUser
from lts.domain.users import (
    AddUser,
    ApiKeyMade,
    ChangeUser,
    ConfirmSecondFactor,
    ListUsers,
    MakeApiKey,
    OfferSecondFactor,
    SecondFactorOffered,
    UserChanged,
)
from lts.kinds.aaa import Aaa
from lts.main import aaa_plugin, catalogue
from lts.refusal import Refused
from lts.security.passwords import Costs
from lts.security.port import NodeSecurity
from lts.security.signing import SigningKey
from lts.security.totp import code_at

pytestmark = pytest.mark.requirement("INT-021", "INT-022", "INT-024", "INT-025", "INT-4.1")

CLERK = SigningKey("clerk", bytes(range(32)))
RIGHT, WRONG = Secret("seven green cats 9"), Secret("seven green dogs 9")
BASE = b'"@method": POST\n"@path": /api/v1/orders'
ONCE = Supervision(restarts=0)


class Caller(Actor[None]):
    """Asks what the API would ask, and hears what it would hear."""

    asks: ClassVar[tuple[Any, ...]] = (
        StartPlugin, Perform, RotateKeys, RecallAccess,
        *(each for each in Aaa.hears if issubclass(each, Request)),
    )  # fmt: skip

    async def lifespan(self) -> AsyncGenerator[None, None]:
        self.changes: list[tuple[AccessChanged, int]] = []
        yield

    @on
    def hear(self, changed: AccessChanged) -> None:
        self.changes.append((changed, self.system.monotonic()))


@dataclass
class House:
    """A database that is open, and the plugin that works with it."""

    caller: Caller
    keeper: Persistence
    aaa: Any
    storage: Storage

    async def ask(self, request: Request[Any]) -> Any:
        return await self.caller.ask(request, within=20.0)

    async def log_in(self, name: str, **more: Any) -> LoggedIn:
        answer = await self.ask(LogIn(name, RIGHT, address="192.0.2.1", **more))
        assert isinstance(answer, LoggedIn), answer
        return answer

    async def make_key(self, user: str) -> ApiKeyMade:
        public, until = b64encode(CLERK.public).decode(), SystemClock().now() + 3_600 * SECOND
        scopes = frozenset({Permission.WRITE_ORDERS})
        answer = await self.ask(MakeApiKey(user, user, "desk", scopes, until, public))
        assert isinstance(answer, ApiKeyMade), answer
        return answer

    async def rows(self, statement: str) -> list[Any]:
        await self.keeper.writer.flushed()
        async with self.keeper.engine.connect() as connection:
            return list((await connection.execute(text(statement))).all())

    async def audited(self, entity: str, action: str) -> list[Any]:
        return await self.rows(
            f"SELECT who, row_key, before, after FROM audit_log WHERE entity = '{entity}' "  # noqa: S608 - ours
            f"AND action = '{action}' ORDER BY seq"
        )


Open = Callable[[], AbstractAsyncContextManager[House]]


@pytest.fixture
def open_house(database: str, tmp_path: Path, short_logs: None) -> Open:  # noqa: ARG001
    """Opens the database with its plugin; each time with the same state directory."""

    @asynccontextmanager
    async def opened() -> AsyncIterator[House]:
        storage = Storage(tmp_path / "state", database, environ={})
        storage.state_dir.mkdir(exist_ok=True)
        storage.node_keys(create=True)
        bus = Bus(LiveDriver(), hopeless=(Refused,))
        cell = bus.spawn(Persistence, storage, name="persistence", supervision=ONCE)
        caller = bus.spawn(Caller, None, name="caller").actor
        bus.spawn(Host, catalogue(), name="host")
        try:
            await bus.started()
            assert isinstance(caller, Caller)
            assert isinstance(cell.actor, Persistence)
            security = NodeSecurity(storage.tokens, SystemClock().now, Costs(memory_kib=8, passes=1))
            plan = AccessPlan(lock_after=3, lock_address_after=50, signature_window_s=300)
            started = await caller.ask(aaa_plugin(plan, security, "test"))
            assert isinstance(started, PluginStarted), started
            await bus.started()
            assert not bus.cells["aaa"].reason
            yield House(caller, cell.actor, bus.cells["aaa"].actor, storage)
            assert not bus.cells["aaa"].reason
        finally:
            await bus.stop()

    return opened


@pytest.fixture
async def house(open_house: Open) -> AsyncIterator[House]:
    """A house that knows ann, who trades."""
    async with open_house() as house:
        assert isinstance(await house.ask(AddUser("ann", Role.TRADER, "operator me", RIGHT)), UserChanged)
        yield house


def signed(key_id: str, nonce: str) -> IdentifySigned:
    created = SystemClock().now() // SECOND
    return IdentifySigned(SignedRequest(key_id, BASE, CLERK.sign(BASE), nonce, created))


async def test_what_is_known_outlives_a_restart(open_house: Open) -> None:
    async with open_house() as house:
        await house.ask(Perform((PutUser("owner"),), "system"))
        await house.ask(AddUser("ann", Role.ADMIN, "operator me", RIGHT))
        came, key = await house.log_in("ann", agent="a browser"), await house.make_key("ann")
        turned = await house.ask(RefreshLogin(came.refresh_token))
    async with open_house() as house:
        users = (await house.ask(ListUsers())).users
        assert [(each.name, each.role, each.can_log_in, each.revision) for each in users] == [
            ("ann", Role.ADMIN, True, 1),
            ("owner", Role.TRADER, False, 0),
        ]
        for token in (came.access_token, turned.access_token, key.secret):
            assert isinstance(await house.ask(Identify(token)), Identity)
        assert isinstance(await house.ask(RefreshLogin(turned.refresh_token)), LoggedIn)
        recalled = await house.ask(RecallAccess())
        assert (len(recalled.sessions), len(recalled.spent), len(recalled.keys)) == (1, 2, 1)
        assert isinstance(await house.ask(AddUser("owner", Role.VIEWER, "operator me", RIGHT)), UserChanged)


async def test_two_thousand_replays_also_across_a_restart_are_all_refused(open_house: Open) -> None:
    async with open_house() as house:
        await house.ask(AddUser("ann", Role.TRADER, "operator me", RIGHT))
        key = (await house.make_key("ann")).made.id
        requests = [signed(key, f"nonce-{number:016}") for number in range(250)]
        first = await asyncio.gather(*map(house.ask, requests))
        assert {type(each) for each in first} == {Identity}
        again = await asyncio.gather(*map(house.ask, requests * 4))
    async with open_house() as house:
        again += await asyncio.gather(*map(house.ask, requests * 4))
        house.aaa.store.nonces.__init__(300)  # even if the plugin had forgotten all, the database has not
        again += await asyncio.gather(*map(house.ask, requests[:50]))
        assert set(again) == {AccessRefused(Denial.REPLAYED)}
        assert len(again) == 2_050
        assert (await house.rows("SELECT count(*) FROM nonces"))[0][0] == 250


async def test_a_refresh_token_that_is_shown_again_ends_the_session_within_a_second(house: House) -> None:
    came = await house.log_in("ann")
    turned = await house.ask(RefreshLogin(came.refresh_token))
    begun = SystemClock().monotonic()
    assert isinstance(await house.ask(RefreshLogin(came.refresh_token)), AccessRefused)
    assert SystemClock().monotonic() - begun < SECOND
    [(changed, heard)] = house.caller.changes
    assert changed == AccessChanged("ann", came.identity.credential)
    assert heard - begun < SECOND
    for token in (came.access_token, turned.access_token):
        assert isinstance(await house.ask(Identify(token)), AccessRefused)
    assert await house.rows("SELECT * FROM sessions") == []
    assert await house.rows("SELECT * FROM spent_refresh_tokens") == []
    assert [row.who for row in await house.audited("sessions", "delete")] == ["system"]


async def test_two_who_take_one_refresh_token_at_once_have_no_session_after(house: House) -> None:
    came = await house.log_in("ann")
    both = await asyncio.gather(*(house.ask(RefreshLogin(came.refresh_token)) for _ in range(2)))
    assert len([each for each in both if isinstance(each, LoggedIn)]) <= 1
    assert isinstance(await house.ask(Identify(came.access_token)), AccessRefused)
    assert await house.rows("SELECT * FROM sessions") == []


async def test_who_is_taken_out_of_service_is_refused_at_once(house: House) -> None:
    came, key = await house.log_in("ann"), await house.make_key("ann")
    begun = SystemClock().monotonic()
    assert isinstance(await house.ask(ChangeUser("ann", "root", active=False)), UserChanged)
    for token in (came.access_token, key.secret):
        assert isinstance(await house.ask(Identify(token)), AccessRefused)
    assert isinstance(await house.ask(signed(key.made.id, "nonce-0000000000")), AccessRefused)
    assert SystemClock().monotonic() - begun < SECOND
    assert AccessChanged("ann") in [changed for changed, _ in house.caller.changes]
    assert await house.rows("SELECT * FROM api_keys") == []


async def test_what_a_user_did_is_audited_in_their_name_without_any_secret(house: House) -> None:
    came, key = await house.log_in("ann"), await house.make_key("ann")
    end = EndCredential(came.identity.credential, "ann", "ann")
    assert await house.ask(end) == CredentialEnded(found=True)
    offered = await house.ask(OfferSecondFactor("ann", RIGHT))
    assert isinstance(offered, SecondFactorOffered)
    code_secret = offered.uri.value.partition("secret=")[2].partition("&")[0]
    code = Secret(code_at(code_secret, SystemClock().now() // SECOND))
    assert isinstance(await house.ask(ConfirmSecondFactor("ann", code)), UserChanged)
    assert [row.who for row in await house.audited("logins", "insert")] == ["operator me"]
    assert {row.who for row in await house.audited("sessions", "insert")} == {"ann"}
    assert {row.who for row in await house.audited("api_keys", "insert")} == {"ann"}
    [(_, _, before, after)] = await house.audited("logins", "update")
    assert json.loads(after)["second_factor"].keys() == {"sha256"}
    assert json.loads(before)["second_factor"] is None
    [login] = (await house.ask(RecallAccess())).logins
    assert login.second_factor.value == code_secret
    secrets = (RIGHT.value, code_secret, came.refresh_token.value, key.secret.value, login.password.value)
    everything = "".join(map(repr, await house.rows("SELECT * FROM audit_log")))
    everything += "".join(map(repr, await house.rows("SELECT * FROM logins")))
    everything += "".join(map(repr, await house.rows("SELECT * FROM api_keys")))
    assert [each for each in secrets if each in everything] == []


async def test_who_a_user_is_at_a_provider_is_stored_audited_and_nobody_elses(house: House) -> None:
    [ann] = (await house.ask(RecallAccess())).logins
    linked = replace(ann, issuer="https://login.example.com", subject="248289761001")
    assert isinstance(await house.ask(Perform((PutLogin(linked),), "aaa")), Performed)
    assert (await house.ask(RecallAccess())).logins == (linked,)
    second = replace(linked, name="eve")
    assert isinstance(await house.ask(Perform((PutLogin(second),), "aaa")), NotPerformed)
    assert (await house.ask(RecallAccess())).logins == (linked,)
    moved = replace(linked, subject="2")
    assert isinstance(await house.ask(Perform((PutLogin(moved),), "aaa")), Performed)
    assert (await house.ask(RecallAccess())).logins == (moved,)
    assert isinstance(await house.ask(Perform((PutLogin(ann),), "aaa")), Performed)
    assert (await house.ask(RecallAccess())).logins == (ann,)
    for action in ("insert", "update", "delete"):
        assert [row.who for row in await house.audited("login_identities", action)] == ["aaa"]


async def test_a_code_is_taken_once(house: House) -> None:
    offered = await house.ask(OfferSecondFactor("ann", RIGHT))
    code_secret = offered.uri.value.partition("secret=")[2].partition("&")[0]
    now = SystemClock().now() // SECOND
    assert isinstance(
        await house.ask(ConfirmSecondFactor("ann", Secret(code_at(code_secret, now)))), UserChanged
    )
    assert await house.ask(LogIn("ann", RIGHT)) == AccessRefused(Denial.CODE_NEEDED)
    used = LogIn("ann", RIGHT, Secret(code_at(code_secret, now)))
    assert await house.ask(used) == AccessRefused(Denial.CREDENTIALS)
    fresh = replace(used, code=Secret(code_at(code_secret, now + 30)))
    assert [type(await house.ask(fresh)) for _ in range(2)] == [LoggedIn, AccessRefused]


async def test_fifty_wrong_logins_are_locked_out_and_audited(open_house: Open) -> None:
    async with open_house() as house:
        await house.ask(AddUser("ann", Role.TRADER, "operator me", RIGHT))
        tries = [LogIn("ann", WRONG, address="198.51.100.7") for _ in range(50)]
        strange = [LogIn("<script>", WRONG, address="203.0.113.9") for _ in range(20)]
        answers = await asyncio.gather(*map(house.ask, tries))
        answers += await asyncio.gather(*map(house.ask, strange))
        assert set(answers) == {AccessRefused(Denial.CREDENTIALS)}
        assert await house.ask(LogIn("ann", RIGHT)) == AccessRefused(Denial.CREDENTIALS)
        held_off = await house.ask(LogIn("ann", RIGHT, address="198.51.100.7"))
        assert held_off.denial is Denial.TOO_MANY
        await house.aaa.store.tell()
        noted = [(row.row_key, json.loads(row.after)) for row in await house.audited("logins", "note")]
        told = {"refused": "login", "address": "198.51.100.7", "count": 51}
        assert ('["ann"]', told) in noted
        assert ("[]", told | {"address": "203.0.113.9", "count": 20}) in noted
        assert (await house.rows("SELECT failures FROM logins"))[0][0] == 3
    async with open_house() as house:
        assert await house.ask(LogIn("ann", RIGHT)) == AccessRefused(Denial.CREDENTIALS)
        assert "<script>" not in "".join(map(repr, await house.rows("SELECT * FROM audit_log")))


async def test_tokens_hold_while_the_keys_are_rotated(open_house: Open) -> None:
    async with open_house() as house:
        await house.ask(AddUser("ann", Role.TRADER, "operator me", RIGHT))
        before = await house.log_in("ann")
        key_id = house.storage.tokens.current.id
        assert isinstance(await house.ask(RotateKeys(node_key=True)), KeysRotated)
        assert house.storage.tokens.current.id != key_id
        after = await house.log_in("ann")
    async with open_house() as house:  # which remembers no token
        for token in (before.access_token, after.access_token):
            assert isinstance(await house.ask(Identify(token)), Identity)
        await house.log_in("ann")  # the password's hash was sealed anew
        keys = house.storage.node_keys(create=False).keys
        await house.keeper.writer.flushed()
        report = await verify(house.keeper.engine, keys, house.storage.head)
        assert report.findings == ()


async def test_a_login_that_cannot_be_stored_is_no_user(house: House) -> None:
    long = "a" * 65
    answer = await house.ask(AddUser(long, Role.TRADER, "root", RIGHT))
    assert answer.fault.value == "invalid"
    assert [each.name for each in (await house.ask(ListUsers())).users] == ["ann"]
    assert await house.ask(Perform((PutUser("bob"),), "system")) == Performed()
