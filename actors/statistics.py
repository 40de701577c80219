"""Statistics: samples what portfolios have and how the system is, and has it rolled up with age."""

from collections import deque
from collections.abc import AsyncGenerator, Collection, Mapping
from typing import Any, NamedTuple

from bus import SECOND, Actor, Event, Request, Time, Undeliverable, every, on
from lts.domain.accounts import AccountReported, GetAccount
from lts.domain.health import GetHealth, HealthReported
from lts.domain.protection import GetProtection, Place, ProtectionReported
from lts.domain.statistics import AT_ONCE
from lts.domain.storage import GetStorage, StorageReported
from lts.domain.units import Command, KeepSamples, NotPerformed, Perform, Performed, RollUp

PERIOD = 60
"""Seconds of market time between two samples, which are taken at whole minutes."""
LOOK = 1.0
"""Seconds of system time between two samples at least: a replay leaps a day from bar to bar."""


class SampleDue(Event):
    """It is time for a sample."""


class Sampled(NamedTuple):
    """Whom the statistics are about: looked up at each sample, so that both may grow."""

    portfolios: Collection[str]
    protected: Collection[Place] = ()
    """What of them is watched over."""


class Statistics(Actor[Sampled]):
    """Samples once a minute; `params` are the names of the portfolios.

    Nothing is awaited: it sends its questions, and market time stands still until they are answered,
    so that a sample has the figures of one instant. Units of work go out one after the other.
    """

    asks = (GetAccount, GetHealth, GetStorage, GetProtection, Perform)

    async def lifespan(self) -> AsyncGenerator[None, None]:
        """Begin; what is kept already is kept."""
        self.due = False
        self.at = 0
        self.samples: dict[str, float] = {}
        self.awaited: set[Request[Any]] = set()
        self.units: deque[Command] = deque()
        self.refused = False
        self._arrange()
        yield

    @every(LOOK, time=Time.SYSTEM)
    def look_up(self) -> None:
        """Arrange the next sample, when the last one is done."""
        if not (self.due or self.units):
            self._arrange()

    @on
    def sample(self, _: SampleDue) -> None:
        """Ask everybody for their figures."""
        self._keep()
        self.due, self.at = False, self.clock.now()
        questions: list[Request[Any]] = [GetHealth(), GetStorage()]
        questions += map(GetAccount, self.params.portfolios)
        questions += map(GetProtection, dict.fromkeys(place.portfolio for place in self.params.protected))
        self.awaited.update(questions)
        for question in questions:
            self.send(question)

    @on
    def note_account(self, account: AccountReported) -> None:
        """Take the figures of a portfolio, in its currency."""
        figures = {
            "equity": float(account.equity),
            "cash": float(account.cash),
            "realised": float(account.realised),
            "fees": float(account.fees),
            "financing": float(account.financing),
        }
        self._take(GetAccount(account.portfolio), f"portfolio/{account.portfolio}", figures)

    @on
    def note_protection(self, protection: ProtectionReported) -> None:
        """Take how well a portfolio is protected: sums since the start, and what is not covered now."""
        portfolio = protection.portfolio
        self._take(GetProtection(portfolio), f"portfolio/{portfolio}", protection.figures)

    @on
    def note_health(self, health: HealthReported) -> None:
        """Take the figures of the system: counts since it started, messages that wait now, bytes, seconds."""
        figures = {
            "messages": health.messages,
            "inputs": health.inputs,
            "actors": health.actors,
            "failures": health.failures,
            "dead_letters": health.dead_letters,
            "slow_handlers": health.slow_handlers,
            "waiting": sum(health.mailboxes.values()),
            "memory_bytes": health.memory_bytes,
            "cpu_seconds": health.cpu_seconds,
        }
        self._take(GetHealth(), "system", figures)

    @on
    def note_storage(self, storage: StorageReported) -> None:
        """Take the figures of the storage: counts since it was opened, and what waits or is in use now."""
        figures = {
            "waiting": storage.waiting,
            "commits": storage.commits,
            "written": storage.written,
            "refused": storage.refused,
            "rows": storage.rows,
            "slowest_commit_ms": storage.slowest_commit_ms,
            "pool_in_use": storage.pool_in_use,
            "cache_hits": storage.cache_hits,
            "cache_misses": storage.cache_misses,
        }
        self._take(GetStorage(), "storage", figures)

    @on
    def go_on(self, answer: Performed | NotPerformed) -> None:
        """Send the next unit; what was refused is left out, and said once."""
        if isinstance(answer, NotPerformed):
            self._say(answer.reason)
        else:
            self.refused = False
        if self.units:
            self.units.popleft()
        self._send_unit()

    @on
    def do_without(self, missed: Undeliverable) -> None:
        """Go on without what nobody answers."""
        if isinstance(missed.request, Perform):
            self.go_on(NotPerformed(missed.reason))
        else:
            self._take(missed.request, "", {})

    def _arrange(self) -> None:
        """Have the next sample taken at the next whole minute."""
        self.due = True
        period = PERIOD * SECOND
        self.after((period - self.clock.now() % period) / SECOND, SampleDue())

    def _take(self, answered: Request[Any], prefix: str, figures: Mapping[str, float]) -> None:
        self.samples.update({f"{prefix}/{name}": float(value) for name, value in figures.items()})
        self.awaited.discard(answered)
        if not self.awaited:
            self._keep()

    def _keep(self) -> None:
        """Have what was sampled kept, and rolled up together with what was left the last time."""
        taken, self.samples = tuple(self.samples.items()), {}
        self.awaited.clear()
        if not taken:
            return
        idle = not self.units
        parts = [taken[start : start + AT_ONCE] for start in range(0, len(taken), AT_ONCE)]
        self.units += [KeepSamples(self.at, dict(part)) for part in parts]
        self.units += [RollUp(self.at + 1)] * (len(parts) + 1)
        if idle:
            self._send_unit()

    def _send_unit(self) -> None:
        if self.units:
            self.send(Perform((self.units[0],), "statistics"))

    def _say(self, reason: str) -> None:
        if not self.refused:
            self.refused = True
            self.log.warning("statistics are not kept for now", reason=reason)
