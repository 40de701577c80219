"""What becomes of a portfolio's settings, and of what it has under way, when somebody commands others."""

from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lts.config.params import Misfit
from lts.config.schema import AssetPlan, PortfolioPlan, ProtectionPlan
from lts.domain.legs import legs
from lts.domain.order_flow import OrdersUnderWay
from lts.domain.orders import Order, Side
from lts.domain.portfolio_changes import changed, created, entering, left_alone, not_flat, with_made
from lts.domain.portfolio_settings import (
    AddAsset,
    ChangeAsset,
    ChangePortfolio,
    RemoveAsset,
    SetActive,
    entry_of,
    protected_places,
    recalled,
    stored,
    table_of,
)
from lts.domain.protection import Place
from lts.domain.register import Entry, Register
from lts.domain.risk import ExposureReported, Holding
from lts.refusal import Refused
from lts.testing import limit_order
from lts.testing.stage import system_plan

pytestmark = pytest.mark.requirement("INT-019", "INT-018", "INT-012")

STOP = {"stop_loss_bps": "200", "emergency_exit_after_s": "5"}
TABLE = {
    "name": "mine",
    "owner": "ann",
    "currency": "USD",
    "cash": "100.50",
    "plugin": "fixed",
    "params": {"size": 1},
    "asset": [
        {"instrument": "X", "broker": "b", "strategy": "s", "params": {"fast": 1}},
        {"instrument": "Y", "broker": "b", "strategy": "s", "protection": STOP},
    ],
}
PLAN = created(TABLE)
AGAIN = {"instrument": "X", "broker": "b", "strategy": "s"}


def test_a_portfolio_is_read_as_a_file_would_be() -> None:
    assert PLAN.cash == Decimal("100.50")
    assert (PLAN.active, PLAN.pipeline, [asset.label for asset in PLAN.assets]) == (
        True,
        "default",
        ["X", "Y"],
    )
    assert created(table_of(PLAN)) == PLAN


def test_other_settings_leave_all_else_as_it_is() -> None:
    new = changed(PLAN, ChangePortfolio("mine", {"params": {"size": 2}, "active": False}, "ann"))
    assert new == PLAN.model_copy(update={"params": {"size": 2}, "active": False})
    new = changed(PLAN, ChangeAsset("mine", "X", {"strategy": "t", "protection": STOP}, "ann"))
    assert (new.assets[0].strategy, new.assets[0].params) == ("t", {"fast": 1})
    assert new.assets[0].protection == new.assets[1].protection == PLAN.assets[1].protection
    assert changed(new, ChangeAsset("mine", "X", {"protection": None}, "ann")).assets[0].protection is None


def test_assets_come_and_go() -> None:
    new = changed(PLAN, AddAsset("mine", {"instrument": "Z", "broker": "b", "strategy": "s"}, "ann"))
    assert [asset.label for asset in new.assets] == ["X", "Y", "Z"]
    assert changed(new, RemoveAsset("mine", "Y", "ann")).assets == (new.assets[0], new.assets[2])


def test_an_asset_or_all_of_them_rest_and_work() -> None:
    one = changed(PLAN, SetActive("mine", active=False, who="ann", asset="X"))
    assert (one.at_work, one.at_rest) == (PLAN.assets[1:], (one.assets[0],))
    none = changed(one, SetActive("mine", active=False, who="ann"))
    assert (none.at_work, none.at_rest) == ((), one.assets)
    again = changed(none, SetActive("mine", active=True, who="ann"))
    assert again == one
    assert changed(again, SetActive("mine", active=True, who="ann", asset="X")) == PLAN


