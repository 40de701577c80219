"""Plugins as the system speaks of them: started by name, asked what they are doing."""

from collections.abc import Mapping
from typing import Any

import msgspec

from bus.message import Event, Request
from lts.domain.market import Instrument


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
    field: str | None = None
    """Which of its parameters is wrong, steps joined by dots, empty for all; None if it is something else."""


class PluginFits(Event, key="actor"):
    """A plugin would be let in, with these parameters."""

    actor: str


class CheckPlugin(Request[PluginFits | PluginRefused]):
    """Asks the host whether a plugin would be let in, and its parameters taken; nothing is started."""

    wanted: StartPlugin


class PluginStopped(Event, key="actor"):
    """No plugin runs under this name any more."""

    actor: str
    ended: bool = True
    """Whether it ended in time; one that did not hears nothing any more."""


class StopPlugin(Request[PluginStopped]):
    """Asks the host to end a plugin that it runs; what waits for it is handled first."""

    actor: str


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


class InstrumentTaken(Event, key="broker"):
    """An instrument can be traded through a broker."""

    broker: str
    instrument: str


class InstrumentNotTaken(Event, key="broker"):
    """An instrument cannot be traded through a broker, for this reason."""

    broker: str
    instrument: str
    reason: str


class TakeInstrument(Request[InstrumentTaken | InstrumentNotTaken], key="broker"):
    """Asks a broker to trade one more instrument; the market data of it reach it from then on."""

    broker: str
    instrument: Instrument


class SystemReady(Event):
    """Everything that was to start has started; feeds may begin."""


class Beat(Event, key="portfolio"):
    """The pipeline's beat: a portfolio's cyclic strategies may act."""

    portfolio: str
    at: int
