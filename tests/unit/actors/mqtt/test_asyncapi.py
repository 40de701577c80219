"""What a node tells over MQTT is described (AsyncAPI 3) as it is told."""

import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import msgspec
import pytest

from actors.mqtt.asyncapi import described
from actors.mqtt.channels import channels, schema_of
from actors.mqtt.letters import JOURNALLED
from actors.mqtt.params import FAMILIES, MARKET, MqttParams
from actors.mqtt.specimens import specimens
from tests.descriptions import Description

pytestmark = pytest.mark.requirement("LTS-003")
META = Path(__file__).parents[3] / "integration/mqtt/asyncapi/3.0.0.json"
NODE = MqttParams("broker", node="a b", user="lts", tls=True, batch=("trades",), publish=("quotes", "trades"))


@pytest.mark.parametrize("params", [None, NODE, MqttParams("broker", protocol="3.1.1")])
def test_the_document_is_one_of_asyncapi_3(params: MqttParams | None) -> None:
    meta = jsonschema_rs.validator_for(json.loads(META.read_text(encoding="utf-8")))
    assert [each.message for each in meta.iter_errors(described(params, "1.0.0"))] == []
    assert not meta.is_valid(described(params, "1.0.0") | {"asyncapi": "2.6.0"})


@pytest.mark.parametrize("batch", [(), MARKET])
def test_one_of_each_message_is_told_as_it_is_described(batch: tuple[str, ...]) -> None:
    params = MqttParams("broker", node="a b", batch=batch)
    description = Description(described(params, "1.0.0"))
    told = {}
    for letter in specimens(params):
        payload = json.loads(letter.payload)
        found = (letter.qos, letter.retain, payload.get("updates", [payload])[0]["schema"])
        told[letter.topic, found] = description.objections(letter.topic, payload)
    there = {(each.qos, each.retained, schema_of(kind)) for each in channels(params) for kind in each.types}
    assert {found for (_, found), wrong in told.items() if not wrong} == there
    others = {topic for (topic, _), wrong in told.items() if wrong}
    assert all("/market/" in topic if batch else "/batch/" in topic for topic in others)


def test_what_is_not_told_so_is_found() -> None:
    description = Description(described(None, "1.0.0"))
    (standing,) = [each for each in specimens(MqttParams("")) if each.topic.endswith("/status")]
    payload = json.loads(standing.payload)
    for wrong in ({"state": "asleep"}, {"more": 1}, {"schema": "Standing/2"}, {"at": "1970"}):
        assert description.objections("lts/v1/n/system/status", payload | wrong)
    assert description.objections("lts/v1/n/system/health", payload)
    assert not description.objections("lts/v1/n/system/status", payload)


def test_it_says_what_the_settings_of_a_node_make_of_it() -> None:
    document = described(NODE, "1.0.0")
    assert {each["address"] for each in document["channels"].values()} == {
        "lts/v1/a%20b/market/{instrument}/quote",
        "lts/v1/a%20b/batch/trades",
        "lts/v1/a%20b/system/status",
    }
    server = document["servers"]["broker"]
    assert (server["host"], server["protocol"]) == ("broker:1883", "mqtts")
    assert server["bindings"]["mqtt"]["lastWill"]["topic"] == "lts/v1/a%20b/system/status"
    unkept = described(MqttParams("broker", retain=False), "1.0.0")["operations"]
    assert not unkept["sendQuote"]["bindings"]["mqtt"]["retain"]
    assert unkept["sendHealth"]["bindings"]["mqtt"]["retain"]


def test_all_that_can_be_told_and_all_that_is_journalled_is_described() -> None:
    document = described(None, "1.0.0")
    families = {each["x-family"] for each in document["channels"].values()}
    assert families == {*FAMILIES, "status"}
    names = {each["name"] for each in document["components"]["messages"].values()}
    assert names >= JOURNALLED.keys()


def test_fields_are_described_by_what_stands_below_them_in_their_classes() -> None:
    schemas: dict[str, Any] = described(None, "1.0.0")["components"]["schemas"]
    assert schemas["Fill"]["properties"]["rate"]["description"].startswith("What one unit")
    assert msgspec.json.encode(schemas).count(b'"description"') > 100
