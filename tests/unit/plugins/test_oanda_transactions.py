"""What each transaction of an account says of an order of ours."""

from decimal import Decimal
from typing import Any

import pytest

from lts.domain.fills import Fill
from lts.domain.order_flow import ExecType, ExecutionReport
from lts.domain.order_record import OrderRecord
from lts.domain.order_status import OrderStatus
from lts.domain.orders import ApprovedOrder, OrderType, Side, Terms, TimeInForce
from lts.testing import limit_order, market_order
from plugins.broker.oanda.book import Book
from plugins.broker.oanda.financing import Financing, financings_in
from plugins.broker.oanda.names import Names
from plugins.broker.oanda.requests import TYPES
from plugins.broker.oanda.snapshot import orders_in, positions_in
from plugins.broker.oanda.transactions import ORDERS, Interpreter, fee_of

pytestmark = pytest.mark.requirement("INT-4.5")

ORDER = limit_order(Side.BUY, 10, "1.05", instrument="EUR/USD")
NAME = ORDER.client_order_id
THERE = NAME.replace("/", "~")
AT = 1_577_836_800_000_000_001
NAMES = Names(["EUR/USD"], {})


@pytest.fixture
def book() -> Book:
    made = Book([], 0)
    made.add(ORDER)
    return made


def entry(kind: str, **fields: Any) -> dict[str, Any]:
    return {"id": "7", "type": kind, "time": "2020-01-01T00:00:00.000000001Z", **fields}


def created(kind: str = "LIMIT_ORDER", **fields: Any) -> dict[str, Any]:
    return entry(kind, clientExtensions={"id": THERE}, price="1.05", units="10", **fields)


CASES: list[tuple[dict[str, Any], ExecType | None, str]] = [
    (created(), ExecType.ACCEPTED, ""),
    (created("MARKET_ORDER"), ExecType.ACCEPTED, ""),
    (created(replacesOrderID="5"), ExecType.ACCEPTED, ""),  # what a partial fill has left
    (created("LIMIT_ORDER_REJECT", rejectReason="PRICE_INVALID"), ExecType.REJECTED, "PRICE_INVALID"),
    (created("LIMIT_ORDER_REJECT", rejectReason="CLIENT_ORDER_ID_ALREADY_EXISTS"), None, ""),
    (
        created("LIMIT_ORDER_REJECT", rejectReason="PRICE_INVALID", intendedReplacesOrderID="5"),
        ExecType.UPDATE_REJECTED,
        "PRICE_INVALID",
    ),
    (
        entry("ORDER_CANCEL", clientOrderID=THERE, reason="CLIENT_REQUEST"),
        ExecType.CANCELED,
        "CLIENT_REQUEST",
    ),
    (
        entry("ORDER_CANCEL", clientOrderID=THERE, reason="TIME_IN_FORCE_EXPIRED"),
        ExecType.EXPIRED,
        "TIME_IN_FORCE_EXPIRED",
    ),
    (
        entry("ORDER_CANCEL", clientOrderID=THERE, reason="CLIENT_REQUEST_REPLACED", replacedByOrderID="8"),
        None,
        "",
    ),
    (
        entry("ORDER_CANCEL_REJECT", clientOrderID=THERE, rejectReason="ORDER_DOESNT_EXIST"),
        ExecType.UNKNOWN,
        "ORDER_DOESNT_EXIST",
    ),
    (
        entry("ORDER_CANCEL_REJECT", clientOrderID=THERE, rejectReason="INTERNAL_SERVER_ERROR"),
        ExecType.CANCEL_REJECTED,
        "INTERNAL_SERVER_ERROR",
    ),
    (entry("ORDER_CANCEL_REJECT", clientOrderID="others", rejectReason="ORDER_DOESNT_EXIST"), None, ""),
    (entry("ORDER_CANCEL", orderID="3", reason="CLIENT_REQUEST"), None, ""),
    (entry("LIMIT_ORDER", price="1", units="1"), None, ""),
    (entry("DAILY_FINANCING"), None, ""),
    (entry("TRANSFER_FUNDS"), None, ""),
]


