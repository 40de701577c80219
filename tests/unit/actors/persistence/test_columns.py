"""What a column takes and refuses, without a database."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Column, Dialect, LargeBinary, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.schema import CreateColumn

from actors.persistence.columns import Exact
from actors.persistence.rows import InstrumentRow, PortfolioRow, metadata
from lts.domain.money import plain

pytestmark = pytest.mark.requirement("LTS-003", "INT-5.1")

ENGINES: list[Dialect] = [sqlite.dialect(), postgresql.dialect()]  # type: ignore[no-untyped-call]


def test_an_exact_column_is_text_on_sqlite_and_a_number_without_limits_on_postgresql() -> None:
    column: Column[Decimal] = Column("price", Exact())
    assert [str(CreateColumn(column).compile(dialect=one)) for one in ENGINES] == [
        "price VARCHAR",
        "price NUMERIC",
    ]


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**50), max_value=10**50))
def test_an_amount_is_stored_in_one_way_however_it_was_written(amount: Decimal) -> None:
    exact = Exact()
    for engine in ENGINES:
        stored = exact.process_bind_param(amount, engine)
        assert str(stored) == str(Decimal(plain(amount))) if isinstance(stored, Decimal) else plain(amount)
        found = exact.process_result_value(stored, engine)
        assert found == amount
        assert str(found) == str(Decimal(plain(amount)))


@pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: engine.name)
@pytest.mark.parametrize(
    "value", [1, 0.1, "0.1", True, Decimal("NaN"), Decimal("sNaN"), Decimal("-Infinity")]
)
def test_what_is_no_finite_decimal_is_refused(value: Any, engine: Dialect) -> None:
    with pytest.raises(ValueError, match="finite Decimal"):
        Exact().process_bind_param(value, engine)


@pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: engine.name)
def test_nothing_stays_nothing(engine: Dialect) -> None:
    assert Exact().process_bind_param(None, engine) is None
    assert Exact().process_result_value(None, engine) is None


def test_exact_columns_are_compared_for_being_the_same_and_in_no_other_way() -> None:
    column = InstrumentRow.__table__.c.tick_size
    one = Decimal(1)
    assert str(select(column).where(column == one, column != one, column.is_not(None), column.in_([one])))
    for compare in (
        lambda: column < one,
        lambda: column >= one,
        lambda: column + one,
        lambda: column.between(one, one),
        lambda: -column,
        lambda: column.like("1%"),
        column.desc,
        column.asc,
    ):
        with pytest.raises(TypeError, match="in Python"):
            compare()


def test_sealed_columns_are_bytes_that_say_so() -> None:
    sealed = {
        f"{table.name}.{column.name}": column
        for table in metadata.sorted_tables
        for column in table.columns
        if column.info.get("sealed")
    }
    assert sealed.keys() == {
        "portfolios.params",
        "assets.params",
        "hedged_assets.params",
        "portfolio_settings.pipeline_params",
        "billing_records.detail",
        "logins.password",
        "logins.second_factor",
    }
    assert all(isinstance(column.type, LargeBinary) for column in sealed.values())
    assert PortfolioRow.__table__.c.params.nullable is False
    assert str(select(func.length(PortfolioRow.params)))
