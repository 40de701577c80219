"""A client order id is the same each time, and no other order's."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lts.domain.orders import client_order_id

pytestmark = pytest.mark.requirement("INT-4.5", "LTS-002")

names = st.text(alphabet="ab-/ é", max_size=4) | st.text(max_size=40)
sequences = st.integers(1, 10**11 - 1)
intents = st.tuples(names, names, st.integers(1, 3) | sequences)


@given(names, names, sequences)
def test_every_venue_can_take_it_and_its_sequence_can_be_read(
    portfolio: str, asset: str, sequence: int
) -> None:
    given_id = client_order_id(portfolio, asset, sequence)
    assert re.fullmatch(r"[A-Za-z0-9._/-]{1,32}", given_id)
    assert int(given_id.rsplit("-", 1)[1]) == sequence
    assert given_id == client_order_id(portfolio, asset, sequence)


@given(st.lists(intents, unique=True, max_size=20))
def test_no_two_orders_share_one(orders: list[tuple[str, str, int]]) -> None:
    assert len({client_order_id(*order) for order in orders}) == len(orders)


def test_a_hyphen_does_not_move_between_portfolio_and_asset() -> None:
    assert client_order_id("a-b", "c", 1) == "a-b-c-000001"
    assert client_order_id("a", "b-c", 1) != "a-b-c-000001"


@pytest.mark.parametrize(
    ("portfolio", "asset", "sequence", "expected"),
    [
        ("trend", "SP500", 1, "trend-SP500-000001"),
        ("trend", "BTC/USD", 1234567, "trend-BTC/USD-1234567"),
        ("a-portfolio-with-a-long-name", "SP500", 1, "b09bcc17e85ce5988324-000001"),
        ("täglich", "SP500", 1, "b5126db1efecff727dd7-000001"),
    ],
)
def test_it_is_readable_where_it_can_be_and_the_same_on_every_machine(
    portfolio: str, asset: str, sequence: int, expected: str
) -> None:
    assert client_order_id(portfolio, asset, sequence) == expected
