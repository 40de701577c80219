"""Trading over HTTP: orders by hand, and the settings of portfolios; in whose name, and why not."""

from typing import Any

import pytest

from lts.domain.order_entry import (
    EntryCode,
    OrderNotTaken,
    OrderTaken,
    RetractAll,
    RetractOrder,
    ReviseOrder,
    SubmitOrder,
)
from lts.domain.order_status import OrderStatus
from lts.domain.orders import OrderType, Side, TimeInForce
from lts.domain.portfolio_settings import (
    AddAsset,
    ChangeAsset,
    ChangePortfolio,
    CreatePortfolio,
    PortfolioRegistered,
    RemoveAsset,
    SetActive,
)
from tests.api import NOW, Scene
from tests.api_trading import portfolio

pytestmark = pytest.mark.requirement("INT-012", "INT-013", "INT-019", "INT-024", "INT-026", "INT-027")

ROOT = "/api/v1"
ORDERS = f"{ROOT}/portfolios/main/orders"
ORDER = f"{ROOT}/orders/main-SP500-000001"
SETTINGS = f"{ROOT}/portfolios/main/settings"
ASSETS = f"{ROOT}/portfolios/main/assets"
KEY = {"Idempotency-Key": "a-key"}
WANTED = {"instrument": "SP500", "side": "buy", "quantity": "10"}
OPENED = {"name": "new one", "currency": "USD", "cash": "100.50", "plugin": "fixed_quantity"}


def marks(api: Scene) -> list[Any]:
    return [each.request for each in api.traders.asked]


async def test_a_ticket_says_what_the_body_said_in_the_name_of_who_asks(api: Scene) -> None:
    more = {
        "type": "stop_limit",
        "limit_price": "3000.50",
        "trigger_price": "2999",
        "time_in_force": "gtd",
        "expires_at": "2020-01-01T00:00:00Z",
        "reduce_only": True,
        "stop_loss": "1.5",
    }
    answer = await api.ask("POST", ORDERS, "alice", json=WANTED | more, headers=KEY)
    assert answer.status_code == 201
    assert answer.json() == {"id": "main-SP500-000001", "portfolio": "main", "status": "submitted"}
    assert answer.headers["location"] == ORDER
    assert "idempotent-replayed" not in answer.headers
    (asked,) = api.traders.asked
    assert isinstance(asked, SubmitOrder)
    assert (asked.portfolio, asked.who) == ("main", "alice")
    assert asked.request is not None
    assert asked.request.name == ("alice", "a-key")
    ticket = asked.ticket
    assert (ticket.instrument, ticket.side, str(ticket.quantity)) == ("SP500", Side.BUY, "10")
    assert (ticket.type, ticket.time_in_force) == (OrderType.STOP_LIMIT, TimeInForce.GTD)
    assert (str(ticket.limit_price), str(ticket.trigger_price)) == ("3000.50", "2999")
    assert (ticket.expires_at, ticket.reduce_only, str(ticket.stop_loss)) == (NOW, True, "1.5")


async def test_one_request_has_one_digest_however_it_is_written_and_another_has_another(api: Scene) -> None:
    turned = dict(reversed(WANTED.items()))
    for body in (WANTED, turned, WANTED | {"post_only": False}, WANTED | {"quantity": "11"}):
        assert (await api.ask("POST", ORDERS, "alice", json=body, headers=KEY)).status_code == 201
    other = f"{ROOT}/portfolios/other/orders"
    assert (await api.ask("POST", other, "ada", json=WANTED, headers=KEY)).status_code == 201
    first, second, third, *others = (mark.digest for mark in marks(api))
    assert first == second == third
    assert len({first, *others}) == 3


