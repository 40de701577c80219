"""Who gets what, held against a plain list of subscriptions."""

from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus import Actor, Event, OwnerConflict, Request, Supervision
from bus import router as router_module
from bus.cell import Cell
from bus.router import Router, Routes

pytestmark = pytest.mark.requirement("INT-002", "INT-8.2")

SUPERVISION = Supervision()


class Booked(Event, key="portfolio"):
    portfolio: int


class GetCash(Request[int], key="portfolio"):
    portfolio: int


def cell_of(order: int) -> Cell:
    return Cell(f"actor {order}", order, Actor(), SUPERVISION)


def hear(_: Any) -> None: ...


@dataclass
class Model:
    """Each subscription as `(cell, keys)`."""

    subscriptions: list[tuple[Cell, frozenset[int] | None]] = field(default_factory=list)

    def targets(self, key: int) -> tuple[Any, ...]:
        wanted = [cell for cell, keys in self.subscriptions if keys is None or key in keys]
        return tuple((cell, hear) for cell in sorted(wanted, key=lambda cell: cell.order))

    def is_claimed(self, keys: frozenset[int] | None) -> bool:
        return any(
            keys is None or claimed is None or keys & claimed
            for _, claimed in self.subscriptions
            if claimed is None or claimed or keys is None
        )


keys = st.none() | st.frozensets(st.integers(0, 4), min_size=1, max_size=3)
scripts = st.lists(
    st.one_of(
        st.tuples(st.just("add"), keys),
        st.tuples(st.just("remove"), st.integers(0, 20)),
        st.tuples(st.just("look"), st.integers(0, 5)),
    ),
    max_size=40,
)


@given(scripts, st.permutations(range(40)))
def test_targets_are_the_subscribers_in_the_order_of_their_spawning(
    script: list[tuple[str, Any]], orders: list[int]
) -> None:
    routes, model = Routes(Booked), Model()
    for (action, what), order in zip(script, orders, strict=False):
        match action:
            case "add":
                cell = cell_of(order)
                routes.add((cell, hear), what)
                model.subscriptions.append((cell, what))
            case "remove" if model.subscriptions:
                cell, scope = model.subscriptions.pop(what % len(model.subscriptions))
                routes.remove(cell, scope)
            case "look":
                assert routes.targets(what) == model.targets(what)
    for key in range(6):
        assert routes.targets(key) == model.targets(key)
        assert routes.table[key] == model.targets(key)


@given(scripts)
def test_a_request_has_one_owner_a_key(script: list[tuple[str, Any]]) -> None:
    routes, model = Routes(GetCash), Model()
    for order, (action, what) in enumerate(script):
        cell = cell_of(order)
        match action:
            case "add" if model.is_claimed(what):
                with pytest.raises(OwnerConflict, match=r"cannot own GetCash: actor \d+ owns it already"):
                    routes.add((cell, hear), what)
            case "add":
                routes.add((cell, hear), what)
                model.subscriptions.append((cell, what))
            case "remove" if model.subscriptions:
                gone, scope = model.subscriptions.pop(what % len(model.subscriptions))
                routes.remove(gone, scope)
        for key in range(6):
            assert routes.targets(key) == model.targets(key)
            assert len(model.targets(key)) <= 1


def test_keys_that_nobody_named_are_not_remembered_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(router_module, "REMEMBERED", 10)
    routes, cell = Routes(Booked), cell_of(0)
    routes.add((cell, hear), frozenset({7}))
    for key in range(1000):
        routes.targets(key)
        assert len(routes.table) <= 12
    assert routes.targets(7) == ((cell, hear),)


def test_a_table_stays_the_same_object_for_those_who_hold_it() -> None:
    routes = Routes(Booked)
    table = routes.table
    first, second = cell_of(0), cell_of(1)
    routes.add((first, hear), None)
    assert routes.targets(1) == table[1] == ((first, hear),)
    routes.add((second, hear), frozenset({1}))
    assert routes.targets(1) == table[1]
    assert [cell for cell, _ in table[1]] == [first, second]
    routes.remove(first, None)
    assert routes.targets(1) == table[1] == ((second, hear),)


def test_a_router_has_one_table_a_type() -> None:
    router = Router()
    assert router.of(Booked) is router.of(Booked)
    assert router.of(Booked) is not router.of(GetCash)
