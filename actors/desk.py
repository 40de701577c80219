"""The desk: owns each order's life, from the approved intent to its end."""

from collections.abc import AsyncGenerator

from bus import Actor, DeadLetter, Event, Later, Undeliverable, on
from lts.domain.account import Account
from lts.domain.backlog import Backlog, Told
from lts.domain.contingency import Contingencies
from lts.domain.executions import Executions, fill_of, objection_to_execution
from lts.domain.financing import FinancingCharged, FinancingReport, bearers, divided, objection_to_charge
from lts.domain.halted_scopes import HaltedScopes
from lts.domain.inquiries import AskAgain, Inquiries
from lts.domain.journal import RecallOrders, RecallTradingStates
from lts.domain.market import Bar, History, Quote, RecentBars, Trade
from lts.domain.money import ONE
from lts.domain.order_entry import (
    EntryAnswered,
    EntryCode,
    RetractionEntered,
    RevisionEntered,
    objection_to_entry,
)
from lts.domain.order_flow import (
    AmendOrder,
    CancelAll,
    CancelOrder,
    ExecType,
    ExecutionReport,
    JournalOrder,
    JournalSynced,
    ModificationApproved,
    ModificationProposed,
    OrderAlarmed,
    OrderApproved,
    OrderChanged,
    OrderFilled,
    OrderJournalled,
    OrderNotJournalled,
    PlaceOrder,
    QueryOrder,
    StandDown,
    StoodDown,
    SyncJournal,
    WithdrawOrder,
)
from lts.domain.order_record import IllegalTransition, OrderRecord
from lts.domain.order_status import PENDING, OrderStatus
from lts.domain.orders import ApprovedOrder, Entered, Terms, objection_to
from lts.domain.plugins import SystemReady
from lts.domain.rates import Rates
from lts.domain.reconciliation import (
    AccountApproved,
    AccountNotApproved,
    AccountsReported,
    AccountStateChanged,
    ApproveAccount,
    CursorMoved,
    GetAccounts,
    PositionAdjusted,
    TransactionsSeen,
    VenueLost,
    VenueReported,
)
from lts.domain.register import Register
from lts.domain.reports import path
from lts.domain.risk import TradingStateChanged, TradingStatesReported
from lts.domain.rulebook import breach
from lts.domain.standing_down import stood_down
from lts.domain.venue_accounts import VenueAccounts
from lts.domain.wish import Wish, Wishes

# Looked up once: reading a member off its class takes longer than comparing it.
_INITIALIZED, _DENIED = OrderStatus.INITIALIZED, OrderStatus.DENIED
_SUBMITTED, _PENDING_CANCEL = OrderStatus.SUBMITTED, OrderStatus.PENDING_CANCEL
_PENDING_UPDATE, _UNKNOWN = OrderStatus.PENDING_UPDATE, OrderStatus.UNKNOWN
_CANCELED, _ALL_FILLED = OrderStatus.CANCELED, OrderStatus.FILLED
_FILLED, _CANCEL_REJECTED = ExecType.FILLED, ExecType.CANCEL_REJECTED

_WORKING = frozenset({OrderStatus.ACCEPTED, OrderStatus.TRIGGERED, OrderStatus.PARTIALLY_FILLED})
_UNANSWERED = frozenset({_SUBMITTED, _UNKNOWN})
_CANCELABLE = _WORKING | {_SUBMITTED}

_NO_RATE = "it waited for a rate when the desk ended"


class TimeIsUp(Event):
    """A word of the desk to itself: whoever waits for a scope to be quiet has waited long enough."""

    scope: str