async def test_what_was_done_before_is_answered_again_and_says_so(api: Scene) -> None:
    api.traders.answer = OrderTaken("main-SP500-000007", OrderStatus.FILLED, repeated=True)
    again = await api.ask("POST", ORDERS, "alice", json=WANTED, headers=KEY)
    assert (again.status_code, again.json()["status"]) == (201, "filled")
    assert again.headers["idempotent-replayed"] == "true"
    api.traders.answer = OrderNotTaken("main-SP500-000007", "too much", EntryCode.DENIED, repeated=True)
    denied = await api.ask("POST", ORDERS, "alice", json=WANTED, headers=KEY)
    assert (denied.status_code, denied.headers["idempotent-replayed"]) == (422, "true")


async def test_a_denied_order_says_why_and_where_it_is(api: Scene) -> None:
    api.traders.answer = OrderNotTaken("main-SP500-000001", "the portfolio is halted", EntryCode.DENIED)
    answer = await api.ask("POST", ORDERS, "alice", json=WANTED, headers=KEY)
    assert (answer.json()["detail"], answer.headers["location"]) == ("the portfolio is halted", ORDER)


async def test_terms_that_are_not_named_stay_as_they_are(api: Scene) -> None:
    answer = await api.ask("PATCH", ORDER, "alice", json={"limit_price": "7.25"})
    assert (answer.status_code, answer.json()["status"]) == (202, "pending_update")
    (asked,) = api.traders.asked
    assert isinstance(asked, ReviseOrder)
    assert (asked.portfolio, asked.client_order_id, asked.who) == ("main", "main-SP500-000001", "alice")
    assert (str(asked.terms.quantity), str(asked.terms.limit_price)) == ("1E+1", "7.25")
    for nothing in ({}, {"quantity": None}):
        assert (await api.ask("PATCH", ORDER, "alice", json=nothing)).status_code == 422
    assert len(api.traders.asked) == 1


async def test_one_order_is_retracted_or_all_or_those_in_an_instrument(api: Scene) -> None:
    for path in (ORDER, ORDERS, f"{ORDERS}?instrument=SP500"):
        answer = await api.ask("DELETE", path, "alice")
        assert (answer.status_code, answer.json()) == (202, {"orders": 1})
    assert api.traders.asked == [
        RetractOrder("main", "main-SP500-000001", "alice"),
        RetractAll("main", "alice"),
        RetractAll("main", "alice", "SP500"),
    ]


async def test_a_portfolio_is_opened_for_oneself_and_for_others_only_with_the_permission(api: Scene) -> None:
    asset = {"instrument": "SP500", "broker": "paper", "strategy": "sma_cross"}
    body = OPENED | {"assets": [asset]}
    answer = await api.ask("POST", f"{ROOT}/portfolios", "alice", json=body, headers=KEY)
    assert (answer.status_code, answer.headers["etag"]) == (201, '"3"')
    assert answer.headers["location"] == f"{ROOT}/portfolios/new%20one"
    (asked,) = api.traders.asked
    assert isinstance(asked, CreatePortfolio)
    assert asked.who == "alice"
    assert asked.request is not None
    assert asked.request.name == ("alice", "a-key")
    assert (asked.settings["owner"], asked.settings["cash"]) == ("alice", "100.50")
    assert asked.settings["asset"] == [asset | {"params": {}, "active": True}]
    for who, status in (("alice", 403), ("ada", 201)):
        for_bob = OPENED | {"owner": "bob"}
        answer = await api.ask("POST", f"{ROOT}/portfolios", who, json=for_bob, headers=KEY)
        assert answer.status_code == status
    assert api.traders.asked[-1].settings["owner"] == "bob"


async def test_a_portfolio_that_was_opened_before_is_answered_again(api: Scene) -> None:
    api.traders.repeat(portfolio("new one"))
    answer = await api.ask("POST", f"{ROOT}/portfolios", "alice", json=OPENED, headers=KEY)
    assert (answer.status_code, answer.headers["idempotent-replayed"]) == (201, "true")


