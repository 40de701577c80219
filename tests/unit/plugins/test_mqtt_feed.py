"""Market data over MQTT: what is believed becomes events of one instrument, and nothing else does."""

import json
from base64 import b64encode
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from bus import SECOND, SystemClock
from lts.domain.market import Bar, BarOpened, Instrument, Quote, RecentBars, Trade
from lts.kinds.feed import FeedAssignment
from lts.security.signing import SigningKey
from lts.testing import Bench
from plugins.feed.mqtt.belief import Belief
from plugins.feed.mqtt.messages import WORDS, Unusable, signed_text, told
from plugins.feed.mqtt.params import MqttFeedParams
from plugins.feed.mqtt.plugin import MqttFeed
from tests.brokers import free_port

pytestmark = pytest.mark.requirement("INT-4.4")

BTC = Instrument("BTC/USD", "USD", Decimal("0.01"), Decimal("0.0001"))
TOPICS = "lts/v1/south/in/market"
TOPIC = f"{TOPICS}/BTC%2FUSD/quote"
NOW = SystemClock().now()
KEY = SigningKey("lab", bytes(32))
QUOTE: dict[str, Any] = {
    "instrument": "BTC/USD",
    "at": NOW,
    "bid": 99.0,
    "ask": 101.0,
    "bid_size": 1.0,
    "ask_size": 2.0,
}
TRADE: dict[str, Any] = {"instrument": "BTC/USD", "at": NOW, "price": 100.0, "size": 0.5}
BAR: dict[str, Any] = {
    "instrument": "BTC/USD",
    "opened_at": NOW - 60 * SECOND,
    "closed_at": NOW,
    "open": 99.0,
    "high": 102.0,
    "low": 98.0,
    "close": 100.0,
    "volume": 7,
}
BODIES = {"quote": QUOTE, "trade": TRADE, "bar": BAR}


def message(word: str = "quote", node: str = "lab", more: dict[str, Any] | None = None, **body: Any) -> bytes:
    schema = f"{WORDS[word].__name__}/1"
    told_of = {"schema": schema, "node": node, "at": 0, "time": "", "body": BODIES[word] | body}
    return json.dumps(told_of | (more or {})).encode()


def read(payload: bytes, word: str = "quote", keys: Any = None) -> Any:
    return told(f"{TOPICS}/BTC%2FUSD/{word}", payload, "BTC/USD", frozenset({"lab"}), keys or {})


def why(payload: bytes, word: str = "quote", keys: Any = None) -> str:
    with pytest.raises(Unusable) as unusable:
        read(payload, word, keys)
    return str(unusable.value)


def test_what_a_node_tells_is_what_it_is() -> None:
    assert read(message()).event == Quote(**QUOTE)
    assert read(message("trade"), "trade").event == Trade(**TRADE)
    assert read(message("bar"), "bar").event == Bar(**BAR)
    assert read(message(more={"seq": 7, "since": 5})).number == (5, 7)


@pytest.mark.parametrize(
    ("payload", "word", "reason"),
    [
        (b"", "quote", "malformed"),
        (b"\xff", "quote", "malformed"),
        (b"[" * 10_000, "quote", "malformed"),
        (message(), "order", "malformed"),
        (message("trade"), "quote", "malformed"),
        (message(bid="99"), "quote", "malformed"),
        (message(more={"body": {}}), "quote", "malformed"),
        (message(extra=1), "quote", "malformed"),
        (message().replace(b"99.0", b"1e999"), "quote", "malformed"),
        (message(more={"pad": "x" * 20_000}), "quote", "oversized"),
        (message(node="somebody"), "quote", "unknown-source"),
        (message(instrument="ETH/USD"), "quote", "another-instrument"),
        (message(bid=102.0), "quote", "out-of-range"),
        (message(bid=-1.0), "quote", "out-of-range"),
        (message(bid=0), "quote", "out-of-range"),
        (message(bid_size=-1), "quote", "out-of-range"),
        (message("trade", price=-5), "trade", "out-of-range"),
        (message("bar", high=99.5), "bar", "out-of-range"),
        (message("bar", low=99.5), "bar", "out-of-range"),
        (message("bar", opened_at=NOW), "bar", "out-of-range"),
    ],
)
def test_what_cannot_be_is_refused_by_name(payload: bytes, word: str, reason: str) -> None:
    assert why(payload, word) == reason


def test_who_has_a_key_signs() -> None:
    keys = {"lab": KEY.public}
    assert why(message(), keys=keys) == "bad-signature"
    body = json.dumps(QUOTE).encode()
    signature = b64encode(KEY.sign(signed_text(TOPIC, "lab", body))).decode()
    assert read(message(more={"signature": signature}), keys=keys).event == Quote(**QUOTE)
    assert why(message(more={"signature": signature}, bid=98.0), keys=keys) == "bad-signature"
    elsewhere = b64encode(KEY.sign(signed_text(f"{TOPIC}s", "lab", body))).decode()
    assert why(message(more={"signature": elsewhere}), keys=keys) == "bad-signature"
    assert why(message(more={"signature": "ä"}), keys=keys) == "bad-signature"


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(sorted(WORDS)), st.integers(0, 250), st.binary(max_size=6), st.integers(0, 9))
def test_whatever_comes_is_market_data_or_refused(word: str, place: int, put: bytes, cut: int) -> None:
    whole = message(word)
    try:
        found = read(whole[:place] + put + whole[place + cut :], word)
    except Unusable:
        return
    assert found.event.instrument == "BTC/USD"
    assert min(found.prices) > 0


