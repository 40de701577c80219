"""The accounts at venues elsewhere, each begun with all that was ever filled or adjusted in it."""

from collections.abc import Iterator, Mapping

from lts.domain.account import Account
from lts.domain.fills import Fill
from lts.domain.journal import OrdersRecalled
from lts.domain.order_record import OrderRecord
from lts.domain.reconciliation import AccountState

_SILENT = frozenset({AccountState.CONNECTING, AccountState.LOST})


class VenueAccounts:
    """An account for each broker that has spoken of one; a venue that is here has nothing to compare."""

    __slots__ = ("_adjustments", "_known", "_records", "_snapshots")

    def __init__(self, recalled: OrdersRecalled, records: Mapping[str, OrderRecord]) -> None:
        self._snapshots, self._adjustments = recalled.snapshots, recalled.adjustments
        self._records = records
        self._known: dict[str, Account] = {}

    def __iter__(self) -> Iterator[Account]:
        """Yield each, the one that was heard of first before the others."""
        return iter(self._known.values())

    def __contains__(self, broker: str) -> bool:
        """Whether a broker's venue is elsewhere, as far as was heard."""
        return broker in self._known

    def get(self, broker: str) -> Account | None:
        """Return the account at a broker, None if nothing was heard of one."""
        return self._known.get(broker)

    def opened(self, broker: str) -> Account:
        """Return the account at a broker of which something is heard now."""
        account = self._known.get(broker)
        if account is None:
            account = self._known[broker] = self.folded(broker)
        return account

    def folded(self, broker: str) -> Account:
        """Return what is held at a broker by what is known here, whether it speaks of an account or not."""
        known = self._known.get(broker)
        if known is not None:
            return known
        account = Account(broker)
        account.take_up(self._snapshots, self._records.values(), self._adjustments)
        return account

    def is_silent(self, broker: str) -> bool:
        """Whether nothing can be sent to a broker's venue now."""
        account = self._known.get(broker)
        return account is not None and account.state in _SILENT

    def fill(self, fill: Fill) -> None:
        """Count what traded."""
        account = self._known.get(fill.broker)
        if account is not None:
            account.fill(fill)
