"""What the routes answer, and whose it is."""

import json

import pytest

from lts.domain.units import RecordRead
from tests.api import Scene

pytestmark = pytest.mark.requirement("INT-011", "INT-022", "INT-023", "INT-024")

STATES = "/api/v1/trading-states"


async def test_a_portfolio_is_shown_in_exact_decimals_without_exponents(api: Scene) -> None:
    shown = (await api.get("/portfolios/main", "alice")).json()
    assert (shown["owner"], shown["cash"], shown["fees"], shown["realised"]) == ("alice", "900.5", "10", "-3")
    assert shown["at"] == "2020-01-01T00:00:00.000000000Z"
    (held,) = shown["positions"]
    assert (held["quantity"], held["average_price"]) == ("30", "3.333333333333")
    assert api.house.recorded == []


async def test_one_lists_ones_own_and_an_administrator_all_of_them_on_record(api: Scene) -> None:
    mine = (await api.get("/portfolios", "alice")).json()
    assert mine == {"items": [{"name": "main", "owner": "alice"}], "next": None}
    assert api.house.recorded == []
    first = (await api.get("/portfolios?limit=3", "ada")).json()
    rest = (await api.get(f"/portfolios?limit=3&cursor={first['next']}", "ada")).json()
    names = [each["name"] for each in first["items"] + rest["items"]]
    assert names == ["adas", "main", "other", "sams", "veras"]
    assert api.house.recorded[0].who == "ada"


async def test_what_cannot_be_recorded_is_not_given_out(api: Scene) -> None:
    api.house.recording = False
    answer = await api.get("/plugins/broker%2Fpaper/debug/export", "ada")
    assert answer.status_code == 503
    assert "amount" not in answer.text
    api.house.recording = True
    answer = await api.get("/plugins/broker%2Fpaper/debug/export", "ada")
    assert answer.headers["content-disposition"] == 'attachment; filename="broker-paper.json"'
    (read,) = api.house.recorded[-1].commands
    assert isinstance(read, RecordRead)
    assert (read.subject, read.key) == ("plugins", ("broker/paper",))


async def test_one_sees_the_plugins_of_the_system_and_of_ones_own_portfolios(api: Scene) -> None:
    seen = [each["actor"] for each in (await api.get("/plugins", "alice")).json()["items"]]
    assert seen == ["broker/paper", "portfolio/main", "strategy/main/SP500"]


async def test_a_login_gives_tokens_and_says_what_one_may(api: Scene) -> None:
    body = {"user": "alice", "password": "right"}
    answer = await api.ask("POST", "/api/v1/auth/login", json=body)
    told = answer.json()
    assert (told["access_token"], told["user"], told["role"]) == ("token-of-alice", "alice", "trader")
    assert "orders:write" in told["permissions"]
    assert answer.headers["cache-control"] == "no-store"


async def test_a_wrong_password_and_an_unknown_user_get_the_same_answer(api: Scene) -> None:
    documents = []
    for user in ("alice", "nobody"):
        body = {"user": user, "password": "wrong"}
        headers = {"X-Correlation-Id": "the-same-one"}
        answer = await api.ask("POST", "/api/v1/auth/login", json=body, headers=headers)
        documents.append((answer.status_code, answer.content))
    assert documents[0] == documents[1]


async def test_a_code_is_asked_for_where_one_is_needed(api: Scene) -> None:
    body = {"user": "careful", "password": "right"}
    answer = await api.ask("POST", "/api/v1/auth/login", json=body)
    assert (answer.status_code, answer.json()["type"]) == (401, "urn:lts:problem:code-needed")


async def test_a_user_is_changed_only_as_they_were_read(api: Scene) -> None:
    path, change = "/api/v1/users/bob", {"role": "viewer"}
    read = await api.ask("GET", path, "ada")
    tag = read.headers["etag"]
    unchanged = await api.ask("GET", path, "ada", headers={"If-None-Match": tag})
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    for if_match, status in (
        (None, 428),
        ('"99"', 412),
        ("nonsense", 422),
        ('W/"3"', 412),
        (tag, 200),
        ("*", 200),
    ):
        headers = {"If-Match": if_match} if if_match else {}
        answer = await api.ask("PATCH", path, "ada", json=change, headers=headers)
        assert answer.status_code == status
    assert (await api.ask("GET", "/api/v1/users/nobody", "ada")).status_code == 404


async def test_a_halt_is_commanded_in_the_name_of_who_asks(api: Scene) -> None:
    wanted = {"state": "halted", "reason": "enough", "flatten": True}
    answer = await api.ask("PUT", f"{STATES}/portfolio:main", "alice", json=wanted)
    assert answer.json()["who"] == "alice"
    assert (api.house.set[0].scope, api.house.set[0].flatten) == ("portfolio:main", True)


@pytest.mark.parametrize(
    ("set_by", "who", "status"),
    [
        ("alice", "alice", 200),
        ("", "alice", 200),
        ("ada", "alice", 403),
        ("operator root", "alice", 403),
        ("ada", "ada", 200),
        ("alice", "ada", 200),
        ("alice", "bob", 404),
        ("alice", "vera", 403),
    ],
)
async def test_what_another_has_halted_takes_more_to_lift(
    api: Scene, set_by: str, who: str, status: int
) -> None:
    api.halted("portfolio:main", set_by)
    wanted = {"state": "active", "reason": "it is over"}
    answer = await api.ask("PUT", f"{STATES}/portfolio:main", who, json=wanted)
    assert answer.status_code == status
    assert len(api.house.set) == (status == 200)