async def test_whoever_is_registered_at_run_time_is_known_at_once(api: Scene) -> None:
    path = f"{ROOT}/portfolios/new/settings"
    assert (await api.ask("GET", path, "bob")).status_code == 404
    await api.publish(PortfolioRegistered("new", "bob"))
    assert (await api.ask("GET", path, "bob")).status_code == 200
    assert (await api.ask("GET", path, "alice")).status_code == 404
    shown = (await api.ask("GET", f"{ROOT}/portfolios", "bob")).json()["items"]
    assert [each["name"] for each in shown] == ["new", "other"]


async def test_settings_are_shown_as_a_file_would_state_them_with_exact_amounts(api: Scene) -> None:
    answer = await api.ask("GET", SETTINGS, "alice")
    shown = answer.json()
    assert (answer.headers["etag"], shown["revision"], shown["cash"]) == ('"3"', 3, "10000")
    (asset,) = shown["assets"]
    assert (asset["label"], asset["protection"]) == ("SP500", {"stop_loss_bps": "200"})
    assert (await api.ask("GET", f"{ASSETS}/SP500", "alice")).json() == asset
    assert (await api.ask("GET", ASSETS, "alice")).json()["items"] == [asset]
    assert (await api.ask("GET", f"{ASSETS}/BTC%2FUSD", "alice")).status_code == 404
    assert api.house.recorded == []
    assert (await api.ask("GET", SETTINGS, "ada")).status_code == 200
    assert api.house.recorded[0].who == "ada"


async def test_settings_change_only_from_what_was_read(api: Scene) -> None:
    change: dict[str, Any] = {"params": {"quantity": "2"}}
    asset = f"{ASSETS}/SP500"
    for method, path, body in (
        ("PATCH", SETTINGS, change),
        ("PATCH", asset, {"protection": None}),
        ("DELETE", asset, None),
    ):
        for if_match, status in ((None, 428), ("nonsense", 422), ('W/"3"', 412), ('"3"', 200), ("*", 200)):
            headers = {"If-Match": if_match} if if_match else {}
            answer = await api.ask(method, path, "alice", json=body, headers=headers)
            assert answer.status_code == (204 if method == "DELETE" and status == 200 else status)
    assert api.traders.asked == [
        ChangePortfolio("main", change, "alice", 3),
        ChangePortfolio("main", change, "alice"),
        ChangeAsset("main", "SP500", {"protection": None}, "alice", 3),
        ChangeAsset("main", "SP500", {"protection": None}, "alice"),
        RemoveAsset("main", "SP500", "alice", 3),
        RemoveAsset("main", "SP500", "alice"),
    ]


async def test_a_portfolio_or_an_asset_rests_and_works_again(api: Scene) -> None:
    for path in ("/deactivate", "/activate", "/assets/SP500/deactivate", "/assets/SP500/activate"):
        answer = await api.ask("POST", f"{ROOT}/portfolios/main{path}", "alice")
        assert (answer.status_code, answer.headers["etag"]) == (200, '"3"')
    await api.ask("POST", f"{ROOT}/portfolios/main/activate", "alice", headers={"If-Match": '"3"'})
    assert api.traders.asked == [
        SetActive("main", active=False, who="alice"),
        SetActive("main", active=True, who="alice"),
        SetActive("main", active=False, who="alice", asset="SP500"),
        SetActive("main", active=True, who="alice", asset="SP500"),
        SetActive("main", active=True, who="alice", revision=3),
    ]


async def test_an_asset_is_added_and_named_where_it_is(api: Scene) -> None:
    wanted = {"instrument": "SP500", "broker": "paper", "strategy": "sma_cross", "params": {"fast": 5}}
    answer = await api.ask("POST", ASSETS, "alice", json=wanted)
    assert (answer.status_code, answer.headers["location"]) == (201, f"{ASSETS}/SP500")
    assert api.traders.asked == [AddAsset("main", wanted | {"active": True}, "alice")]
