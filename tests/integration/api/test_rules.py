"""Who is let in: every route, by every role, with every sort of credential, to what is whose."""

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from fastapi import FastAPI
from starlette.routing import Route

from actors.api.app import refuse_unguarded, routed
from actors.api.guard import GuardedRoute
from actors.api.openapi import operation_id
from actors.api.port import Port
from actors.api.routes import TABLES
from actors.api.table import Declared, Needs, Table
from lts.domain.permissions import ROLES, Permission, Role
from tests.api import PEOPLE, Scene, scene

pytestmark = pytest.mark.requirement("INT-011", "INT-021", "INT-023", "INT-024")

OFFERED = {"strategies": "sma", "allocators": "fixed", "pipelines": "straight"}
"""Plugins that can be asked for, by what they are asked for at."""

ROUTES = [declared for table in TABLES for declared in table.routes]
PORTFOLIO_OF = {"alice": "main", "bob": "other", "ada": "adas", "vera": "veras", "sam": "sams"}
SOMEBODY_ELSE = {name: "bob" if name != "bob" else "alice" for name in PEOPLE}

BODIES: dict[str, dict[str, Any]] = {
    "refresh": {"refresh_token": "refresh-of-alice"},
    "addUser": {"name": "eve", "role": "trader"},
    "logIn": {"user": "alice", "password": "right"},
    "changePassword": {"old": "right", "new": "even better than that"},
    "offerSecondFactor": {"password": "right"},
    "confirmSecondFactor": {"code": "123456"},
    "removeSecondFactor": {"password": "right"},
    "setPassword": {"password": "even better than that"},
    "setTradingState": {"state": "halted", "reason": "a test"},
}
"""What is sent where the route has no example, or another one is needed."""


class Cell(NamedTuple):
    """One cell of the table."""

    declared: Declared
    role: Role
    who: str
    owner: str


def cells() -> Iterator[Cell]:
    for declared in ROUTES:
        for who, role in PEOPLE.items():
            yield Cell(declared, role, who, who)
            if declared.rule.owned_by:
                yield Cell(declared, role, who, SOMEBODY_ELSE[who])


def path_of(declared: Declared, who: str, owner: str) -> str:
    """A path that leads somewhere, to what is an owner's."""
    values = {
        "portfolio": PORTFOLIO_OF[owner],
        "scope": f"portfolio:{PORTFOLIO_OF[owner]}",
        "symbol": "SP500",
        "asset": "SP500",
        "order": f"{PORTFOLIO_OF[owner]}-SP500-000001",
        "actor": "broker%2Fpaper",
        "id": f"s-{who}" if "session" in declared.path else f"k-{who}",
        "name": OFFERED.get(declared.tag, "bob"),
    }
    path = declared.path
    for name, value in values.items():
        path = path.replace(f"{{{name}:name}}", value)
    if path.endswith("/oidc/callback"):
        return f"{path}?state=state-of-alice&code=a-code"
    if path.endswith("/stream/events"):
        return f"{path}?subscribe=bars&once=true"
    if declared.rule.owned_by == "series":
        return f"{path}?series=portfolio/{PORTFOLIO_OF[owner]}/equity"
    if declared.rule.owned_by == "portfolio" and "{portfolio" not in declared.path:
        return f"{path}?portfolio={PORTFOLIO_OF[owner]}"
    return f"{path}?user={owner}" if declared.rule.owned_by == "user" else path


def conditions_of(declared: Declared) -> dict[str, str]:
    """The headers without which a route is not used."""
    once = operation_id(declared) in {"submitOrder", "openPortfolio"}
    exactly = declared.method == "PATCH" or operation_id(declared) == "removeAsset"
    return {"Idempotency-Key": "a-key"} if once else {"If-Match": "*"} if exactly else {}


def body_of(declared: Declared) -> bytes:
    body = BODIES.get(operation_id(declared), declared.example)
    return b"" if body is None else json.dumps(body).encode()


