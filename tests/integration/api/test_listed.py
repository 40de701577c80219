"""What is listed: as it is stored, page by page, and only to those whose it is."""

from decimal import Decimal
from typing import Any

import pytest

from lts.domain.audit import ListAudit
from lts.domain.event_listings import ListEvents
from lts.domain.order_flow import OrderFilled
from lts.domain.order_listings import ListFills, ListOrders
from lts.domain.order_status import OrderStatus
from lts.domain.risk import TradingState, TradingStateChanged
from lts.domain.units import RecordRead
from lts.web.times import to_rfc3339
from tests.api import NOW, Scene, fill_of

pytestmark = pytest.mark.requirement("INT-011", "INT-012", "INT-024")

NOW_TEXT = to_rfc3339(NOW)


def recorded(api: Scene) -> list[tuple[str, tuple[Any, ...]]]:
    """What was recorded as read, each with its key."""
    commands = [command for performed in api.house.recorded for command in performed.commands]
    return [(each.subject, each.key) for each in commands if isinstance(each, RecordRead)]


async def items(api: Scene, path: str, who: str) -> list[Any]:
    answer = await api.get(path, who)
    assert answer.status_code == 200, answer.text
    found: list[Any] = answer.json()["items"]
    return found


async def test_an_order_is_shown_as_it_was_intended_and_as_it_stands(api: Scene) -> None:
    (order,) = await items(api, "/orders", "alice")
    assert order == (await api.get("/orders/main-SP500-000001", "alice")).json()
    assert (order["id"], order["status"], order["open"]) == ("main-SP500-000001", "filled", False)
    assert (order["quantity"], order["filled"], order["limit_price"]) == ("10", "10", None)
    assert (order["terms"]["quantity"], order["created_at"]) == ("10", NOW_TEXT)
    (event,) = await items(api, "/orders/main-SP500-000001/events", "alice")
    assert (event["seq"], event["status"], event["exec_id"]) == (1, "filled", "e1")
    assert not recorded(api)


async def test_filters_reach_the_listing_as_they_were_meant(api: Scene) -> None:
    query = "portfolio=main&status=filled&open=true&instrument=SP500&broker=paper"
    times = "since=2020-01-01T00:00:00Z&until=2020-01-02T00:00:00Z"
    await items(api, f"/orders?{query}&{times}&limit=7", "alice")
    day = 86_400 * 10**9
    wanted = ListOrders(("main",), (OrderStatus.FILLED,), True, "SP500", "paper", NOW, NOW + day, "", 7)
    assert api.archive.asked == [wanted]
    await items(api, f"/fills?order=main-SP500-000001&{times}", "bob")
    assert api.archive.asked[1] == ListFills(("other",), "", "main-SP500-000001", NOW, NOW + day, "", 100)


@pytest.mark.parametrize(
    "path",
    [
        "/orders?status=gone",
        "/orders?cursor=nonsense",
        "/orders?portfolio=%00",
        "/fills?order=%27%20OR%201=1",
        "/events?after=-1",
        "/events?after=99999999999999999999",
        "/portfolios/main/ledger?account=%7B%7B7*7%7D%7D",
    ],
)
async def test_what_cannot_be_looked_for_is_refused(api: Scene, path: str) -> None:
    answer = await api.get(path, "alice")
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:lts:problem:invalid")


async def test_a_long_series_comes_in_parts(api: Scene) -> None:
    path = "/statistics?series=portfolio/main/equity&since=2020-01-01T00:00:00Z&until=2020-01-09T00:00:00Z"
    first = (await api.get(path, "alice")).json()
    second = (await api.get(f"{path}&cursor={first['next']}", "alice")).json()
    assert second["next"] is None
    begin, end = NOW, NOW + 8 * 86_400 * 10**9
    middle = begin + 10_000 * 60 * 10**9
    assert [(each.since, each.until) for each in api.house.recalled] == [(begin, middle), (middle, end)]


async def test_nothing_is_between_instants_in_disorder(api: Scene) -> None:
    times = "since=2020-01-02T00:00:00Z&until=2020-01-01T00:00:00Z"
    await items(api, f"/orders?{times}", "alice")
    assert (await api.get(f"/statistics?series=portfolio/main/equity&{times}", "alice")).status_code == 200
    assert [each.since > each.until for each in (api.archive.asked[0], api.house.recalled[0])] == [True, True]


async def test_a_cursor_goes_on_in_its_list_and_in_no_other(api: Scene) -> None:
    cursor = (await api.get("/orders?portfolio=main", "alice")).json()["next"]
    second = await api.get("/orders", "alice", params={"portfolio": "main", "cursor": cursor})
    assert second.json()["next"] is None
    assert api.archive.asked[-1].after == "mark"
    for query, who in (("?", "alice"), ("?portfolio=main&open=true&", "alice"), ("?portfolio=main&", "ada")):
        answer = await api.get(f"/orders{query}cursor={cursor}", who)
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (404, "/cursor")


