"""The book is right by an arithmetic that is not its own, and what was acknowledged is never lost."""

import json
from collections import defaultdict, deque
from collections.abc import Callable
from fractions import Fraction
from random import Random
from threading import Timer
from typing import Any

import httpx
import pytest

from tests.venues.process import VenueProcess

pytestmark = pytest.mark.requirement("INT-4.5", "LTS-003")

Json = dict[str, Any]
Place = Callable[..., Json]
ClientOf = Callable[[VenueProcess], httpx.Client]
NAMES = ("EUR_USD", "USD_JPY", "BTC_USD")
CENT = Fraction(1, 10_000)
"""What the venue rounds money to."""


def random_trading(venue: VenueProcess, client: httpx.Client, place: Place, draw: Random, count: int) -> None:
    """Trade at random, at prices that move."""
    mids = {"EUR_USD": (11_000, 4), "USD_JPY": (15_000, 2), "BTC_USD": (60_000, 0)}
    for number in range(count):
        name = draw.choice(NAMES)
        mid, places = mids[name]
        mid += draw.randint(-200, 200)
        venue.price(name, f"{mid / 10**places:.{places}f}", f"{(mid + 2) / 10**places:.{places}f}")
        size = draw.choice([-1, 1]) * (draw.randint(1, 9) / 10 if name == "BTC_USD" else draw.randint(1, 900))
        place(client, size, instrument=name, id=f"R-{number}")


def folded(fills: list[Json], commission: Fraction) -> tuple[dict[str, Fraction], Fraction, Fraction]:
    """Return the positions, the realised profit and the fees, first in first out, in exact fractions."""
    lots: dict[str, deque[tuple[Fraction, Fraction]]] = defaultdict(deque)
    realized = fees = Fraction(0)
    for fill in fills:
        left, price, queue = Fraction(fill["units"]), Fraction(fill["price"]), lots[fill["instrument"]]
        factor = Fraction(fill["homeConversionFactors"]["gainQuoteHome"]["factor"])
        fees += abs(left) * price * factor * commission
        while left and queue and queue[0][0] * left < 0:
            held, paid = queue.popleft()
            closed = max(held, -left) if held < 0 else min(held, -left)
            realized += closed * (price - paid) * factor
            left += closed
            if held != closed:
                queue.appendleft((held - closed, paid))
        if left:
            queue.append((left, price))
    return {name: sum((lot for lot, _ in queue), Fraction(0)) for name, queue in lots.items()}, realized, fees


def test_positions_and_money_agree_with_fills_folded_independently(
    venue_with: Callable[..., VenueProcess], client_of: ClientOf, place: Place
) -> None:
    venue = venue_with("--commission", "0.00005", "--balance", "1000000")
    random_trading(venue, client_of(venue), place, Random(11), 120)
    book = venue.book()
    positions, realized, fees = folded(book["fills"], Fraction("0.00005"))
    told = {each["instrument"]: each for each in book["positions"]}
    for name in NAMES:
        sides = told.get(name, {"long": {"units": "0"}, "short": {"units": "0"}})
        assert Fraction(sides["long"]["units"]) + Fraction(sides["short"]["units"]) == positions[name]
    account, rounding = book["account"], CENT * 4 * len(book["fills"])
    assert len(book["fills"]) == 120
    assert abs(Fraction(account["pl"]) - realized) < rounding
    assert abs(Fraction(account["commission"]) - fees) < rounding
    assert Fraction(account["balance"]) == 1_000_000 + Fraction(account["pl"]) - Fraction(
        account["commission"]
    )
    assert book["fills"][-1]["accountBalance"] == account["balance"]


def test_a_profit_in_yen_is_converted_at_the_mid_price(
    venue: VenueProcess, v20: httpx.Client, place: Place
) -> None:
    place(v20, 1000, instrument="USD_JPY")
    venue.price("USD_JPY", "159.990", "160.010")
    fill = place(v20, -1000, instrument="USD_JPY")["orderFillTransaction"]
    assert Fraction(fill["quotePL"]) == 1000 * (Fraction("159.990") - Fraction("150.010"))
    assert fill["pl"] == fill["tradesClosed"][0]["realizedPL"] == "62.3750"


def test_a_night_is_charged_trade_by_trade(venue: VenueProcess, v20: httpx.Client, place: Place) -> None:
    assert venue.finance("-0.05") == {"charged": None}
    for units, instrument in ((1000, "EUR_USD"), (500, "EUR_USD"), (-1000, "USD_JPY")):
        place(v20, units, instrument=instrument)
    before = Fraction(venue.book()["account"]["balance"])
    charged = venue.finance("-0.0365", "0.073")["charged"]
    assert (charged["type"], charged["accountFinancingMode"]) == ("DAILY_FINANCING", "DAILY")
    euros, yen = charged["positionFinancings"]
    assert (euros["instrument"], euros["financing"]) == ("EUR_USD", "-0.1650")
    assert [each["financing"] for each in euros["openTradeFinancings"]] == ["-0.1100", "-0.0550"]
    assert (yen["instrument"], yen["financing"]) == ("USD_JPY", "0.2000"), "1000 × 0.073 / 365 dollars"
    account = venue.book()["account"]
    assert charged["financing"] == account["financing"] == "0.0350"
    assert Fraction(account["balance"]) - before == Fraction("0.035")
    assert charged["accountBalance"] == account["balance"]
    assert [each["financing"] for each in venue.book()["positions"]] == ["-0.1650", "0.2000"]
    assert venue.restart().book()["account"]["financing"] == "0.0350"


def test_the_book_is_the_same_after_a_restart(venue: VenueProcess, v20: httpx.Client, place: Place) -> None:
    random_trading(venue, v20, place, Random(5), 20)
    place(v20, 10, "LIMIT", price="1.0", id="L-1", takeProfitOnFill={"price": "1.2"})
    place(v20, 10, "LIMIT", price="0.9", id="L-1")
    before = venue.book()
    assert venue.stop() == 0
    after = venue.start().book()
    for counters in (before["counters"], after["counters"]):
        del counters["requests"], counters["faults"], counters["readers"]
    assert after == before


def test_nothing_acknowledged_is_lost_when_the_venue_is_killed(
    venue: VenueProcess, v20: httpx.Client, place: Place
) -> None:
    draw, acknowledged, sent = Random(3), dict[str, Json](), 0
    for _ in range(5):
        killer = Timer(draw.uniform(0.05, 0.2), venue.kill)
        killer.start()
        try:
            while True:
                sent += 1
                answer = place(v20, draw.choice([-1, 1]), id=f"K-{sent}")
                acknowledged |= {
                    answer[name]["id"]: answer[name] for name in answer if name.endswith("Transaction")
                }
        except httpx.TransportError:
            killer.join()
            venue.start()
    book = venue.book()
    told = {entry["id"]: entry for entry in v20.get("/transactions/sinceid?id=0").json()["transactions"]}
    assert len(acknowledged) > 20
    assert {number: told.get(number) for number in acknowledged} == acknowledged
    assert sent - 5 <= book["counters"]["intents"] <= sent
    assert book["counters"]["duplicated"] == 0


def test_two_venues_share_nothing(tmp_path: Any, client_of: ClientOf, place: Place) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    with VenueProcess(tmp_path / "one") as one, VenueProcess(tmp_path / "two") as two:
        place(client_of(one), 10, id="A-1")
        assert [len(each.book()["intents"]) for each in (one, two)] == [1, 0]
        assert json.dumps(two.book()["fills"]) == "[]"
