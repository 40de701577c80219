"""What every plugin owes, whatever its kind. The contracts of the kinds build on this one."""

import asyncio
import json
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any, ClassVar, TypeVar

from pydantic import ValidationError

from bus import Message
from bus.handlers import hearings
from lts.kinds import KINDS
from lts.kinds.plugin import Plugin
from lts.refusal import Refused
from lts.testing.bench import Bench

R = TypeVar("R")


class PluginContract:
    """A suite that a test class inherits. It says which plugin is meant, and with which parameters.

    The tests are plain functions: any runner that calls methods named `test_…` will do.
    """

    plugin: ClassVar[type[Plugin[Any]]]
    """The plugin's class."""
    params: ClassVar[Mapping[str, Any]] = {}
    """Its parameters, as they would stand in a system file."""
    assignment: Any = None
    """What it is here for; by default what the bench gives a plugin of its kind."""

    def bench(self, **how: Any) -> Bench[Any]:
        """Return a bench for the plugin; override it to give other answers, or other instruments."""
        return Bench(self.plugin, **{"params": self.params, "assignment": self.assignment, **how})

    async def work(self, bench: Bench[Any]) -> list[Message]:
        """Have the plugin do what it is for, and return what it said."""
        raise NotImplementedError

    def test_parameters_are_as_declared_and_no_others(self) -> None:
        """Known parameters are taken and cannot be changed afterwards; unknown ones are refused."""
        model = self.plugin.params_model()
        params = model.model_validate_json(json.dumps(self.params, default=str))
        for field in type(params).model_fields:
            assert not _can_set(params, field), f"{model.__name__}.{field} can be changed; freeze the model"
        unknown = {**self.params, "no_such_parameter": 1}
        assert not _takes(model, unknown), f"{model.__name__} lets an unknown parameter pass"
        assert run(self._worked()), "the plugin does nothing with these parameters"

    def test_it_hears_only_what_its_kind_grants(self) -> None:
        """Its handlers are for messages of the kind, or its own; the bench's real port holds it to that."""
        granted = KINDS[self.plugin.kind].hears
        heard = {each.message_type for each in hearings(self.plugin)}
        of_its_own = {each for each in heard if each.__module__ == self.plugin.__module__}
        strange = sorted(each.__name__ for each in heard - set(granted) - of_its_own)
        assert not strange, f"a {self.plugin.kind} may not hear {', '.join(strange)}"
        assert run(self._worked()), "the plugin says nothing, whatever it hears"

    def test_its_debug_information_is_plain(self) -> None:
        """What it says of its state, at any time, is what JSON can say."""

        async def scene() -> tuple[Mapping[str, Any], Mapping[str, Any], list[Message]]:
            async with self.bench() as bench:
                before = await bench.debug()
                said = await self.work(bench)
                return before, await bench.debug(), said

        before, after, said = run(scene())
        assert json.loads(json.dumps([before, after]))
        assert said, "the plugin does nothing that there could be information about"

    def test_it_stops_and_starts_afresh(self) -> None:
        """A stop ends all that it has going, and nothing of it shows in the next start."""

        async def scene() -> list[Message]:
            others = asyncio.all_tasks()
            async with self.bench() as bench:
                assert bench.state == "running"
                said = list(await self.work(bench))
            assert bench.state == "stopped"
            left = [task.get_coro() for task in asyncio.all_tasks() - others]
            assert not left, f"still running after the stop: {left}"
            return said

        first, second = run(scene()), run(scene())
        assert first, "the plugin says nothing"
        assert unlike(first, second) is None, f"the second start differs: {unlike(first, second)}"

    async def _worked(self) -> list[Message]:
        async with self.bench() as bench:
            return list(await self.work(bench))


class DeciderContract(PluginContract):
    """What is owed by those who decide."""

    def test_a_decider_never_awaits(self) -> None:
        """Its handlers are plain functions, so that what it decides on cannot change under way."""
        own = set(hearings(self.plugin)) - set(hearings(Plugin))
        slow = [each.method for each in own if each.asynchronous]
        assert own, "it has no handlers"
        assert not slow, f"{', '.join(slow)}: write a plain def"
        assert run(self._worked()), "it decides nothing"


def run(scene: Coroutine[Any, Any, R]) -> R:
    """Run a coroutine in an event loop of its own."""
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(scene)
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


def refusal(scene: Coroutine[Any, Any, Any]) -> str | None:
    """Run a coroutine, and return the sentence with which it is refused; None if it is not."""
    try:
        run(scene)
    except Refused as refused:
        return str(refused)
    return None


def _takes(model: Any, params: Mapping[str, Any]) -> bool:
    try:
        model.model_validate_json(json.dumps(params, default=str))
    except ValidationError:
        return False
    return True


def _can_set(params: Any, field: str) -> bool:
    try:
        setattr(params, field, getattr(params, field))
    except (ValidationError, AttributeError):
        return False
    return True


def unlike(first: Sequence[Message], second: Sequence[Message]) -> str | None:
    """Return the first difference between two series of messages, None if there is none."""
    for one, other in zip(first, second, strict=False):
        if one != other:
            return f"{other} in the place of {one}"
    if len(first) != len(second):
        return f"{len(second)} messages in the place of {len(first)}"
    return None
