"""The kill switch: owns the trading state of every scope, and brings what is halted to rest."""

from collections.abc import AsyncGenerator

import msgspec

from bus import Actor, DeadLetter, Event, Later, Pressure, PressureChanged, Undeliverable, on
from lts.domain.halt import Answer, Halt
from lts.domain.journal import RecallTradingStates
from lts.domain.order_flow import JournalSynced, StandDown, StoodDown, SyncJournal
from lts.domain.reconciliation import AccountState, AccountStateChanged, GetAccounts
from lts.domain.register import SYSTEM, Register
from lts.domain.risk import (
    ClosePositions,
    ExposureReported,
    GetExposure,
    GetTradingStates,
    HaltNotVerified,
    HaltVerified,
    JournalTradingState,
    LimitBreached,
    SetTradingState,
    TradingState,
    TradingStateChanged,
    TradingStateJournalled,
    TradingStateNotJournalled,
    TradingStateNotSet,
    TradingStateSet,
    TradingStatesReported,
)
from lts.domain.storage import FactNotKept, StorageRecovered, StorageTroubled
from lts.domain.trading_states import TradingStates

_ACTIVE, _REDUCING, _HALTED = TradingState
_BY_ACCOUNT = {
    AccountState.READY: _ACTIVE,
    AccountState.DIFFERS: _REDUCING,
    AccountState.CONNECTING: _HALTED,
    AccountState.LOST: _HALTED,
}
"""What an account may be used for."""
KEEP_AGAIN_S = 1.0
"""Seconds after which a state that could not be kept is to be kept again."""


class LookAgain(Event):
    """A word of the kill switch to itself: see whether a scope has come to rest."""

    scope: str


class TimeIsUp(Event):
    """A word of the kill switch to itself: whoever waits for a scope to rest has waited long enough."""

    scope: str


class KeepAgain(Event):
    """A word of the kill switch to itself: try once more to make a state durable."""

    scope: str