@pytest.mark.parametrize(("transaction", "kind", "reason"), CASES)
def test_a_transaction_says_one_thing_of_an_order_or_nothing(
    book: Book, transaction: dict[str, Any], kind: ExecType | None, reason: str
) -> None:
    report = Interpreter("test", book).report(transaction)
    if kind is None:
        assert report is None
    else:
        assert report is not None
        assert (report.client_order_id, report.kind, report.reason, report.at) == (NAME, kind, reason, AT)


def test_a_fill_has_the_transactions_id_and_its_price_units_and_fee(book: Book) -> None:
    fill = entry("ORDER_FILL", clientOrderID=THERE, price="1.04", units="-4", commission="0.02")
    report = Interpreter("test", book).report(fill)
    assert report == ExecutionReport(
        "test", NAME, ExecType.FILLED, AT, "7", Decimal("1.04"), Decimal(4), Decimal("0.02")
    )


def test_a_replacement_states_all_that_is_to_trade(book: Book) -> None:
    interpreter = Interpreter("test", book)
    fill = interpreter.report(entry("ORDER_FILL", id="4", clientOrderID=THERE, price="1.04", units="4"))
    assert fill is not None
    book.heed(fill)
    report = interpreter.report(created(replacesOrderID="5", cancellingTransactionID="6"))
    assert report is not None
    assert (report.kind, report.venue_order_id) == (ExecType.UPDATED, "7")
    assert report.terms == Terms(Decimal(14), limit_price=Decimal("1.05"))


def test_a_replacement_that_is_told_again_after_what_has_traded_since_states_the_same() -> None:
    """The facts were on disk, and the cursor behind them was not, when the node died."""
    record = OrderRecord(ApprovedOrder.of(ORDER))
    record.advance(OrderStatus.SUBMITTED, AT)
    record.advance(OrderStatus.ACCEPTED, AT)
    for exec_id, quantity in (("5", 1), ("11", 2)):
        price = Decimal("1.04")
        record.book(
            Fill(
                "test", "EUR/USD", "test", NAME, exec_id, Side.BUY, Decimal(quantity), price, price, "USD", AT
            )
        )
    report = Interpreter("test", Book([record], 0)).report(
        created(replacesOrderID="4", cancellingTransactionID="6")
    )
    assert report is not None
    assert report.terms == Terms(Decimal(11), limit_price=Decimal("1.05"))


@pytest.mark.parametrize("force", [TimeInForce.IOC, TimeInForce.FOK])
def test_an_order_that_had_no_time_cannot_expire(force: TimeInForce) -> None:
    book = Book([], 0)
    book.add(limit_order(Side.BUY, 10, "1.05", instrument="EUR/USD", time_in_force=force))
    report = Interpreter("test", book).report(
        entry("ORDER_CANCEL", clientOrderID=THERE, reason="TIME_IN_FORCE_EXPIRED")
    )
    assert report is not None
    assert report.kind is ExecType.CANCELED


@pytest.mark.parametrize(
    ("fields", "fee"),
    [
        ({}, "0"),
        ({"commission": "0.5", "guaranteedExecutionFee": "0.25"}, "0.75"),
        ({"commission": "0.5", "lossQuoteHomeConversionFactor": "0.005"}, "100"),
        ({"commission": "1", "homeConversionFactors": {"lossQuoteHome": {"factor": "3"}}}, "0.3333333333"),
        ({"commission": "0", "lossQuoteHomeConversionFactor": "0.005"}, "0"),
    ],
)
def test_a_fee_is_converted_as_the_venue_converts_a_loss(fields: dict[str, Any], fee: str) -> None:
    assert fee_of(fields) == Decimal(fee)


def test_each_position_is_charged_under_an_id_of_its_own_in_the_instruments_currency() -> None:
    factors = {"gainQuoteHome": {"factor": "0.5"}, "lossQuoteHome": {"factor": "3"}}
    charged = entry(
        "DAILY_FINANCING",
        financing="-1.25",
        accountBalance="98.75",
        positionFinancings=[
            {"instrument": "EUR_USD", "financing": "-1.5000", "openTradeFinancings": []},
            {"instrument": "USD_JPY", "financing": "0.2500", "homeConversionFactors": factors},
            {"instrument": "EUR_GBP", "financing": "-1.0000", "homeConversionFactors": factors},
        ],
    )
    assert [*financings_in(charged)] == [
        Financing("EUR_USD", Decimal("-1.5"), "7:EUR_USD"),
        Financing("USD_JPY", Decimal("0.5"), "7:USD_JPY"),
        Financing("EUR_GBP", Decimal("-0.3333333333"), "7:EUR_GBP"),
    ]


