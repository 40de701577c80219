"""What the API says of itself is true: it is asked by its own description, with data that is drawn for it."""

import asyncio
import os
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings

from lts.domain.order_entry import OrderTaken
from lts.domain.order_status import OrderStatus
from tests.api import Scene

pytestmark = pytest.mark.requirement("INT-012", "INT-014", "INT-026", "INT-027")

EXAMPLES = int(os.environ.get("LTS_EXAMPLES", "2"))
"""Of each operation; `make fuzz` draws more."""
BY_NOW = ["410", "412"]
"""Answers to what is well formed, and comes too late: who asks could not know."""


def references(value: Any) -> Iterator[str]:
    """Every schema that a description refers to."""
    if isinstance(value, dict):
        if "$ref" in value:
            yield value["$ref"].rpartition("/")[2]
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from references(each)


async def test_every_reference_leads_somewhere_and_every_operation_is_complete(api: Scene) -> None:
    described = (await api.get("/openapi.json")).json()
    assert set(references(described)) <= set(described["components"]["schemas"])
    for methods in described["paths"].values():
        for operation in methods.values():
            assert operation["summary"].endswith(".")
            assert operation["x-needs"]
            problems = [answer for status, answer in operation["responses"].items() if status >= "400"]
            assert problems
            assert all("application/problem+json" in answer["content"] for answer in problems)


async def test_fields_are_described_in_bodies_and_in_answers(api: Scene) -> None:
    schemas = (await api.get("/openapi.json")).json()["components"]["schemas"]
    assert schemas["OrderTakenView"]["properties"]["id"]["description"] == "The client order id."
    assert schemas["Reason"]["properties"]["in"]["description"], "a field that is called otherwise outside"
    assert schemas["NewOrder"]["properties"]["reduce_only"]["description"]


async def test_every_field_and_every_parameter_is_described(api: Scene) -> None:
    described = (await api.get("/openapi.json")).json()
    fields = {
        f"{name}.{field}": told.get("description")
        for name, schema in described["components"]["schemas"].items()
        for field, told in schema.get("properties", {}).items()
    }
    parameters = {
        f"{operation['operationId']} {each['name']}": each.get("description")
        for methods in described["paths"].values()
        for operation in methods.values()
        for each in operation.get("parameters", ())
    }
    assert len(fields) > 300
    assert [name for name, meaning in (fields | parameters).items() if not meaning] == []


async def test_every_header_of_an_answer_is_described(api: Scene) -> None:
    described = (await api.get("/openapi.json")).json()["paths"]
    said = {"x-correlation-id", "ratelimit", "ratelimit-policy"}
    kept = said | {"etag", "location", "idempotent-replayed", "retry-after"}
    order = {"instrument": "SP500", "side": "buy", "quantity": "1"}
    asset = {"instrument": "SP500", "broker": "paper", "strategy": "sma_cross"}
    api.traders.repeat(OrderTaken("main-SP500-000001", OrderStatus.SUBMITTED))
    orders = await api.ask(
        "POST", "/api/v1/portfolios/main/orders", "alice", json=order, headers={"Idempotency-Key": "1"}
    )
    api.traders.answer = None
    answers = {
        ("/api/v1/portfolios/{portfolio}/orders", "post"): (orders, {"location", "idempotent-replayed"}),
        ("/api/v1/portfolios/{portfolio}/assets", "post"): (
            await api.ask("POST", "/api/v1/portfolios/main/assets", "alice", json=asset),
            {"etag", "location"},
        ),
        ("/api/v1/users/{name}", "get"): (await api.get("/users/bob", "ada"), {"etag"}),
        ("/api/v1/me", "get"): (await api.get("/me"), set()),
        ("/api/v1/auth/login", "post"): (
            await api.ask("POST", "/api/v1/auth/login", json={"user": "locked", "password": "right"}),
            {"retry-after"},
        ),
    }
    for (path, method), (answer, more) in answers.items():
        headers = described[path][method]["responses"][str(answer.status_code)]["headers"]
        assert all(each["description"] for each in headers.values())
        assert kept & {*answer.headers} == said | more, (path, answer.status_code)
        assert kept & {*answer.headers} <= {name.lower() for name in headers}


async def test_who_may_be_told_that_nothing_has_changed_is_described(api: Scene) -> None:
    described = (await api.get("/openapi.json")).json()["paths"]
    told = {
        operation["operationId"]: [each["name"] for each in operation.get("parameters", ())]
        for methods in described.values()
        for operation in methods.values()
        if "304" in operation["responses"]
    }
    assert set(told) == {"readUser"}
    assert "if-none-match" in told["readUser"]


@pytest.mark.parametrize("who", ["ada", ""])
async def test_every_answer_is_one_that_the_description_tells_of(api: Scene, who: str) -> None:
    url = api.api.service.url
    headers = {"Authorization": f"Bearer token-of-{who}"} if who else {}
    await asyncio.to_thread(ask_everything, url, headers, EXAMPLES)


def ask_everything(url: str, headers: dict[str, str], examples: int) -> None:
    """Ask every operation so many times, and check each answer."""
    schema = schemathesis.openapi.from_url(f"{url}/api/v1/openapi.json")
    schema.config.checks.positive_data_acceptance.expected_statuses.extend(BY_NOW)
    for found in schema.get_all_operations():
        operation: Any = found.ok()  # type: ignore[union-attr]  # a description that is wrong raises here

        @settings(
            max_examples=examples,
            database=None,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate],
        )
        @given(case=operation.as_strategy())
        def ask(case: Any) -> None:
            case.call_and_validate(base_url=url, headers=headers)

        ask()
