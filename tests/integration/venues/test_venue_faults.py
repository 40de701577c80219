"""Each fault happens on command: to what it is meant for, as often as it should, the same from one seed."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from tests.venues.instants import SECOND, read, true_time
from tests.venues.process import VenueProcess

pytestmark = pytest.mark.requirement("INT-4.5")

Json = dict[str, Any]
Place = Callable[..., Json]
PRICES = "/pricing/stream?instruments=EUR_USD&snapshot=false"


@contextmanager
def lines_of(client: httpx.Client, path: str) -> Iterator[Iterator[Json]]:
    """Read a stream, from its first heartbeat on."""
    with client.stream("GET", path) as stream:
        lines = map(json.loads, stream.iter_lines())
        assert next(lines)["type"] == "HEARTBEAT"
        yield lines


def data(lines: Iterator[Json], count: int) -> list[Json]:
    """Return the next lines that are no heartbeats."""
    told: list[Json] = []
    while len(told) < count:
        if (line := next(lines))["type"] != "HEARTBEAT":
            told.append(line)
    return told


def test_a_lost_request_is_never_handled(venue: VenueProcess, v20: httpx.Client, place: Place) -> None:
    venue.faults({"kind": "lost_request", "count": 1, "method": "POST", "path": "/orders$"})
    assert v20.get("/summary").status_code == 200
    with pytest.raises(httpx.RemoteProtocolError):
        place(v20, 10, id="A-1")
    assert venue.book()["intents"] == []
    assert "orderFillTransaction" in place(v20, 10, id="A-1")
    assert venue.struck() == {"lost_request": 1}


@pytest.mark.parametrize("kind", ["lost_ack", "torn_ack"])
def test_a_lost_acknowledgement_is_of_something_done(
    venue: VenueProcess, v20: httpx.Client, place: Place, kind: str
) -> None:
    venue.faults({"kind": kind, "count": 1, "method": "POST"})
    with pytest.raises(httpx.RemoteProtocolError):
        place(v20, 10, id="A-1")
    assert [fill["clientOrderID"] for fill in venue.book()["fills"]] == ["A-1"]
    place(v20, 10, id="A-1")
    assert venue.book()["counters"]["duplicated"] == 1


@pytest.mark.parametrize(("kind", "handled"), [("delay_before", 0), ("delay_after", 1)])
def test_a_late_request_is_handled_late_and_a_late_answer_is_not(
    venue: VenueProcess, v20: httpx.Client, place: Place, kind: str, handled: int
) -> None:
    venue.faults({"kind": kind, "seconds": 1.0, "count": 1})
    v20.timeout = httpx.Timeout(0.4)
    with pytest.raises(httpx.ReadTimeout):
        place(v20, 10, id="A-1")
    assert len(venue.book()["fills"]) == handled
    until = time.monotonic() + 5
    while not venue.book()["fills"] and time.monotonic() < until:
        time.sleep(0.05)  # noqa: TID251 - the venue's time, not ours
    assert len(venue.book()["fills"]) == 1


@pytest.mark.parametrize(("kind", "handled"), [("error_before", 0), ("error_after", 1)])
def test_an_error_says_nothing_of_what_was_done(
    venue: VenueProcess, v20: httpx.Client, kind: str, handled: int
) -> None:
    venue.faults({"kind": kind, "status": 502, "count": 1})
    order = {"type": "MARKET", "instrument": "EUR_USD", "units": "1"}
    assert [v20.post("/orders", json={"order": order}).status_code for _ in range(2)] == [502, 201]
    assert len(venue.book()["fills"]) == 1 + handled


def test_too_many_requests_are_told_when_to_come_again(venue: VenueProcess, v20: httpx.Client) -> None:
    venue.faults({"kind": "rate_limit", "seconds": 0.5, "count": 2, "path": "/orders"})
    assert v20.get("/summary").status_code == 200
    answers = [v20.get("/orders") for _ in range(3)]
    assert [(each.status_code, each.headers.get("Retry-After")) for each in answers] == [
        (429, "0.5"), (429, "0.5"), (200, None),
    ]  # fmt: skip


def test_maintenance_ends_the_streams_and_then_itself(venue: VenueProcess, v20: httpx.Client) -> None:
    with lines_of(v20, "/transactions/stream") as lines:
        venue.faults({"kind": "maintenance", "seconds": 0.5})
        with pytest.raises(httpx.RemoteProtocolError):
            data(lines, 1)
    assert [v20.get(path).status_code for path in ("/summary", "/transactions/stream")] == [503, 503]
    until = time.monotonic() + 5
    while v20.get("/summary").status_code == 503 and time.monotonic() < until:
        time.sleep(0.05)  # noqa: TID251 - the venue's time, not ours
    assert v20.get("/summary").status_code == 200


def test_clocks_differ_until_they_do_not(venue: VenueProcess, v20: httpx.Client, place: Place) -> None:
    def off() -> float:
        return (read(place(v20, 1)["orderFillTransaction"]["time"]) - true_time()) / SECOND

    venue.faults({"kind": "clock_skew", "seconds": 3600})
    assert abs(off() - 3600) < 5
    venue.clear()
    assert abs(off()) < 5


def test_a_slow_copy_does_not_know_a_new_order_yet(
    venue: VenueProcess, v20: httpx.Client, place: Place
) -> None:
    venue.faults({"kind": "stale", "seconds": 30})
    place(v20, 10, "LIMIT", price="1.0", id="L-1")
    assert v20.get("/orders/@L-1").status_code == 404
    assert v20.get("/pendingOrders").json()["orders"] == v20.get("/orders").json()["orders"] == []
    assert v20.get("/transactions/sinceid?id=2").json()["transactions"][0]["clientExtensions"]["id"] == "L-1"
    venue.clear()
    assert v20.get("/orders/@L-1").status_code == 200


def test_stream_messages_are_dropped_doubled_and_swapped(
    venue: VenueProcess, v20: httpx.Client, place: Place
) -> None:
    with lines_of(v20, "/transactions/stream") as lines:
        for kind, ids in (("drop", ["4"]), ("duplicate", ["5", "5", "6"]), ("reorder", ["8", "7"])):
            venue.faults({"kind": kind, "count": 1, "path": "/transactions/"})
            place(v20, 1)
            assert [line["id"] for line in data(lines, len(ids))] == ids
    assert venue.struck() == {"drop": 1, "duplicate": 1, "reorder": 1}


def test_what_was_held_back_comes_before_the_heartbeat_if_nothing_overtakes_it(
    venue: VenueProcess, v20: httpx.Client
) -> None:
    with lines_of(v20, PRICES) as lines:
        venue.faults({"kind": "reorder", "count": 1})
        venue.price("EUR_USD", "1.2", "1.2002")
        assert data(lines, 1)[0]["closeoutBid"] == "1.20000"


def test_a_stream_is_cut_on_command_or_in_the_middle_of_its_messages(
    venue: VenueProcess, v20: httpx.Client, place: Place
) -> None:
    with lines_of(v20, PRICES) as prices, lines_of(v20, "/transactions/stream") as lines:
        venue.faults({"kind": "disconnect", "path": "/transactions/"})
        with pytest.raises(httpx.RemoteProtocolError):
            data(lines, 1)
        assert next(prices)["type"] == "HEARTBEAT"
    with lines_of(v20, "/transactions/stream") as lines:
        venue.faults({"kind": "disconnect", "count": 1, "skip": 1, "path": "/transactions/"})
        place(v20, 1)
        assert data(lines, 1)[0]["id"] == "3"
        with pytest.raises(httpx.RemoteProtocolError):
            data(lines, 1)
    assert venue.struck() == {"disconnect": 2}


@pytest.mark.parametrize(("hold", "ids"), [(False, ["5", "6"]), (True, ["3", "4"])])
def test_a_silent_stream_is_up_and_says_nothing(
    venue: VenueProcess, v20: httpx.Client, place: Place, hold: bool, ids: list[str]
) -> None:
    with lines_of(v20, "/transactions/stream") as lines:
        venue.faults({"kind": "silent", "seconds": 0.6, "hold": hold})
        began = time.monotonic()
        place(v20, 1)
        line = next(lines)
        assert time.monotonic() - began > 0.4
        place(v20, 1)
        told = [each for each in [line, *data(lines, 2)] if each["type"] != "HEARTBEAT"]
        assert [each["id"] for each in told[:2]] == ids


def test_the_same_seed_draws_the_same_faults(venue: VenueProcess, v20: httpx.Client) -> None:
    def drawn(seed: int) -> list[int]:
        venue.clear()
        venue.faults({"kind": "error_before", "probability": 0.5, "seed": seed})
        return [v20.get("/summary").status_code for _ in range(30)]

    first = drawn(7)
    assert set(first) == {200, 503}
    venue.restart()
    assert drawn(7) == first
    venue.restart()
    assert drawn(8) != first


def test_what_is_no_fault_is_refused(venue: VenueProcess) -> None:
    for wrong in ({"kind": "earthquake"}, {"kind": "drop", "often": 1}, {"kind": "drop", "path": "("}):
        with pytest.raises(ValueError, match="400"):
            venue.faults(wrong)
    for price in (("1.2", "1.1"), ("0", "1.1"), ("1.000001", "1.1")):
        with pytest.raises(ValueError, match="400"):
            venue.price("EUR_USD", *price)