class KillSwitch(Actor[None]):
    """Sets trading states: at an operator's word, when a limit is broken, when disk or account fail.

    A halt bars orders at once, is made durable, has the desk cancel all that is open, and looks until
    nothing is; what is to be flattened is closed by its portfolios, and looked after until it is flat.
    """

    publishes = (TradingStateChanged, TradingStatesReported, HaltVerified, HaltNotVerified)
    asks = (
        RecallTradingStates,
        GetAccounts,
        JournalTradingState,
        StandDown,
        GetExposure,
        ClosePositions,
        SyncJournal,
    )

    assignment: Register

    async def lifespan(self) -> AsyncGenerator[None, None]:
        """Take up what was set; what was halted is looked after again."""
        self.states = TradingStates((await self.ask(RecallTradingStates())).states)
        self.told: dict[str, TradingStateChanged] = {}
        self.halts: dict[str, Halt] = {}
        self.setting: dict[str, tuple[TradingStateChanged, Answer | None]] = {}
        self.unkept: dict[str, TradingStateChanged] = {}
        for strict in self.states.strict():
            if strict.state is _HALTED:
                halt = self.halts[strict.scope] = Halt(strict)
                halt.durable = True
                self.after(0, LookAgain(strict.scope))
        for account in (await self.ask(GetAccounts())).accounts:
            if (held := self._of_account(account)).state is not _ACTIVE:
                self.states.begin("account", held)
        self.publish(self.report(GetTradingStates()))  # whoever heeds them may have heard otherwise before
        yield

    # What is commanded

    @on
    def set_state(self, command: SetTradingState) -> Later[TradingStateSet | TradingStateNotSet]:
        """Put a scope into a trading state, and answer when that is done, on disk, and at rest."""
        later: Answer = self.later(holds=False)
        changed = self._changed(command.scope, command.state, command.reason, command.who)
        if objection := self.states.objection_to(command, self.assignment.all_scopes):
            later.answer(TradingStateNotSet(command.scope, objection))
        elif forbidden := self.states.is_for_others(command):
            later.answer(TradingStateNotSet(command.scope, forbidden, forbidden=True))
        elif changed.state < self.states.latched(changed.scope):
            self._supersede(changed)
            self.setting[changed.scope] = (changed, later)
            self.send(JournalTradingState(changed))
        else:
            self._tighten(changed, later, flatten=command.flatten)
            self.after(command.within_s, TimeIsUp(changed.scope))
        return later

    @on
    def report(self, _: GetTradingStates) -> TradingStatesReported:
        """Answer which scopes are not active, and why."""
        return TradingStatesReported(tuple(self._shown(each.scope) for each in self.states.strict()))

    # What happens by itself

    @on
    def enforce(self, breached: LimitBreached) -> None:
        """Let a scope trade less when one of its limits says so."""
        self._restrict(breached.scope, breached.state, breached.reason)

    @on
    def brake(self, pressure: PressureChanged) -> None:
        """Take no new risk while the system cannot keep up with itself."""
        if pressure.pressure is Pressure.HARD:
            self._restrict(SYSTEM, _REDUCING, f"{pressure.depth} messages wait for {pressure.actor}")

    @on
    def doubt(self, lost: FactNotKept) -> None:
        """Take no new risk when the books are not what happened."""
        self._restrict(SYSTEM, _REDUCING, f"{lost.fact} could not be kept: {lost.reason}")

    @on
    def wait_for_storage(self, trouble: StorageTroubled | StorageRecovered) -> None:
        """Take no new risk for as long as nothing can be stored."""
        reason = trouble.reason if isinstance(trouble, StorageTroubled) else ""
        self._follow("storage", SYSTEM, _REDUCING if reason else _ACTIVE, f"storage: {reason}")

    @on
    def follow_account(self, changed: AccountStateChanged) -> None:
        """Use an account no further than it can be trusted."""
        held = self._of_account(changed)
        self._follow("account", held.scope, held.state, held.reason)

    # How a state becomes durable

    @on
    def confirm(self, kept: TradingStateJournalled) -> None:
        """Take note that a state outlives the process; one that is less strict holds from now on."""
        changed = kept.changed
        scope = changed.scope
        if self.unkept.get(scope) == changed:
            del self.unkept[scope]
        halt = self.halts.get(scope)
        if halt is not None and halt.changed == changed:
            halt.durable, halt.trouble = True, ""
            self._conclude(halt)
        elif scope in self.setting and self.setting[scope][0] == changed:
            _, later = self.setting.pop(scope)
            if changed.state < self.states.latched(scope):
                self._relax(changed)
            barred = self.states.strictures_on(scope, self.assignment.around(scope))
            self._answer(later, changed, durable=True, trouble=barred)

    @on
    def despair(self, lost: TradingStateNotJournalled) -> None:
        """Take note that a state does not outlive the process: a strict one holds all the same."""
        self._not_kept(lost.changed, lost.reason)

    @on
    def keep_again(self, due: KeepAgain) -> None:
        """Try once more to make a state durable."""
        if due.scope in self.setting:  # what becomes of that is known first
            self.after(KEEP_AGAIN_S, due)
        elif due.scope in self.unkept:
            self.send(JournalTradingState(self.unkept[due.scope]))

    @on
    def miss(self, failed: Undeliverable) -> None:
        """Take the news that a word came to nothing: whatever it was, it is said again."""
        match failed.request:
            case JournalTradingState(changed=changed):
                self._not_kept(changed, failed.reason)
            case StandDown(scope=scope) | GetExposure(scope=scope) if scope in self.halts:
                self.halts[scope].trouble = failed.reason
                self._look_later(self.halts[scope])
            case SyncJournal(client_order_id=scope) if scope in self.halts:
                self.halts[scope].trouble = failed.reason
                self._look_later(self.halts[scope])
            case ClosePositions(portfolio=portfolio):
                self.log.error("nobody closes", portfolio=portfolio, reason=failed.reason)

    # How a halt comes to rest

    @on
    def look_again(self, due: LookAgain) -> None:
        """See what is left of a halted scope."""
        if due.scope in self.halts:
            self.halts[due.scope].due = False
            self._look(self.halts[due.scope])

    @on
    def count(self, stood: StoodDown) -> None:
        """Take what the desk says is open; when nothing is, see what is held if that is to be closed."""
        halt = self.halts.get(stood.scope)
        if halt is None:
            return
        halt.stand(stood)
        if halt.quiet and halt.flatten:
            self.send(GetExposure(stood.scope))
        else:
            self._settle(halt)

    @on
    def close(self, exposure: ExposureReported) -> None:
        """Have portfolios close what is held, until nothing is; then see once more that nothing is open."""
        halt = self.halts.get(exposure.scope)
        if halt is None or not halt.quiet:
            return
        halt.held, halt.kept = exposure.held, False
        if halt.flattening is not bool(halt.held):
            halt.flattening = bool(halt.held)
            self._tell(exposure.scope)
            if not halt.held:
                self._look(halt)
                return
        for portfolio, broker in dict.fromkeys((each.portfolio, each.broker) for each in halt.held):
            self.send(ClosePositions(portfolio, broker, halt.changed.reason))
        if halt.complete:
            self.send(SyncJournal(exposure.scope))
        else:
            self._settle(halt)

    @on
    def believe(self, synced: JournalSynced) -> None:
        """Take note that what has closed all of a scope is on disk."""
        halt = self.halts.get(synced.client_order_id)
        if halt is not None and halt.complete:
            halt.kept = True
            self._conclude(halt)

    @on
    def end_wait(self, up: TimeIsUp) -> None:
        """Answer whoever waits with what there is; the halt goes on."""
        if up.scope in self.halts:
            self.halts[up.scope].tell()

    @on
    def try_again(self, dead: DeadLetter) -> None:
        """Take up once more, after a failure of its own, what nobody says a second time."""
        if not dead.failed or dead.actor != self.name:
            return
        match dead.message:
            case LimitBreached():
                self.enforce(dead.message)
            case FactNotKept():
                self.doubt(dead.message)
            case PressureChanged():
                self.brake(dead.message)
            case StorageTroubled() | StorageRecovered():
                self.wait_for_storage(dead.message)

    # How it is done

    def _of_account(self, changed: AccountStateChanged) -> TradingStateChanged:
        reason = f"the account is {changed.state}: {changed.reason}"
        return self._changed(f"account:{changed.broker}", _BY_ACCOUNT[changed.state], reason)

    def _changed(self, scope: str, state: TradingState, reason: str, who: str = "") -> TradingStateChanged:
        return TradingStateChanged(scope, state, reason, self.clock.now(), who)

    def _restrict(self, scope: str, state: TradingState, reason: str) -> None:
        """Set a state that is stricter than the one that was set; any other changes nothing."""
        if state > self.states.latched(scope):
            self._tighten(self._changed(scope, state, reason))

    def _tighten(
        self, changed: TradingStateChanged, later: Answer | None = None, *, flatten: bool = False
    ) -> None:
        """Have a state hold from this moment on, and make it durable meanwhile."""
        scope = changed.scope
        self._supersede(changed)
        self.unkept.pop(scope, None)
        self.states.latch(changed)
        self._tell(scope)
        self.send(JournalTradingState(changed))
        if changed.state is not _HALTED:
            self.setting[scope] = (changed, later)
            return
        halt = self.halts.setdefault(scope, Halt(changed))
        halt.changed, halt.durable, halt.looks = changed, None, 0
        halt.flatten |= flatten
        if later is not None:
            halt.waiting.append(later)
        if not halt.flattening:
            self._look(halt)

    def _supersede(self, changed: TradingStateChanged) -> None:
        """Answer whoever still waits for another state of the scope."""
        _, later = self.setting.pop(changed.scope, (None, None))
        if later is not None:
            later.answer(TradingStateNotSet(changed.scope, f"{changed.state.value} was commanded meanwhile"))

    def _relax(self, changed: TradingStateChanged) -> None:
        """Have a less strict state hold; a halt that was under way is over."""
        self.unkept.pop(changed.scope, None)
        self.states.latch(changed)
        halt = self.halts.pop(changed.scope, None)
        if halt is not None:
            halt.trouble = f"{changed.state.value} was commanded meanwhile"
            halt.tell()
        self._tell(changed.scope)

    def _not_kept(self, changed: TradingStateChanged, reason: str) -> None:
        scope = changed.scope
        if self.states.latched(scope) is changed.state:
            self.unkept[scope] = changed
            self.after(KEEP_AGAIN_S, KeepAgain(scope))
        halt = self.halts.get(scope)
        if halt is not None and halt.changed == changed:
            halt.durable, halt.trouble = False, f"it is not on disk: {reason}"
            self._conclude(halt)
        elif scope in self.setting and self.setting[scope][0] == changed:
            _, later = self.setting.pop(scope)
            if scope in self.unkept:
                self._answer(later, changed, durable=False, trouble=f"it is not on disk: {reason}")
            elif later is not None:
                later.answer(TradingStateNotSet(scope, f"that cannot be made durable: {reason}"))

    def _answer(
        self, later: Answer | None, changed: TradingStateChanged, *, durable: bool, trouble: str
    ) -> None:
        if later is not None:
            scope, state, reason, at, who, _ = msgspec.structs.astuple(changed)
            later.answer(TradingStateSet(scope, state, reason, who, at, durable, trouble))

    def _follow(self, cause: str, scope: str, state: TradingState, reason: str) -> None:
        """Have a scope in a state for as long as a cause lasts."""
        if state is _ACTIVE:
            self.states.end(cause, scope)
        else:
            self.states.begin(cause, self._changed(scope, state, reason))
        self._tell(scope)

    def _tell(self, scope: str) -> None:
        shown = self._shown(scope)
        before = self.told.get(scope)
        if before is None or (before.state, before.reason, before.flattening) != (
            shown.state,
            shown.reason,
            shown.flattening,
        ):
            self.told[scope] = shown
            self.log.warning("trading state", scope=scope, state=shown.state.value, reason=shown.reason)
            self.publish(shown)

    def _shown(self, scope: str) -> TradingStateChanged:
        """What holds for a scope, also if nothing does any more."""
        found = self.states.effective(scope) or self._changed(scope, _ACTIVE, "the cause is over")
        halt = self.halts.get(scope)
        return found if halt is None else halt.shown(found)

    def _look(self, halt: Halt) -> None:
        halt.looks += 1
        if halt.flattening:
            self.send(GetExposure(halt.changed.scope))
        else:
            self.send(StandDown(halt.changed.scope))

    def _look_later(self, halt: Halt) -> None:
        if not halt.due:
            halt.due = True
            self.after(halt.next_look_s, LookAgain(halt.changed.scope))

    def _settle(self, halt: Halt) -> None:
        """Answer, if it is at rest; else tell what is left, and look again."""
        if not self._conclude(halt) and not halt.complete and (stood := halt.stood_down):
            scope, now = halt.changed.scope, self.clock.now()
            self.publish(HaltNotVerified(scope, stood.open, stood.unknown, halt.held or (), now))
            self._look_later(halt)

    def _conclude(self, halt: Halt) -> bool:
        """Answer whoever waits, if there is nothing more to wait for."""
        if not halt.answerable:
            return False
        halt.tell()
        del self.halts[halt.changed.scope]
        self.log.warning("halt verified", scope=halt.changed.scope)
        self.publish(HaltVerified(halt.changed.scope, self.clock.now()))
        return True
