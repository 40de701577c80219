"""What is not done of what comes in to be traded: why, and with nothing of the inside."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from lts.domain.order_entry import EntryCode, OrderNotTaken
from lts.domain.portfolio_settings import Objection, PortfolioNotChanged
from tests.api import Scene, scene

pytestmark = [
    pytest.mark.requirement("INT-012", "INT-013", "INT-026", "INT-027"),
    pytest.mark.asyncio(loop_scope="module"),
]

ROOT = "/api/v1"
ORDERS = f"{ROOT}/portfolios/main/orders"
ORDER = f"{ROOT}/orders/main-SP500-000001"
SETTINGS = f"{ROOT}/portfolios/main/settings"
ASSETS = f"{ROOT}/portfolios/main/assets"
KEY = {"Idempotency-Key": "a-key"}
WANTED = {"instrument": "SP500", "side": "buy", "quantity": "10"}
OPENED = {"name": "new one", "currency": "USD", "cash": "100.50", "plugin": "fixed_quantity"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house() -> AsyncIterator[Scene]:
    """One API for all: what is refused changes nothing."""
    async with scene() as it:
        yield it


@pytest.fixture
def api(house: Scene) -> Scene:
    """The same, with nothing asked of it."""
    house.traders.answer = None
    house.traders.asked.clear()
    return house


@pytest.mark.parametrize("key", ["", "a key", "a" * 256, "k\x7f", None])
async def test_without_a_key_that_can_be_one_no_order_is_submitted(api: Scene, key: str | None) -> None:
    headers = {} if key is None else {"Idempotency-Key": key}
    answer = await api.ask("POST", ORDERS, "alice", json=WANTED, headers=headers)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/idempotency-key"
    assert api.traders.asked == []


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        (EntryCode.INVALID, 422, "invalid"),
        (EntryCode.UNKNOWN_PORTFOLIO, 404, "not-found"),
        (EntryCode.UNKNOWN_INSTRUMENT, 422, "invalid"),
        (EntryCode.UNKNOWN_ORDER, 404, "not-found"),
        (EntryCode.CLOSED_ORDER, 409, "conflict"),
        (EntryCode.DENIED, 422, "denied"),
        (EntryCode.KEY_REUSED, 422, "key-reused"),
        (EntryCode.UNAVAILABLE, 503, "unavailable"),
    ],
)
async def test_each_reason_not_to_do_it_has_a_status_of_its_own(
    api: Scene, code: EntryCode, status: int, kind: str
) -> None:
    api.traders.answer = OrderNotTaken("", "risk/7 says no", code)
    for method, path in (("POST", ORDERS), ("PATCH", ORDER), ("DELETE", ORDER), ("DELETE", ORDERS)):
        body = {"POST": WANTED, "PATCH": {"quantity": "1"}}.get(method)
        answer = await api.ask(method, path, "alice", json=body, headers=KEY)
        assert (answer.status_code, answer.json()["type"]) == (status, f"urn:lts:problem:{kind}")
        assert ("retry-after" in answer.headers) is (status == 503)
        assert ("risk/7 says no" in answer.text) is (status not in {404, 503})


@pytest.mark.parametrize(
    "wrong",
    [
        {"quantity": 10},
        {"quantity": "-1"},
        {"quantity": "1e3"},
        {"quantity": "NaN"},
        {"quantity": "9" * 16},
        {"quantity": "\u0661"},
        {"side": "hold"},
        {"type": "iceberg"},
        {"expires_at": "soon"},
        {"instrument": "../etc"},
        {"position": "a\u0000b"},
        {"reduce_only": "yes"},
        {"unknown": 1},
    ],
    ids=str,
)
async def test_a_body_that_is_no_order_goes_no_further(api: Scene, wrong: dict[str, Any]) -> None:
    answer = await api.ask("POST", ORDERS, "alice", json=WANTED | wrong, headers=KEY)
    (error,) = answer.json()["errors"]
    assert (answer.status_code, error["pointer"]) == (422, f"/{next(iter(wrong))}")
    assert api.traders.asked == []


@pytest.mark.parametrize(
    ("objection", "field", "status", "pointer"),
    [
        (Objection.UNKNOWN, "", 404, None),
        (Objection.NAME_TAKEN, "name", 409, None),
        (Objection.FROM_THE_FILE, "", 409, None),
        (Objection.CONFLICT, "", 412, None),
        (Objection.INVALID, "asset.0.params.fast", 422, "/assets/0/params/fast"),
        (Objection.INVALID, "params.a/b", 422, "/params/a~1b"),
        (Objection.INVALID, "", 422, None),
        (Objection.NOT_FLAT, "asset", 409, None),
        (Objection.KEY_REUSED, "", 422, None),
        (Objection.NOT_KEPT, "", 503, None),
    ],
)
async def test_each_objection_to_settings_has_a_status_and_says_which_field(
    api: Scene, objection: Objection, field: str, status: int, pointer: str | None
) -> None:
    api.traders.answer = PortfolioNotChanged("main", objection, "that is why", field)
    for method, path, body in (
        ("POST", f"{ROOT}/portfolios", OPENED),
        ("PATCH", SETTINGS, {}),
        ("DELETE", f"{ASSETS}/SP500", None),
        ("POST", f"{ASSETS}/SP500/activate", None),
    ):
        answer = await api.ask(method, path, "alice", json=body, headers=KEY | {"If-Match": '"3"'})
        assert answer.status_code == status
        assert ("that is why" in answer.text) is (status not in {404, 503})
        found = [each["pointer"] for each in answer.json().get("errors", [])]
        assert found == ([] if pointer is None else [pointer])


@pytest.mark.parametrize(
    "params",
    [
        {"a": 2**60},
        {"a": 1e300},
        {"a": "\u0000"},
        {"\u0007": 1},
        {"a": "x" * 1_001},
        {"a": [[[[[[[[[1]]]]]]]]]},
        [],
        "text",
    ],
    ids=lambda value: str(value)[:30],
)
async def test_parameters_that_cannot_be_kept_go_no_further(api: Scene, params: Any) -> None:
    body = OPENED | {"params": params}
    answer = await api.ask("POST", f"{ROOT}/portfolios", "alice", json=body, headers=KEY)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/params")
    assert api.traders.asked == []
