"""What the venue says over HTTP has the shapes of v20."""

import json
import re
from collections.abc import Callable
from itertools import islice
from typing import Any

import httpx
import pytest

from tests.venues.instants import Clock
from tests.venues.prices import Prices, walk
from tests.venues.process import VenueProcess

pytestmark = pytest.mark.requirement("INT-4.5")

Json = dict[str, Any]
Place = Callable[..., Json]
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z")


def got(client: httpx.Client, path: str) -> Json:
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    told: Json = json.loads(answer.text, parse_float=refuse_a_float)
    return told


def refuse_a_float(text: str) -> None:
    raise AssertionError(f"an amount is a string, never the number {text}")


def test_a_request_without_the_token_or_for_another_account_is_refused(venue: VenueProcess) -> None:
    with httpx.Client(base_url=venue.url, trust_env=False) as client:
        refused = client.get("/v3/accounts")
        assert (refused.status_code, "errorMessage" in refused.json()) == (401, True)
        assert client.get(f"/v3/accounts/{venue.account}/transactions/stream").status_code == 401
        client.headers["Authorization"] = f"Bearer {venue.token}"
        assert client.get("/v3/accounts").json() == {"accounts": [{"id": venue.account, "tags": []}]}
        assert client.get("/v3/accounts/101-001-9-009/summary").status_code == 403
        assert client.get("/control/book").status_code == 401


def test_a_market_order_is_created_and_filled_in_one_answer(
    venue: VenueProcess, v20: httpx.Client, place: Place
) -> None:
    answer = place(v20, 100, id="A-1", tradeClientExtensions={"id": "T-1"})
    create, fill = answer["orderCreateTransaction"], answer["orderFillTransaction"]
    assert answer["relatedTransactionIDs"] == [create["id"], fill["id"]] == ["3", "4"]
    assert answer["lastTransactionID"] == "4"
    assert (create["type"], create["reason"]) == ("MARKET_ORDER", "CLIENT_ORDER")
    assert create["clientExtensions"] == {"id": "A-1"}
    assert (fill["type"], fill["reason"]) == ("ORDER_FILL", "MARKET_ORDER")
    assert (fill["orderID"], fill["clientOrderID"]) == ("3", "A-1")
    assert (fill["units"], fill["price"], fill["pl"]) == ("100", "1.10010", "0.0000")
    assert (fill["batchID"], create["batchID"], fill["requestID"]) == ("3", "3", create["requestID"])
    assert fill["tradeOpened"]["tradeID"] == "4"
    assert TIME.fullmatch(fill["time"])
    assert all(entry["accountID"] == venue.account for entry in (create, fill))


def test_every_answer_names_its_request_and_the_last_transaction(v20: httpx.Client, place: Place) -> None:
    place(v20, 100)
    place(v20, -30, "LIMIT", price="1.2")
    paths = (
        "", "/summary", "/instruments", "/orders", "/orders/5", "/pendingOrders", "/trades", "/trades/4",
        "/openTrades", "/positions", "/openPositions", "/positions/EUR_USD", "/transactions",
        "/transactions/1", "/transactions/idrange?from=1&to=5", "/transactions/sinceid?id=0",
    )  # fmt: skip
    asked = [v20.get(path, follow_redirects=True) for path in paths]
    assert [answer.status_code for answer in asked] == [200] * len(paths)
    assert {json.loads(answer.text, parse_float=refuse_a_float)["lastTransactionID"] for answer in asked} == {
        "5"
    }
    assert len({answer.headers["RequestID"] for answer in asked}) == len(paths)


def test_the_account_lists_its_orders_trades_and_positions(v20: httpx.Client, place: Place) -> None:
    place(v20, 100)
    place(v20, -30, "LIMIT", price="1.2", id="L-1")
    summary = got(v20, "/summary")["account"]
    assert (summary["currency"], summary["balance"], summary["hedgingEnabled"]) == (
        "USD",
        "100000.0000",
        False,
    )
    assert (summary["unrealizedPL"], summary["NAV"]) == ("-0.0200", "99999.9800")
    assert (summary["marginUsed"], summary["marginAvailable"]) == ("2.2000", "99997.7800")
    counts = ("openTradeCount", "openPositionCount", "pendingOrderCount")
    assert [summary[name] for name in counts] == [1, 1, 1]
    account = v20.get("", follow_redirects=True).json()["account"]
    assert summary.items() <= account.items()
    assert [each["clientExtensions"]["id"] for each in account["orders"]] == ["L-1"]
    assert [each["currentUnits"] for each in account["trades"]] == ["100"]
    assert [each["long"]["averagePrice"] for each in account["positions"]] == ["1.10010"]


