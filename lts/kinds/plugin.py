"""What all plugins have in common: a kind, parameters of their own, and debug information."""

from typing import Any, ClassVar, Generic, TypeVar, get_args, get_origin

from pydantic import BaseModel, ConfigDict

from bus import Actor, Message, Undeliverable, on
from lts.domain.market import Bar, BarOpened, Quote, Trade
from lts.domain.plugins import DebugInfo, GetDebugInfo


class Params(BaseModel):
    """The parameters of a plugin, as they stand in the system file: frozen, and without unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


P = TypeVar("P", bound=Params)

MARKET_DATA = (BarOpened, Bar, Quote, Trade)
EVERYONE = (GetDebugInfo, Undeliverable)
"""What plugins of every kind may hear."""


class Plugin(Actor[P], Generic[P]):
    """An actor that comes in through admission. Its kind fixes what its port carries."""

    kind: ClassVar[str]
    hears: ClassVar[tuple[type[Message], ...]] = ()
    """What plugins of the kind may hear; the host holds them to it."""
    restarts: ClassVar[bool] = True
    """Whether a failure can be mended by starting again."""

    @classmethod
    def params_model(cls) -> type[Params]:
        """The model in the brackets of `Strategy[SmaParams]`; the empty `Params` if there are none."""
        for base in (base for each in cls.__mro__ for base in getattr(each, "__orig_bases__", ())):
            origin = get_origin(base)
            if isinstance(origin, type) and issubclass(origin, Plugin):
                for argument in get_args(base):
                    if isinstance(argument, type) and issubclass(argument, Params):
                        return argument
        return Params

    @classmethod
    def objection_to(cls, assignment: Any) -> str:  # noqa: ARG003 - for kinds that can be given what they cannot do
        """Return why no instance can do what it is here for; empty if one can."""
        return ""

    @on
    def debug(self, _: GetDebugInfo) -> DebugInfo:
        """Answer what this plugin is doing."""
        return DebugInfo(self.name, self.debug_info())

    def debug_info(self) -> dict[str, Any]:
        """Plain values that help to see what the plugin is doing; override to say more."""
        return {"plugin": type(self).__qualname__, "params": self.params.model_dump(mode="json")}
