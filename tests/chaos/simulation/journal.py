"""A journal as a database keeps it: what is committed outlives the node, and what waits does not."""

from collections import deque
from collections.abc import AsyncGenerator, Callable
from random import Random
from typing import Any

from actors.journal import Fact, MemoryJournal
from bus import Actor, Event, Later, on
from lts.domain.journal import (
    DepositsRecalled,
    OrdersRecalled,
    ProgressRecalled,
    RecallDeposits,
    RecallOrders,
    RecallProgress,
    RecallTradingStates,
    TradingStatesRecalled,
)
from lts.domain.order_flow import (
    JournalOrder,
    JournalSynced,
    OrderChanged,
    OrderDenied,
    OrderFilled,
    OrderJournalled,
    OrderNotJournalled,
    SyncJournal,
)
from lts.domain.orders import Order
from lts.domain.portfolio_settings import PortfoliosRecalled, RecallPortfolios
from lts.domain.reconciliation import CursorMoved, CursorRecalled, PositionAdjusted, RecallCursor
from lts.domain.risk import (
    JournalTradingState,
    TradingStateChanged,
    TradingStateJournalled,
    TradingStateNotJournalled,
)
from lts.domain.storage import (
    FactNotKept,
    GetStorage,
    StorageRecovered,
    StorageReported,
    StorageTroubled,
    Tally,
)
from lts.domain.units import Perform, Performed

Kept = Fact | TradingStateChanged | CursorMoved
Work = tuple[Kept | None, Callable[[], None], Callable[[str], None] | None]
"""What is to be committed (None: nothing, but in its turn), who is told, and who is told that it cannot."""


class Store:
    """What is on disk."""

    def __init__(self, draw: Random, now: Callable[[], int]) -> None:
        self.facts: list[Fact] = []
        self.intents: set[str] = set()
        self.states: dict[str, TradingStateChanged] = {}
        self.cursors: dict[str, str] = {}
        self.trouble = ""
        """Why nothing can be stored now."""
        self.life = 0
        """Which life of the node may write."""
        self.draw = draw
        self.now = now
        self.committed: Callable[[Kept], None] = lambda _: None

    def keep(self, kept: Kept) -> None:
        """Take something in."""
        match kept:
            case TradingStateChanged():
                self.states[kept.scope] = kept
            case CursorMoved():
                self.cursors[kept.broker] = kept.cursor
            case Order():
                self.facts.append(kept)
                self.intents.add(kept.client_order_id)
            case _:
                self.facts.append(kept)
        self.committed(kept)


class CommitNow(Event):
    """A word of the journal to itself: a commit is through."""


class Troubled(Event):
    """The disk fails, for a reason, or works again, without one."""

    reason: str


