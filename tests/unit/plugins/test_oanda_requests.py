"""How orders are asked for, and what they are called at the venue."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from pydantic import ValidationError

from lts.domain.market import Instrument
from lts.domain.orders import OrderType, Side, Terms, TimeInForce
from lts.testing import BEGIN, limit_order, market_order
from plugins.broker.oanda.names import Names, here, specifier, there
from plugins.broker.oanda.params import OandaParams
from plugins.broker.oanda.requests import objection_to, order_request

pytestmark = pytest.mark.requirement("INT-4.5")

EUR_USD = Instrument("EUR/USD", "USD", Decimal("0.00001"), Decimal(1))
NAMES = Names(["EUR/USD", "GOLD"], {"GOLD": "XAU_USD"})
MARKET = market_order(Side.BUY, 1000, instrument="EUR/USD")
LIMIT = limit_order(Side.SELL, 1000, "1.10", instrument="EUR/USD")


def asked(order: Any, **changes: Any) -> dict[str, Any]:
    order = msgspec.structs.replace(order, **changes)
    assert objection_to(order, {"EUR/USD": EUR_USD}) == ""
    request: dict[str, Any] = order_request(order, order.terms, order.quantity, NAMES)["order"]
    return request


def test_a_market_order() -> None:
    assert asked(MARKET) == {
        "type": "MARKET",
        "instrument": "EUR_USD",
        "units": "1000",
        "timeInForce": "FOK",
        "positionFill": "DEFAULT",
        "clientExtensions": {"id": "test-EUR~USD-000001"},
    }


def test_a_limit_order_to_sell() -> None:
    request = asked(LIMIT)
    assert (request["type"], request["units"], request["price"]) == ("LIMIT", "-1000", "1.1")
    assert request["timeInForce"] == "GTC"


def test_a_stop_that_only_reduces() -> None:
    stop = asked(
        MARKET, type=OrderType.STOP, trigger_price=Decimal("1.2"), reduce_only=True, quantity=Decimal("1E+3")
    )
    assert (stop["type"], stop["price"], stop["positionFill"]) == ("STOP", "1.2", "REDUCE_ONLY")
    assert stop["units"] == "1000"


@pytest.mark.parametrize(
    ("force", "there"),
    [(TimeInForce.DAY, "GFD"), (TimeInForce.GTC, "GTC"), (TimeInForce.IOC, "IOC"), (TimeInForce.FOK, "FOK")],
)
def test_a_time_in_force(force: TimeInForce, there: str) -> None:
    assert asked(LIMIT, time_in_force=force)["timeInForce"] == there
    assert asked(MARKET, time_in_force=force)["timeInForce"] == ("IOC" if there == "IOC" else "FOK")


def test_an_order_good_till_a_date() -> None:
    request = asked(LIMIT, time_in_force=TimeInForce.GTD, expires_at=BEGIN + 90_000_000_000)
    assert (request["timeInForce"], request["gtdTime"]) == ("GTD", "2020-01-01T00:01:30.000000000Z")


def test_other_terms_are_asked_for_what_is_left() -> None:
    terms = Terms(Decimal(70), limit_price=Decimal("1.2"))
    request = order_request(LIMIT, terms, Decimal(30), NAMES)["order"]
    assert (request["units"], request["price"]) == ("-30", "1.2")


@pytest.mark.parametrize(
    ("changes", "objection"),
    [
        ({"instrument": "GOLD"}, "GOLD is not traded here"),
        ({"type": OrderType.STOP_LIMIT}, "the venue has no stop_limit orders"),
        ({"type": OrderType.TRAILING_STOP}, "the venue has no trailing_stop orders"),
        ({"post_only": True}, "the venue has no post-only orders"),
        ({"position": "7"}, "positions are netted at this venue"),
        ({"limit_price": None}, "a limit order needs limit_price"),
        ({"quantity": Decimal(0)}, "the quantity 0 is not a positive number"),
        (
            {
                "type": OrderType.STOP,
                "limit_price": None,
                "trigger_price": Decimal(1),
                "time_in_force": TimeInForce.IOC,
            },
            "a stop order waits at this venue, and cannot be ioc",
        ),
    ],
)
def test_what_cannot_be_sent(changes: dict[str, Any], objection: str) -> None:
    order = msgspec.structs.replace(LIMIT, **changes)
    assert objection_to(order, {"EUR/USD": EUR_USD}) == objection


ACCESS = {"account": "1-2-3", "token_file": "/t"}


def test_an_account_is_at_the_venues_own_addresses_or_at_others() -> None:
    assert OandaParams.model_validate(ACCESS).addresses[0] == "https://api-fxpractice.oanda.com"
    live = OandaParams.model_validate(ACCESS | {"environment": "live"})
    assert live.addresses == ("https://api-fxtrade.oanda.com", "https://stream-fxtrade.oanda.com")
    others = {"url": "http://localhost:1", "stream_url": "http://localhost:2"}
    assert OandaParams.model_validate(ACCESS | others).addresses == (
        "http://localhost:1",
        "http://localhost:2",
    )


@pytest.mark.parametrize(
    ("params", "reason"),
    [
        ({"request_timeout_s": 10, "request_lifetime_s": 10}, "has to be more than request_timeout_s"),
        ({"account": "../1"}, "should match pattern"),
        ({"environment": "both"}, "'practice' or 'live'"),
        ({"url": "http://example.com", "stream_url": "http://example.com"}, "only https"),
        ({"token": "secret"}, "not permitted"),
    ],
)
def test_parameters_that_make_no_sense(params: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        OandaParams.model_validate(ACCESS | params)


def test_instruments_have_names_here_and_there() -> None:
    assert (NAMES.theirs("EUR/USD"), NAMES.theirs("GOLD")) == ("EUR_USD", "XAU_USD")
    assert (NAMES.ours("EUR_USD"), NAMES.ours("XAU_USD"), NAMES.ours("USD_JPY")) == (
        "EUR/USD",
        "GOLD",
        "USD/JPY",
    )


def test_the_ids_of_orders_come_back_as_they_were() -> None:
    name = "my.own-EUR/USD-000001"
    assert here(there(name)) == name
    assert specifier(name) == "@my.own-EUR~USD-000001"
