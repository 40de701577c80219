"""The description of what a node tells over MQTT (AsyncAPI 3), made of the classes that are told."""

import re
from collections.abc import Iterable, Iterator, Sequence
from inspect import cleandoc, getdoc
from typing import Any

import msgspec

from actors.mqtt.channels import ALWAYS, Channel, channels, schema_of
from actors.mqtt.letters import JSON, MSGPACK, Batch, Standing, Told
from actors.mqtt.params import MARKET, MqttParams
from actors.mqtt.specimens import specimens
from lts.web.meanings import explain

VERSION, BINDING = "3.0.0", "0.2.0"
"""Of AsyncAPI, and of its bindings to MQTT."""
REF = "#/components/schemas/{name}"
ABOUT = """What a node tells an MQTT broker. Every payload is one JSON object, with the name and version of
its `body` in `schema`. Amounts of orders and money are decimals written as text; prices and sizes of the
market are numbers. Times are UTC nanoseconds (`at`) and RFC 3339 (`time`). Names in topics are
percent-encoded: `BTC/USD` is `BTC%2FUSD`.

What comes from the journal (`x-numbered: journal`) arrives at least once, in the order in which it was
committed: `seq` is the number that `GET /api/v1/events` has, where a gap can be fetched. The rest is
numbered by topic, from `since` on: a gap is what was not told."""
PARAMETERS = {
    "node": "The name of the node, as `[mqtt] node` has it.",
    "instrument": "The symbol of an instrument.",
    "portfolio": "The name of a portfolio.",
    "place": "The instrument; in an account that hedges, the id of the position.",
}


def described(params: MqttParams | None, version: str) -> dict[str, Any]:
    """Return the description of a node, or of what any node may tell.

    Args:
        params: how the bridge of the node is set; None: it is not known yet.
        version: of LTS.
    """
    known = params or MqttParams("", node="")
    batched = () if params else MARKET
    there = tuple(channels(known, batched))
    root = known.root if params else "lts/v1/{node}"
    document: dict[str, Any] = {
        "asyncapi": VERSION,
        "info": {
            "title": "LTS",
            "version": version,
            "description": ABOUT,
            "license": {"name": "MIT", "url": "https://spdx.org/licenses/MIT"},
        },
        "defaultContentType": JSON,
        "channels": {each.name: _channel(each, root) for each in there},
        "operations": {_operation_id(each): _operation(each) for each in there},
        "components": {"messages": _messages(there, known), "schemas": _schemas(there)},
    }
    if params:
        document["servers"] = {"broker": _server(params)}
    return document


def called(schema: str) -> str:
    """Return what a schema is called in the document, where names have no slash.

    >>> called("Quote/1")
    'Quote-1'
    """
    return schema.replace("/", "-")


def _names(channel: Channel) -> list[str]:
    """What its messages are called: a batch is called after what is in it."""
    return [called(schema_of(each)) + ("-batch" if channel.batched else "") for each in channel.types]


def _channel(channel: Channel, root: str) -> dict[str, Any]:
    address = f"{root}/{channel.address}"
    made: dict[str, Any] = {
        "address": address,
        "title": f"{channel.family}, many in one message" if channel.batched else channel.family,
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in _names(channel)},
        "x-family": channel.family,
        "x-numbered": "journal" if channel.journalled else "topic",
    }
    if names := re.findall(r"\{(\w+)\}", address):
        made["parameters"] = {name: {"description": PARAMETERS[name]} for name in names}
    return made


def _operation_id(channel: Channel) -> str:
    return "send" + "".join(word.capitalize() for word in channel.name.split("-"))


def _operation(channel: Channel) -> dict[str, Any]:
    here = f"#/channels/{channel.name}"
    return {
        "action": "send",
        "channel": {"$ref": here},
        "summary": _arrives(channel),
        "messages": [{"$ref": f"{here}/messages/{name}"} for name in _names(channel)],
        "bindings": {
            "mqtt": {"qos": channel.qos, "retain": channel.retained, "bindingVersion": BINDING},
        },
    }


def _arrives(channel: Channel) -> str:
    if channel.journalled:
        return "Each one, at least once, in the order of the journal."
    if channel.family == ALWAYS:
        return "Whether the node is there; the broker says it when the node is lost."
    words = "Each one, while there is room." if channel.qos else "The newest; older ones make room for it."
    return words + (" The broker keeps the last for who comes later." if channel.retained else "")