async def test_what_is_others_is_not_there_and_who_may_see_it_is_recorded(api: Scene) -> None:
    for path in (
        "/orders?portfolio=main",
        "/orders/main-SP500-000001",
        "/fills?portfolio=main",
        "/positions?portfolio=main",
        "/portfolios/main/ledger",
        "/portfolios/main/deposits",
        "/order-events?portfolio=main",
        "/events?portfolio=main",
        "/statistics/series?portfolio=main",
    ):
        assert (await api.get(path, "bob")).status_code == 404, path
        assert (await api.get(path.replace("main", "nobodys"), "ada")).status_code == 404, path
    assert not recorded(api)
    assert len(await items(api, "/orders", "ada")) == 5
    assert (await api.get("/orders/main-SP500-000001", "ada")).status_code == 200
    assert recorded(api) == [("orders", ()), ("orders", ("main-SP500-000001",))]


async def test_books_are_shown_to_the_last_digit(api: Scene) -> None:
    (fill,) = await items(api, "/fills", "alice")
    assert (fill["price"], fill["fee"], fill["rate"], fill["at"]) == ("2.5", "0.1", "1", NOW_TEXT)
    (position,) = await items(api, "/positions?open=true", "alice")
    assert (position["portfolio"], position["quantity"], position["at"]) == ("main", "30", NOW_TEXT)
    (entry,) = await items(api, "/portfolios/main/ledger?account=cash", "alice")
    assert (entry["amount"], entry["booking"]) == ("-25", ["paper", "main", "e1"])
    (deposit,) = await items(api, "/portfolios/main/deposits", "alice")
    assert Decimal(deposit["amount"]) == 1_000
    assert await items(api, "/statistics/series", "alice") == ["portfolio/main/equity"]
    assert [each["symbol"] for each in await items(api, "/instruments", "alice")] == ["BTC/USD", "SP500"]


async def test_the_audit_is_read_and_verified_by_those_who_may_and_each_time_that_is_recorded(
    api: Scene,
) -> None:
    (entry,) = await items(api, "/audit?entity=users&action=insert", "ada")
    assert (entry["entity"], entry["key"], entry["at"]) == ("users", '["bob"]', NOW_TEXT)
    verified = await api.ask("POST", "/api/v1/audit/verify", "ada")
    assert (verified.json()["ok"], verified.json()["rows"]) == (True, 1)
    assert recorded(api) == [("audit_log", ()), ("audit_log", ())]
    api.house.recording = False
    assert (await api.get("/audit", "ada")).status_code == 503
    assert not any(isinstance(each, ListAudit) for each in api.archive.asked)
    assert (await api.get("/audit", "alice")).status_code == 403


async def test_all_charges_are_for_those_who_may_see_what_is_others(api: Scene) -> None:
    assert (await api.get("/charges/all", "alice")).status_code == 403
    charged = await items(api, "/charges/all?kind=trade", "ada")
    assert (charged[0]["user"], charged[0]["charge"]["amount"]) == ("ada", "0.5")


async def test_journalled_events_are_followed_by_their_numbers(api: Scene) -> None:
    filled = OrderFilled("main", fill_of("main"), OrderStatus.FILLED)
    halted = TradingStateChanged("system", TradingState.HALTED, "a reason", NOW, "ada")
    others = TradingStateChanged("user:bob", TradingState.HALTED, "a reason", NOW, "ada")
    for message, portfolio in ((filled, "main"), (halted, ""), (others, "")):
        api.archive.write(message, portfolio)
    answer = (await api.get("/events?after=0", "alice")).json()
    assert [(each["seq"], each["type"]) for each in answer["items"]] == [
        (1, "OrderFilled/1"),
        (2, "TradingStateChanged/1"),
    ]
    assert answer["items"][1]["body"]["reason"] == ""
    assert (answer["through"], answer["last"]) == (3, 3)
    assert (await api.get("/events", "alice")).json() == {"items": [], "through": 3, "last": 3}
    seen = (await api.get("/events?after=1", "ada")).json()["items"]
    assert [each["body"]["reason"] for each in seen] == ["a reason", "a reason"]
    assert ListEvents(0, ("main",), None, 100) in api.archive.asked


async def test_events_that_are_gone_are_answered_with_where_to_begin(api: Scene) -> None:
    api.archive.begin = 10
    for after in (3, 11):
        answer = await api.get(f"/events?after={after}", "alice")
        assert (answer.status_code, answer.json()["type"]) == (410, "urn:lts:problem:gone")
        assert answer.json()["begin"] == 10
