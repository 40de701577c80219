"""An account is trusted as long as its venue has what fills and approved adjustments add up to."""

from collections.abc import Callable, Mapping
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lts.domain.account import CONFIRMED, Account
from lts.domain.fills import Fill
from lts.domain.journal import BalanceSnapshot
from lts.domain.order_record import OrderRecord
from lts.domain.order_status import OrderStatus
from lts.domain.orders import Order, Side
from lts.domain.positions import Position
from lts.domain.reconciliation import (
    AccountApproved,
    AccountNotApproved,
    AccountState,
    PositionAdjusted,
    VenueOrder,
    VenuePosition,
    VenueReported,
)

pytestmark = pytest.mark.requirement("INT-4.5", "INT-4.6", "LTS-003")

TRADERS = {("paper", "SP500"): ("trend",), ("paper", "FTSE"): ("trend", "other")}
CONNECTING, READY, DIFFERS, LOST = AccountState
FOREIGN = VenueOrder("", "v7", "SP500", Side.BUY, Decimal(1))
OURS = VenueOrder("trend-SP500-000001", "v1", "SP500", Side.BUY, Decimal(10))


def reported(
    *orders: VenueOrder,
    cursor: str = "7",
    price: int = 100,
    held: Mapping[str, int] | None = None,
    **more: int,
) -> VenueReported:
    there = {**(held or {}), **more}
    positions = tuple(VenuePosition(symbol, Decimal(each), Decimal(price)) for symbol, each in there.items())
    return VenueReported("paper", cursor, orders, positions, 1)


def adjusted(quantity: int, instrument: str = "SP500", broker: str = "paper") -> PositionAdjusted:
    return PositionAdjusted("trend", instrument, broker, Decimal(quantity), Decimal(90), "ref", "why", 1)


def record_of(order: Order, *states: OrderStatus) -> OrderRecord:
    record = OrderRecord(order)
    for status in states:
        record.advance(status, 2)
    return record


@pytest.fixture
def account() -> Account:
    return Account("paper")


@pytest.fixture
def ready(account: Account) -> Account:
    account.reconcile(reported(), {})
    return account


def look_of(account: Account) -> tuple[object, ...]:
    return account.state, account.reason, dict(account.held), account.approved


# What it holds


def test_nothing_has_been_heard_of_a_new_account(account: Account) -> None:
    assert (account.state, account.held) == (CONNECTING, {})


def test_it_holds_what_was_filled_adjusted_and_archived_in_it_and_nowhere_else(
    account: Account, order_of: Callable[..., Order], fill_of: Callable[..., Fill]
) -> None:
    ours, theirs = (
        record_of(order_of(), OrderStatus.SUBMITTED),
        record_of(order_of(broker="b"), OrderStatus.SUBMITTED),
    )
    ours.book(fill_of(quantity=Decimal(4)))
    ours.book(fill_of(quantity=Decimal(1)))
    theirs.book(fill_of(quantity=Decimal(6), broker="b"))
    archived = Position("trend", "SP500", quantity=Decimal(-20))
    account.take_up(
        [BalanceSnapshot(archived, "paper", 3, 1), BalanceSnapshot(archived, "b", 3, 1)],
        [ours, theirs],
        [adjusted(100), adjusted(1000, broker="b")],
    )
    assert account.held == {"SP500": 85}
    account.fill(fill_of(side=Side.SELL, quantity=Decimal(5)))
    account.adjust(adjusted(-3))
    assert account.held == {"SP500": 77}
    account.reconcile(reported(SP500=77), {})
    assert account.state is READY


@given(st.lists(st.tuples(st.sampled_from(Side), st.integers(1, 50)) | st.integers(-50, 50), max_size=20))
def test_what_it_holds_is_the_fold_of_fills_and_adjustments(
    fill_of: Callable[..., Fill], moves: list[tuple[Side, int] | int]
) -> None:
    account, held = Account("paper"), 0
    for move in moves:
        if isinstance(move, int):
            account.adjust(adjusted(move))
            held += move
        else:
            side, quantity = move
            account.fill(fill_of(side=side, quantity=Decimal(quantity)))
            held += side.sign * quantity
    assert account.held.get("SP500", 0) == held


# What makes it trusted


def test_an_account_that_agrees_is_ready(account: Account) -> None:
    assert account.reconcile(reported(), {}) is True
    assert (account.state, account.reason) == (READY, "")
    assert account.reconcile(reported(), {}) is False, "that is no news"


def test_what_differs_in_the_first_report_counts_at_once(account: Account) -> None:
    assert account.reconcile(reported(SP500=5), {}) is True
    assert (account.state, account.reason) == (DIFFERS, "SP500: 0 here, 5 at the venue")


def test_what_differs_once_may_be_under_way_and_twice_it_counts(ready: Account) -> None:
    assert ready.reconcile(reported(SP500=5), {}) is False
    assert ready.state is READY
    assert ready.reconcile(reported(SP500=5), {}) is True
    assert ready.state is DIFFERS


