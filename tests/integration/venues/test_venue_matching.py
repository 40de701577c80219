"""How the venue fills: at once, as prices move, in part, or not at all."""

import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.venues.instants import SECOND, true_time, written
from tests.venues.process import VenueProcess

pytestmark = pytest.mark.requirement("INT-4.5")

Json = dict[str, Any]
Place = Callable[..., Json]
ClientOf = Callable[[VenueProcess], httpx.Client]
VenueWith = Callable[..., VenueProcess]


def state(client: httpx.Client, number: str) -> Json:
    order: Json = client.get(f"/orders/{number}").json()["order"]
    return order


def last_fill(venue: VenueProcess) -> Json:
    fill: Json = venue.book()["fills"][-1]
    return fill


def entries(client: httpx.Client, after: int) -> list[Json]:
    told: list[Json] = client.get(f"/transactions/sinceid?id={after}").json()["transactions"]
    return told


TOUCHED = "MARKET_IF_TOUCHED"
WAITS: dict[str, tuple[str, str, str, tuple[str, str], tuple[str, str], str]] = {
    # type, units, price; a quote at which it waits, one at which it fills, and the price of the fill
    "buy limit": ("LIMIT", "10", "1.09", ("1.0899", "1.0901"), ("1.0890", "1.0892"), "1.08920"),
    "sell limit": ("LIMIT", "-10", "1.11", ("1.1099", "1.1101"), ("1.1105", "1.1107"), "1.11050"),
    "buy stop": ("STOP", "10", "1.11", ("1.1097", "1.1099"), ("1.1108", "1.1110"), "1.11100"),
    "sell stop": ("STOP", "-10", "1.09", ("1.0901", "1.0903"), ("1.0880", "1.0882"), "1.08800"),
    "touched below": (TOUCHED, "10", "1.11", ("1.1097", "1.1099"), ("1.1099", "1.1101"), "1.11010"),
    "touched above": (TOUCHED, "10", "1.09", ("1.0899", "1.0901"), ("1.0890", "1.0892"), "1.08920"),
}  # fmt: skip


@pytest.mark.parametrize("case", WAITS)
def test_an_order_waits_for_its_price(
    venue: VenueProcess, v20: httpx.Client, place: Place, case: str
) -> None:
    kind, units, price, waits, fills, paid = WAITS[case]
    number = place(v20, units, kind, price=price)["orderCreateTransaction"]["id"]
    venue.price("EUR_USD", *waits)
    assert state(v20, number)["state"] == "PENDING"
    venue.price("EUR_USD", *fills)
    assert state(v20, number)["state"] == "FILLED"
    fill = last_fill(venue)
    assert (fill["price"], fill["units"], fill["reason"]) == (paid, units, f"{kind}_ORDER")


def test_a_limit_order_that_the_market_has_passed_is_filled_at_once(v20: httpx.Client, place: Place) -> None:
    assert place(v20, 10, "LIMIT", price="1.2")["orderFillTransaction"]["price"] == "1.10010"


def test_a_trailing_stop_follows_the_best_price_and_never_goes_back(
    venue: VenueProcess, v20: httpx.Client, place: Place
) -> None:
    place(v20, 10, trailingStopLossOnFill={"distance": "0.01"})
    values = []
    for bid in ("1.1050", "1.1200", "1.1150"):
        venue.price("EUR_USD", bid, f"{float(bid) + 0.0002:.4f}")
        values.append(state(v20, "5")["trailingStopValue"])
    assert values == ["1.09500", "1.11000", "1.11000"]
    venue.restart()
    assert state(v20, "5")["trailingStopValue"] == "1.11000"
    venue.price("EUR_USD", "1.1095", "1.1097")
    fill = last_fill(venue)
    assert (fill["reason"], fill["price"], fill["units"]) == ("TRAILING_STOP_LOSS_ORDER", "1.10950", "-10")
    assert venue.book()["positions"] == []


@pytest.mark.parametrize("done", ["TAKE_PROFIT", "STOP_LOSS"])
def test_of_a_bracket_one_leg_ends_the_other(
    venue: VenueProcess, v20: httpx.Client, place: Place, done: str
) -> None:
    bid, ended = {"TAKE_PROFIT": ("1.13", "STOP_LOSS"), "STOP_LOSS": ("1.07", "TAKE_PROFIT")}[done]
    place(v20, 10, id="A-1", takeProfitOnFill={"price": "1.12"}, stopLossOnFill={"price": "1.08"})
    legs = {each["type"]: each for each in venue.book()["orders"]}
    assert legs.keys() == {"TAKE_PROFIT", "STOP_LOSS"}
    assert {leg["tradeID"] for leg in legs.values()} == {"4"}
    trade = v20.get("/trades/4").json()["trade"]
    assert (trade["takeProfitOrder"]["price"], trade["stopLossOrder"]["price"]) == ("1.12000", "1.08000")
    venue.price("EUR_USD", bid, f"{float(bid) + 0.0002:.4f}")
    fill, cancel = entries(v20, 6)
    assert (fill["reason"], fill["units"]) == (f"{done}_ORDER", "-10")
    assert (cancel["reason"], cancel["orderID"]) == ("LINKED_TRADE_CLOSED", legs[ended]["id"])
    assert venue.book()["orders"] == venue.book()["positions"] == []


