"""Whom an event is told, and whose stream ends."""

import pytest

from actors.api.params import ApiLimits
from actors.api.problems import Kind, Problem
from actors.api.stream.endings import Ending
from actors.api.stream.outbox import MOST
from actors.api.stream.streams import Streams
from actors.api.stream.tickets import GOOD_FOR_S, Tickets
from actors.api.stream.told import Told
from bus import SECOND
from lts.domain.access import AccessChanged, Identity
from lts.domain.event_listings import WIRE, JournalledEvent
from lts.domain.permissions import ROLES, Role
from lts.domain.risk import TradingState, TradingStateChanged

pytestmark = pytest.mark.requirement("INT-014", "INT-024", "INT-025")

LATER = 10**18


def identity(user: str = "alice", credential: str = "session:1", role: Role = Role.TRADER) -> Identity:
    return Identity(user, role, ROLES[role], credential, LATER)


@pytest.fixture
def streams() -> Streams:
    return Streams(ApiLimits(streams=3, streams_each=2), {"main": "alice", "other": "bob"})


def halted(seq: int, scope: str) -> JournalledEvent:
    told = WIRE.describe(TradingStateChanged(scope, TradingState.HALTED, "because", 1, "ada"))
    return JournalledEvent(seq, 1, "", told["type"], told["body"])


def test_a_reader_is_told_what_they_follow_and_nothing_else(streams: Streams) -> None:
    reader = streams.admit(identity())
    streams.subscribe(reader, ("bars", "SP500"))
    streams.tell(("bars", "BTC/USD"), 1, {})
    streams.tell(("trades", "SP500"), 1, {})
    assert not reader.outbox
    streams.tell(("bars", "SP500"), 1, {})
    assert len(reader.outbox) == 1
    streams.unsubscribe(reader, (("bars", "SP500"),))
    streams.tell(("bars", "SP500"), 2, {})
    assert len(reader.outbox) == 1


def test_events_are_numbered_also_while_nobody_follows(streams: Streams) -> None:
    channel = ("bars", "SP500")
    assert [streams.wanted(channel), streams.wanted(channel)] == [0, 0]
    streams.subscribe(streams.admit(identity()), channel)
    assert streams.wanted(channel) == 3


def refusal(streams: Streams, user: str) -> Problem | None:
    """Why somebody does not get another stream; None if they have it."""
    try:
        streams.admit(identity(user))
    except Problem as refused:
        return refused
    return None


def test_a_few_users_do_not_keep_all_others_out() -> None:
    crowded = Streams(ApiLimits(streams=100, streams_each=60), {})
    taken = dict.fromkeys(("alice", "bob", "carol", "dave"), 0)
    for user in taken:
        while not (refused := refusal(crowded, user)):
            taken[user] += 1
        assert (refused.kind, refused.headers["Retry-After"]) == (Kind.TOO_MANY, "5")
    assert taken == {"alice": 60, "bob": 20, "carol": 10, "dave": 10}
    assert "there are too many" in str(refusal(crowded, "erin"))
    crowded.leave(next(iter(crowded._users["alice"])))
    assert crowded.admit(identity("erin"))
    assert len(crowded) == 100


def test_a_reader_with_too_much_waiting_is_dropped_and_told_so(streams: Streams) -> None:
    reader = streams.admit(identity())
    reasons: list[Ending] = []
    reader.hang_up = reasons.append
    streams.subscribe(reader, ("bars", "SP500"))
    for number in range(MOST):
        streams.tell(("bars", "SP500"), number, {})
    assert reader.ending is None
    streams.tell(("bars", "SP500"), MOST, {})
    assert reasons == [reader.ending] == [Ending.TOO_SLOW]
    assert not reader.outbox


