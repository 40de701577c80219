"""Accounts at venues elsewhere begin with all that is known here, whenever they are first heard of."""

from collections.abc import Callable
from decimal import Decimal

import pytest

from lts.domain.fills import Fill
from lts.domain.journal import BalanceSnapshot, OrdersRecalled
from lts.domain.order_record import OrderRecord
from lts.domain.order_status import OrderStatus
from lts.domain.orders import Order
from lts.domain.positions import Position
from lts.domain.reconciliation import AccountState, PositionAdjusted, VenueReported
from lts.domain.venue_accounts import VenueAccounts

pytestmark = pytest.mark.requirement("INT-4.5", "INT-4.6")

D = Decimal


@pytest.fixture
def records(order_of: Callable[..., Order], fill_of: Callable[..., Fill]) -> dict[str, OrderRecord]:
    record = OrderRecord(order_of())
    record.advance(OrderStatus.SUBMITTED, 2)
    record.book(fill_of(quantity=D(4)))
    return {record.order.client_order_id: record}


@pytest.fixture
def recalled(records: dict[str, OrderRecord]) -> OrdersRecalled:
    archived = Position("trend", "SP500", quantity=D(100))
    adjusted = PositionAdjusted("trend", "SP500", "paper", D(-2), D(1), "1: SP500", "approved by ann", 3)
    return OrdersRecalled(
        tuple(records.values()), (BalanceSnapshot(archived, "paper", 7, 1),), booked=(adjusted,)
    )


def test_an_account_begins_with_what_was_archived_filled_and_adjusted(
    recalled: OrdersRecalled, records: dict[str, OrderRecord]
) -> None:
    accounts = VenueAccounts(recalled, records)
    assert accounts.opened("paper").held == {"SP500": 102}
    assert accounts.opened("elsewhere").held == {}


def test_fills_are_counted_before_and_after_it_is_heard_of(
    recalled: OrdersRecalled,
    records: dict[str, OrderRecord],
    order_of: Callable[..., Order],
    fill_of: Callable[..., Fill],
) -> None:
    accounts = VenueAccounts(recalled, records)
    later = records["later"] = OrderRecord(order_of(client_order_id="later"))
    later.advance(OrderStatus.SUBMITTED, 3)
    for quantity in (D(1), D(2)):
        fill = fill_of(client_order_id="later", quantity=quantity)
        later.book(fill)
        accounts.fill(fill)
        assert accounts.opened("paper").held_by("trend", "SP500") == 102 + later.filled


def test_to_look_at_what_is_held_is_not_to_hear_of_an_account(
    recalled: OrdersRecalled, records: dict[str, OrderRecord]
) -> None:
    accounts = VenueAccounts(recalled, records)
    assert accounts.folded("paper").held == {"SP500": 102}
    assert "paper" not in accounts
    assert accounts.get("paper") is None
    assert not accounts.is_silent("paper"), "a venue that is here can always be spoken to"
    opened = accounts.opened("paper")
    assert accounts.folded("paper") is accounts.opened("paper") is accounts.get("paper") is opened
    assert list(accounts) == [opened]


def test_nothing_is_sent_to_an_account_before_it_is_reached_or_when_it_is_lost(
    recalled: OrdersRecalled, records: dict[str, OrderRecord]
) -> None:
    accounts = VenueAccounts(recalled, records)
    account = accounts.opened("paper")
    assert accounts.is_silent("paper")
    account.reconcile(VenueReported("paper", "1", (), (), 1), records)
    assert account.state is AccountState.DIFFERS
    assert not accounts.is_silent("paper"), "it answers, if not what it should"
    account.lose("the line is down")
    assert accounts.is_silent("paper")