async def test_a_machine_may_halt_and_not_lift(api: Scene) -> None:
    api.halted("portfolio:sams", "sam")
    for state, status in (("halted", 200), ("reducing", 403), ("active", 403)):
        body = f'{{"state": "{state}", "reason": "a test"}}'.encode()
        answer = await api.ask_signed("PUT", f"{STATES}/portfolio:sams", "sam", body)
        assert answer.status_code == status


async def test_that_the_system_is_halted_is_for_all_and_why_is_not(api: Scene) -> None:
    api.halted("system", "ada")
    (shown,) = (await api.get("/trading-states", "alice")).json()["items"]
    assert (shown["state"], shown["reason"], shown["who"]) == ("halted", "", "")
    (shown,) = (await api.get("/trading-states", "ada")).json()["items"]
    assert (shown["reason"], shown["who"]) == ("because", "ada")
    api.halted("portfolio:other", "bob")
    assert (await api.get("/trading-states", "alice")).json()["items"] == []


async def test_metrics_are_as_prometheus_reads_them(api: Scene) -> None:
    answer = await api.ask("GET", "/metrics", "ada")
    lines = answer.text.splitlines()
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert "lts_messages_total 1" in lines
    assert 'lts_status{status="ok"} 1' in lines
    assert 'lts_mailbox_depth{actor="odd \\"name\\"\\n"} 8' in lines
    assert answer.text.endswith("\n")


async def test_a_key_is_made_with_a_secret_that_is_shown_once(api: Scene) -> None:
    wanted = {"label": "x", "scopes": ["market:read"], "expires_at": "2030-01-01T00:00:00Z"}
    made = await api.ask("POST", "/api/v1/me/api-keys", "alice", json=wanted)
    assert (made.status_code, made.json()["secret"]) == (201, "the-secret")
    listed = await api.get("/me/api-keys", "alice")
    assert "the-secret" not in listed.text
    bad = await api.ask("POST", "/api/v1/me/api-keys", "alice", json={**wanted, "scopes": ["everything"]})
    assert bad.status_code == 422


async def test_statistics_and_charges_and_bars_and_strategies_are_shown(api: Scene) -> None:
    (point,) = (await api.get("/statistics?series=portfolio/main/equity", "alice")).json()["items"]
    assert point["mean"] == 2.0
    charges = (await api.get("/charges", "alice")).json()["items"]
    assert [each["reference"] for each in charges] == ["alice-0", "alice-1", "alice-2"]
    bars = (await api.get("/instruments/SP500/bars?count=2", "alice")).json()["items"]
    assert [each["close"] for each in bars] == [2.0, 2.0]
    strategy = (await api.get("/strategies/sma", "alice")).json()
    assert strategy["params"] == {"type": "object"}


async def test_a_key_administers_users_and_no_administrators(api: Scene) -> None:
    for method, path, body, status in (
        ("PUT", "/users/ada/password", {"password": "seven green cats 9"}, 403),
        ("PUT", "/users/bob/password", {"password": "seven green cats 9"}, 204),
        ("PATCH", "/users/ada", {"active": False}, 403),
        ("PATCH", "/users/bob", {"role": "admin"}, 403),
        ("PATCH", "/users/bob", {"role": "viewer"}, 200),
        ("POST", "/users", {"name": "eve", "role": "admin"}, 403),
        ("DELETE", "/users/ada/second-factor", None, 403),
    ):
        sent = b"" if body is None else json.dumps(body).encode()
        headers = {"If-Match": "*"} if method == "PATCH" else {}
        answer = await api.ask_signed(method, f"/api/v1{path}", "ada", sent, headers)
        assert answer.status_code == status, answer.text
    by_login = await api.ask("PUT", "/api/v1/users/ada/password", "ada", json={"password": "seven cats 99"})
    assert by_login.status_code == 204


async def test_who_has_to_set_up_a_second_factor_can_do_that_and_nothing_else(api: Scene) -> None:
    api.registry.enrols = True
    refused = await api.get("/portfolios", "alice")
    assert (refused.status_code, refused.json()["type"]) == (403, "urn:lts:problem:second-factor-required")
    assert (await api.ask("POST", "/api/v1/auth/stream-ticket", "alice")).status_code == 403
    assert (await api.get("/me", "alice")).json()["second_factor_required"]
    offered = await api.ask("POST", "/api/v1/me/second-factor", "alice", json={"password": "right"})
    assert offered.status_code == 200
    assert (await api.ask("POST", "/api/v1/auth/logout", "alice")).status_code == 204


async def test_who_sizes_orders_and_what_leads_to_them_is_shown_with_its_parameters(api: Scene) -> None:
    for place, name in (("allocators", "fixed"), ("pipelines", "straight")):
        (shown,) = (await api.get(f"/{place}", "alice")).json()["items"]
        assert shown == {"name": name, "release": "1.0", "about": "A cross.", "params": {"type": "object"}}
        assert (await api.get(f"/{place}/{name}", "alice")).json() == shown
        assert (await api.get(f"/{place}/sma", "alice")).status_code == 404
