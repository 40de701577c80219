"""Health: counts what goes wrong, and answers how the system is."""

import resource
import sys
from collections.abc import AsyncGenerator, Callable
from decimal import Decimal

from bus import Actor, HandlerSlow, Pressure, PressureChanged, Vitals, on
from lts.domain.bridge import BridgeReported
from lts.domain.health import GetHealth, HealthReported, HealthStatus
from lts.domain.money import plain
from lts.domain.order_flow import OrderAlarmed
from lts.domain.protection import ProtectionChanged
from lts.domain.storage import FactNotKept, StorageRecovered, StorageTroubled

BYTES_PER_UNIT = 1 if sys.platform == "darwin" else 1024


class Health(Actor[None]):
    """Listens for trouble. `assignment` reads what the machine counts."""

    assignment: Callable[[], Vitals]

    async def lifespan(self) -> AsyncGenerator[None, None]:
        """Begin to count."""
        self.slow_handlers = 0
        self.alarms = 0
        self.pressed: dict[str, Pressure] = {}
        self.storage_trouble = ""
        self.not_kept = 0
        self.bridge: BridgeReported | None = None
        self.uncovered: dict[tuple[str, str], Decimal] = {}
        yield

    @on
    def count_slow(self, _: HandlerSlow) -> None:
        """Count a handler that took too long."""
        self.slow_handlers += 1

    @on
    def count_alarm(self, _: OrderAlarmed) -> None:
        """Count an order that did what must not happen."""
        self.alarms += 1

    @on
    def note_protection(self, changed: ProtectionChanged) -> None:
        """Remember what has no stop that works, though it should."""
        what = f"{changed.instrument} {changed.position}".rstrip()
        place = (changed.portfolio, what)
        if changed.uncovered:
            self.uncovered[place] = changed.uncovered
        else:
            self.uncovered.pop(place, None)

    @on
    def note_trouble(self, trouble: StorageTroubled | StorageRecovered) -> None:
        """Remember whether anything can be stored."""
        self.storage_trouble = trouble.reason if isinstance(trouble, StorageTroubled) else ""

    @on
    def count_not_kept(self, _: FactNotKept) -> None:
        """Count a fact that contradicts what is stored."""
        self.not_kept += 1

    @on
    def note_bridge(self, report: BridgeReported) -> None:
        """Remember how the MQTT bridge is."""
        self.bridge = report

    @on
    def feel(self, pressure: PressureChanged) -> None:
        """Remember whose mailbox is too full."""
        if pressure.pressure is Pressure.NORMAL:
            self.pressed.pop(pressure.actor, None)
        else:
            self.pressed[pressure.actor] = pressure.pressure

    @on
    def report(self, _: GetHealth) -> HealthReported:
        """Answer how the system is."""
        vitals = self.assignment()
        used = resource.getrusage(resource.RUSAGE_SELF)
        reasons = tuple(self._reasons(vitals))
        status = HealthStatus.DEGRADED if reasons else HealthStatus.OK
        return HealthReported(
            status=HealthStatus.FAILED if vitals.quarantined else status,
            reasons=reasons,
            messages=vitals.messages,
            inputs=vitals.inputs,
            actors=vitals.actors,
            failures=vitals.failures,
            dead_letters=vitals.dead_letters,
            slow_handlers=self.slow_handlers,
            conflated=vitals.conflated,
            quarantined=vitals.quarantined,
            mailboxes=vitals.mailboxes,
            load=vitals.load,
            memory_bytes=used.ru_maxrss * BYTES_PER_UNIT,
            cpu_seconds=used.ru_utime + used.ru_stime,
        )

    def _reasons(self, vitals: Vitals) -> list[str]:
        reasons = [f"{actor} is quarantined: {why}" for actor, why in vitals.quarantined.items()]
        reasons += [f"the mailbox of {actor} is {level.value}" for actor, level in self.pressed.items()]
        if self.storage_trouble:
            reasons.append(f"nothing can be stored: {self.storage_trouble}")
        if self.bridge is not None and self.bridge.trouble:
            reasons.append(self.bridge.trouble)
        if self.not_kept:
            reasons.append(f"{self.not_kept} facts could not be kept")
        reasons += [
            f"{plain(uncovered)} of {instrument} in {portfolio} has no stop that works"
            for (portfolio, instrument), uncovered in self.uncovered.items()
        ]
        if self.alarms:
            reasons.append(f"{self.alarms} orders raised an alarm")
        return reasons