def _messages(there: Sequence[Channel], params: MqttParams) -> dict[str, Any]:
    shown: dict[str, list[dict[str, Any]]] = {}
    for letter in specimens(params):
        payload = msgspec.json.decode(letter.payload)
        schema = payload["updates"][0]["schema"] if "updates" in payload else payload["schema"]
        shown.setdefault(called(schema) + ("-batch" if "updates" in payload else ""), []).append(payload)
    made = {}
    for channel in there:
        for name, told in zip(_names(channel), channel.types, strict=True):
            made[name] = {
                "name": "Batch/1" if channel.batched else schema_of(told),
                "title": told.__name__,
                "summary": cleandoc(getdoc(told) or "").partition("\n")[0],
                "contentType": MSGPACK if channel.family in params.msgpack else JSON,
                "payload": {"$ref": REF.format(name=name)},
                "examples": [{"payload": payload} for payload in shown[name]],
            }
    return made


def _schemas(there: Sequence[Channel]) -> dict[str, Any]:
    """Every payload, and what it is made of."""
    types = list(dict.fromkeys(told for channel in there for told in channel.types))
    parts = [*(each for each in types if each is not Standing), Told, Batch]
    _, made = msgspec.json.schema_components(parts, ref_template=REF)
    explain(made, parts)
    envelope, batch = made.pop("Told"), made.pop("Batch")
    for told in types:
        made[called(schema_of(told))] = _payload(told, envelope)
    for told in (told for channel in there if channel.batched for told in channel.types):
        made[called(schema_of(told)) + "-batch"] = _batch(told, batch)
    return dict(_whole(made))


def _payload(told: type, envelope: dict[str, Any]) -> dict[str, Any]:
    """What a message is: what it tells, in its envelope; the standing of a node has none."""
    name = schema_of(told)
    if told is Standing:
        _, made = msgspec.json.schema_components([told], ref_template=REF)
        explain(made, [told])
        standing = made[told.__name__]
        state = standing["properties"]["state"] | {"enum": ["online", "offline"]}
        return {
            **standing,
            "properties": standing["properties"] | {"schema": {"const": name}, "state": state},
        }
    fields = dict(envelope["properties"])
    fields |= {"schema": {"const": name}, "body": {"$ref": REF.format(name=told.__name__)}}
    return {**envelope, "title": name, "properties": fields}


def _batch(told: type, batch: dict[str, Any]) -> dict[str, Any]:
    updates = {"type": "array", "items": {"$ref": REF.format(name=called(schema_of(told)))}, "minItems": 1}
    fields = batch["properties"]
    updates["description"] = fields["updates"]["description"]
    fields = fields | {"schema": {"const": "Batch/1"}, "updates": updates}
    return {**batch, "title": "Batch/1", "properties": fields}


def _whole(schemas: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield schemas as payloads are: nothing is left out of an object, and nothing unknown is in it."""
    for name, schema in schemas.items():
        if "properties" in schema:
            schema |= {"required": list(schema["properties"]), "additionalProperties": False}
        yield name, schema


def _server(params: MqttParams) -> dict[str, Any]:
    will = {"topic": f"{params.root}/system/status", "qos": 1, "retain": True}
    session = {"lastWill": will, "keepAlive": params.keepalive_s, "cleanSession": False}
    if params.protocol == "5":
        session |= {"sessionExpiryInterval": params.session_expiry_s}
    made: dict[str, Any] = {
        "host": params.address,
        "protocol": "mqtts" if params.tls else "mqtt",
        "protocolVersion": params.protocol,
        "description": "The broker that the node tells.",
        "bindings": {"mqtt": {"clientId": params.identifier, **session, "bindingVersion": BINDING}},
    }
    if params.user:
        made["security"] = [{"type": "userPassword"}]
    return made


def topics(there: Iterable[Channel], root: str) -> Iterator[dict[str, Any]]:
    """Yield each channel as it is listed for people and programs."""
    for each in there:
        yield {
            "family": each.family,
            "topic": f"{root}/{each.address}",
            "schemas": list(each.schemas),
            "qos": each.qos,
            "retained": each.retained,
            "numbered": "journal" if each.journalled else "topic",
        }
