"""The host: lets plugins in, and runs each as an actor whose port is as wide as its kind."""

from collections.abc import AsyncGenerator
from inspect import cleandoc
from typing import Any

from bus import Actor, Later, NameTaken, OwnerConflict, Supervision, Undeclared, on
from lts.admission.catalogue import Catalogue
from lts.admission.loader import Admitted, Refusal, admit
from lts.config.params import Misfit, parse_params
from lts.domain.plugins import (
    CheckPlugin,
    DescribePlugins,
    ListPlugins,
    PluginDescribed,
    PluginFits,
    PluginRefused,
    PluginsDescribed,
    PluginStarted,
    PluginStopped,
    StartPlugin,
    StopPlugin,
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
    def check(self, question: CheckPlugin) -> PluginFits | PluginRefused:
        """Answer whether a plugin would be let in, with the sentence of its refusal if not."""
        wanted = question.wanted
        admitted = self._admit(wanted.kind, wanted.plugin)
        place = wanted.where.removesuffix(", params")
        if isinstance(admitted, Refusal):
            return _refused(wanted, f"{place}: {admitted.reason}")
        plugin: type[Plugin[Any]] = admitted.plugin
        try:
            parse_params(plugin.params_model(), wanted.params, wanted.where)
        except Misfit as misfit:
            return _refused(wanted, str(misfit), misfit.field)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - what a guest raises is no fault of its host
            return _refused(wanted, _told(error, wanted))
        return PluginFits(wanted.actor)

    @on
    def stop(self, wanted: StopPlugin) -> Later[PluginStopped]:
        """End a plugin that runs, and answer when its name is free."""
        later: Later[PluginStopped] = self.later()
        self.background(self._stop(wanted.actor, later))
        return later

    async def _stop(self, actor: str, later: Later[PluginStopped]) -> None:
        self.started.pop(actor, None)
        ended = await self.dismiss(actor)
        self.log.debug("plugin stopped", runs_as=actor, in_time=ended)
        later.answer(PluginStopped(actor, ended))

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
        refused = _refused(wanted, reason)
        self.publish(refused)
        return refused


def _described(name: str, release: str, plugin: type[Plugin[Any]]) -> PluginDescribed:
    about, _, _ = cleandoc(plugin.__doc__ or "").partition("\n")
    return PluginDescribed(name, release, about, plugin.params_model().model_json_schema())


def _refused(wanted: StartPlugin, reason: str, field: str | None = None) -> PluginRefused:
    return PluginRefused(wanted.actor, wanted.kind, wanted.plugin, reason, field)


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
