"""A halt on its way: durable or not, what of its scope is still open, and who waits to hear of it."""

import msgspec

from bus import Later
from lts.domain.order_flow import StoodDown
from lts.domain.risk import (
    Holding,
    TradingState,
    TradingStateChanged,
    TradingStateNotSet,
    TradingStateSet,
)

Answer = Later[TradingStateSet | TradingStateNotSet]

FIRST_LOOK_S, LONGEST_LOOK_S = 0.05, 2.0
"""Seconds after which a halt is looked after again: twice as many each time."""


class Halt:
    """One scope that is being brought to rest."""

    __slots__ = (
        "_first",
        "changed",
        "due",
        "durable",
        "flatten",
        "flattening",
        "held",
        "kept",
        "looks",
        "stood_down",
        "trouble",
        "waiting",
    )

    def __init__(self, changed: TradingStateChanged) -> None:
        self.changed = changed
        self.durable: bool | None = None
        """None for as long as nobody knows."""
        self.trouble = ""
        self.flatten = False
        """Whether what is held is to be closed."""
        self.flattening = False
        """Whether that is going on, so that orders that close may pass."""
        self.held: tuple[Holding, ...] | None = None
        """What is left to be closed; None for as long as nobody knows."""
        self.kept = False
        """Whether what has closed all is on disk."""
        self.stood_down: StoodDown | None = None
        """What the desk said last."""
        self.due = False
        """Whether somebody will look again."""
        self.looks = 0
        """How often somebody looked whether it is at rest."""
        self.waiting: list[Answer] = []
        self._first: set[str] = set()

    @property
    def quiet(self) -> bool:
        """Whether no order of the scope is open, for all that is known."""
        return self.stood_down is not None and not (self.stood_down.open or self.stood_down.unknown)

    @property
    def complete(self) -> bool:
        """Whether it has come to rest: nothing is open, and nothing held if that was to be closed."""
        return self.quiet and (not self.flatten or self.is_flat)

    @property
    def is_flat(self) -> bool:
        """Whether nothing is held, for all that is known."""
        return self.held == ()

    @property
    def answerable(self) -> bool:
        """Whether there is nothing more to wait for."""
        return self.complete and self.durable is not None and (self.kept or not self.flatten)

    @property
    def next_look_s(self) -> float:
        """Seconds after which somebody is to look again."""
        return min(LONGEST_LOOK_S, FIRST_LOOK_S * 2.0 ** min(self.looks, 10))

    def shown(self, found: TradingStateChanged) -> TradingStateChanged:
        """Return what holds for its scope: while that is being flattened, closing has to be possible."""
        if self.flattening and found is self.changed:
            return msgspec.structs.replace(found, state=TradingState.REDUCING, flattening=True)
        return found

    def stand(self, stood: StoodDown) -> None:
        """Take what the desk says is left."""
        self._first.update(stood.open, stood.unknown)
        self.stood_down = stood

    def answer(self) -> TradingStateSet:
        """Return how far it is."""
        changed, stood = self.changed, self.stood_down
        left = (*stood.open, *stood.unknown) if stood else ()
        return TradingStateSet(
            scope=changed.scope,
            state=changed.state,
            reason=changed.reason,
            who=changed.who,
            at=changed.at,
            durable=bool(self.durable),
            trouble=self.trouble or ("" if self.durable is not None else "it is not on disk yet"),
            cancelled=len(self._first) - len(left),
            open=stood.open if stood else (),
            unknown=stood.unknown if stood else (),
            held=self.held or (),
            pending=self.flatten and not (self.complete and self.kept),
        )

    def tell(self) -> None:
        """Answer all who wait."""
        for later in self.waiting:
            later.answer(self.answer())
        self.waiting.clear()
