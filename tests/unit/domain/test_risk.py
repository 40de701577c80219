"""The strictest trading state wins, and news of it overtakes everything else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.message import Delivery
from lts.domain.order_flow import CancelAll
from lts.domain.risk import SetTradingState, TradingState, TradingStateChanged

pytestmark = pytest.mark.requirement("INT-4.6")

ORDER = ["active", "reducing", "halted"]


@given(st.lists(st.sampled_from(TradingState), min_size=1))
def test_the_strictest_state_is_the_greatest(states: list[TradingState]) -> None:
    assert ORDER.index(max(states).value) == max(ORDER.index(state.value) for state in states)
    assert [state.value for state in sorted(TradingState)] == ORDER


def test_a_halt_overtakes_what_is_waiting() -> None:
    assert {m.delivery for m in (SetTradingState, TradingStateChanged, CancelAll)} == {Delivery.URGENT}
