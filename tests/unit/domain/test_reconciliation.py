"""What a venue has is held against what is known here, in words that an operator can act on."""

from collections.abc import Callable
from decimal import Decimal

import pytest

from bus import Delivery
from lts.domain.order_record import OrderRecord
from lts.domain.orders import Order, Side
from lts.domain.reconciliation import (
    AccountState,
    AccountStateChanged,
    ApproveAccount,
    CursorMoved,
    Differences,
    PositionAdjusted,
    RecallCursor,
    TransactionsSeen,
    VenueLost,
    VenueOrder,
    VenuePosition,
    VenueReported,
    differences,
)

pytestmark = pytest.mark.requirement("INT-4.5", "LTS-003")

FOREIGN = VenueOrder("", "v7", "SP500", Side.BUY, Decimal(1))
UNKNOWN = VenueOrder("trend-SP500-000009", "v9", "SP500", Side.BUY, Decimal(1))


def reported(*orders: VenueOrder, **held: str) -> VenueReported:
    positions = tuple(VenuePosition(symbol, Decimal(each)) for symbol, each in held.items())
    return VenueReported("paper", "7", orders, positions, 1)


def test_nothing_differs_from_nothing() -> None:
    found = differences(reported(), {}, [], {})
    assert found == Differences()
    assert (found.reason, found.traits) == ("", frozenset())


def test_flat_is_flat_whether_it_is_said_or_not() -> None:
    assert differences(reported(SP500="0"), {}, [], {"FTSE": Decimal(0)}).positions == {}


def test_equal_amounts_are_equal_however_they_are_written() -> None:
    assert differences(reported(SP500="5.00"), {}, [], {"SP500": Decimal(5)}).positions == {}


def test_a_position_differs_on_either_side() -> None:
    found = differences(reported(SP500="-2", DAX="1"), {}, [], {"SP500": Decimal(3), "FTSE": Decimal(4)})
    figures = {each: (int(ours), int(theirs)) for each, (ours, theirs) in found.positions.items()}
    assert figures == {"SP500": (3, -2), "DAX": (0, 1), "FTSE": (4, 0)}
    assert found.reason == (
        "DAX: 0 here, 1 at the venue; FTSE: 4 here, 0 at the venue; SP500: 3 here, -2 at the venue"
    )


def test_an_order_with_an_id_that_nobody_here_knows_is_foreign() -> None:
    found = differences(reported(FOREIGN, UNKNOWN), {}, [], {})
    assert found.foreign == (FOREIGN, UNKNOWN)
    assert found.reason == "order v7 is not one of ours; order v9 is not one of ours"


def test_a_foreign_order_that_was_approved_is_none_that_differs() -> None:
    found = differences(reported(FOREIGN, UNKNOWN), {}, [], {}, frozenset({"v7"}))
    assert found.foreign == (UNKNOWN,)


def test_what_differs_by_as_much_has_the_same_traits(order_of: Callable[..., Order]) -> None:
    record = OrderRecord(order_of())
    one = differences(reported(FOREIGN, SP500="2"), {}, [record], {})
    two = differences(reported(SP500="12"), {}, [], {"SP500": Decimal(10)})
    three = differences(reported(SP500="12"), {}, [], {"SP500": Decimal(9)})
    assert one.traits & two.traits == {("SP500", Decimal(2))}
    assert two.traits.isdisjoint(three.traits)
    assert ("foreign", "v7") in one.traits


def test_each_word_goes_to_whom_it_concerns() -> None:
    adjusted = PositionAdjusted("trend", "SP500", "paper", Decimal(1), Decimal(2), "r", "why", 3)
    assert adjusted.key == "trend"
    assert adjusted.uid == ("adjusted", "paper", "r")
    changed = AccountStateChanged("paper", AccountState.LOST, "no route", 1)
    for word in (
        VenueLost("paper", "no route", 1),
        TransactionsSeen("paper", "7", 1),
        CursorMoved("paper", "7", 1),
        reported(),
        changed,
    ):
        assert word.key == "paper"
    assert changed.delivery is Delivery.URGENT
    assert ApproveAccount("paper", "ann").key is None
    assert RecallCursor("paper").key is None
