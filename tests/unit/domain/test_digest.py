"""The digest depends on what was traded and on nothing else."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lts.domain.digest import digest, lines
from lts.domain.fills import Fill
from lts.domain.order_record import OrderRecord
from lts.domain.order_status import OrderStatus
from lts.domain.orders import Order, OrderType

pytestmark = pytest.mark.requirement("LTS-002")

ROOT = Path(__file__).parents[3]
TRADED = """
from decimal import Decimal as D
from lts.domain.digest import digest
from lts.domain.fills import Fill
from lts.domain.order_record import OrderRecord
from lts.domain.order_status import OrderStatus
from lts.domain.orders import Order, OrderType, Side, TimeInForce

def record(portfolio, number):
    id_ = f"{portfolio}-{number}"
    order = OrderType.LIMIT, D("1.10"), TimeInForce.IOC, 1
    record = OrderRecord(Order(id_, portfolio, "SP500", "paper", Side.SELL, D(number), *order))
    record.advance(OrderStatus.SUBMITTED, 2)
    record.book(Fill(portfolio, "SP500", "paper", id_, "x", Side.SELL, D(number), D("1.1"), D(0), "USD", 3))
    return record

print(digest({record(portfolio, number) for portfolio in ("b", "a", "ä") for number in range(1, 30)}))
"""


@pytest.fixture(scope="session")
def record_of(order_of: Callable[..., Order], fill_of: Callable[..., Fill]) -> Callable[..., OrderRecord]:
    def make(quantity: str = "10", **special: object) -> OrderRecord:
        order = order_of(quantity=Decimal(quantity), **special)
        record = OrderRecord(order)
        record.advance(OrderStatus.SUBMITTED, 2)
        record.advance(OrderStatus.ACCEPTED, 3)
        record.book(fill_of(client_order_id=order.client_order_id, quantity=Decimal(quantity), at=4))
        return record

    return make


def test_a_line_is_the_life_of_an_order_in_canonical_json(record_of: Callable[..., OrderRecord]) -> None:
    special = {"type": OrderType.LIMIT, "limit_price": Decimal("1228.10"), "portfolio": "täglich"}
    (line,) = lines([record_of("10.0", **special)])
    assert line == (
        '{"fills":[{"at":4,"fee":"0.5","price":"1228.099976","quantity":"10"}],'
        '"intent":{"broker":"paper","client_order_id":"trend-SP500-000001","created_at":1,"instrument":"SP500",'
        '"limit_price":"1228.1","portfolio":"t\\u00e4glich","quantity":"10","side":"buy","time_in_force":"gtc",'
        '"type":"limit"},"states":[["initialized",1],["submitted",2],["accepted",3],["filled",4]]}'
    )


def test_the_digest_is_the_sha256_of_the_lines(record_of: Callable[..., OrderRecord]) -> None:
    records = [record_of(portfolio=portfolio) for portfolio in ("a", "b")]
    text = "".join(f"{line}\n" for line in lines(records))
    assert digest(records) == hashlib.sha256(text.encode("ascii")).hexdigest()
    assert digest([]) == hashlib.sha256(b"").hexdigest()


@given(st.text(), st.text())
def test_every_name_is_written_as_the_json_of_the_standard_library_writes_it(
    record_of: Callable[..., OrderRecord], portfolio: str, instrument: str
) -> None:
    (line,) = lines([record_of(portfolio=portfolio, instrument=instrument)])
    assert line == json.dumps(json.loads(line), sort_keys=True, separators=(",", ":"))
    assert line.isascii()
    assert json.loads(line)["intent"]["portfolio"] == portfolio


@given(st.data())
def test_the_order_of_the_records_does_not_matter(
    record_of: Callable[..., OrderRecord], data: st.DataObject
) -> None:
    names = [(portfolio, f"{portfolio}-{number}") for portfolio in ("a", "b") for number in range(3)]
    records = [record_of(portfolio=portfolio, client_order_id=id_) for portfolio, id_ in names]
    assert digest(data.draw(st.permutations(records))) == digest(records)


def test_what_a_venue_names_and_how_an_amount_is_spelled_do_not_matter(
    record_of: Callable[..., OrderRecord],
) -> None:
    assert digest([record_of("10")]) == digest([record_of("10.000")])


def test_what_was_traded_does_matter(record_of: Callable[..., OrderRecord]) -> None:
    changes: list[dict[str, object]] = [{}, {"quantity": "11"}, {"created_at": 2}, {"instrument": "ES"}]
    assert len({digest([record_of(**change)]) for change in changes}) == len(changes)


def test_the_digest_is_the_same_whatever_the_hash_seed() -> None:
    digests = {
        subprocess.run(
            [sys.executable, "-c", TRADED],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "4242")
    }
    assert digests == {"c5f7c8e508ecbe40c6e37e53fb11a6e01993769cf574a78fae49a90d77f9e011\n"}


def test_on_what_conditions_an_order_works_does_matter(record_of: Callable[..., OrderRecord]) -> None:
    plain = record_of().order
    conditions: list[dict[str, object]] = [
        {},
        {"trigger_price": Decimal(1)},
        {"trigger_price": Decimal(2)},
        {"trailing_offset": Decimal(1)},
        {"expires_at": 5},
        {"reduce_only": True},
        {"post_only": True},
        {"parent": "x"},
        {"group": "x"},
        {"position": "x"},
    ]
    orders = [msgspec.structs.replace(plain, **each) for each in conditions]
    assert len({digest([OrderRecord(order)]) for order in orders}) == len(conditions)
