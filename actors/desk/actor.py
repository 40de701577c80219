"""The desk: owns each order's life, from the approved intent to its end."""

from collections.abc import AsyncGenerator

from actors.desk.orders import WORKING, Orders
from bus import Actor, DeadLetter, Event, Later, Undeliverable, on
from lts.domain.account import Account
from lts.domain.backlog import Backlog, Told
from lts.domain.financing import FinancingCharged, FinancingReport, bearers, divided, objection_to_charge
from lts.domain.halted_scopes import HaltedScopes
from lts.domain.inquiries import AskAgain
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
from lts.domain.order_record import OrderRecord
from lts.domain.order_status import OrderStatus
from lts.domain.orders import Entered, objection_to
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
from lts.domain.risk import TradingStateChanged, TradingStatesReported
from lts.domain.rulebook import breach
from lts.domain.venue_accounts import VenueAccounts
from lts.domain.wish import Wish

# Looked up once: reading a member off its class takes longer than comparing it.
_INITIALIZED, _DENIED, _UNKNOWN = OrderStatus.INITIALIZED, OrderStatus.DENIED, OrderStatus.UNKNOWN
_PENDING_UPDATE, _PENDING_CANCEL = OrderStatus.PENDING_UPDATE, OrderStatus.PENDING_CANCEL
_FILLED = ExecType.FILLED

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
        self.accounts = VenueAccounts(recalled, self.records)
        self.charged = {each.uid for each in recalled.financing}
        self.converts = bool(self.assignment.conversions)
        self.rates = Rates(self.assignment)
        self.backlog = Backlog()
        states = await self.ask(RecallTradingStates())
        self.halted = HaltedScopes(self.assignment, states.states)
        self.orders = Orders(self, self.assignment, self.records, self.accounts, self.halted, self.rates)
        for record in self.records.values():
            self.orders.take_up(record)
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
            self.orders.alarm(order.portfolio, order.client_order_id, "another order has this id", approved)
            return
        self.orders.add(order)
        self.send(JournalOrder(order))

    @on
    def place(self, journalled: OrderJournalled) -> None:
        """Send the order to its broker, unless it may not go there any more, or has to wait for another."""
        record = self.records.get(journalled.order.client_order_id)
        if record is None:
            self.orders.forgo(journalled.order, "the desk was started anew before it was sent")
        elif record.status is _INITIALIZED:
            self.orders.submit(record)
        entered = journalled.order.entered
        if entered is not None and record is not None and record.status is not _DENIED:
            self.publish(EntryAnswered.about(record, entered))

    @on
    def drop(self, refused: OrderNotJournalled) -> None:
        """End an order whose intent could not be made durable."""
        self.orders.forgo(refused.order, f"not journalled: {refused.reason}")

    @on
    def send_on(self, synced: JournalSynced) -> None:
        """Send what had to be durable first, unless it may not go on the wire any more."""
        self.orders.send_on(synced.client_order_id)

    # What venues say

    @on
    def report(self, report: ExecutionReport) -> None:
        """Move an order by what its venue says of it."""
        if self.converts and self._waits(report):
            return
        record = self.records.get(report.client_order_id)
        if record is None or record.order.broker != report.broker:
            self.orders.alarm("", report.client_order_id, f"{report.broker} was not given this order", report)
            return
        if report.kind is _FILLED:
            self.orders.book(record, report)
        else:
            self.orders.follow(record, report)
        self.orders.settle(record)

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
            self.orders.resume(account.broker)

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
            self.orders.withdraw(record)

    @on
    def cancel_all(self, command: CancelAll) -> None:
        """Cancel every open order of a scope."""
        for record in self.orders.open_in(command.scope):
            self.orders.withdraw(record)

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
            open_there = self.orders.open_in(f"portfolio:{entry.portfolio}")
            meant = [each for each in open_there if entry.instrument in {"", each.order.instrument}]
            if not meant:
                self.publish(EntryAnswered(entry.portfolio, entry.entered.number, orders=0))
        if meant:
            self.orders.wishes.add(Wish(entry.entered, meant))
            for record in meant:
                self.orders.withdraw(record)
            self.orders.grant_wishes()

    @on
    def stand_down(self, command: StandDown) -> Later[StoodDown]:
        """Let no order of a scope go on the wire, cancel all, and answer when none is on its way there."""
        later: Later[StoodDown] = self.later(holds=False)
        self.halted.add(command.scope)
        self.orders.standing_down.setdefault(command.scope, []).append(later)
        self.after(command.within_s, TimeIsUp(command.scope))
        for record in self.orders.open_in(command.scope):
            self.orders.withdraw(record)
        self.orders.answer_if_quiet(command.scope)
        return later

    @on
    def end_wait(self, up: TimeIsUp) -> None:
        """Answer whoever waits for a scope to be quiet with what there is."""
        self.orders.answer_if_quiet(up.scope, overdue=True)

    @on
    def amend(self, approved: ModificationApproved) -> None:
        """Have the venue work an order on other terms, as soon as it is durable on which."""
        record = self.records.get(approved.client_order_id)
        if record is None:
            self.give_up(approved, f"{approved.client_order_id} is not there, and cannot be modified")
        elif record.status not in WORKING:
            self.orders.leave(record, approved.entered)
        elif self.orders.advance(record, _PENDING_UPDATE, _by(approved.entered), wanted=approved.terms):
            self.orders.amending[approved.client_order_id] = approved.terms
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
            self.orders.settle(record)

    @on
    def ask_again(self, due: AskAgain) -> None:
        """Ask a venue what became of an order, as long as that is unknown."""
        if not self.orders.inquiries.are_due(due):
            return
        record = self.records[due.client_order_id]
        if record.status is _UNKNOWN:
            broker = record.order.broker
            self.send(QueryOrder(broker, due.client_order_id))
            again = self.orders.inquiries.go_on(due, answered=broker in self.accounts)
            self.after(again.after_s, again)

    @on
    def doubt(self, failed: Undeliverable) -> None:
        """Take the news that a request came to nothing: what was surely not sent ends, else it is unknown."""
        match failed.request:
            case JournalOrder(order=order):
                self.orders.forgo(order, f"not journalled: {failed.reason}")
            case SyncJournal(client_order_id=client_order_id) if client_order_id in self.orders.amending:
                self.orders.forgo_other_terms(self.records[client_order_id], failed.reason)
            case SyncJournal(client_order_id=client_order_id):
                self.orders.released.discard(client_order_id)
                self.orders.fail(client_order_id, ExecType.REJECTED, failed)
            case PlaceOrder(order=order):
                self.orders.fail(order.client_order_id, ExecType.REJECTED, failed)
            case WithdrawOrder(client_order_id=client_order_id):
                self.orders.fail(client_order_id, ExecType.CANCEL_REJECTED, failed)
            case AmendOrder(client_order_id=client_order_id):
                self.orders.fail(client_order_id, ExecType.UPDATE_REJECTED, failed)

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

    def _meant(self, entry: RevisionEntered | RetractionEntered) -> OrderRecord | None:
        """Return the open order that an entry is about, or answer that there is none."""
        record = self.records.get(entry.client_order_id)
        if refusal := objection_to_entry(entry, record):
            self.publish(refusal)
            return None
        return record

    def _tell(self, account: Account) -> None:
        self.log.warning("account", broker=account.broker, state=account.state, reason=account.reason)
        self.publish(account.told(self.clock.now()))


def _by(entered: Entered | None) -> str:
    """By whom something was entered, as a reason; empty if it was not."""
    return "" if entered is None else f"modification entered by {entered.who}"