def test_a_fill_pays_for_what_was_held_until_then() -> None:
    factors = {"gainQuoteHome": {"factor": "0.5"}, "lossQuoteHome": {"factor": "0.4"}}
    paid = entry("ORDER_FILL", financing="-1.0000", instrument="USD_JPY", homeConversionFactors=factors)
    assert [*financings_in(paid)] == [Financing("USD_JPY", Decimal("-2.5"), "7:USD_JPY")]
    old = entry("ORDER_FILL", financing="1", instrument="USD_JPY", gainQuoteHomeConversionFactor="0.5")
    assert [*financings_in(old)] == [Financing("USD_JPY", Decimal(2), "7:USD_JPY")]


def test_a_dividend_is_what_it_is_in_the_instruments_currency() -> None:
    factors = {"gainQuoteHome": {"factor": "0.5"}, "lossQuoteHome": {"factor": "0.4"}}
    paid = {"instrument": "US30_USD", "dividendAdjustment": "-1.0000", "homeConversionFactors": factors}
    quoted = paid | {"quoteDividendAdjustment": "-2.51"}
    (converted,) = financings_in(entry("DIVIDEND_ADJUSTMENT", **paid))
    assert converted.amount == Decimal("-2.5")
    assert [*financings_in(entry("DIVIDEND_ADJUSTMENT", **quoted))] == [
        Financing("US30_USD", Decimal("-2.51"), "7:US30_USD")
    ]


def test_what_moves_no_money_charges_nothing() -> None:
    assert [*financings_in(entry("DAILY_FINANCING", financing="0.0000"))] == []
    assert [*financings_in(entry("ORDER_FILL", financing="0.0000", instrument="EUR_USD"))] == []
    assert [*financings_in(entry("ORDER_CANCEL", reason="x"))] == []


def test_an_order_is_over_with_its_last_fill_and_a_fill_counts_once(book: Book) -> None:
    interpreter = Interpreter("test", book)
    for number, units in (("8", "4"), ("8", "4"), ("9", "6")):
        assert book.get(NAME) is not None
        report = interpreter.report(
            entry("ORDER_FILL", clientOrderID=THERE, price="1", units=units) | {"id": number}
        )
        assert report is not None
        book.heed(report)
    assert book.get(NAME) is None


def test_what_is_open_is_told_in_our_words(book: Book) -> None:
    account = {
        "orders": [
            {
                "id": "3",
                "type": "LIMIT",
                "instrument": "EUR_USD",
                "units": "-6",
                "clientExtensions": {"id": THERE},
            },
            {"id": "4", "type": "STOP", "instrument": "USD_JPY", "units": "2"},
            {"id": "5", "type": "TAKE_PROFIT", "tradeID": "2"},
        ],
        "trades": [{"id": "2", "instrument": "EUR_USD", "currentUnits": "9"}],
        "positions": [
            {"instrument": "EUR_USD", "long": {"units": "9", "averagePrice": "1.1"}, "short": {"units": "0"}},
            {
                "instrument": "USD_JPY",
                "long": {"units": "0"},
                "short": {"units": "-3", "averagePrice": "150"},
            },
            {"instrument": "XAU_USD", "long": {"units": "0"}, "short": {"units": "0"}},
        ],
    }
    orders = [*orders_in(account, NAMES, book)]
    assert [(each.client_order_id, each.instrument, each.side, each.quantity) for each in orders] == [
        (NAME, "EUR/USD", Side.SELL, Decimal(6)),
        ("", "USD/JPY", Side.BUY, Decimal(2)),
        ("", "EUR/USD", Side.SELL, Decimal(9)),
    ]
    positions = [*positions_in(account, NAMES)]
    assert [(each.instrument, each.quantity, each.average_price) for each in positions] == [
        ("EUR/USD", Decimal(9), Decimal("1.1")),
        ("USD/JPY", Decimal(-3), Decimal(150)),
    ]


def test_types_that_are_handled_are_those_that_are_sent() -> None:
    assert {f"{kind}_ORDER" for kind in TYPES.values()} == ORDERS
    assert market_order().type in TYPES
    assert OrderType.TRAILING_STOP not in TYPES
