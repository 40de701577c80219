"""`lts messages`: what a node tells over MQTT, for people and for programs."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.requirement("LTS-003")
Lts = Callable[..., Any]


def test_topics_are_listed_for_people_and_for_programs(lts: Lts) -> None:
    shown = lts("messages")
    assert (shown.code, shown.err) == (0, "")
    assert "trading-states" in shown.out
    told = json.loads(lts("messages", "--json").out)["messages"]
    (orders,) = [each for each in told if each["family"] == "orders"]
    assert orders == {
        "family": "orders",
        "topic": "lts/v1/{node}/portfolio/{portfolio}/order",
        "schemas": ["OrderJournalled/1", "OrderDenied/1", "OrderChanged/1"],
        "qos": 1,
        "retained": False,
        "numbered": "journal",
    }


def test_the_description_is_that_of_the_node_of_a_file(lts: Lts, system: Callable[..., Path]) -> None:
    file = system()
    without = lts("messages", "--asyncapi", "--config", file)
    assert (without.code, without.out) == (1, "")
    assert "has no [mqtt]" in without.err
    text = file.read_text(encoding="utf-8")
    file.write_text(f'{text}\n[mqtt]\nhost = "127.0.0.1"\nnode = "here"\npublish = ["fills"]\n', "utf-8")
    document = json.loads(lts("messages", "--asyncapi", "--config", file).out)
    assert document["asyncapi"].startswith("3.")
    assert document["servers"]["broker"]["host"] == "127.0.0.1:1883"
    assert {each["address"] for each in document["channels"].values()} == {
        "lts/v1/here/portfolio/{portfolio}/fill",
        "lts/v1/here/system/status",
    }
