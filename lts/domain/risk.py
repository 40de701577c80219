"""The trading state: whether a scope may trade, only reduce, or not trade at all; and how it gets there."""

from decimal import Decimal
from enum import Enum, StrEnum
from functools import total_ordering

import msgspec

from bus.message import Delivery, Event, Request


@total_ordering
class TradingState(Enum):
    """What a scope may do; the stricter is the greater, so `max` finds the one that holds."""

    ACTIVE = "active"
    REDUCING = "reducing"
    """Only orders that bring a position closer to zero."""
    HALTED = "halted"

    def __lt__(self, other: "TradingState") -> bool:
        """Whether this state is less strict."""
        return _STRICTNESS.index(self) < _STRICTNESS.index(other)


_STRICTNESS = tuple(TradingState)


class TradingStateChanged(Event, delivery=Delivery.URGENT, gc=False):
    """A scope ("system", or a user, portfolio or account) is in another trading state now."""

    scope: str
    state: TradingState
    reason: str
    at: int
    who: str = ""
    """Who wanted it so; empty: the system itself."""
    flattening: bool = False
    """Whether a halt is closing what is held: only those orders may pass, whatever the state says."""


class Holding(msgspec.Struct, frozen=True):
    """What a portfolio holds of an instrument through a broker, negative for short."""

    portfolio: str
    broker: str
    instrument: str
    quantity: Decimal
    position: str = ""
    """The position's id in an account that hedges; empty where they are netted."""


class TradingStateSet(Event):
    """What a command for a trading state has led to; for a halt also what is left of orders and positions."""

    scope: str
    state: TradingState
    reason: str
    who: str
    at: int
    durable: bool
    """Whether it outlives the process already."""
    trouble: str = ""
    """Why it does not, or what else is not as it should be."""
    cancelled: int = 0
    """How many orders of the scope were open and are no more."""
    open: tuple[str, ...] = ()
    """Orders that still work; their cancels are repeated until they do not."""
    unknown: tuple[str, ...] = ()
    """Orders of which it cannot be told yet whether their venue has them; they are asked after."""
    held: tuple[Holding, ...] = ()
    """What was to be closed and is still held, for all that is known."""
    pending: bool = False
    """Whether what was to be closed is not closed yet, or that is not on disk."""


class TradingStateNotSet(Event):
    """The trading state is what it was, for this reason."""

    scope: str
    reason: str
    forbidden: bool = False
    """Whether it is for somebody else to lift what is set."""


class MayLift(StrEnum):
    """Which states somebody may put less strict ones in the place of."""

    NOTHING = "nothing"
    OWN = "own"
    """What they have set themselves, or what was set by the system."""
    ANYTHING = "anything"


class SetTradingState(Request[TradingStateSet | TradingStateNotSet], delivery=Delivery.URGENT, gc=False):
    """Commands a trading state for a scope, for a reason.

    A stricter state holds at once, a less strict one when it is on disk, and only at the word of an operator.
    A halt also cancels, and looks until no order is open; with `flatten` it then closes what is held. The
    answer comes when all of that is done, or after `within_s` seconds of market time: it goes on then.
    """

    scope: str
    state: TradingState
    reason: str
    who: str = ""
    flatten: bool = False
    within_s: float = 10.0
    may_lift: MayLift = MayLift.ANYTHING
    """Of what is set when this arrives, whatever whoever asks has seen before."""


class TradingStateJournalled(Event, gc=False):
    """A trading state is durable."""

    changed: TradingStateChanged


class TradingStateNotJournalled(Event, gc=False):
    """A trading state could not be made durable, for this reason."""

    changed: TradingStateChanged
    reason: str


class JournalTradingState(
    Request[TradingStateJournalled | TradingStateNotJournalled], delivery=Delivery.URGENT, gc=False
):
    """Asks the journal to keep a trading state, in the name of who wanted it."""

    changed: TradingStateChanged


class TradingStatesReported(Event):
    """The trading state that holds for each scope, apart from those that are active."""

    states: tuple[TradingStateChanged, ...]


class GetTradingStates(Request[TradingStatesReported]):
    """Asks for the trading states that hold now, also those that are not for good."""


class HaltVerified(Event):
    """No order of a halted scope is open, and if it was to be flattened, nothing is held any more."""

    scope: str
    at: int


class HaltNotVerified(Event):
    """A scope was halted, and this is left of it so far; it is being cancelled and closed."""

    scope: str
    open: tuple[str, ...]
    unknown: tuple[str, ...]
    held: tuple[Holding, ...]
    at: int


class LimitBreached(Event, delivery=Delivery.URGENT):
    """A limit whose breach is not only denied: the scope may trade less from now on, until it is reset."""

    scope: str
    state: TradingState
    """The state that the limit calls for."""
    reason: str
    at: int


class ExposureReported(Event):
    """What the portfolios of a scope hold, as risk has it; nothing that is flat."""

    scope: str
    held: tuple[Holding, ...]


class GetExposure(Request[ExposureReported]):
    """Asks risk what is held in a scope."""

    scope: str


class ClosePositions(Request[None], key="portfolio"):
    """Tells a portfolio to close what it holds through a broker, whatever its strategies want."""

    portfolio: str
    broker: str
    reason: str
