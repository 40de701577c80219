"""The host: lets plugins in, and runs each as an actor whose port is as wide as its kind."""

from collections.abc import AsyncGenerator
from inspect import cleandoc
from typing import Any

from bus import Actor, NameTaken, OwnerConflict, Supervision, Undeclared, on
from lts.admission.catalogue import Catalogue
from lts.admission.loader import Admitted, Refusal, admit
from lts.config.params import parse_params
from lts.domain.plugins import (
    DescribePlugins,
    ListPlugins,
    PluginDescribed,
    PluginRefused,
    PluginsDescribed,
    PluginStarted,
    StartPlugin,
)
from lts.kinds import KINDS
from lts.kinds.plugin import Plugin
from lts.refusal import Refused

RESTARTED = Supervision()
ONCE = Supervision(restarts=0)
"""For plugins that cannot be mended by starting again."""


class Host(Actor[Catalogue]):
    """Admits plugins by name. `params` is the catalogue of those that there are."""

    publishes = (PluginStarted, PluginRefused)
    spawns = True

    async def lifespan(self) -> AsyncGenerator[None, None]:
        """Begin with nobody in; guests outlive a restart of their host."""
        self.started: dict[str, PluginStarted] = {}
        self.admitted: dict[tuple[str, str], Admitted] = {}
        yield

    @on
    def start(self, wanted: StartPlugin) -> PluginStarted | PluginRefused:
        """Admit a plugin, read its parameters, and run it; or answer why not.

        Whoever is born again asks for the same once more, and is told that it runs.
        """
        admitted = self._admit(wanted.kind, wanted.plugin)
        if isinstance(admitted, Refusal):
            return self._refuse(wanted, f"{wanted.where.removesuffix(', params')}: {admitted.reason}")
        try:
            self._run(wanted, admitted.plugin)
        except NameTaken as taken:
            running = self.started.get(wanted.actor)
            if running is None or (running.kind, running.plugin) != (wanted.kind, wanted.plugin):
                return self._refuse(wanted, str(taken))
            return running
        except (Exception, SystemExit) as error:  # noqa: BLE001 - what a guest raises is no fault of its host
            return self._refuse(wanted, _told(error, wanted))
        return self._let_in(wanted, admitted)

    @on
    def list_plugins(self, _: ListPlugins) -> tuple[PluginStarted, ...]:
        """Answer which plugins have been let in."""
        return tuple(self.started.values())

    @on
    def describe(self, wanted: DescribePlugins) -> PluginsDescribed:
        """Answer which plugins of a kind could be let in; each is admitted for it, once."""
        names = dict.fromkeys(self.params.names(wanted.kind))
        answers = ((name, self._admit(wanted.kind, name)) for name in names)
        return PluginsDescribed(
            tuple(
                _described(name, answer.manifest.version, answer.plugin)
                for name, answer in answers
                if isinstance(answer, Admitted)
            )
        )

    def _admit(self, kind: str, plugin: str) -> Admitted | Refusal:
        """Let a plugin's code in, once: whoever asks for it later gets the same code."""
        known = self.admitted.get((kind, plugin))
        if known is not None:
            return known
        answer = admit(kind, plugin, self.params)
        if isinstance(answer, Admitted):
            self.admitted[kind, plugin] = answer
        return answer

    def _run(self, wanted: StartPlugin, plugin: type[Plugin[Any]]) -> None:
        contract = KINDS[wanted.kind]
        if objection := plugin.objection_to(wanted.assignment):
            raise Refused(f"{wanted.where.removesuffix(', params')}: {objection}")
        self.spawn(
            plugin,
            parse_params(plugin.params_model(), wanted.params, wanted.where),
            name=wanted.actor,
            assignment=wanted.assignment,
            scope={"guest": wanted.actor, **wanted.scope},
            publishes=contract.publishes,
            asks=contract.asks,
            hears=contract.hears,
            supervision=RESTARTED if plugin.restarts else ONCE,
        )

    def _let_in(self, wanted: StartPlugin, admitted: Admitted) -> PluginStarted:
        started = PluginStarted(wanted.actor, wanted.kind, wanted.plugin, admitted.manifest.version)
        self.started[wanted.actor] = started
        self.publish(started)
        self.log.debug("plugin let in", plugin=f"{wanted.kind}/{wanted.plugin}", runs_as=wanted.actor)
        return started

    def _refuse(self, wanted: StartPlugin, reason: str) -> PluginRefused:
        refused = PluginRefused(wanted.actor, wanted.kind, wanted.plugin, reason)
        self.publish(refused)
        return refused


def _described(name: str, release: str, plugin: type[Plugin[Any]]) -> PluginDescribed:
    about, _, _ = cleandoc(plugin.__doc__ or "").partition("\n")
    return PluginDescribed(name, release, about, plugin.params_model().model_json_schema())


def _told(error: BaseException, wanted: StartPlugin) -> str:
    """Why a plugin could not be run, with the place in the system file that asked for it."""
    place = wanted.where.removesuffix(", params")
    match error:
        case Refused():
            return str(error)
        case OwnerConflict() | Undeclared() | TypeError():
            return f"{place}: {error}"
        case _:
            plugin = f"the {wanted.kind} plugin {wanted.plugin!r}"
            return f"{place}: {plugin} cannot be made: {type(error).__name__}: {error}"
