"""A portfolio that is opened in a scope is no profit of that scope, whatever is measured there."""

from decimal import Decimal

import pytest

from bus import SECOND
from lts.config.schema import RiskPlan
from lts.domain.guards import Guards
from lts.domain.losses import Losses
from lts.domain.market import Instrument
from lts.domain.register import Entry, Register
from lts.domain.trading_day import TradingDay

pytestmark = pytest.mark.requirement("INT-019", "LTS-002")

TEST = Instrument("TEST", "USD", Decimal("0.01"), Decimal(1))
PLAN = RiskPlan.model_validate(
    {
        "max_daily_loss": "50",
        "system": {"max_drawdown_pct": "10"},
        "user": [{"name": "ann", "max_daily_loss": "60"}],
    }
)


def entry(portfolio: str, owner: str, capital: int) -> Entry:
    return Entry(portfolio, owner, "USD", Decimal(capital), (("b", "TEST"),))


def test_the_limits_of_those_who_have_traded_count_on_it_once() -> None:
    register = Register({"TEST": TEST})
    register.enter(entry("p", "ann", 1000))
    guards = Guards(PLAN, register)
    assert [guard.scope for guard in guards.of("p", "b")] == ["system", "user:ann", "portfolio:p"]
    register.enter(entry("q", "ann", 500))
    assert sorted(guard.scope for guard in guards.grow()) == ["system", "user:ann"]
    assert guards.grow() == []
    system = guards.guard("system")
    assert system is not None
    assert system.capital == 1500
    assert [guard.scope for guard in guards.of("q", "b")] == ["system", "user:ann", "portfolio:q"]


def test_what_was_lost_stays_lost() -> None:
    losses = Losses(1000.0, 10.0, 50.0, TradingDay("00:00 UTC"))
    losses.carry(TEST, 1.0, 100.0)
    assert losses.measure({"TEST": 100.0}, 1) == ""
    losses.count_on(9000.0)
    assert losses.measure({"TEST": 60.0}, 2) == ""
    assert losses.measure({"TEST": 49.0}, 3).startswith("max_daily_loss: 51.00 is lost")


def test_before_anything_is_measured_it_is_only_more_capital() -> None:
    losses = Losses(0.0, 10.0, None, TradingDay("00:00 UTC"))
    losses.count_on(100.0)
    assert losses.measure({}, 2 * SECOND) == ""
    marks = losses.news(2 * SECOND)
    assert marks is not None
    assert marks.peak == 100.0