def expected(cell: Cell, credential: str) -> int:  # noqa: PLR0911 - one rule after the other
    """The status that the rules of the house call for: written down here once more, on its own."""
    rule, may = cell.declared.rule, ROLES[cell.role]
    if rule.needs is Needs.PUBLIC:
        return cell.declared.status
    if credential not in {"token", "key", "signed"} or (credential == "key" and rule.signed):
        return 401
    if rule.in_session and credential != "token":
        return 403
    if rule.needs is not Needs.SELF and rule.needs not in may:
        return 403
    if rule.nobodys and Permission.OTHERS not in may:
        return 403
    if rule.owned_by and cell.owner != cell.who and Permission.OTHERS not in may:
        return 404
    return cell.declared.status


async def status(scene: Scene, cell: Cell, credential: str) -> int:
    declared = cell.declared
    path, body = path_of(declared, cell.who, cell.owner), body_of(declared)
    headers = conditions_of(declared)
    if credential == "signed" and declared.rule.needs is not Needs.PUBLIC:
        answer = await scene.ask_signed(declared.method, path, cell.who, body, headers)
        return answer.status_code
    tokens = {
        "token": f"token-of-{cell.who}",
        "key": f"key-of-{cell.who}",
        "garbage": "{{7*7}}",
        "expired": "expired-of-alice",
        "wrong audience": "other-of-alice",
    }
    if body:
        headers["Content-Type"] = "application/json"
    if credential in tokens:
        headers["Authorization"] = f"Bearer {tokens[credential]}"
    answer = await scene.inner.request(declared.method, path, content=body, headers=headers)
    return answer.status_code


GOOD = ("token", "key", "signed")
BAD = ("none", "garbage", "expired", "wrong audience")


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.tag)
async def test_every_cell_of_role_route_owner_and_credential_is_as_the_rules_say(table: Table) -> None:
    async with scene() as it:
        for cell in (cell for cell in cells() if cell.declared in table.routes):
            bad = BAD if cell.who == cell.owner == "ada" else ()  # whose a bad credential is, nobody can tell
            for credential in (*GOOD, *bad):
                found = await status(it, cell, credential)
                told = (operation_id(cell.declared), cell.role.value, cell.owner, credential)
                assert (*told, found) == (*told, expected(cell, credential))


def test_the_table_has_cells_that_are_let_in_and_others_that_are_not() -> None:
    for declared in ROUTES:
        of_it = [cell for cell in cells() if cell.declared is declared]
        let_in = {expected(cell, "token") for cell in of_it}
        assert declared.status in let_in
        if declared.rule.needs is not Needs.PUBLIC:
            assert expected(of_it[0], "none") == 401
        if declared.rule.owned_by:
            assert 404 in let_in


def test_a_route_without_a_rule_cannot_be_declared() -> None:
    table = Table("test", "For a test.")
    with pytest.raises(TypeError, match="rule"):
        table.get("/open")  # type: ignore[call-arg]


def test_a_route_without_a_rule_cannot_be_made() -> None:
    async def endpoint() -> None:
        """Do nothing."""

    with pytest.raises(TypeError, match="/open says nothing of who may use it"):
        GuardedRoute("/open", endpoint)


def test_an_application_with_a_route_beside_the_table_is_refused() -> None:
    def endpoint() -> None:
        """Do nothing."""

    app = FastAPI(openapi_url=None)
    app.router.routes.append(Route("/open", endpoint))
    with pytest.raises(TypeError, match="/open has no guard"):
        refuse_unguarded(app)


def test_what_changes_for_administrators_or_orders_has_to_be_signed_by_keys() -> None:
    for declared in ROUTES:
        writes = declared.rule.needs in {
            Permission.WRITE_USERS,
            Permission.WRITE_PORTFOLIOS,
            Permission.WRITE_ORDERS,
            Permission.HALT,
        }
        assert declared.rule.signed is writes, declared.path


def test_each_operation_has_a_name_of_its_own() -> None:
    names = [operation_id(each) for each in ROUTES]
    assert len(names) == len(set(names))


def test_an_application_can_be_made_of_some_tables(port: Port) -> None:
    app = routed(port, TABLES[:2])
    paths = {getattr(route, "path", "") for route in app.routes}
    assert paths == {each.path for table in TABLES[:2] for each in table.routes}
