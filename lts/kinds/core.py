"""The core: brings the system up in order, and keeps an eye on it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Generic, TypeVar

from bus import ActorFailed, ActorQuarantined, ActorStarted
from lts.config.schema import SystemPlan
from lts.domain.conversion import NO_CONVERSIONS, Conversions
from lts.domain.health import GetHealth
from lts.domain.market import Instrument
from lts.domain.plugins import StartPlugin, SystemReady
from lts.kinds.plugin import EVERYONE, Params
from lts.kinds.starter import Starter

P = TypeVar("P", bound=Params)


@dataclass(slots=True)
class CoreAssignment:
    """What the core is to bring up: it may have changed when a core is born again."""

    plan: SystemPlan
    instruments: Mapping[str, Instrument]
    conversions: Conversions = NO_CONVERSIONS
    made: set[str] = field(default_factory=set)
    """The portfolios that were made at run time: brokers trade for them, and somebody else starts them."""


class Core(Starter[P], Generic[P]):
    """Asks the host for feeds, brokers and pipelines, and says when everything is ready."""

    kind: ClassVar[str] = "core"
    publishes = (SystemReady,)
    hears = (*EVERYONE, ActorStarted, ActorFailed, ActorQuarantined)
    asks = (StartPlugin, GetHealth)

    @property
    def plan(self) -> SystemPlan:
        """What is to run."""
        plan: SystemPlan = self.assignment.plan
        return plan
