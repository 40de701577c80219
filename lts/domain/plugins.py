"""Plugins as the system speaks of them: started by name, asked what they are doing."""

from collections.abc import Mapping
from typing import Any

import msgspec

from bus.message import Event, Request


class PluginStarted(Event, key="actor"):
    """A plugin was admitted and its actor is on its way; messages for it wait until it is ready."""

    actor: str
    kind: str
    plugin: str
    release: str


class StartPlugin(Request["PluginStarted | PluginRefused"]):
    """Asks the host to admit a plugin by name and to run it as an actor.

    `where` names the table that asked for it, for sentences about its parameters. A plugin that
    is not let in is `PluginRefused`.
    """

    kind: str
    plugin: str
    actor: str
    params: Mapping[str, Any]
    where: str
    assignment: Any
    scope: Mapping[str, Any] = {}


class PluginRefused(Event, key="actor"):
    """A plugin stays outside, for this reason."""

    actor: str
    kind: str
    plugin: str
    reason: str


class DebugInfo(Event, key="actor"):
    """What a plugin says of its own state: plain values by name."""

    actor: str
    values: Mapping[str, Any]


class GetDebugInfo(Request[DebugInfo], key="guest"):
    """Asks a plugin, by its actor's name, for its debug information."""

    guest: str


class ListPlugins(Request[tuple[PluginStarted, ...]]):
    """Asks the host for the plugins that run."""


class PluginDescribed(msgspec.Struct, frozen=True):
    """A plugin that can be asked for: what it is for, and what its parameters have to be."""

    name: str
    release: str
    about: str
    """The first line of what its class says of itself."""
    params: Mapping[str, Any]
    """A JSON Schema."""


class PluginsDescribed(Event):
    """The plugins of a kind, by name; what is not let in is left out."""

    plugins: tuple[PluginDescribed, ...]


class DescribePlugins(Request[PluginsDescribed]):
    """Asks the host which plugins of a kind there are, whether they run or not."""

    kind: str


class SystemReady(Event):
    """Everything that was to start has started; feeds may begin."""


class Beat(Event, key="portfolio"):
    """The pipeline's beat: a portfolio's cyclic strategies may act."""

    portfolio: str
    at: int
