"""The parts of kept access, each alone: lock-outs, passwords' policy, sessions, nonces, refusals, passes."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule

from lts.access.lockouts import Lockouts, Rule, network_of
from lts.access.nonces import Nonces, is_nonce
from lts.access.passes import Passes
from lts.access.policy import weakness
from lts.access.refusals import ELSEWHERE, MOST, Refusals
from lts.access.sessions import Lifetime, Sessions
from lts.access.users import Users, Wish
from lts.sdk import SECOND, Login, Nonce, NoteRefusals, Role, Secret, Session, SignedRequest, StoredSession
from lts.testing.security import Watch, cheap_security

pytestmark = pytest.mark.requirement("INT-4.1", "INT-021", "INT-022")

STRICT = Rule(after=3, first_s=10, longest_s=60, forgotten_s=1_000)


# Lock-outs


def test_each_failure_beyond_those_that_are_free_doubles_the_wait() -> None:
    waits = [STRICT.wait_s(failures, 0, 0) for failures in range(9)]
    assert waits == [0, 0, 0, 10, 20, 40, 60, 60, 60]
    assert STRICT.wait_s(10**9, 0, 0) == 60
    assert STRICT.wait_s(5, 0, 30 * SECOND) == 10
    assert STRICT.wait_s(5, 0, 41 * SECOND) == 0
    assert STRICT.standing(5, 0, 1_001 * SECOND) == 0


class Attempts(RuleBasedStateMachine):
    """Many try, from few addresses: however they do it, the rule lets so many through and no more."""

    addresses = st.sampled_from(["a", "b", "c"])

    @initialize()
    def begin(self) -> None:
        self.now = 10**18
        self.lockouts = Lockouts(STRICT, most=2)
        self.log: dict[str, list[int]] = {"a": [], "b": [], "c": []}

    @rule(seconds=st.integers(0, 100))
    def wait(self, seconds: int) -> None:
        self.now += seconds * SECOND

    @rule(address=addresses)
    def fail(self, address: str) -> None:
        if not self.lockouts.wait_s(address, self.now):
            self.lockouts.count(address, self.now)
            self.log[address].append(self.now)

    @rule(address=addresses)
    def succeed(self, address: str) -> None:
        before = self.lockouts.wait_s(address, self.now)
        if not before:
            self.lockouts.count(address, self.now)
            self.lockouts.uncount(address)
            assert self.lockouts.wait_s(address, self.now) <= STRICT.longest_s

    @invariant()
    def few_are_remembered(self) -> None:
        assert len(self.lockouts) <= 2

    @invariant()
    def nobody_waits_longer_than_the_rule_says(self) -> None:
        for address, failed in self.log.items():
            wait_s = self.lockouts.wait_s(address, self.now)
            assert 0 <= wait_s <= STRICT.longest_s
            if len(failed) < STRICT.after:
                assert not wait_s


TestAttempts = Attempts.TestCase
TestAttempts.settings = settings(max_examples=30, stateful_step_count=30, deadline=None)


def test_one_who_keeps_failing_gets_few_tries_a_day() -> None:
    lockouts, looked_at = Lockouts(Rule(5, 30, 900)), 0
    for second in range(86_400):
        if not lockouts.wait_s("x", second * SECOND + 1):
            lockouts.count("x", second * SECOND + 1)
            looked_at += 1
    assert 90 < looked_at < 110


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", "unknown"),
        ("<script>", "unknown"),
    ],
)
def test_addresses_are_counted_by_who_has_them(address: str, network: str) -> None:
    assert network_of(address) == network


# The password policy


@pytest.mark.parametrize(
    ("password", "part"),
    [
        ("", "12 to 128"), ("elevenchars", "12 to 128"), ("x" * 129, "12 to 128"),
        ("annabelle", "12 to 128"), ("i am Annabelle!", "name"), ("aaaaaaaaaaaab", "different"),
        ("Password1234", "tried first"), ("correcthorsebatterystaple", "tried first"),
        ("abcdefghijklm", "tried first"), ("mlkjihgfedcba", "tried first"), ("QWERTYUIOPAS", "tried first"),
        ("890123456789", "tried first"),
    ],
)  # fmt: skip
def test_a_weak_password_is_not_taken(password: str, part: str) -> None:
    assert part in weakness(password, "annabelle")


@pytest.mark.parametrize(
    "password", ["seven green cats", "x7#kQ!pL0@zW", "Straße über München", "ü" * 8 + "abcdefgh"]
)
def test_any_other_is(password: str) -> None:
    assert weakness(password, "annabelle") == ""
    assert weakness(password, "") == ""


# Sessions


class Families(RuleBasedStateMachine):
    """Sessions go on, are stolen, idle and end: of each, one token is good, and no spent one ever is."""

    tokens = Bundle("tokens")

    @initialize()
    def begin(self) -> None:
        self.now, self.number = 10**18, 0
        self.sessions = Sessions(Lifetime(100 * SECOND, 1_000 * SECOND))
        self.good: dict[str, bytes] = {}
        self.bad: dict[bytes, str] = {}

    def token(self) -> bytes:
        self.number += 1
        return self.number.to_bytes(32, "big")

    def drop(self, session_id: str) -> None:
        self.good.pop(session_id, None)
        self.bad = {token: id_ for token, id_ in self.bad.items() if id_ != session_id}

    @rule(target=tokens, user=st.sampled_from(["ann", "bob"]))
    def log_in(self, user: str) -> bytes:
        token, id_ = self.token(), f"s{self.number}"
        ends = self.now + self.sessions.lifetime.whole
        self.sessions.put(StoredSession(Session(id_, user, self.now, self.now, ends, "", ""), token))
        self.good[id_] = token
        return token

    @rule(target=tokens, shown=tokens, stored=st.booleans())
    def refresh(self, shown: bytes, stored: bool) -> bytes:
        if stolen := self.sessions.family(shown):
            assert self.bad[shown] == stolen
            assert self.sessions.end(stolen) is not None
            self.drop(stolen)
            return shown
        session = self.sessions.holder(shown, self.now)
        if session is None:
            assert shown not in self.good.values() or self.sessions.over(self.now)
            return shown
        assert self.good[session.id] == shown
        token = self.token()
        after = self.sessions.turn(session.id, token, self.now)
        assert after.refresh == token
        if not stored:
            self.sessions.turn_back(session.id, shown)
            assert self.sessions.holder(token, self.now) is None
            return shown
        self.good[session.id] = token
        self.bad[shown] = session.id
        return token

    @rule(seconds=st.integers(1, 90))
    def wait(self, seconds: int) -> None:
        self.now += seconds * SECOND
        for id_ in self.sessions.over(self.now):
            assert self.sessions.find(id_, self.now) is None
            self.sessions.end(id_)
            self.drop(id_)

    @rule(shown=tokens)
    def use(self, shown: bytes) -> None:
        if session := self.sessions.holder(shown, self.now):
            self.sessions.use(session.id, self.now)

    @rule()
    def restart(self) -> None:
        stored = [StoredSession(each, self.good[each.id]) for each in self.sessions.of(None, self.now)]
        self.sessions = Sessions(self.sessions.lifetime, stored, self.bad)

    @invariant()
    def each_session_goes_on_with_one_token(self) -> None:
        for id_, token in self.good.items():
            holder = self.sessions.holder(token, self.now)
            assert holder is not None
            assert holder.id == id_
            assert holder.expires_at - holder.begun_at == self.sessions.lifetime.whole
        assert len(self.sessions) == len(self.good)

    @invariant()
    def no_spent_token_goes_on_with_anything(self) -> None:
        for token, id_ in self.bad.items():
            assert self.sessions.holder(token, self.now) is None
            assert self.sessions.family(token) == id_


TestFamilies = Families.TestCase
TestFamilies.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)


def test_use_is_stored_once_a_minute_at_most() -> None:
    sessions = Sessions(Lifetime(10**15, 10**15))
    sessions.put(StoredSession(Session("s", "ann", 0, 0, 10**15, "", ""), bytes(32)))
    marked: list[int] = []
    for second in range(300):
        sessions.use("s", second * SECOND)
        marked += sessions.to_mark().values()
    assert marked == [60 * SECOND, 120 * SECOND, 180 * SECOND, 240 * SECOND]


def test_the_session_used_longest_ago_gives_way() -> None:
    sessions = Sessions(Lifetime(10**15, 10**15))
    for number in range(60):
        stored = Session(f"s{number}", "ann", number, number, 10**15, "", "")
        sessions.put(StoredSession(stored, number.to_bytes(32, "big")))
    sessions.use("s0", 100)
    assert sessions.surplus("ann", 200) == [f"s{number}" for number in range(1, 12)]
    assert sessions.surplus("bob", 200) == []


# Users


def test_who_administers_alone_stays_an_administrator() -> None:
    login = Login("root", Role.ADMIN, active=True, created_at=0, password=Secret("x"))
    users = Users([login, Login("owner", Role.ADMIN, active=True, created_at=0, revision=0)])
    for wish in (Wish(active=False), Wish(Role.TRADER), Wish(Role.SERVICE)):
        assert "last" in getattr(users.changed("root", wish), "reason", "")
    users.put(Login("other", Role.ADMIN, active=True, created_at=0, password=Secret("x")))
    assert getattr(users.changed("root", Wish(active=False)), "active", None) is False


@pytest.mark.parametrize("name", ["", " ", "a b ", "a\n", "<b>", "x" * 65, "né", "a--b"])
def test_a_name_is_made_of_what_names_are_made_of(name: str) -> None:
    refused = Users([]).objection_to_new(name)
    assert refused is not None
    assert "a name is made of" in refused.reason


# Nonces


@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from("xyz"), st.integers(-2, 2)), max_size=40))
def test_a_nonce_is_spent_once_for_as_long_as_its_time_counts(tries: list[tuple[str, str, int]]) -> None:
    nonces, now, taken = Nonces(60, [Nonce("a", "z", 10**18)]), 10_000, {("a", "z")}
    for key, nonce, off in tries:
        now += 1
        request = SignedRequest(key, b"", b"", nonce, now + 30 * off)
        assert nonces.is_timely(request, now * SECOND)
        assert (nonces.spend(request) is None) is ((key, nonce) in taken)
        taken.add((key, nonce))
        nonces.forget(now * SECOND)
        assert len(nonces) == len(taken | {("a", "z")})


def test_a_nonce_is_not_forgotten_while_its_request_would_be_taken() -> None:
    nonces = Nonces(60)
    request = SignedRequest("k", b"", b"", "n", 1_060)
    assert nonces.spend(request) is not None
    for now in range(1_000, 1_121):
        nonces.forget(now * SECOND)
        assert nonces.is_timely(request, now * SECOND)
        assert nonces.spend(request) is None
    assert not nonces.is_timely(request, 1_121 * SECOND)
    assert nonces.forget(1_181 * SECOND) == 1


@pytest.mark.parametrize("text", ["", "x" * 15, "x" * 129, "x" * 15 + "\n", "x" * 15 + "é"])
def test_what_is_no_nonce(text: str) -> None:
    assert not is_nonce(text)
    assert is_nonce("x" * 16)


# Refusals


def test_a_flood_of_refusals_is_a_hundred_lines_and_no_count_is_lost() -> None:
    refusals = Refusals()
    for number in range(10_000):
        refusals.count("login", f"10.0.{number // 256}.{number % 256}")
    told = refusals.report()
    assert len(told) == MOST + 1
    assert sum(each.count for each in told) == 10_000
    assert told[-1] == NoteRefusals("login", 10_000 - MOST, ELSEWHERE)
    assert refusals.report() == ()
    refusals.take_back(told[:1])
    assert refusals.report() == told[:1]


# Passes


def test_a_token_is_verified_once_and_only_while_it_holds() -> None:
    watch = Watch()
    security, reads = cheap_security(watch), 0
    passes = Passes(security, most=2)
    tokens = [security.issue("ann", f"s{number}", 300)[0] for number in range(3)]
    verify = security.read

    def counted(token: str) -> object:
        nonlocal reads
        reads += 1
        return verify(token)

    security.read = counted  # type: ignore[method-assign, assignment]
    for _ in range(5):
        assert passes.read(tokens[0], watch.now()) is not None
    assert reads == 1
    assert all(passes.read(each, watch.now()) is not None for each in tokens)
    assert all(passes.read(each, watch.now()) is None for each in ("none", ""))
    assert len(passes) == 2
    watch.advance(301)
    assert [passes.read(each, watch.now()) for each in tokens] == [None] * 3