def test_a_price_bound_ends_what_would_be_worse(venue: VenueProcess, v20: httpx.Client, place: Place) -> None:
    answer = place(v20, 10, priceBound="1.1")
    assert answer["orderCancelTransaction"]["reason"] == "BOUNDS_VIOLATION"
    number = place(v20, 10, "STOP", price="1.11", priceBound="1.12")["orderCreateTransaction"]["id"]
    venue.price("EUR_USD", "1.13", "1.1302")
    assert (state(v20, number)["state"], entries(v20, 5)[-1]["reason"]) == ("CANCELLED", "BOUNDS_VIOLATION")


def test_what_can_be_had_limits_what_is_filled(
    venue_with: VenueWith, client_of: ClientOf, place: Place
) -> None:
    venue = venue_with("--liquidity", "100")
    v20 = client_of(venue)
    assert place(v20, 150)["orderCancelTransaction"]["reason"] == "INSUFFICIENT_LIQUIDITY"
    part = place(v20, 150, timeInForce="IOC")
    assert (part["orderFillTransaction"]["units"], part["orderFillTransaction"]["requestedUnits"]) == (
        "100",
        "150",
    )
    assert part["orderCancelTransaction"]["reason"] == "INSUFFICIENT_LIQUIDITY"
    assert "orderFillTransaction" not in place(v20, 1, timeInForce="IOC")
    assert place(v20, -100)["orderFillTransaction"]["units"] == "-100"


def test_what_a_waiting_order_leaves_over_waits_under_a_new_id(
    venue_with: VenueWith, client_of: ClientOf, place: Place
) -> None:
    venue = venue_with("--liquidity", "100")
    v20 = client_of(venue)
    answer = place(v20, 250, "LIMIT", price="1.2", id="L-1")
    again = answer["orderReissueTransaction"]
    assert (answer["orderFillTransaction"]["units"], again["units"]) == ("100", "150")
    assert (again["replacesOrderID"], again["clientExtensions"]) == ("3", {"id": "L-1"})
    venue.price("EUR_USD", "1.1", "1.1002")
    venue.price("EUR_USD", "1.1", "1.1002", liquidity="80")
    assert [fill["units"] for fill in venue.book()["fills"]] == ["100", "100", "50"]
    assert {fill["clientOrderID"] for fill in venue.book()["fills"]} == {"L-1"}
    assert venue.book()["orders"] == []
    assert venue.book()["counters"]["duplicated"] == 0


@pytest.mark.parametrize("force", ["FOK", "IOC"])
def test_a_limit_order_that_may_not_wait_does_not(v20: httpx.Client, place: Place, force: str) -> None:
    assert place(v20, 10, "LIMIT", price="1.0", timeInForce=force)["orderCancelTransaction"]["reason"]


def test_reduce_only_never_turns_a_position_round(
    venue: VenueProcess, v20: httpx.Client, place: Place
) -> None:
    alone = place(v20, 10, positionFill="REDUCE_ONLY")
    assert alone["orderCancelTransaction"]["reason"] == "POSITION_CLOSEOUT_FAILED"
    place(v20, 10)
    assert "orderFillTransaction" not in place(v20, 5, positionFill="REDUCE_ONLY")
    over = place(v20, -25, positionFill="REDUCE_ONLY")
    assert over["orderFillTransaction"]["units"] == "-10"
    assert over["orderCancelTransaction"]["orderID"] == over["orderCreateTransaction"]["id"]
    assert venue.book()["positions"] == []
    place(v20, 10)
    assert "orderFillTransaction" not in place(v20, -5, positionFill="OPEN_ONLY")