def test_what_was_under_way_and_has_arrived_is_forgotten(
    ready: Account, fill_of: Callable[..., Fill]
) -> None:
    ready.reconcile(reported(SP500=5), {})
    ready.fill(fill_of(quantity=Decimal(5)))
    assert ready.reconcile(reported(SP500=5), {}) is False
    assert ready.state is READY
    ready.reconcile(reported(), {})
    assert ready.state is READY, "now another five are under way"


def test_what_differs_by_something_else_each_time_is_under_way(ready: Account) -> None:
    for held in (5, 0, 7, 3, 0, 9):
        ready.reconcile(reported(SP500=held), {})
        assert ready.state is READY


def test_what_differs_by_as_much_while_trading_goes_on_counts(
    ready: Account, fill_of: Callable[..., Fill]
) -> None:
    ready.reconcile(reported(SP500=2), {})
    ready.fill(fill_of(quantity=Decimal(10)))
    ready.reconcile(reported(SP500=12), {})
    assert (ready.state, ready.reason) == (DIFFERS, "SP500: 10 here, 12 at the venue")


def test_a_foreign_order_seen_twice_counts_whatever_else_is_under_way(ready: Account) -> None:
    ready.reconcile(reported(FOREIGN, SP500=2), {})
    ready.reconcile(reported(FOREIGN), {})
    assert (ready.state, ready.reason) == (DIFFERS, "order v7 is not one of ours")


def test_an_account_that_agrees_again_is_ready_again(account: Account) -> None:
    account.reconcile(reported(SP500=5), {})
    assert account.reconcile(reported(), {}) is True
    assert account.state is READY


def test_an_account_that_was_lost_has_to_agree_at_once(ready: Account) -> None:
    assert ready.lose("no route") is True
    assert ready.lose("no route") is False
    assert (ready.state, ready.reason) == (LOST, "no route")
    ready.reconcile(reported(SP500=5), {})
    assert ready.state is DIFFERS


@pytest.mark.parametrize("held", [0, 5])
def test_to_reconcile_the_same_report_again_and_again_changes_nothing_more(
    account: Account, held: int
) -> None:
    report = reported(FOREIGN, SP500=held)
    account.reconcile(report, {})
    was = look_of(account)
    for _ in range(3):
        assert account.reconcile(report, {}) is False
        assert look_of(account) == was


# Orders


def test_our_open_order_at_the_venue_is_no_difference(
    account: Account, order_of: Callable[..., Order]
) -> None:
    record = record_of(order_of(), OrderStatus.SUBMITTED, OrderStatus.ACCEPTED)
    account.reconcile(reported(OURS), {OURS.client_order_id: record})
    assert (account.state, account.differs.missing, account.differs.resurrected) == (READY, (), ())


@pytest.mark.parametrize("status", OrderStatus)
def test_an_order_that_the_venue_has_confirmed_and_does_not_have_is_missing(
    account: Account, order_of: Callable[..., Order], status: OrderStatus
) -> None:
    record = OrderRecord(order_of())
    record.status = status
    account.reconcile(reported(), {OURS.client_order_id: record})
    confirmed = {"accepted", "triggered", "partially_filled", "pending_update", "pending_cancel"}
    assert {each.value for each in CONFIRMED} == confirmed
    assert account.differs.missing == ((OURS.client_order_id,) if status.value in confirmed else ())
    assert account.state is READY, "it is asked after; nothing has to be approved"


@pytest.mark.parametrize("status", OrderStatus)
def test_an_order_that_is_over_here_and_open_there_is_resurrected(
    account: Account, order_of: Callable[..., Order], status: OrderStatus
) -> None:
    record = OrderRecord(order_of())
    record.status = status
    account.reconcile(reported(OURS), {OURS.client_order_id: record})
    assert account.differs.resurrected == ((OURS.client_order_id,) if status.is_closed else ())
    assert account.state is (DIFFERS if status.is_closed else READY)


def test_the_missing_order_of_another_broker_is_none_of_its_business(
    account: Account, order_of: Callable[..., Order]
) -> None:
    record = record_of(order_of(broker="b"), OrderStatus.SUBMITTED, OrderStatus.ACCEPTED)
    account.reconcile(reported(), {OURS.client_order_id: record})
    assert account.differs.missing == ()


# Approval


def test_an_approval_adjusts_what_the_one_portfolio_that_trades_it_holds(account: Account) -> None:
    account.reconcile(reported(FOREIGN, SP500=5, cursor="42"), {})
    answer = account.approve(TRADERS, "ann", 9)
    assert isinstance(answer, AccountApproved)
    (each,) = answer.adjustments
    assert (each.portfolio, each.instrument, each.broker) == ("trend", "SP500", "paper")
    assert (each.quantity, each.price, each.at) == (Decimal(5), Decimal(100), 9)
    assert each.reason == "approved by ann"
    assert answer.foreign_orders == ("v7",)
    assert account.held == {"SP500": 5}
    assert (account.state, account.reason) == (READY, "")
    account.reconcile(reported(FOREIGN, SP500=5), {})
    assert account.state is READY, "the foreign order stands"