def believed(belief: Belief, *prices: float, at: int = NOW, step: int = 1) -> list[str]:
    """Return what becomes of trades at these prices, one after the other."""
    found = []
    for number, price in enumerate(prices):
        try:
            belief.take(read(message("trade", at=at + number * step, price=price), "trade"), NOW)
        except Unusable as unusable:
            found.append(str(unusable))
        else:
            found.append("taken")
    return found


def test_a_price_far_off_has_to_be_confirmed() -> None:
    belief = Belief(60, 2, 20)
    assert believed(belief, 100, 119, 100) == ["taken"] * 3
    assert believed(belief, 1000, 100, 1000, 10, 1000, at=NOW + 10) == ["jump", "taken", *["jump"] * 3]
    assert believed(belief, 1001, 1002, 1003, at=NOW + 20) == ["jump", "taken", "taken"]


def test_nothing_is_taken_that_is_old_or_ahead_or_out_of_order() -> None:
    belief = Belief(60, 2, 20)
    assert believed(belief, 100, at=NOW - 61 * SECOND) == ["stale"]
    assert believed(belief, 100, at=NOW + 3 * SECOND) == ["ahead"]
    assert believed(belief, 100, 101, 100, step=0) == ["taken", "taken", "out-of-order"]
    assert believed(belief, 100, at=NOW - 1) == ["out-of-order"]
    assert believed(Belief(0, 2, 20), 100, at=1) == ["taken"]
    quotes = Belief(60, 2, 20)
    quotes.take(read(message()), NOW)
    with pytest.raises(Unusable, match="out-of-order"):
        quotes.take(read(message()), NOW)


def test_what_is_numbered_comes_once_and_gaps_are_counted() -> None:
    belief = Belief(60, 2, 20)
    outcomes = []
    for since, seq in ((5, 3), (5, 3), (5, 4), (5, 7), (5, 6), (4, 9), (6, 1)):
        try:
            belief.take(read(message("trade", more={"since": since, "seq": seq}, size=seq), "trade"), NOW)
            outcomes.append("taken")
        except Unusable as unusable:
            outcomes.append(str(unusable))
    late = "out-of-order"
    assert outcomes == ["taken", late, "taken", "taken", late, late, "taken"]
    assert belief.missed == 2


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"topics": "lts/+/market"}, "wildcards"),
        ({"topics": "$SYS"}, "wildcards"),
        ({"sources": ()}, "sources"),
        ({"keys": {"other": b64encode(KEY.public).decode()}}, "none of the sources"),
        ({"keys": {"lab": "AAAA"}}, "32 bytes"),
        ({"password_file": "/p"}, "give user as well"),
        ({"password_file": "/p", "user": "u", "host": "broker"}, "say tls = true"),
    ],
)
def test_parameters_that_make_no_sense_are_one_sentence(params: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        MqttFeedParams.model_validate({"host": "127.0.0.1", "topics": TOPICS, "sources": ("lab",)} | params)


async def test_what_is_believed_is_published_and_the_rest_counted_whatever_it_is() -> None:
    where_from = {"host": "127.0.0.1", "port": free_port(), "topics": TOPICS}
    params: dict[str, Any] = where_from | {"sources": ("lab",), "max_age_s": 0}
    where = FeedAssignment(BTC, Path("/"))
    async with Bench(MqttFeed, params, assignment=where) as bench:
        feed: Any = bench.actor

        def hear(word: str, payload: bytes) -> None:
            feed.hear(f"{TOPICS}/BTC%2FUSD/{word}", payload)

        hear("bar", message("bar"))
        hear("quote", message(at=NOW + 1))
        hear("quote", message(at=NOW + 2))
        hear("trade", message("trade", at=NOW + 1))
        bar: dict[str, Any] = {"opened_at": NOW + 1, "closed_at": NOW + 5}
        hear("bar", message("bar", **bar))
        draw = Random(1)
        for _ in range(2_000):
            word = draw.choice(("quote", "trade", "bar", "x"))
            part = draw.choice((message(), b"{}"))[: draw.randrange(99)]
            hear(word, part + draw.randbytes(draw.randrange(9)))
        await bench.advance(0)
        assert bench.published(BarOpened) == [
            BarOpened("BTC/USD", NOW - 60 * SECOND, 99.0),
            BarOpened("BTC/USD", NOW + 1, 100.0),
        ]
        assert [each.closed_at for each in bench.published(Bar)] == [NOW, NOW + 5]
        assert [each.at for each in bench.published(Quote)] == [NOW + 2]
        assert len(bench.published(Trade)) == 1
        assert [each.closed_at for each in (await bench.ask(RecentBars("BTC/USD", 1))).bars] == [NOW + 5]
        debug = await bench.debug()
        assert debug["refused"] == {"malformed": 2_000}
        assert debug["live"] is False
