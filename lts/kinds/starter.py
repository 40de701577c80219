"""A plugin that starts other plugins."""

from typing import Generic, TypeVar

from lts.domain.plugins import PluginRefused, StartPlugin
from lts.kinds.plugin import Params, Plugin
from lts.refusal import Refused

P = TypeVar("P", bound=Params)


class Starter(Plugin[P], Generic[P]):
    """What the core and the pipelines have in common."""

    async def start(self, wanted: StartPlugin) -> None:
        """Have the host run a plugin; messages for it wait until it is ready.

        Raises:
            Refused: it was not let in.
        """
        answer = await self.ask(wanted)
        if isinstance(answer, PluginRefused):
            raise Refused(answer.reason)