class DurableJournal(Actor[Store]):
    """Answers after the commit, commits in the order in which it was told, and refuses in trouble.

    Of what was told and not committed nothing is left when the node dies.
    """

    publishes = (FactNotKept, StorageTroubled, StorageRecovered)

    async def lifespan(self) -> AsyncGenerator[None, None]:
        """Find what is on disk."""
        self.store = self.params
        self.life = self.store.life
        self.lane: deque[Work] = deque()
        self.committing = False
        self.unkept: dict[str, Order] = {}
        """Intents that could not be made durable; what becomes of them is that they are denied."""
        yield

    # What is to be kept

    @on
    def keep(self, wanted: JournalOrder) -> Later[OrderJournalled | OrderNotJournalled]:
        """Keep an intent, and answer when it is on disk."""
        later, order = self.later(holds=False), wanted.order

        def refuse(reason: str) -> None:
            self.unkept[order.client_order_id] = order
            later.answer(OrderNotJournalled(order, reason))

        self._put((order, lambda: later.answer(OrderJournalled(order)), refuse))
        return later

    @on
    def keep_state(
        self, wanted: JournalTradingState
    ) -> Later[TradingStateJournalled | TradingStateNotJournalled]:
        """Keep a trading state, and answer when it is on disk."""
        later, changed = self.later(holds=False), wanted.changed

        def refuse(reason: str) -> None:
            later.answer(TradingStateNotJournalled(changed, reason))

        self._put((changed, lambda: later.answer(TradingStateJournalled(changed)), refuse))
        return later

    @on
    def sync(self, wanted: SyncJournal) -> Later[JournalSynced]:
        """Answer when all is on disk that came before the question."""
        return self._recalled(lambda: JournalSynced(wanted.client_order_id))

    @on
    def note(self, fact: OrderChanged | OrderFilled | OrderDenied | PositionAdjusted | CursorMoved) -> None:
        """Keep what happened: it waits where it has to."""
        self._put((fact, _nobody, None))

    @on
    def perform(self, _: Perform) -> Performed:
        """Say that it is done."""
        return Performed()

    @on
    def recall_portfolios(self, _: RecallPortfolios) -> PortfoliosRecalled:
        """Answer that nobody has made any."""
        return PortfoliosRecalled()

    # What is on disk

    @on
    def recall(self, wanted: RecallOrders) -> Later[OrdersRecalled]:
        """Answer with the orders, when all is on disk that came before the question."""
        folded = MemoryJournal()
        folded.facts = self.store.facts
        return self._recalled(lambda: folded.recall(wanted))

    @on
    def recall_states(self, _: RecallTradingStates) -> Later[TradingStatesRecalled]:
        """Answer with the trading states."""
        return self._recalled(lambda: TradingStatesRecalled(tuple(self.store.states.values())))

    @on
    def recall_cursor(self, wanted: RecallCursor) -> Later[CursorRecalled]:
        """Answer with the cursor of a venue."""
        return self._recalled(lambda: CursorRecalled(self.store.cursors.get(wanted.broker, "")))

    @on
    def recall_deposits(self, _: RecallDeposits) -> DepositsRecalled:
        """Answer that every portfolio is a new one."""
        return DepositsRecalled()

    @on
    def recall_progress(self, _: RecallProgress) -> ProgressRecalled:
        """Answer that every feed begins at its beginning."""
        return ProgressRecalled()

    @on
    def report(self, _: GetStorage) -> StorageReported:
        """Answer what time it was when the node died."""
        return StorageReported(
            "nowhere",
            self.store.now(),
            Tally(),
            len(self.lane),
            0,
            0,
            0,
            0,
            0.0,
            self.store.trouble,
            0,
            0,
            0,
            0,
        )

    # How it gets there

    @on
    def suffer(self, news: Troubled) -> None:
        """Refuse what cannot wait while the disk fails, and say so; go on when it works again."""
        self.store.trouble = news.reason
        if not news.reason:
            self.publish(StorageRecovered(1.0))
            self._commit_soon()
            return
        self.publish(StorageTroubled(news.reason))
        lane, self.lane = self.lane, deque()
        for work in lane:
            self._put(work)

    @on
    def commit(self, _: CommitNow) -> None:
        """Have what waited longest on disk, some of it or all."""
        self.committing = False
        if self.store.trouble or self.life != self.store.life:
            return
        for _turn in range(self.store.draw.randint(1, len(self.lane)) if self.lane else 0):
            kept, done, _refuse = self.lane.popleft()
            if kept is not None:
                self._keep(kept)
            done()
        self._commit_soon()

    def _keep(self, kept: Kept) -> None:
        """Take something in, or say that it contradicts what there is."""
        if isinstance(kept, OrderChanged) and kept.client_order_id not in self.store.intents:
            unkept = self.unkept.pop(kept.client_order_id, None)
            if unkept is None:
                self.give_up(kept, "there is no such order")
                self.publish(FactNotKept("OrderChanged", f"there is no order {kept.client_order_id}"))
                return
            kept = OrderDenied(kept.portfolio, unkept, kept.reason, kept.at)
        self.store.keep(kept)

    def _put(self, work: Work) -> None:
        _, _, refuse = work
        if refuse is not None and self.store.trouble:
            refuse(self.store.trouble)
            return
        self.lane.append(work)
        self._commit_soon()

    def _commit_soon(self) -> None:
        if self.lane and not (self.committing or self.store.trouble):
            self.committing = True
            self.after(self.store.draw.choice((0.0, 0.001, 0.004, 0.02)), CommitNow())

    def _recalled(self, answer: Callable[[], Any]) -> Later[Any]:
        later = self.later(holds=False)
        if self.lane:
            self._put((None, lambda: later.answer(answer()), None))
        else:
            later.answer(answer())
        return later


def _nobody() -> None:
    """Tell nobody."""
