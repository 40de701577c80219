"""Halted scopes bar the orders that are in them, and no others."""

from collections.abc import Callable

import pytest

from lts.domain.halted_scopes import HaltedScopes
from lts.domain.orders import Order
from lts.domain.register import Register
from lts.domain.risk import TradingState, TradingStateChanged

pytestmark = pytest.mark.requirement("INT-4.5", "LTS-003")

REGISTER = Register(owners={"trend": "ann"})
SCOPES = ("system", "user:ann", "portfolio:trend", "account:paper")


def state(scope: str, state: TradingState = TradingState.HALTED) -> TradingStateChanged:
    return TradingStateChanged(scope, state, "the test", 1)


@pytest.mark.parametrize("scope", SCOPES)
def test_an_order_is_barred_by_every_scope_that_it_is_in(order_of: Callable[..., Order], scope: str) -> None:
    halted = HaltedScopes(REGISTER, [state(scope)])
    assert halted.bars(order_of())
    halted.heed(state(scope, TradingState.REDUCING))
    assert not halted.bars(order_of()), "what is reducing is for risk to judge"
    halted.add(scope)
    assert halted.bars(order_of())


def test_others_go_on(order_of: Callable[..., Order]) -> None:
    halted = HaltedScopes(REGISTER, [state("user:bob"), state("portfolio:other"), state("account:else")])
    assert not halted.bars(order_of())


def test_what_whoever_knows_reports_takes_the_place_of_all(order_of: Callable[..., Order]) -> None:
    halted = HaltedScopes(REGISTER, [state("system")])
    halted.replace([state("account:else"), state("user:ann", TradingState.REDUCING)])
    assert not halted.bars(order_of())
    assert halted.scopes == {"account:else"}