@pytest.mark.parametrize(
    ("command", "field", "said"),
    [
        (
            ChangePortfolio("mine", {"name": "yours"}, "ann"),
            "name",
            "'name' cannot be changed; known",
        ),
        (ChangePortfolio("mine", {"asset": []}, "ann"), "asset", "cannot be changed"),
        (ChangePortfolio("mine", {"plugin": "Not One"}, "ann"), "plugin", "a plugin's name is made of"),
        (ChangePortfolio("mine", {"active": "yes"}, "ann"), "active", "must be true or false"),
        (ChangePortfolio("mine", {"params": {"x": float("nan")}}, "ann"), "params.x", "finite"),
        (ChangeAsset("mine", "X", {"instrument": "Z"}, "ann"), "instrument", "cannot be changed"),
        (ChangeAsset("mine", "X", {"protection": {}}, "ann"), "protection", "nothing that protects"),
        (AddAsset("mine", {"instrument": "Z", "broker": "b"}, "ann"), "strategy", "is missing"),
        (
            AddAsset("mine", {"instrument": "X", "broker": "b", "strategy": "s"}, "ann"),
            "instrument",
            "already",
        ),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_field(
    command: ChangePortfolio | ChangeAsset | AddAsset, field: str, said: str
) -> None:
    with pytest.raises(Misfit, match=said) as refused:
        changed(PLAN, command)
    assert refused.value.field == field


plain = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
tables = st.dictionaries(st.sampled_from(sorted({*TABLE, "pipeline", "x"})), plain, max_size=4)


@given(tables)
def test_whatever_is_given_is_read_or_refused_in_one_sentence(given_: dict[str, object]) -> None:
    plan, sentence = None, ""
    try:
        plan = created({**TABLE, **given_})
    except Misfit as misfit:
        sentence = str(misfit)
    assert recalled(stored(plan, 3)) == plan if plan else sentence.isprintable()


def test_what_was_stored_comes_back_as_it_was() -> None:
    command = stored(PLAN, 4)
    assert command.revision == 4
    assert recalled(command) == PLAN
    hedged = created({**TABLE, "asset": [{**AGAIN, "name": "a", "active": False}]})
    assert recalled(stored(hedged)) == hedged


def test_what_is_dropped_rerouted_or_protected_otherwise_is_left_alone() -> None:
    def left(command: ChangeAsset | RemoveAsset | SetActive) -> list[str]:
        return [asset.label for asset in left_alone(PLAN, changed(PLAN, command))]

    assert left(RemoveAsset("mine", "X", "ann")) == ["X"]
    assert left(ChangeAsset("mine", "X", {"broker": "c"}, "ann")) == ["X"]
    assert left(ChangeAsset("mine", "Y", {"protection": None}, "ann")) == ["Y"]
    assert left(ChangeAsset("mine", "X", {"strategy": "t"}, "ann")) == []
    assert left(SetActive("mine", active=False, who="ann")) == []


NETTED = AssetPlan(instrument="TEST", broker="test", strategy="s")
NAMED = AssetPlan(instrument="TEST", broker="test", strategy="s", name="a")
LONG, SHORT = (leg.id for leg in legs("a", "TEST"))


def held(quantity: int, position: str = "") -> ExposureReported:
    return ExposureReported("portfolio:test", (Holding("test", "test", "TEST", Decimal(quantity), position),))


FLAT = ExposureReported("portfolio:test", ())


def under_way(*orders: Order) -> OrdersUnderWay:
    return OrdersUnderWay("test", orders)


def order(side: Side, quantity: int, number: int = 1, **more: object) -> Order:
    return msgspec.structs.replace(limit_order(side, quantity, 100, number=number), **more)


def test_an_entry_is_what_may_open_or_add_and_no_exit() -> None:
    buy, sell = order(Side.BUY, 5), order(Side.SELL, 5, 2)
    exits = order(Side.SELL, 5, 3, reduce_only=True)
    other = order(Side.BUY, 5, 4, instrument="OTHER")
    assert entering(NETTED, FLAT, under_way(buy, exits, other)) == [buy.client_order_id]
    assert entering(NETTED, held(5), under_way(buy, sell)) == [buy.client_order_id]
    assert entering(NETTED, held(-5), under_way(buy, sell)) == [sell.client_order_id]
    assert entering(NETTED, held(4), under_way(sell)) == [sell.client_order_id]  # it would turn the position


def test_assets_of_one_instrument_are_told_apart_by_their_positions() -> None:
    mine, others = order(Side.BUY, 5, position=LONG), order(Side.BUY, 5, 2, position="b:long")
    assert entering(NAMED, FLAT, under_way(mine, others)) == [mine.client_order_id]
    assert not_flat(NAMED, held(5, SHORT), under_way())
    assert not_flat(NAMED, FLAT, under_way(mine))
    assert not not_flat(NAMED, held(5, "b:long"), under_way(others))


def test_a_file_and_what_was_made_at_run_time_are_one_plan() -> None:
    plan = system_plan()
    own = plan.portfolios[0]
    made = own.model_copy(update={"name": "third"})
    whole = with_made(plan, [stored(made, 2)])
    assert whole.portfolios == (*plan.portfolios, made)
    empty = made.model_copy(update={"assets": ()})
    assert with_made(plan, [stored(empty, 1)]).portfolios[-1] == empty
    assert with_made(plan, []) == plan


def test_a_file_that_names_or_contradicts_what_was_made_is_refused() -> None:
    plan = system_plan()
    own = plan.portfolios[0]
    with pytest.raises(Refused, match="portfolio 'first' was made at run time already"):
        with_made(plan, [stored(own, 1)])
    other = AssetPlan(instrument="GONE", broker="test", strategy="test")
    lost = own.model_copy(update={"name": "third", "assets": (other,)})
    with pytest.raises(Refused, match=r"test.toml, with the .*: .*there is no instrument 'GONE'"):
        with_made(plan, [stored(lost, 1)])
    assert plan.file == Path("test.toml").absolute()


def test_the_register_takes_in_who_trades_what_and_forgets_what_is_traded_no_more() -> None:
    register = Register()
    first = Entry("p", "ann", "USD", Decimal(5), (("b", "X"), ("b", "Y")))
    register.enter(first, Entry("q", "bob", "EUR", Decimal(7), (("b", "X"),)))
    assert register.traders == {("b", "X"): ("p", "q"), ("b", "Y"): ("p",)}
    assert register.owners == {"p": "ann", "q": "bob"}
    assert register.scopes_of("q", "b") == ("system", "user:bob", "portfolio:q", "account:b")
    register.enter(Entry("p", "ann", "USD", Decimal(5), (("c", "X"),)))
    assert register.traders == {("b", "X"): ("q",), ("c", "X"): ("p",)}
    assert register.capital == {"p": Decimal(5), "q": Decimal(7)}
    assert "account:c" in register.all_scopes


def test_what_a_portfolio_enters_and_has_protected() -> None:
    assert entry_of(PLAN) == Entry("mine", "ann", "USD", Decimal("100.50"), (("b", "X"), ("b", "Y")))
    assert protected_places(PLAN) == {Place("mine", "Y"): 5.0}
    hedged = PLAN.model_copy(
        update={"assets": (NAMED.model_copy(update={"protection": ProtectionPlan(trailing_bps=Decimal(9))}),)}
    )
    assert protected_places(hedged) == {Place("mine", "TEST", LONG): None, Place("mine", "TEST", SHORT): None}
    assert isinstance(hedged, PortfolioPlan)
