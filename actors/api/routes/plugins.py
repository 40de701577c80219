"""Plugins that run, and what they say of themselves."""

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from fastapi import Path
from starlette.responses import Response

from actors.api.call import Call
from actors.api.pages import USUAL, Page, page_of
from actors.api.problems import Kind
from actors.api.table import Rule, Table
from actors.api.texts import CursorQuery, Limit
from lts.domain.permissions import Permission
from lts.domain.plugins import GetDebugInfo, ListPlugins, PluginStarted

routes = Table("plugins", "Plugins that run.")
DEBUG = Rule(needs=Permission.DEBUG_PLUGINS, nobodys=True)
PERSONAL = frozenset({"portfolio", "pipeline", "strategy"})
"""The kinds of which each runs for one portfolio, which its name begins with."""
ActorInPath = Annotated[
    str,
    Path(
        max_length=200,
        pattern=r"^[A-Za-z0-9]+([ ._/:-][A-Za-z0-9]+)*$",
        examples=["broker/paper"],
        description="The actor's name, its slashes written as `%2F`.",
    ),
]


class PluginView(msgspec.Struct, frozen=True):
    """A plugin that runs as an actor."""

    actor: str
    kind: str
    plugin: str
    release: str


class DebugView(msgspec.Struct, frozen=True):
    """What a plugin says of its own state."""

    actor: str
    values: Mapping[str, Any]


@routes.get("/plugins", Rule(needs=Permission.READ_PLUGINS), answers=Page[PluginView])
async def list_plugins(call: Call, cursor: CursorQuery = None, limit: Limit = USUAL) -> Response:
    """List the plugins that run: those of the system, and those of one's own portfolios."""
    running = await call.ask(ListPlugins())
    seen = (
        PluginView(each.actor, each.kind, each.plugin, each.release) for each in running if _sees(call, each)
    )
    what = f"plugins for {call.user}"
    return call.answer(page_of(seen, lambda each: (each.actor,), call.port.cursors, what, cursor, limit))


@routes.get("/plugins/{actor:name}/debug", DEBUG, answers=DebugView, problems=(Kind.NOT_FOUND,))
async def debug_plugin(call: Call, actor: ActorInPath) -> Response:
    """Read what a plugin says of its own state."""
    return call.answer(await _debug(call, actor))


@routes.get("/plugins/{actor:name}/debug/export", DEBUG, answers=DebugView, problems=(Kind.NOT_FOUND,))
async def export_debug(call: Call, actor: ActorInPath) -> Response:
    """Save what a plugin says of its own state."""
    name = "".join(letter if letter.isalnum() else "-" for letter in actor)
    headers = {"Content-Disposition": f'attachment; filename="{name}.json"'}
    return call.answer(await _debug(call, actor), headers=headers)


async def _debug(call: Call, actor: str) -> DebugView:
    info = await call.port.find(GetDebugInfo(actor))
    await call.reading("plugins", None, actor)
    return DebugView(info.actor, info.values)


def _sees(call: Call, plugin: PluginStarted) -> bool:
    if plugin.kind not in PERSONAL:
        return True
    named = plugin.actor.partition("/")[2]
    owners = call.port.premises.owners
    whose = [name for name in owners if named == name or named.startswith((f"{name}/", f"{name}:"))]
    return call.identity.may(Permission.READ_PLUGINS, owners[max(whose, key=len)] if whose else None)
