"""Commands as requests: each stands for a route, and says of itself all that the route is told."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.api.commands import FORMS, OF_ASSET, Posted, posted_by
from actors.api.problems import Kind, Problem
from actors.api.routes import TABLES
from actors.api.table import ROOT
from lts.domain.commands import NAMES, SAFER

pytestmark = pytest.mark.requirement("INT-012", "INT-021", "INT-4.1")


def problem(name: str, body: bytes) -> Problem:
    with pytest.raises(Problem) as raised:
        posted_by(name, body)
    return raised.value


def test_every_command_is_a_route_that_takes_what_the_command_takes() -> None:
    routes = {
        (each.method, each.path.replace(":name}", "}")): each.rule
        for table in TABLES
        for each in table.routes
    }
    assert {*FORMS, "get"} == set(NAMES)
    assert FORMS.keys() > SAFER
    for form in [*FORMS.values(), *OF_ASSET.values()]:
        rule = routes[form.method, ROOT + form.path]
        assert rule.signed or form.method == "GET"


@pytest.mark.parametrize(
    ("name", "body", "posted"),
    [
        (
            "submit",
            b'{"portfolio": "a/b c", "idempotency_key": "k", "side": "buy"}',
            Posted(
                "POST", f"{ROOT}/portfolios/a%2Fb%20c/orders", "", {"idempotency-key": "k"}, b'{"side":"buy"}'
            ),
        ),
        ("cancel", b'{"order": "main-1"}', Posted("DELETE", f"{ROOT}/orders/main-1")),
        (
            "cancel-all",
            b'{"portfolio": "main", "instrument": "BTC/USD"}',
            Posted("DELETE", f"{ROOT}/portfolios/main/orders", "instrument=BTC%2FUSD"),
        ),
        ("activate", b'{"portfolio": "main"}', Posted("POST", f"{ROOT}/portfolios/main/activate")),
        (
            "deactivate",
            b'{"portfolio": "main", "asset": "BTC/USD", "if_match": "\\"3\\""}',
            Posted("POST", f"{ROOT}/portfolios/main/assets/BTC%2FUSD/deactivate", "", {"if-match": '"3"'}),
        ),
        ("ping", b"", Posted("GET", f"{ROOT}/me")),
        (
            "get",
            b'{"resource": "/orders", "query": {"open": true, "limit": 5}}',
            Posted("GET", f"{ROOT}/orders", "open=true&limit=5"),
        ),
    ],
)
def test_a_command_is_the_request_that_it_says(name: str, body: bytes, posted: Posted) -> None:
    assert posted_by(name, body) == posted


@pytest.mark.parametrize(
    ("name", "body", "kind", "pointer"),
    [
        ("selfdestruct", b"{}", Kind.NOT_FOUND, ""),
        ("ping", b"[]", Kind.MALFORMED, ""),
        ("ping", b"{", Kind.MALFORMED, ""),
        ("ping", b'{"a": 1}', Kind.INVALID, "/a"),
        ("cancel", b"{}", Kind.INVALID, "/order"),
        ("cancel", b'{"order": 5}', Kind.INVALID, "/order"),
        ("cancel", b'{"order": ""}', Kind.INVALID, "/order"),
        ("submit", b'{"portfolio": "a", "idempotency_key": "a\\nb"}', Kind.INVALID, "/idempotency_key"),
        ("get", b"{}", Kind.INVALID, "/resource"),
        ("get", b'{"resource": "orders?limit=5"}', Kind.INVALID, "/resource"),
        ("get", b'{"resource": "orders", "query": {"a": {}}}', Kind.INVALID, "/query"),
        ("get", b'{"resource": "orders", "query": 5}', Kind.INVALID, "/query"),
        ("get", b'{"resource": "orders", "more": 5}', Kind.INVALID, "/more"),
    ],
)
def test_what_is_no_command_says_what_is_wrong(name: str, body: bytes, kind: Kind, pointer: str) -> None:
    found = problem(name, body)
    assert found.kind is kind
    assert [each.pointer for each in found.errors] == ([pointer] if pointer else [])


@settings(max_examples=300, deadline=None)
@given(st.sampled_from([*NAMES, "x"]), st.binary(max_size=60))
def test_whatever_a_body_is_it_is_a_request_or_a_problem(name: str, body: bytes) -> None:
    try:
        posted = posted_by(name, body)
    except Problem:
        return
    assert posted.path.startswith(ROOT)