def test_an_order_is_found_by_its_id_and_by_its_client_id(v20: httpx.Client, place: Place) -> None:
    number = place(v20, 10, "LIMIT", price="1.0", id="P1-BTC/USD-7")["orderCreateTransaction"]["id"]
    order = got(v20, f"/orders/{number}")["order"]
    assert got(v20, "/orders/@P1-BTC%2FUSD-7")["order"] == order
    assert (order["state"], order["type"], order["price"]) == ("PENDING", "LIMIT", "1.00000")
    v20.put("/orders/@P1-BTC%2FUSD-7/cancel")
    assert got(v20, "/orders/@P1-BTC%2FUSD-7")["order"]["state"] == "CANCELLED"
    missing = v20.get("/orders/@nobody")
    assert (missing.status_code, missing.json()["errorCode"]) == (404, "NO_SUCH_ORDER")


def test_where_v20_looks_up_pending_orders_only_a_filled_one_is_not_found(
    venue_with: Callable[..., VenueProcess], client_of: Callable[[VenueProcess], httpx.Client], place: Place
) -> None:
    v20 = client_of(venue_with("--lookup", "pending"))
    place(v20, 10, id="A-1")
    place(v20, 10, "LIMIT", price="1.0", id="A-2")
    assert [v20.get(f"/orders/@{name}").status_code for name in ("A-1", "A-2")] == [404, 200]


def test_orders_are_listed_newest_first_by_state_instrument_and_page(v20: httpx.Client, place: Place) -> None:
    for step in range(4):
        place(v20, 10, "LIMIT", price=f"1.0{step}", id=f"L-{step}")
    place(v20, 10, "LIMIT", price="140", instrument="USD_JPY", id="J-1")
    place(v20, 10, id="M-1")

    def names(query: str) -> list[str]:
        return [each["clientExtensions"]["id"] for each in got(v20, f"/orders?{query}")["orders"]]

    assert names("") == ["J-1", "L-3", "L-2", "L-1", "L-0"]
    assert names("state=ALL")[0] == "M-1"
    assert names("state=FILLED") == ["M-1"]
    assert names("instrument=EUR_USD&count=2") == ["L-3", "L-2"]
    assert names("beforeID=5&state=ALL") == ["L-1", "L-0"]
    assert names("ids=3,4") == ["L-1", "L-0"]


def test_a_replacement_is_a_cancel_and_a_new_order(v20: httpx.Client, place: Place) -> None:
    place(v20, 10, "LIMIT", price="1.0", id="L-1")
    wanted = {"type": "LIMIT", "instrument": "EUR_USD", "units": "20", "price": "1.01"}
    answer = v20.put("/orders/3", json={"order": wanted | {"clientExtensions": {"id": "L-1"}}})
    told = answer.json()
    cancel, create = told["orderCancelTransaction"], told["orderCreateTransaction"]
    assert (answer.status_code, cancel["reason"]) == (201, "CLIENT_REQUEST_REPLACED")
    assert (cancel["orderID"], cancel["replacedByOrderID"]) == ("3", create["id"]) == ("3", "5")
    assert (create["reason"], create["replacesOrderID"]) == ("REPLACEMENT", "3")
    assert got(v20, "/orders/3")["order"]["replacedByOrderID"] == "5"
    assert got(v20, "/orders/@L-1")["order"]["units"] == "20"
    gone = v20.put("/orders/3", json={"order": wanted})
    assert (gone.status_code, gone.json()["errorCode"]) == (404, "ORDER_DOESNT_EXIST")
    bad = v20.put("/orders/5", json={"order": wanted | {"price": "1.000001"}})
    assert (bad.status_code, bad.json()["errorCode"]) == (400, "PRICE_PRECISION_EXCEEDED")
    assert got(v20, "/orders/5")["order"]["state"] == "PENDING"


def test_an_order_is_cancelled_once(v20: httpx.Client, place: Place) -> None:
    place(v20, 10, "LIMIT", price="1.0", id="L-1")
    first, second = v20.put("/orders/@L-1/cancel"), v20.put("/orders/@L-1/cancel")
    cancel = first.json()["orderCancelTransaction"]
    assert (first.status_code, cancel["type"], cancel["reason"]) == (200, "ORDER_CANCEL", "CLIENT_REQUEST")
    assert (second.status_code, second.json()["errorCode"]) == (404, "ORDER_DOESNT_EXIST")
    reject = second.json()["orderCancelRejectTransaction"]
    assert (reject["type"], reject["clientOrderID"]) == ("ORDER_CANCEL_REJECT", "L-1")


