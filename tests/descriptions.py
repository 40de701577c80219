"""A description of what a node tells over MQTT, to hold against what it really tells."""

import re
from collections.abc import Mapping
from typing import Any

import jsonschema_rs


class Description:
    """An AsyncAPI document: which payloads may come under which topics."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        parts = document["components"]
        self._channels = [
            (_pattern(channel["address"]), list(channel["messages"]))
            for channel in document["channels"].values()
        ]
        self._names = {name: each["name"] for name, each in parts["messages"].items()}
        self._schemas = {
            name: jsonschema_rs.validator_for({**each["payload"], "components": parts})
            for name, each in parts["messages"].items()
        }

    def objections(self, topic: str, payload: Any) -> list[str]:
        """Return what is wrong with a payload under a topic: nothing, if it is one that is described."""
        possible = [name for pattern, names in self._channels if pattern.fullmatch(topic) for name in names]
        named = [name for name in possible if self._names[name] == payload["schema"]]
        if not named:
            return [f"{topic}: {payload['schema']} is not described there"]
        (name,) = named
        return [f"{topic}: {each.message}" for each in self._schemas[name].iter_errors(payload)]


def _pattern(address: str) -> re.Pattern[str]:
    return re.compile("[^/]+".join(map(re.escape, re.split(r"\{\w+\}", address))))