def test_of_quotes_the_newest_waits_and_a_slow_reader_stays(streams: Streams) -> None:
    reader = streams.admit(identity())
    streams.subscribe(reader, ("quotes", "SP500"))
    for number in range(10 * MOST):
        streams.tell(("quotes", "SP500"), number, {})
    (last,) = reader.taken()
    assert (last.seq, reader.ending) == (10 * MOST - 1, None)


@pytest.mark.parametrize(
    ("changed", "ended"),
    [
        (AccessChanged("alice"), [True, True, False]),
        (AccessChanged("alice", "key:2"), [False, True, False]),
        (AccessChanged("bob"), [False, False, True]),
        (AccessChanged("eve"), [False, False, False]),
    ],
)
def test_streams_end_with_the_credential_that_they_live_by(
    streams: Streams, changed: AccessChanged, ended: list[bool]
) -> None:
    readers = [streams.admit(each) for each in (identity(), identity(credential="key:2"), identity("bob"))]
    streams.end(changed)
    assert [each.ending is Ending.ENDED for each in readers] == ended
    assert len(streams) == ended.count(False)


def test_there_are_so_many_streams_and_of_one_user_fewer(streams: Streams) -> None:
    first, _ = streams.admit(identity()), streams.admit(identity())
    for who in ("alice", "bob", "ada"):
        if who == "bob":
            streams.admit(identity("bob"))
            continue
        with pytest.raises(Problem) as refused:
            streams.admit(identity(who))
        assert refused.value.kind is Kind.TOO_MANY
    streams.leave(first)
    streams.leave(first)
    streams.admit(identity())


def test_what_a_reader_has_from_the_journal_is_not_told_again(streams: Streams) -> None:
    early, late = streams.admit(identity()), streams.admit(identity())
    streams.subscribe(early, ("trading-states", ""), 4)
    streams.subscribe(late, ("trading-states", ""), 5)
    streams.tell_journalled(halted(5, "portfolio:main"))
    assert (len(early.outbox), len(late.outbox)) == (1, 0)


@pytest.mark.parametrize(
    ("scope", "role", "told"),
    [
        ("portfolio:main", Role.TRADER, b'"reason":"because"'),
        ("system", Role.TRADER, b'"reason":""'),
        ("system", Role.ADMIN, b'"reason":"because"'),
        ("portfolio:other", Role.TRADER, None),
        ("user:bob", Role.TRADER, None),
        ("portfolio:other", Role.ADMIN, b'"reason":"because"'),
    ],
)
def test_a_halt_is_told_as_far_as_it_concerns_somebody(
    streams: Streams, scope: str, role: Role, told: bytes | None
) -> None:
    reader = streams.admit(identity(role=role))
    streams.subscribe(reader, ("trading-states", ""))
    streams.tell_journalled(halted(1, scope))
    bodies = [each.body for each in reader.taken()]
    assert len(bodies) == (told is not None)
    assert told is None or told in bodies[0]


def test_a_ticket_is_good_once_and_soon_and_while_its_credential_is() -> None:
    now = 0
    tickets = Tickets(lambda: now)
    first, until = tickets.give(identity())
    assert until == GOOD_FOR_S * SECOND
    assert tickets.take("nonsense") is None
    assert tickets.take(first) == identity()
    assert tickets.take(first) is None
    late, _ = tickets.give(identity())
    now = until
    assert tickets.take(late) is None
    void, other = tickets.give(identity())[0], tickets.give(identity("bob"))[0]
    tickets.forget(AccessChanged("alice", "session:1"))
    assert (tickets.take(void), tickets.take(other)) == (None, identity("bob"))


def test_a_reader_for_whom_more_waits_than_the_limit_says_is_dropped() -> None:
    streams = Streams(ApiLimits(stream_buffer=3), {"main": "alice"})
    reader = streams.admit(identity())
    for _ in range(3):
        reader.tell(Told({}, "fills"))
    assert reader.ending is None
    reader.tell(Told({}, "fills"))
    assert reader.ending is Ending.TOO_SLOW