REJECTED: dict[str, Json] = {
    "INSTRUMENT_MISSING": {"instrument": None},
    "INSTRUMENT_UNKNOWN": {"instrument": "EUR_XXX"},
    "UNITS_MISSING": {"units": None},
    "UNITS_INVALID": {"units": "0"},
    "UNITS_PRECISION_EXCEEDED": {"units": "1.5"},
    "UNITS_LIMIT_EXCEEDED": {"units": "1000000000"},
    "PRICE_MISSING": {"price": None},
    "PRICE_INVALID": {"price": "-1"},
    "PRICE_PRECISION_EXCEEDED": {"price": "1.000001"},
    "TIME_IN_FORCE_INVALID": {"timeInForce": "DAY"},
    "TIME_IN_FORCE_GTD_TIMESTAMP_MISSING": {"timeInForce": "GTD"},
    "TIME_IN_FORCE_GTD_TIMESTAMP_IN_PAST": {"timeInForce": "GTD", "gtdTime": "2020-01-01T00:00:00Z"},
    "ORDER_FILL_POSITION_ACTION_INVALID": {"positionFill": "CLOSE"},
    "TRIGGER_CONDITION_INVALID": {"triggerCondition": "LAST"},
    "CLIENT_ORDER_ID_INVALID": {"clientExtensions": {"id": "x" * 129}},
    "TRADE_ID_UNSPECIFIED": {"type": "STOP_LOSS"},
    "TRADE_DOESNT_EXIST": {"type": "TRAILING_STOP_LOSS", "tradeID": "77", "distance": "0.01"},
    "TAKE_PROFIT_ON_FILL_PRICE_MISSING": {"takeProfitOnFill": {}},
}


def test_a_bad_order_is_rejected_with_a_transaction_that_says_why(v20: httpx.Client) -> None:
    good = {"type": "LIMIT", "instrument": "EUR_USD", "units": "10", "price": "1.0"}
    for number, (reason, change) in enumerate(REJECTED.items(), start=3):
        order = {name: value for name, value in (good | change).items() if value is not None}
        answer = v20.post("/orders", json={"order": order})
        told = answer.json()
        assert (answer.status_code, told["errorCode"]) == (400, reason)
        reject = told["orderRejectTransaction"]
        assert (reject["id"], reject["rejectReason"]) == (str(number), reason)
        assert reject["type"] == f"{order['type']}_ORDER_REJECT"
        assert told["lastTransactionID"] == str(number)


@pytest.mark.parametrize(
    "body",
    [{}, {"order": 1}, {"order": {"type": "ICEBERG"}}, {"order": {"instrument": "EUR_USD", "units": "many"}}],
)
def test_what_is_no_order_leaves_no_transaction(v20: httpx.Client, body: Json) -> None:
    answer = v20.post("/orders", json=body)
    assert (answer.status_code, list(answer.json())) == (400, ["errorMessage"])
    assert v20.post("/orders", content=b"{").status_code == 400
    assert got(v20, "/summary")["lastTransactionID"] == "2"


def test_a_client_id_is_refused_while_its_order_is_pending_and_executed_again_afterwards(
    venue: VenueProcess, v20: httpx.Client, place: Place
) -> None:
    place(v20, 10, "LIMIT", price="1.0", id="L-1")
    again = place(v20, 10, "LIMIT", price="1.0", id="L-1")
    assert again["orderRejectTransaction"]["rejectReason"] == "CLIENT_ORDER_ID_ALREADY_EXISTS"
    assert [("orderFillTransaction" in place(v20, 10, id="M-1")) for _ in range(3)] == [True, True, True]
    place(v20, 10, id="M-2")
    counters = venue.book()["counters"]
    assert (counters["received"], counters["intents"]) == (6, 3)
    assert (counters["duplicated"], counters["executed_again"], counters["refused"]) == (3, 2, 1)
    intent = {each["clientOrderID"]: each for each in venue.book()["intents"]}["M-1"]
    assert (intent["times"], len(intent["received"]), len(intent["orderIDs"])) == (3, 3, 3)


def test_client_extensions_can_be_changed(v20: httpx.Client, place: Place) -> None:
    place(v20, 10, "LIMIT", price="1.0", id="L-1")
    answer = v20.put(
        "/orders/3/clientExtensions", json={"clientExtensions": {"id": "L-2", "tag": "t"}}
    ).json()
    assert answer["orderClientExtensionsModifyTransaction"]["clientExtensionsModify"]["id"] == "L-2"
    assert got(v20, "/orders/@L-2")["order"]["id"] == "3"
    assert v20.get("/orders/@L-1").status_code == 404


