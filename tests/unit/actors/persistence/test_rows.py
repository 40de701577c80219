"""What holds for every row class and every table."""

import inspect as python
from typing import Any

import pytest
from sqlalchemy import BigInteger, CheckConstraint, Float, Integer, String, Table
from sqlalchemy.orm import Mapper

from actors.persistence import rows
from actors.persistence.columns import Exact
from actors.persistence.rows import AUDITED, Exempt, OrderRow, Row, TradingStateRow, metadata
from lts.domain.order_status import OrderStatus
from lts.domain.orders import OrderType, Side, TimeInForce
from lts.domain.risk import TradingState

pytestmark = pytest.mark.requirement("INT-008", "INT-010", "INT-5.1")

TABLES = pytest.mark.parametrize("table", metadata.sorted_tables, ids=lambda table: table.name)
MAPPERS = pytest.mark.parametrize(
    "mapper",
    sorted(Row.registry.mappers, key=str),
    ids=lambda mapper: mapper.class_.__name__,
)

EXEMPT = {
    "audit_log", "audit_seal", "feed_progress", "loss_marks", "nonces", "spent_refresh_tokens", "statistics",
    "venue_cursors",
}  # fmt: skip


@TABLES
def test_each_table_says_whether_changes_to_it_are_audited(table: Table) -> None:
    rule = table.info["audit"]
    if table.name in EXEMPT:
        assert isinstance(rule, Exempt)
        assert len(rule.reason.split()) > 5
    else:
        assert rule is AUDITED


@TABLES
def test_each_constraint_and_index_has_a_name_that_both_engines_can_keep(table: Table) -> None:
    names = [str(one.name) for one in table.constraints] + [str(one.name) for one in table.indexes]
    kinds = {name.split("_")[0] for name in names}
    assert kinds <= {"pk", "fk", "uq", "ck", "ix"}
    assert all(name.partition("_")[2].startswith(table.name) and len(name) <= 63 for name in names)
    assert len(set(names)) == len(names)


@TABLES
def test_money_is_exact_and_times_are_nanoseconds(table: Table) -> None:
    for column in table.columns:
        if column.name in {"at", "created_at", "retired_at", "opened_at"}:
            assert isinstance(column.type, BigInteger)
        if isinstance(column.type, Float):
            assert table.name in {"statistics", "loss_marks"}, "only what is measured is a float"
        if column.name in {"quantity", "price", "fee", "fees", "amount", "cost", "realised", "filled"}:
            assert isinstance(column.type, Exact)


@TABLES
def test_only_what_is_handed_out_once_is_numbered_by_the_engine(table: Table) -> None:
    numbered = [column for column in table.columns if column.identity is not None]
    assert [column.name for column in numbered] == (["id"] if table.name in {"users", "portfolios"} else [])
    assert all(isinstance(column.type, Integer) for column in numbered)
    assert table.dialect_options["sqlite"]["autoincrement"] is bool(numbered)  # so that none is given twice


@MAPPERS
def test_nothing_is_loaded_behind_anybody_s_back(mapper: Mapper[Any]) -> None:
    assert list(mapper.relationships) == []
    assert mapper.class_.__name__.endswith("Row")
    assert getattr(rows, mapper.class_.__name__) is mapper.class_


@MAPPERS
def test_a_row_is_made_with_keywords_and_without_what_the_engine_numbers(mapper: Mapper[Any]) -> None:
    arguments = list(python.signature(mapper.class_).parameters.values())
    assert {each.kind for each in arguments} == {python.Parameter.KEYWORD_ONLY}
    wanted = {column.name for column in mapper.columns if column.identity is None}
    assert {each.name for each in arguments} == wanted
    optional = {each.name for each in arguments if each.default is not python.Parameter.empty}
    assert optional == {column.name for column in mapper.columns if column.nullable}


@pytest.mark.parametrize(
    ("row", "column", "members"),
    [
        (OrderRow, "side", Side),
        (OrderRow, "type", OrderType),
        (OrderRow, "time_in_force", TimeInForce),
        (OrderRow, "status", OrderStatus),
        (TradingStateRow, "state", TradingState),
    ],
)
def test_the_words_of_a_check_are_those_of_the_domain(row: type[Row], column: str, members: Any) -> None:
    name = f"ck_{row.__tablename__}_{column}"
    [check] = [one for one in row.__table__.constraints if one.name == name]
    assert isinstance(check, CheckConstraint)
    assert str(check.sqltext) == " OR ".join(f"{column} = '{member.value}'" for member in members)
    kept = row.__table__.c[column].type
    assert isinstance(kept, String)
    assert max(len(member.value) for member in members) <= (kept.length or 0)