def test_orders_end_with_their_time_and_with_the_day(
    venue: VenueProcess, v20: httpx.Client, place: Place
) -> None:
    soon = written(true_time() + SECOND // 2)
    place(v20, 10, "LIMIT", price="1.0", timeInForce="GTD", gtdTime=soon)
    place(v20, 10, "LIMIT", price="1.0", timeInForce="GFD")
    place(v20, 10, "LIMIT", price="1.0")
    venue.control("POST", "day_end")
    assert state(v20, "4")["state"] == "CANCELLED"
    until = time.monotonic() + 5
    while state(v20, "3")["state"] == "PENDING" and time.monotonic() < until:
        time.sleep(0.05)  # noqa: TID251 - the venue's time, not ours
    assert [each["reason"] for each in entries(v20, 5)] == ["TIME_IN_FORCE_EXPIRED"] * 2
    assert state(v20, "5")["state"] == "PENDING"


def test_nothing_is_traded_while_an_instrument_is_halted(
    venue: VenueProcess, v20: httpx.Client, place: Place
) -> None:
    venue.control("POST", "market", {"instrument": "EUR_USD", "tradeable": False})
    assert v20.get("/pricing?instruments=EUR_USD").json()["prices"][0]["tradeable"] is False
    assert place(v20, 10)["orderCancelTransaction"]["reason"] == "MARKET_HALTED"
    number = place(v20, 10, "LIMIT", price="1.2")["orderCreateTransaction"]["id"]
    assert state(v20, number)["state"] == "PENDING"
    venue.control("POST", "market", {"instrument": "EUR_USD", "tradeable": True})
    assert state(v20, number)["state"] == "FILLED"


def test_margin_bounds_what_can_be_opened_and_not_what_is_closed(
    venue_with: VenueWith, client_of: ClientOf, place: Place
) -> None:
    v20 = client_of(venue_with("--balance", "1000"))
    assert place(v20, 46_000)["orderCancelTransaction"]["reason"] == "INSUFFICIENT_MARGIN"
    assert place(v20, 45_000)["orderFillTransaction"]["tradeOpened"]["initialMarginRequired"] == "990.0000"
    assert place(v20, 1_000)["orderCancelTransaction"]["reason"] == "INSUFFICIENT_MARGIN"
    assert place(v20, -45_000)["orderFillTransaction"]["pl"] == "-9.0000"


def test_trades_and_positions_can_be_closed(venue: VenueProcess, v20: httpx.Client, place: Place) -> None:
    for _ in range(3):
        place(v20, 10)
    closed = v20.put("/trades/6/close", json={"units": "4"}).json()["orderFillTransaction"]
    assert (closed["reason"], closed["tradeReduced"]["tradeID"]) == ("MARKET_ORDER_TRADE_CLOSE", "6")
    answer = v20.put("/positions/EUR_USD/close", json={"longUnits": "ALL"}).json()
    fill = answer["longOrderFillTransaction"]
    assert (fill["units"], fill["reason"]) == ("-26", "MARKET_ORDER_POSITION_CLOSEOUT")
    assert [part["tradeID"] for part in fill["tradesClosed"]] == ["4", "6", "8"]
    assert venue.book()["positions"] == []
    assert v20.put("/positions/EUR_USD/close", json={"longUnits": "ALL"}).status_code == 404


def test_somebody_else_trades_on_the_same_account(
    venue: VenueProcess, v20: httpx.Client, place: Place
) -> None:
    place(v20, 10, id="A-1")
    mine = place(v20, 10, "LIMIT", price="1.0", id="A-2")["orderCreateTransaction"]
    venue.external(order={"type": "MARKET", "instrument": "EUR_USD", "units": "5"})
    theirs = venue.external(order={"type": "LIMIT", "instrument": "GBP_USD", "units": "5", "price": "1"})
    venue.external(cancel=mine["id"])
    assert {entry["userID"] for entry in entries(v20, 5)} == {mine["userID"] + 1_000_001}
    book = venue.book()
    assert [order["id"] for order in book["orders"]] == [theirs["orderCreateTransaction"]["id"]]
    assert "clientExtensions" not in book["orders"][0]
    assert (book["counters"]["received"], book["positions"][0]["long"]["units"]) == (2, "15")
    venue.external(close="EUR_USD")
    assert venue.book()["positions"] == []


def test_prices_are_played_from_a_file(venue_with: VenueWith, client_of: ClientOf, tmp_path: Any) -> None:
    file = tmp_path / "prices.json"
    file.write_text('{"EUR_USD": [["1.2", "1.2002"], ["1.3", "1.3002"]], "USD_JPY": [["151", "151.01"]]}')
    v20 = client_of(venue_with("--prices", str(file), "--tick-ms", "10"))
    until = time.monotonic() + 5
    while time.monotonic() < until:
        told = v20.get("/pricing?instruments=EUR_USD,USD_JPY").json()["prices"]
        if [each["closeoutBid"] for each in told] == ["1.30000", "151.000"]:
            break
    assert [each["closeoutAsk"] for each in told] == ["1.30020", "151.010"]