class Desk(Actor[None]):
    """Journals an approved order, places it, and moves its state machine by what the venue reports.

    A report that its order's state machine does not allow is a dead letter and an alarm; it changes
    nothing.
    """

    publishes = (
        OrderChanged,
        OrderFilled,
        OrderAlarmed,
        AccountStateChanged,
        CursorMoved,
        PositionAdjusted,
        FinancingCharged,
        ModificationProposed,
        EntryAnswered,
    )
    asks = (
        JournalOrder,
        SyncJournal,
        PlaceOrder,
        WithdrawOrder,
        AmendOrder,
        QueryOrder,
        RecallOrders,
        RecallTradingStates,
        RecentBars,
    )

    assignment: Register

    async def lifespan(self) -> AsyncGenerator[None, None]:
        """Take up every order that the journal knows; what was under way is unknown until asked after."""
        recalled = await self.ask(RecallOrders())
        self.records = {record.order.client_order_id: record for record in recalled.records}
        self.lists = Contingencies(self.records)
        self.accounts = VenueAccounts(recalled, self.records)
        self.executions = Executions(recalled.records)
        self.charged = {each.uid for each in recalled.financing}
        self.converts = bool(self.assignment.conversions)
        self.rates = Rates(self.assignment)
        self.backlog = Backlog()
        self.wishes = Wishes()
        self.standing_down: dict[str, list[Later[StoodDown]]] = {}
        """Who waits for which scope to be quiet."""
        self.inquiries = Inquiries()
        self.unwanted: set[str] = set()
        """Orders to be cancelled as soon as their venue can be asked to."""
        self.early: set[str] = set()
        """Orders whose cancel went out before they were known to be there: it may come first."""
        self.held: set[str] = set()
        """Orders with a durable intent that wait for another one, or for their venue to be reached."""
        self.released: set[str] = set()
        """Orders that have waited, and are sent when it is durable that they are."""
        self.amending: dict[str, Terms] = {}
        """Other terms for orders, which their venues are asked for when it is durable that they are."""
        states = await self.ask(RecallTradingStates())
        self.halted = HaltedScopes(self.assignment, states.states)
        for record in self.records.values():
            self._take_up(record)
        try:
            yield
        finally:
            for told in self.backlog:
                self.give_up(told, _NO_RATE)

    # From the intent to the wire

    @on
    def journal(self, approved: OrderApproved) -> None:
        """Make the intent durable before anything goes on the wire; an id goes there once."""
        order = approved.order
        if order.client_order_id in self.records:
            self._alarm(order.portfolio, order.client_order_id, "another order has this id", approved)
            return
        record = self.records[order.client_order_id] = OrderRecord(order)
        if order.parent or order.group:
            self.lists.add(record)
        self.send(JournalOrder(order))

    @on
    def place(self, journalled: OrderJournalled) -> None:
        """Send the order to its broker, unless it may not go there any more, or has to wait for another."""
        record = self.records.get(journalled.order.client_order_id)
        if record is None:
            self._forgo(journalled.order, "the desk was started anew before it was sent")
        elif record.status is _INITIALIZED:
            if record.order.parent and self.lists.waits(record):
                self.held.add(record.order.client_order_id)
            else:
                self._submit(record)
        entered = journalled.order.entered
        if entered is not None and record is not None and record.status is not _DENIED:
            self.publish(EntryAnswered.about(record, entered))

    @on
    def drop(self, refused: OrderNotJournalled) -> None:
        """End an order whose intent could not be made durable."""
        self._forgo(refused.order, f"not journalled: {refused.reason}")

    @on
    def send_on(self, synced: JournalSynced) -> None:
        """Send an order that has waited for another one, unless it may not go on the wire any more."""
        if synced.client_order_id in self.amending:
            self._ask_for_other_terms(self.records[synced.client_order_id])
        if synced.client_order_id not in self.released:
            return
        self.released.remove(synced.client_order_id)
        record = self.records[synced.client_order_id]
        order = record.order
        assert isinstance(order, ApprovedOrder)  # noqa: S101 - any other was denied by risk
        if record.status is not _SUBMITTED:
            return
        if objection := self._objection_to(record):
            self._advance(record, _CANCELED, objection)
            self._settle(record)
        else:
            self.send(PlaceOrder(order.broker, order))

    # What venues say

    @on
    def report(self, report: ExecutionReport) -> None:
        """Move an order by what its venue says of it."""
        if self.converts and self._waits(report):
            return
        record = self.records.get(report.client_order_id)
        if record is None or record.order.broker != report.broker:
            self._alarm("", report.client_order_id, f"{report.broker} was not given this order", report)
            return
        if report.kind is _FILLED:
            self._book(record, report)
        else:
            self._follow(record, report)
        if self.lists or self.unwanted or self.standing_down or self.wishes:
            self._settle(record)

    @on
    def lose(self, lost: VenueLost) -> None:
        """Take note that an account cannot be reached."""
        account = self.accounts.opened(lost.broker)
        if account.lose(lost.reason):
            self._tell(account)

    @on
    def charge(self, report: FinancingReport) -> None:
        """Charge, or credit, whoever held what a venue speaks of: each charge once."""
        if self.converts and self._waits(report):
            return
        if objection := objection_to_charge(report, self.assignment):
            self.log.error("financing is not booked", broker=report.broker, id=report.id, reason=objection)
            self.give_up(report, objection)
            return
        shares = {report.portfolio: report.amount}
        if not report.portfolio:
            account, among = self.accounts.folded(report.broker), bearers(report, self.assignment)
            held = {portfolio: account.held_by(portfolio, report.instrument) for portfolio in among}
            shares = divided(report.amount, held)
        for portfolio, amount in shares.items():
            rate = self.rates.rate(report.currency, portfolio, report.instrument) or ONE
            share = report.share_of(portfolio, amount, rate)
            if amount and share.uid not in self.charged:
                self.charged.add(share.uid)
                self.publish(share)

    @on
    def move_on(self, seen: TransactionsSeen) -> None:
        """Have the journal remember how far a venue's transactions are taken in, after what they led to."""
        if self.converts and self._waits(seen):
            return
        self.publish(CursorMoved(seen.broker, seen.cursor, seen.at))

    @on
    def reconcile(self, reported: VenueReported) -> None:
        """Hold what a venue has against what is known here; ask after what cannot be explained."""
        if self.converts and self._waits(reported):
            return
        account = self.accounts.opened(reported.broker)
        was_lost = self.accounts.is_silent(reported.broker)
        if account.reconcile(reported, self.records):
            self._tell(account)
        for missing in account.differs.missing:
            self.send(QueryOrder(account.broker, missing))
        for resurrected in account.differs.resurrected:
            self.send(WithdrawOrder(account.broker, resurrected))
        if was_lost:
            for record in self._open(f"account:{account.broker}"):
                if record.status is _UNKNOWN:
                    self.send(QueryOrder(account.broker, record.order.client_order_id))
                elif record.order.client_order_id in self.held and not self.lists.waits(record):
                    self._submit(record)

    @on
    def approve(self, command: ApproveAccount) -> AccountApproved | AccountNotApproved:
        """Take what a venue has for true."""
        account = self.accounts.get(command.broker)
        if account is None:
            return AccountNotApproved(f"nothing of account:{command.broker} waits for an approval")
        differed = account.reason
        answer = account.approve(self.assignment.traders, command.who, self.clock.now())
        if isinstance(answer, AccountApproved):
            self.log.warning("account approved", broker=command.broker, who=command.who)
            for adjusted in answer.adjustments:
                self.publish(adjusted)
            if account.reason != differed:
                self._tell(account)
        return answer

    @on
    def report_accounts(self, _: GetAccounts) -> AccountsReported:
        """Answer how far each account can be trusted."""
        now = self.clock.now()
        return AccountsReported(tuple(account.told(now) for account in self.accounts))

    # What currencies are worth

    @on
    def heed_price(self, news: Bar | Quote | Trade) -> None:
        """Remember a rate that can be used, and go on with what has waited for it."""
        if self.rates.heed(news):
            for told in self.backlog.release():
                self._hear(told)

    @on
    def recall_price(self, history: History) -> None:
        """Take the last close that a feed remembers for a rate, until there is news."""
        for bar in history.bars:
            if not self.rates.knows(bar.instrument):
                self.heed_price(bar)

    # What others command

    @on
    def cancel(self, command: CancelOrder) -> None:
        """Have an order cancelled; one that was not sent yet is never sent."""
        record = self.records.get(command.client_order_id)
        if record is None:
            self.give_up(command, f"there is no order {command.client_order_id}")
        elif record.status.is_open:
            self._withdraw(record)

    @on
    def cancel_all(self, command: CancelAll) -> None:
        """Cancel every open order of a scope."""
        for record in self._open(command.scope):
            self._withdraw(record)

    @on
    def revise(self, entry: RevisionEntered) -> None:
        """Propose other terms for an order to risk, as somebody has entered them."""
        record = self._meant(entry)
        if record is None:
            return
        instrument = self.assignment.instruments[record.order.instrument]
        objection = objection_to(record.order.type, entry.terms) or breach(entry.terms, instrument, None)
        if objection:
            self.publish(EntryAnswered.about(record, entry.entered, objection, EntryCode.INVALID))
        else:
            self.publish(
                ModificationProposed(entry.portfolio, entry.client_order_id, entry.terms, entry.entered)
            )

    @on
    def retract(self, entry: RetractionEntered) -> None:
        """Cancel what somebody wants cancelled, and answer when it is durable that it is wanted."""
        if entry.client_order_id:
            record = self._meant(entry)
            meant = [] if record is None else [record]
        else:
            open_there = self._open(f"portfolio:{entry.portfolio}")
            meant = [each for each in open_there if entry.instrument in {"", each.order.instrument}]
            if not meant:
                self.publish(EntryAnswered(entry.portfolio, entry.entered.number, orders=0))
        if meant:
            self.wishes.add(Wish(entry.entered, meant))
            for record in meant:
                self._withdraw(record)
            self._grant_wishes()

    @on
    def stand_down(self, command: StandDown) -> Later[StoodDown]:
        """Let no order of a scope go on the wire, cancel all, and answer when none is on its way there."""
        later: Later[StoodDown] = self.later(holds=False)
        self.halted.add(command.scope)
        self.standing_down.setdefault(command.scope, []).append(later)
        self.after(command.within_s, TimeIsUp(command.scope))
        for record in self._open(command.scope):
            self._withdraw(record)
        self._answer_if_quiet(command.scope)
        return later

    @on
    def end_wait(self, up: TimeIsUp) -> None:
        """Answer whoever waits for a scope to be quiet with what there is."""
        self._answer_if_quiet(up.scope, overdue=True)

    @on
    def amend(self, approved: ModificationApproved) -> None:
        """Have the venue work an order on other terms, as soon as it is durable on which."""
        record = self.records.get(approved.client_order_id)
        if record is None:
            self.give_up(approved, f"{approved.client_order_id} is not there, and cannot be modified")
        elif record.status not in _WORKING:
            self._leave(record, approved.entered)
        elif self._advance(record, _PENDING_UPDATE, _by(approved.entered), wanted=approved.terms):
            self.amending[approved.client_order_id] = approved.terms
            self.send(SyncJournal(approved.client_order_id))
            if approved.entered is not None:
                self.publish(EntryAnswered.about(record, approved.entered))

    @on
    def heed(self, changed: TradingStateChanged) -> None:
        """Remember who is halted, for the look between the journal and the wire."""
        self.halted.heed(changed)

    @on
    def heed_all(self, reported: TradingStatesReported) -> None:
        """Take what holds from who knows, who was started anew."""
        self.halted.replace(reported.states)

    # What has to be found out

    @on
    def begin(self, _: SystemReady) -> None:
        """Repeat the cancels of which no end is known: a venue that has had them does nothing."""
        for symbol in self.rates.unheard:
            self.send(RecentBars(symbol, 1))
        for record in tuple(self.records.values()):
            if record.status is _PENDING_CANCEL:
                self.send(WithdrawOrder(record.order.broker, record.order.client_order_id))
            self._settle(record)

    @on
    def ask_again(self, due: AskAgain) -> None:
        """Ask a venue what became of an order, as long as that is unknown."""
        if not self.inquiries.are_due(due):
            return
        record = self.records[due.client_order_id]
        if record.status is _UNKNOWN:
            broker = record.order.broker
            self.send(QueryOrder(broker, due.client_order_id))
            again = self.inquiries.go_on(due, answered=broker in self.accounts)
            self.after(again.after_s, again)

    @on
    def doubt(self, failed: Undeliverable) -> None:
        """Take the news that a request came to nothing: what was surely not sent ends, else it is unknown."""
        match failed.request:
            case JournalOrder(order=order):
                self._forgo(order, f"not journalled: {failed.reason}")
            case SyncJournal(client_order_id=client_order_id) if client_order_id in self.amending:
                self._forgo_other_terms(self.records[client_order_id], failed.reason)
            case SyncJournal(client_order_id=client_order_id):
                self.released.discard(client_order_id)
                self._fail(client_order_id, ExecType.REJECTED, failed)
            case PlaceOrder(order=order):
                self._fail(order.client_order_id, ExecType.REJECTED, failed)
            case WithdrawOrder(client_order_id=client_order_id):
                self._fail(client_order_id, ExecType.CANCEL_REJECTED, failed)
            case AmendOrder(client_order_id=client_order_id):
                self._fail(client_order_id, ExecType.UPDATE_REJECTED, failed)

    @on
    def try_again(self, dead: DeadLetter) -> None:
        """Take up once more, after a failure of its own, what nobody says a second time."""
        if dead.actor != self.name or not (dead.failed or dead.reason == _NO_RATE):
            return
        match dead.message:
            case ExecutionReport() | FinancingReport():
                self._hear(dead.message)
            case TransactionsSeen() | VenueReported() if not dead.failed:
                self._hear(dead.message)
            case OrderApproved(order=order) if order.client_order_id not in self.records:
                self.journal(dead.message)
            case OrderNotJournalled():
                self.drop(dead.message)
            case ModificationApproved():
                self.amend(dead.message)

    # How it is done

    def _waits(self, told: Told) -> bool:
        """Keep what a broker says, if it cannot be booked before a rate is known, and all that follows."""
        if not self.backlog.holds(told.broker):
            if not self._lacks_a_rate(told):
                return False
            self.log.warning("a rate is waited for", broker=told.broker)
        self.backlog.add(told)
        return True

    def _lacks_a_rate(self, told: Told) -> bool:
        if isinstance(told, ExecutionReport) and told.kind is _FILLED and told.rate is None:
            record = self.records.get(told.client_order_id)
            return record is not None and self.rates.of(record.order) is None
        return isinstance(told, FinancingReport) and self.rates.is_awaited(told)

    def _hear(self, told: Told) -> None:
        match told:
            case ExecutionReport():
                self.report(told)
            case FinancingReport():
                self.charge(told)
            case TransactionsSeen():
                self.move_on(told)
            case VenueReported():
                self.reconcile(told)

    def _take_up(self, record: OrderRecord) -> None:
        """Go on with an order where a process before this one has left it."""
        if record.status.is_open and (record.was_being_cancelled or self.lists.has_ended(record)):
            self.unwanted.add(record.order.client_order_id)
        if record.status is _INITIALIZED:
            if self.lists.is_orphan(record):
                self._deny(record, f"{record.order.parent}, for which it waited, has not traded")
            elif record.order.parent:  # it is not sent before it is durable that it is
                self.held.add(record.order.client_order_id)
            else:
                self._advance(record, _UNKNOWN, "found without a word of whether it was sent")
        elif record.status in {_SUBMITTED, _PENDING_UPDATE}:
            self._advance(record, _UNKNOWN, "found without an answer of its venue")
        elif record.status is _UNKNOWN:
            self._inquire(record)

    def _submit(self, record: OrderRecord) -> None:
        order = record.order
        assert isinstance(order, ApprovedOrder)  # noqa: S101 - any other was denied by risk
        self.held.discard(order.client_order_id)
        if objection := self._objection_to(record):
            self._deny(record, objection)
        elif order.parent and self.accounts.is_silent(order.broker):
            self.held.add(order.client_order_id)
        elif self._advance(record, _SUBMITTED):
            if order.parent:
                self.released.add(order.client_order_id)
                self.send(SyncJournal(order.client_order_id))
            else:
                self.send(PlaceOrder(order.broker, order))

    def _ask_for_other_terms(self, record: OrderRecord) -> None:
        """Ask a venue for other terms of an order, unless it is not wanted or not known any more."""
        order, name = record.order, record.order.client_order_id
        if name in self.unwanted:
            self._forgo_other_terms(record, "cancelled before it was modified")
        elif self.halted.bars(order):
            self._forgo_other_terms(record, "trading was halted before it was modified")
        else:
            terms = self.amending.pop(name)
            if record.status is _PENDING_UPDATE:
                self.send(AmendOrder(order.broker, name, terms))

    def _forgo_other_terms(self, record: OrderRecord, reason: str) -> None:
        """Leave an order as it is: its venue was not asked for other terms."""
        del self.amending[record.order.client_order_id]
        for status in path(record, ExecType.UPDATE_REJECTED):
            self._advance(record, status, reason)
        self._settle(record)

    def _objection_to(self, record: OrderRecord) -> str:
        order = record.order
        if self.halted.bars(order):
            return "trading was halted before the order was sent"
        if order.client_order_id in self.unwanted:
            return "cancelled before it was sent"
        if order.parent and self.lists.is_orphan(record):
            return f"{order.parent}, for which it waited, has not traded"
        if order.group and self.lists.has_ended(record):
            return "another order of its group has traded"
        return ""

    def _withdraw(self, record: OrderRecord) -> None:
        """Have an order cancelled: now, or as soon as its venue can be asked to."""
        order, status = record.order, record.status
        reason = self.wishes.reason_for(record)
        if status is _INITIALIZED and order.parent:
            self._deny(record, reason or "cancelled before it was sent")
        elif status is _SUBMITTED and order.client_order_id in self.released:
            self.unwanted.add(order.client_order_id)
        elif status in _CANCELABLE:
            self.unwanted.discard(order.client_order_id)
            if status is _SUBMITTED:
                self.early.add(order.client_order_id)
            self._advance(record, _PENDING_CANCEL, reason)
            self.send(WithdrawOrder(order.broker, order.client_order_id))
        elif status.is_open and status is not _PENDING_CANCEL:
            self.unwanted.add(order.client_order_id)
            if status is _UNKNOWN:
                self.send(WithdrawOrder(order.broker, order.client_order_id))

    def _follow(self, record: OrderRecord, report: ExecutionReport) -> None:
        """Go where a report leads; what it says beside a state is told even if that stays."""
        states, wanted = path(record, report.kind), record.wanted
        for status in states:
            if not self._advance(record, status, report.reason, report, wanted):
                return
        if report.kind is _CANCEL_REJECTED and record.order.client_order_id in self.early:
            self.early.remove(record.order.client_order_id)
            if record.status.is_open:
                self.unwanted.add(record.order.client_order_id)
        news = report.venue_order_id or report.terms is not None
        if news and (states or record.status.is_open) and record.learn(report) and not states:
            self.publish(record.told(self.clock.now(), report.reason, report))
        if record.filled and record.filled >= record.quantity and record.status.is_open:
            self._advance(record, _ALL_FILLED, "modified to what had traded already")

    def _fail(self, client_order_id: str, refusal: ExecType, failed: Undeliverable) -> None:
        """Take it as a refusal that a request did not reach its broker, and for unknown if it may have."""
        record = self.records[client_order_id]
        for status in path(record, ExecType.UNKNOWN if failed.delivered else refusal):
            self._advance(record, status, failed.reason)
        self._settle(record)

    def _settle(self, record: OrderRecord) -> None:
        """Do what follows from where an order stands now, for itself and for others."""
        client_order_id = record.order.client_order_id
        if self.unwanted and client_order_id in self.unwanted:
            if record.status.is_closed:
                self.unwanted.discard(client_order_id)
            elif record.status not in _UNANSWERED:
                self._withdraw(record)
        if self.lists:
            for unwanted in tuple(self.lists.unwanted(record)):
                self._withdraw(unwanted)
            if record.filled or record.status.is_closed:
                for child in self.lists.children(record):
                    if child.order.client_order_id in self.held:
                        self._submit(child)
        if self.standing_down or self.wishes:
            self._answer_those_who_wait()

    def _answer_those_who_wait(self) -> None:
        """Answer whoever has waited for orders to come to where this one stands now."""
        for scope in tuple(self.standing_down):
            self._answer_if_quiet(scope)
        self._grant_wishes()

    def _answer_if_quiet(self, scope: str, *, overdue: bool = False) -> None:
        """Answer whoever waits for a scope, if none of its orders is on its way or it was long enough."""
        if stood := stood_down(scope, self._open(scope), overdue=overdue):
            for later in self.standing_down.pop(scope, ()):
                later.answer(stood)

    def _meant(self, entry: RevisionEntered | RetractionEntered) -> OrderRecord | None:
        """Return the open order that an entry is about, or answer that there is none."""
        record = self.records.get(entry.client_order_id)
        if refusal := objection_to_entry(entry, record):
            self.publish(refusal)
            return None
        return record

    def _leave(self, record: OrderRecord, entered: Entered | None) -> None:
        """Leave an order on its terms, for it went elsewhere while risk looked at others."""
        order, status = record.order, record.status
        self.log.info("not modified", order=order.client_order_id, status=status)
        if status.is_open:  # risk counts on what it has approved
            told = (order.portfolio, order.client_order_id, status, self.clock.now(), "not modified")
            self.publish(OrderChanged(*told, terms=record.terms))
        if entered is not None:
            code = EntryCode.CLOSED_ORDER if status.is_closed else EntryCode.DENIED
            self.publish(EntryAnswered.about(record, entered, f"it is {status}", code))

    def _grant_wishes(self) -> None:
        """Answer those whose cancels stand in the journal now, and would be repeated after a restart."""
        for wish in self.wishes.granted():
            self.publish(wish.answer)

    def _inquire(self, record: OrderRecord) -> None:
        """Have a venue asked after an order that is in doubt from now on."""
        due = self.inquiries.begin(record.order.client_order_id)
        self.after(due.after_s, due)

    def _open(self, scope: str) -> list[OrderRecord]:
        scopes = self.assignment.scopes
        return [r for r in self.records.values() if r.status.is_open and scope in scopes(r.order)]

    def _forgo(self, order: ApprovedOrder, reason: str) -> None:
        """End an order that is not sent, also one that the desk has not known since it was started anew."""
        record = self.records.get(order.client_order_id)
        if record is None:
            record = self.records[order.client_order_id] = OrderRecord(order)
            self.lists.add(record)
        self._deny(record, reason)

    def _deny(self, record: OrderRecord, reason: str) -> None:
        if record.status is _INITIALIZED:
            self.held.discard(record.order.client_order_id)
            self.unwanted.discard(record.order.client_order_id)
            self._advance(record, _DENIED, reason)
            if record.order.entered is not None:
                self.publish(EntryAnswered.about(record, record.order.entered, reason, EntryCode.DENIED))
            self._settle(record)

    def _tell(self, account: Account) -> None:
        self.log.warning("account", broker=account.broker, state=account.state, reason=account.reason)
        self.publish(account.told(self.clock.now()))

    def _advance(
        self,
        record: OrderRecord,
        status: OrderStatus,
        reason: str = "",
        report: ExecutionReport | None = None,
        wanted: Terms | None = None,
    ) -> bool:
        order, was, now = record.order, record.status, self.clock.now()
        try:
            record.advance(status, now)
        except IllegalTransition as illegal:
            self._alarm(order.portfolio, order.client_order_id, str(illegal), report)
            return False
        if status is _PENDING_UPDATE:
            record.wanted = wanted
        self.publish(record.told(now, reason, report))
        if status is _UNKNOWN:
            if was is _PENDING_CANCEL:
                self.unwanted.add(order.client_order_id)
            self._inquire(record)
        return True

    def _book(self, record: OrderRecord, report: ExecutionReport) -> None:
        """Book what was traded, once, whatever state the order is in."""
        order = record.order
        known = self.executions.order_of(report)
        if known is record:
            return
        objection = objection_to_execution(report)
        if known is not None and not objection:
            objection = f"fill {report.exec_id} is one of {known.order.client_order_id}"
        if objection:
            self._alarm(order.portfolio, order.client_order_id, objection, report)
            return
        rate = self.rates.of(order, report.rate) or ONE if self.converts else ONE
        fill = fill_of(order, report, self.assignment.instruments[order.instrument].currency, rate)
        was, wanted = record.status, record.wanted
        try:
            alarm = record.book(fill)
        except IllegalTransition as illegal:
            self._alarm(order.portfolio, order.client_order_id, str(illegal), report)
            return
        self.executions.add(fill, record)
        self.accounts.fill(fill)
        self.publish(OrderFilled(order.portfolio, fill, record.status))
        if was in PENDING and record.status.is_open:
            self._advance(record, was, wanted=wanted)  # the fill crossed a request, which stands
        if alarm:
            self._alarm(order.portfolio, order.client_order_id, alarm)

    def _alarm(
        self,
        portfolio: str,
        client_order_id: str,
        alarm: str,
        cause: ExecutionReport | OrderApproved | None = None,
    ) -> None:
        self.log.error("order alarm", order=client_order_id, alarm=alarm)
        self.publish(OrderAlarmed(portfolio, client_order_id, alarm, self.clock.now()))
        if cause is not None:
            self.give_up(cause, alarm)


def _by(entered: Entered | None) -> str:
    """By whom something was entered, as a reason; empty if it was not."""
    return "" if entered is None else f"modification entered by {entered.who}"
