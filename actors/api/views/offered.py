"""Plugins that can be asked for by name, as they are shown."""

from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.responses import Response

from actors.api.call import Call
from actors.api.problems import not_found
from lts.domain.plugins import DescribePlugins, PluginDescribed


class OfferedView(msgspec.Struct, frozen=True):
    """A plugin that can be asked for, and what its parameters have to be."""

    name: str
    """By which it is asked for."""
    release: str
    """Its version."""
    about: str
    """What it does, in a sentence."""
    params: Mapping[str, Any]
    """The JSON Schema of its parameters."""


async def list_offered(call: Call, kind: str) -> Response:
    """Answer with the plugins of a kind that there are."""
    return call.listed([_view(each) for each in (await call.ask(DescribePlugins(kind))).plugins])


async def read_offered(call: Call, kind: str, name: str) -> Response:
    """Answer with one plugin of a kind."""
    for each in (await call.ask(DescribePlugins(kind))).plugins:
        if each.name == name:
            return call.answer(_view(each))
    raise not_found()


def _view(each: PluginDescribed) -> OfferedView:
    return OfferedView(each.name, each.release, each.about, each.params)
