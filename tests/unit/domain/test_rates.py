"""Rates: what follows for bookings from the prices that can be used."""

from collections.abc import Callable
from decimal import Decimal

import pytest

from lts.domain.conversion import Conversion, Conversions
from lts.domain.financing import FinancingReport
from lts.domain.market import Quote, Trade
from lts.domain.orders import Order
from lts.domain.rates import Rates
from lts.domain.register import Register
from lts.testing import TEST

pytestmark = pytest.mark.requirement("INT-4.5", "INT-4.6")

D = Decimal
TRADERS: dict[tuple[str, str], tuple[str, ...]] = {("paper", "TEST"): ("home", "abroad")}
WAYS = Conversions([Conversion("USD", "EUR", instrument="EURUSD", inverse=True)])
REGISTER = Register(
    {"TEST": TEST}, {}, TRADERS, currencies={"home": "USD", "abroad": "EUR"}, conversions=WAYS
)


@pytest.fixture
def rates() -> Rates:
    return Rates(REGISTER)


@pytest.fixture
def order(order_of: Callable[..., Order]) -> Callable[[str], Order]:
    return lambda portfolio: order_of(portfolio=portfolio, instrument="TEST")


def charge(portfolio: str = "", currency: str = "USD", instrument: str = "TEST") -> FinancingReport:
    return FinancingReport("paper", instrument, D(-3), currency, "1", 1, portfolio)


def test_a_portfolio_in_the_currency_of_what_it_trades_needs_no_price(
    rates: Rates, order: Callable[[str], Order]
) -> None:
    assert rates.of(order("home")) == 1
    assert rates.of(order("abroad")) is None


def test_the_last_usable_price_is_the_rate(rates: Rates, order: Callable[[str], Order]) -> None:
    assert rates.heed(Trade("EURUSD", 1, 1.25, 1.0))
    assert not rates.heed(Quote("EURUSD", 2, 1.6, 1.5, 1, 1)), "a crossed quote is no price"
    assert not rates.heed(Trade("EURUSD", 3, float("nan"), 1.0))
    assert rates.of(order("abroad")) == rates.rate("USD", "abroad", "TEST") == D("0.8")


def test_what_the_venue_has_converted_at_comes_first_where_anything_is_converted(
    rates: Rates, order: Callable[[str], Order]
) -> None:
    rates.heed(Trade("EURUSD", 1, 1.25, 1.0))
    assert rates.of(order("abroad"), D("0.85")) == D("0.85")
    assert rates.of(order("home"), D("0.85")) == 1


def test_it_is_known_which_prices_have_not_been_heard(rates: Rates) -> None:
    assert rates.unheard == ["EURUSD"]
    rates.heed(Trade("EURUSD", 1, 0.0, 1.0))
    assert not rates.knows("EURUSD")
    rates.heed(Trade("EURUSD", 1, 1.25, 1.0))
    assert rates.knows("EURUSD")
    assert rates.unheard == []


@pytest.mark.parametrize(
    ("report", "awaited"),
    [
        (charge("abroad"), True),
        (charge("home"), False),
        (charge(), True),
        (charge("abroad", "EUR"), False),
        (charge("abroad", "JPY"), False),
        (charge("abroad", instrument="NOBODYS"), False),
    ],
    ids=["another currency", "its own", "one of several", "already converted", "no way there", "unknown"],
)
def test_a_charge_waits_if_a_price_would_convert_it(
    rates: Rates, report: FinancingReport, awaited: bool
) -> None:
    assert rates.is_awaited(report) is awaited
    rates.heed(Trade("EURUSD", 1, 1.25, 1.0))
    assert not rates.is_awaited(report)
