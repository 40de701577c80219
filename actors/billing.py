"""Billing: charges each calendar month of a subscription once; trades are charged by the journal."""

from collections.abc import AsyncGenerator, Iterator, Mapping
from decimal import Decimal
from itertools import chain, islice
from typing import NamedTuple

from bus import Actor, AskError, Event, Time, every, on
from lts.domain.billing import SUBSCRIPTION, RecallCharges, beginning_of, month_at, months_after
from lts.domain.units import NotPerformed, Perform, RecordCharge

LOOK = 1.0
"""Seconds of system time between two looks at the calendar."""
MONTHS_AT_ONCE = 12
"""Charges in one unit of work."""


class Subscription(NamedTuple):
    """Who pays how much a month: the owners are looked up each time, so that there may be more of them."""

    owners: Mapping[str, str]
    """The user of each portfolio."""
    currency: str
    per_month: Decimal

    @property
    def users(self) -> tuple[str, ...]:
        """Who pays."""
        return tuple(dict.fromkeys(self.owners.values()))


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
        self.first: dict[str, str] = {}
        """The month in which it first looked at each user."""
        self.charged: dict[str, str] = {}
        """The last month of each user; empty for one who was never charged."""
        for user in self.params.users:
            await self._recall(user)
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
        for user in self.params.users:
            if user not in self.charged:
                await self._recall(user)
            self.first.setdefault(user, month)
            owed = self._owed(user, month)
            while months := tuple(islice(owed, MONTHS_AT_ONCE)):
                if not await self._record(user, months):
                    return

    async def _recall(self, user: str) -> None:
        recalled = await self.ask(RecallCharges(user, SUBSCRIPTION))
        self.charged[user] = max((charge.reference for charge in recalled.charges), default="")

    def _owed(self, user: str, month: str) -> Iterator[str]:
        if self.charged[user]:
            return months_after(self.charged[user], month)
        first = self.first[user]
        return chain((first,), months_after(first, month))

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
