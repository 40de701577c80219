"""Images: one text for one row, whether it is about to be written or was read back."""

import json
from collections.abc import Iterator, Mapping
from decimal import Decimal
from functools import cache
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Boolean, Engine, Integer, LargeBinary, Numeric, Table, create_engine, select, text

from actors.persistence.columns import Exact
from actors.persistence.images import audited_tables, canonical, image_of, row_key_of, stored_image_of
from actors.persistence.rows import AssetRow, BillingRecordRow, OrderRow, UserRow, metadata
from lts.domain.money import plain
from lts.domain.orders import Side

pytestmark = pytest.mark.requirement("INT-010", "INT-5.3")

ORDERS, USERS, ASSETS = (row.__table__ for row in (OrderRow, UserRow, AssetRow))

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=20)
AMOUNTS = (
    st.builds(
        lambda number, exponent: Decimal(f"{number}E{exponent}"),
        st.integers(-(10**15), 10**15),
        st.integers(-24, 15),
    )
    | st.integers(-(10**30), 10**30).map(Decimal)
    | st.sampled_from([Decimal("-0.0"), Decimal("0E-24"), Decimal("0E+3")])
)
INTEGERS = st.integers(-(2**31), 2**31 - 1)


@cache
def values_of(table: Table) -> st.SearchStrategy[dict[str, Any]]:
    """Rows of a table, as they are written."""
    strategies: dict[str, st.SearchStrategy[Any]] = {}
    for column in table.columns:
        match column.type:
            case Exact() | Numeric():
                values: st.SearchStrategy[Any] = AMOUNTS
            case LargeBinary():
                values = st.binary(max_size=40)
            case Boolean():
                values = st.booleans()
            case Integer():
                values = INTEGERS
            case _:
                values = TEXTS
        strategies[column.name] = st.none() | values if column.nullable else values
    return st.fixed_dictionaries(strategies)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)


@pytest.fixture(scope="module")
def sqlite() -> Iterator[Engine]:
    """All audited tables, taking any row."""
    engine = create_engine("sqlite://")
    with engine.begin() as connection:
        connection.execute(text("PRAGMA ignore_check_constraints = ON"))
        metadata.create_all(connection)
    yield engine
    engine.dispose()


@given(JSON)
def test_canonical_json_is_what_the_standard_library_writes(value: Any) -> None:
    assert canonical(value) == json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def test_an_image_is_an_object_in_the_order_of_the_columns() -> None:
    order: dict[str, Any] = {
        "cause": 7,
        "client_order_id": 'p-"B"-1',
        "portfolio_id": 3,
        "instrument": "BÄR",
        "broker": "paper",
        "side": Side.BUY,
        "quantity": Decimal("1.500"),
        "type": "limit",
        "limit_price": Decimal("1E+3"),
        "time_in_force": "gtc",
        "created_at": 1_700_000_000_000_000_000,
        "status": "accepted",
        "filled": Decimal("-0.0"),
    }

    assert image_of(ORDERS)(order) == (
        '{"client_order_id":"p-\\"B\\"-1","portfolio_id":3,"instrument":"BÄR","broker":"paper","side":"buy",'
        '"quantity":"1.5","type":"limit","limit_price":"1000","time_in_force":"gtc",'
        '"created_at":1700000000000000000,"status":"accepted","filled":"0","cause":7}'
    )
    assert '"limit_price":null' in image_of(ORDERS)(order | {"limit_price": None})


def test_an_image_shows_sealed_values_by_their_digest_alone() -> None:
    asset = {"portfolio_id": 1, "instrument": "X", "broker": "b", "strategy": "s", "params": b"ciphertext"}
    digest = sha256(b"ciphertext").hexdigest()

    assert json.loads(image_of(ASSETS)(asset))["params"] == {"sha256": digest}
    assert row_key_of(ASSETS)(asset) == '[1,"X"]'


def test_an_image_needs_every_column() -> None:
    with pytest.raises(KeyError, match="created_at"):
        image_of(USERS)({"id": 1, "name": "ann", "active": True})


@pytest.mark.parametrize("table", audited_tables(), ids=lambda table: table.name)
@given(data=st.data())
def test_a_row_has_one_image_before_it_is_written_when_it_is_read_and_as_it_is_stored(
    sqlite: Engine, table: Table, data: st.DataObject
) -> None:
    row = data.draw(values_of(table))
    with sqlite.connect() as connection:  # which forgets the row again
        connection.execute(table.insert(), row)
        read = dict(connection.execute(select(table)).mappings().one())
        stored = dict(connection.execute(text(f"SELECT * FROM {table.name}")).mappings().one())  # noqa: S608

    assert image_of(table)(row) == image_of(table)(read) == stored_image_of(table)(stored)
    assert row_key_of(table)(row) == row_key_of(table)(read) == row_key_of(table)(stored)


@given(AMOUNTS)
def test_an_amount_has_the_text_of_plain_however_it_is_written(amount: Decimal) -> None:
    record: Mapping[str, Any] = dict.fromkeys(BillingRecordRow.__table__.columns.keys()) | {"amount": amount}

    assert json.loads(image_of(BillingRecordRow.__table__)(record))["amount"] == plain(amount)


@pytest.mark.parametrize(
    ("column", "stored"),
    [("active", 2), ("active", "1"), ("name", b"ann"), ("name", 7), ("created_at", 5.5), ("id", "one")],
)
def test_what_reads_back_alike_and_is_stored_otherwise_has_another_image(column: str, stored: Any) -> None:
    row = {"id": 1, "name": "ann", "active": 1, "created_at": 5}
    image = stored_image_of(USERS)

    assert image(row | {column: stored}) != image(row)


def test_nothing_is_stored_that_passes_for_null() -> None:
    row = dict.fromkeys(ORDERS.columns.keys())
    image = stored_image_of(ORDERS)

    assert len({image(row | {"limit_price": each}) for each in (None, float("inf"), b"", "", "null")}) == 5


def test_an_amount_that_is_stored_with_another_text_has_another_image() -> None:
    row = dict.fromkeys(ORDERS.columns.keys()) | {"quantity": "1.5"}
    image = stored_image_of(ORDERS)

    assert image(row | {"quantity": "1.50"}) != image(row) != image(row | {"quantity": 1.5})


def test_every_table_says_whether_it_is_audited() -> None:
    assert {table.name for table in audited_tables()} == {
        table.name for table in metadata.sorted_tables if type(table.info["audit"]).__name__ == "Audited"
    }
    assert len(audited_tables()) > 10
