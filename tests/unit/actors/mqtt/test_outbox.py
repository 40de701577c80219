"""What waits for the broker: bounded, in order, the newest of what only the latest counts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.mqtt.letters import Letters, Update
from actors.mqtt.outbox import Outbox
from actors.mqtt.params import MqttParams
from lts.domain.market import Quote, Trade

pytestmark = pytest.mark.requirement("LTS-003")
MOST = 3


def quote(letters: Letters, instrument: str) -> Update:
    return letters.market(Quote(instrument, 1, 1.0, 2.0, 3.0, 4.0))


def trade(letters: Letters) -> Update:
    return letters.market(Trade("A", 1, 1.0, 1.0))


@given(st.lists(st.sampled_from(["quote A", "quote B", "trade", "take", "fail"]), max_size=60))
async def test_nothing_is_taken_twice_or_out_of_order_and_what_is_missing_is_counted(
    steps: list[str],
) -> None:
    letters, out = Letters(MqttParams("broker"), 1), Outbox(MOST)
    put = 0
    taken: list[Update] = []
    for step in steps:
        if step == "take":
            taken += out.take(2)
        elif step == "fail":
            out.put_back(out.take(2))
        else:
            put += 1
            out.put(trade(letters) if step == "trade" else quote(letters, step[-1]))
        assert len(out) <= MOST + 2
        assert out.filled.is_set() == bool(len(out))
    taken += out.take(100)
    assert len(taken) + out.dropped + out.conflated == put
    for topic in {each.topic for each in taken}:
        numbers = [each.told.seq for each in taken if each.topic == topic]
        assert numbers == sorted(set(numbers))


async def test_a_newer_quote_takes_the_place_of_the_older_one() -> None:
    letters, out = Letters(MqttParams("broker"), 1), Outbox(MOST)
    for _ in range(3):
        out.put(quote(letters, "A"))
    out.put(quote(letters, "B"))
    assert [(each.topic[-7:], each.told.seq) for each in out.take(10)] == [("A/quote", 3), ("B/quote", 1)]
    assert out.conflated == 2


async def test_a_full_outbox_leaves_a_numbered_gap() -> None:
    letters, out = Letters(MqttParams("broker"), 1), Outbox(MOST)
    for _ in range(5):
        out.put(trade(letters))
    first = [each.told.seq for each in out.take(10)]
    out.put(trade(letters))
    assert (first, out.dropped) == ([1, 2, 3], 2)
    assert [each.told.seq for each in out.take(10)] == [6]
