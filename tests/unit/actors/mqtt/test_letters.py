"""What is told under which topic."""

from pathlib import Path
from typing import get_args
from urllib.parse import unquote

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.mqtt.cursor import read_cursor, write_cursor
from actors.mqtt.letters import Letters
from actors.mqtt.params import FAMILIES, MqttParams, segment
from lts.config.schema import MqttPlan, Told
from lts.domain.event_listings import WIRE, JournalledEvent
from lts.domain.market import Bar, Quote, Trade
from lts.domain.risk import TradingState, TradingStateChanged

pytestmark = pytest.mark.requirement("LTS-003")
LETTERS = Letters(MqttParams("broker", node="a b"), 7)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_name_is_one_level_of_a_topic_and_can_be_had_back(name: str) -> None:
    level = segment(name)
    assert not set(level) & set("/+#$ \0")
    assert level.isascii()
    assert unquote(level) == name


def test_a_quote_goes_once_and_what_counts_each_is_acknowledged() -> None:
    quote = LETTERS.letter(LETTERS.market(Quote("BTC/USD", 1, 1.0, 2.0, 3.0, 4.0)))
    bar = LETTERS.letter(LETTERS.market(Bar("SP500", 1, 2, 1.0, 2.0, 0.5, 1.5, 9.0)))
    trade = LETTERS.letter(LETTERS.market(Trade("SP500", 1, 1.0, 1.0)))
    assert (quote.topic, quote.qos, quote.retain) == ("lts/v1/a%20b/market/BTC%2FUSD/quote", 0, True)
    assert (bar.topic, bar.qos, bar.retain) == ("lts/v1/a%20b/market/SP500/bar", 1, True)
    assert (trade.topic, trade.qos, trade.retain) == ("lts/v1/a%20b/market/SP500/trade", 1, False)
    assert msgspec.json.decode(bar.payload)["at"] == 2


def test_an_event_of_the_journal_has_its_number_and_the_body_that_http_has() -> None:
    changed = TradingStateChanged("portfolio:main", TradingState.HALTED, "why", 5, "ann")
    described = WIRE.describe(changed)
    event = JournalledEvent(42, 9, "main", described["type"], described["body"])
    told = LETTERS.journalled(event)
    assert told is not None
    assert (told.topic, told.qos, told.retain) == ("lts/v1/a%20b/system/trading-state", 1, False)
    payload = msgspec.json.decode(told.payload)
    assert (payload["seq"], payload["at"], payload["schema"]) == (42, 9, "TradingStateChanged/1")
    assert payload["body"] == described["body"]
    assert Letters(MqttParams("broker", publish=("quotes",)), 7).journalled(event) is None


def test_what_the_file_can_name_is_what_there_is() -> None:
    plan = MqttPlan.model_validate({"host": "broker", "publish": FAMILIES})
    assert plan.publish == FAMILIES
    assert set(get_args(Told)) == set(FAMILIES)


def test_the_cursor_of_another_node_does_not_count_and_a_broken_one_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mqtt.cursor"
    assert read_cursor(path, "a") is None
    write_cursor(path, "a", 12)
    write_cursor(path, "a", 13)
    assert (read_cursor(path, "a"), read_cursor(path, "b")) == (13, None)
    path.write_text("{")
    with pytest.raises(ValueError, match="take it away to begin anew"):
        read_cursor(path, "a")