def test_transactions_are_told_by_page_by_range_and_since_an_id(
    venue: VenueProcess, v20: httpx.Client, place: Place
) -> None:
    for _ in range(3):
        place(v20, 1)
    every = got(v20, "/transactions/sinceid?id=0")["transactions"]
    assert [entry["id"] for entry in every] == [str(number) for number in range(1, 9)]
    assert [entry["type"] for entry in every[:2]] == ["CREATE", "TRANSFER_FUNDS"]
    assert got(v20, "/transactions/sinceid?id=6")["transactions"] == every[6:]
    assert got(v20, "/transactions/idrange?from=3&to=4")["transactions"] == every[2:4]
    assert got(v20, "/transactions/8")["transaction"] == every[7]
    fills = got(v20, "/transactions/sinceid?id=0&type=ORDER_FILL")["transactions"]
    assert [entry["id"] for entry in fills] == ["4", "6", "8"]
    pages = got(v20, "/transactions?pageSize=5")
    assert (pages["count"], len(pages["pages"])) == (8, 2)
    assert pages["pages"][1] == f"{venue.url}/v3/accounts/{venue.account}/transactions/idrange?from=6&to=8"
    assert v20.get(pages["pages"][0]).json()["transactions"] == every[:5]
    assert got(v20, f"/transactions?from={every[5]['time']}")["count"] == 4
    for bad in ("sinceid?id=9", "idrange?from=0&to=3", "idrange?from=5&to=4", "idrange?from=1&to=9"):
        assert v20.get(f"/transactions/{bad}").status_code == 416
    assert v20.get("/transactions/9").status_code == 404


def test_the_transaction_stream_tells_what_happens_and_beats(v20: httpx.Client, place: Place) -> None:
    place(v20, 1)
    with v20.stream("GET", "/transactions/stream") as stream:
        lines = map(json.loads, stream.iter_lines())
        first = next(lines)
        assert (first["type"], first["lastTransactionID"]) == ("HEARTBEAT", "4")
        place(v20, 1, id="A-1")
        told = [line for line in (next(lines) for _ in range(4)) if line["type"] != "HEARTBEAT"]
        assert [line["id"] for line in told] == ["5", "6"]
        assert told == got(v20, "/transactions/sinceid?id=4")["transactions"]
        beats = [next(lines) for _ in range(3)]
        assert {(beat["type"], beat["lastTransactionID"]) for beat in beats} == {("HEARTBEAT", "6")}


def test_the_pricing_stream_begins_with_where_prices_are(venue: VenueProcess, v20: httpx.Client) -> None:
    with v20.stream("GET", "/pricing/stream", params={"instruments": "EUR_USD,USD_JPY"}) as stream:
        lines = (line for line in map(json.loads, stream.iter_lines()) if line["type"] != "HEARTBEAT")
        assert [next(lines)["instrument"] for _ in range(2)] == ["EUR_USD", "USD_JPY"]
        venue.price("GBP_USD", "1.3", "1.3002")
        venue.price("EUR_USD", "1.2", "1.2002")
        told = next(lines)
    assert (told["type"], told["instrument"], told["tradeable"]) == ("PRICE", "EUR_USD", True)
    assert (told["closeoutBid"], told["asks"][0]["price"]) == ("1.20000", "1.20020")
    asked = got(v20, "/pricing?instruments=EUR_USD")["prices"]
    assert asked == [told]
    assert v20.get("/pricing/stream?instruments=NONE").status_code == v20.get("/pricing").status_code == 400


def test_candles_are_of_the_mid_price(
    venue_with: Callable[..., VenueProcess], client_of: Callable[[VenueProcess], httpx.Client]
) -> None:
    venue = venue_with("--history", "90", "--walk", "7", "--tick-ms", "20")
    with httpx.Client(base_url=venue.url, headers=client_of(venue).headers, trust_env=False) as client:
        told = got(client, "/v3/instruments/EUR_USD/candles?granularity=M1&count=60&price=M")
        rows = told["candles"]
        assert (told["instrument"], told["granularity"], len(rows)) == ("EUR_USD", "M1", 60)
        assert rows[0]["complete"]
        assert not rows[-1]["complete"]
        for row in rows:
            o, h, low, c = (float(row["mid"][name]) for name in "ohlc")
            assert low <= min(o, c) <= max(o, c) <= h
        assert rows == sorted(rows, key=lambda row: str(row["time"]))
        since = got(client, f"/v3/instruments/EUR_USD/candles?from={rows[5]['time']}&to={rows[9]['time']}")
        assert since["candles"] == rows[5:9]
        hours = got(client, "/v3/instruments/EUR_USD/candles?granularity=H1")["candles"]
        assert 2 <= len(hours) <= 3
        assert client.get("/v3/instruments/EUR_USD/candles?granularity=M3").status_code == 400


def test_a_walk_from_one_seed_is_one_walk() -> None:
    def rounds(seed: int) -> list[Json]:
        prices = Prices(Clock())
        return [prices.written("BTC_USD") | {"time": ""} for _ in islice(walk(prices, seed), 20)]

    assert rounds(3) == rounds(3) != rounds(4)
