"""Billing: charges each calendar month of a subscription once; trades are charged by the journal."""

from collections.abc import AsyncGenerator, Iterator
from decimal import Decimal
from itertools import chain, islice

import msgspec

from bus import Actor, AskError, Event, Time, every, on
from lts.domain.billing import SUBSCRIPTION, RecallCharges, beginning_of, month_at, months_after
from lts.domain.units import NotPerformed, Perform, RecordCharge

LOOK = 1.0
"""Seconds of system time between two looks at the calendar."""
MONTHS_AT_ONCE = 12
"""Charges in one unit of work."""


class Subscription(msgspec.Struct, frozen=True):
    """Who pays how much a month."""

    users: tuple[str, ...]
    currency: str
    per_month: Decimal


class TimeBegan(Event):
    """Market time has come to the first moment that there is."""


class Billing(Actor[Subscription]):
    """Charges every user for each month (UTC, market time) from the first one in which it ran.

    A month is charged once it has begun, or when the node runs again. What was charged is asked of
    the storage at every start, and a charge stands once under its month: so it is made once.
    """

    asks = (RecallCharges, Perform)

    async def lifespan(self) -> AsyncGenerator[None, None]:
        """Take up where the last charge was made; at the end, charge what has begun since the last look."""
        self.refused = False
        self.first = ""
        self.charged: dict[str, str] = {}
        for user in self.params.users:
            recalled = await self.ask(RecallCharges(user, SUBSCRIPTION))
            if recalled.charges:
                self.charged[user] = max(charge.reference for charge in recalled.charges)
        if self.clock.now():
            await self.charge()
        else:
            self.after(0.0, TimeBegan())
        yield
        await self.charge()

    @on
    async def begin(self, _: TimeBegan) -> None:
        """Charge the first month of a replay, whose time begins with its first moment."""
        await self.charge()

    @every(LOOK, time=Time.SYSTEM)
    async def charge(self) -> None:
        """Charge the months that have begun and are not charged."""
        if not (now := self.clock.now()):
            return
        month = month_at(now)
        self.first = self.first or month
        for user in self.params.users:
            owed = self._owed(user, month)
            while months := tuple(islice(owed, MONTHS_AT_ONCE)):
                if not await self._record(user, months):
                    return

    def _owed(self, user: str, month: str) -> Iterator[str]:
        if user in self.charged:
            return months_after(self.charged[user], month)
        return chain((self.first,), months_after(self.first, month))

    async def _record(self, user: str, months: tuple[str, ...]) -> bool:
        """Charge these months; whether that was done."""
        charges = tuple(
            RecordCharge(
                user, SUBSCRIPTION, month, self.params.per_month, self.params.currency, beginning_of(month)
            )
            for month in months
        )
        try:
            answer = await self.ask(Perform(charges, "billing"))
        except AskError as error:
            answer = NotPerformed(str(error))
        if isinstance(answer, NotPerformed):
            if not self.refused:
                self.log.error("a subscription is not charged yet", user=user, reason=answer.reason)
            self.refused = True
            return False
        self.refused = False
        self.charged[user] = months[-1]
        return True