def test_an_approval_to_flat_has_no_price(account: Account, fill_of: Callable[..., Fill]) -> None:
    account.fill(fill_of(quantity=Decimal(5)))
    account.reconcile(reported(), {})
    answer = account.approve(TRADERS, "ann", 9)
    assert isinstance(answer, AccountApproved)
    assert [(each.quantity, each.price) for each in answer.adjustments] == [(Decimal(-5), Decimal(0))]


def test_a_fill_between_report_and_approval_is_not_adjusted_away(
    account: Account, fill_of: Callable[..., Fill]
) -> None:
    account.reconcile(reported(SP500=2), {})
    account.fill(fill_of(quantity=Decimal(10)))
    assert isinstance(account.approve(TRADERS, "ann", 9), AccountApproved)
    assert account.state is READY
    assert account.held == {"SP500": 12}
    assert isinstance(account.approve(TRADERS, "ann", 9), AccountNotApproved), "nothing is left"
    account.reconcile(reported(SP500=12), {})
    assert account.state is READY


@pytest.mark.parametrize(("instrument", "traders"), [("FTSE", 2), ("DAX", 0)])
def test_what_belongs_to_no_portfolio_or_to_two_cannot_be_approved(
    account: Account, instrument: str, traders: int
) -> None:
    account.reconcile(reported(FOREIGN, held={"SP500": 1, instrument: 5}), {})
    was = look_of(account)
    answer = account.approve(TRADERS, "ann", 9)
    assert isinstance(answer, AccountNotApproved)
    assert answer.reason.startswith(f"{traders} portfolios trade {instrument} through paper")
    assert look_of(account) == was, "nothing of it was approved"


def test_there_is_nothing_to_approve_before_a_report_or_while_all_is_well_or_lost(account: Account) -> None:
    assert isinstance(account.approve(TRADERS, "ann", 9), AccountNotApproved)
    account.reconcile(reported(), {})
    assert isinstance(account.approve(TRADERS, "ann", 9), AccountNotApproved)
    account.reconcile(reported(SP500=1), {})
    account.reconcile(reported(SP500=1), {})
    account.lose("no route")
    assert isinstance(account.approve(TRADERS, "ann", 9), AccountNotApproved)
    assert account.held.get("SP500", 0) == 0


def test_an_order_that_is_open_there_and_over_here_stays_to_be_mended(
    account: Account, order_of: Callable[..., Order]
) -> None:
    record = record_of(order_of(), OrderStatus.SUBMITTED, OrderStatus.CANCELED)
    account.reconcile(reported(OURS, SP500=1), {OURS.client_order_id: record})
    account.approve(TRADERS, "ann", 9)
    assert (account.state, account.held) == (DIFFERS, {"SP500": Decimal(1)})
    assert account.reason == f"{OURS.client_order_id} is open at the venue and over here"


def test_adjustments_have_references_of_their_own(account: Account) -> None:
    references = []
    for held in (1, 2, 3):
        account.lose("no route")
        account.reconcile(reported(SP500=held, FTSE=0, cursor="7"), {})
        answer = account.approve(TRADERS, "ann", 9)
        assert isinstance(answer, AccountApproved)
        references += [each.uid for each in answer.adjustments]
    assert len(set(references)) == 3, "though the cursor stood still"


# Positions that stand side by side


def test_each_position_is_held_against_the_one_of_its_id(
    account: Account, fill_of: Callable[..., Fill]
) -> None:
    account.fill(fill_of(position="a", quantity=Decimal(5)))
    account.fill(fill_of(position="b", quantity=Decimal(5), side=Side.SELL))
    long = VenuePosition("SP500", Decimal(5), Decimal(100), "a")
    short = VenuePosition("SP500", Decimal(-7), Decimal(90), "b")
    account.reconcile(VenueReported("paper", "7", (), (long, short), 1), {})
    assert (account.state, account.reason) == (DIFFERS, "b: -5 here, -7 at the venue")
    answer = account.approve(TRADERS, "ann", 9)
    assert isinstance(answer, AccountApproved)
    (each,) = answer.adjustments
    assert (each.portfolio, each.instrument, each.position) == ("trend", "SP500", "b")
    assert (each.quantity, each.price, each.reference) == (Decimal(-2), Decimal(90), "1: b as of 7")
    assert account.held == {"a": 5, "b": -7}
    again = Account("paper")
    again.take_up((), (), (each,))
    assert again.held == {"b": -2}


def test_a_position_that_only_the_venue_knows_is_adjusted_under_its_id(account: Account) -> None:
    there = VenuePosition("SP500", Decimal(3), Decimal(100), "77")
    account.reconcile(VenueReported("paper", "7", (), (there,), 1), {})
    answer = account.approve(TRADERS, "ann", 9)
    assert isinstance(answer, AccountApproved)
    assert [(each.instrument, each.position) for each in answer.adjustments] == [("SP500", "77")]
