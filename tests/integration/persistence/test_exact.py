"""Decimals come back digit for digit from both engines, and as the same Decimal."""

import random
from decimal import Decimal

import pytest
from sqlalchemy import insert, select
from sqlalchemy.exc import StatementError
from sqlalchemy.ext.asyncio import AsyncConnection

from actors.persistence.rows import InstrumentRow, LedgerEntryRow, PortfolioRow, UserRow
from actors.persistence.troubles import Trouble, classify
from lts.domain.money import plain

pytestmark = pytest.mark.requirement("LTS-003", "INT-5.1")

CASES = [
    Decimal(text)
    for text in (
        "0", "-0", "0.00", "1", "-1", "0.1", "-0.1", "1.50", "1E+3", "1E-50", "100", "0.1234567890123456789",
        "9" * 100, "-" + "9" * 50 + "." + "9" * 50, "0." + "0" * 49 + "1" + "0" * 50, "123456789" * 11 + ".5",
        "16777217", "9007199254740993", "0.30000000000000004",
    )
]  # fmt: skip


def drawn(count: int) -> list[Decimal]:
    """Amounts of up to 100 digits, with up to 60 of them behind the point, of both signs."""
    draw = random.Random(20)
    return [
        Decimal(f"{draw.choice('+-')}{draw.randrange(10 ** draw.randint(1, 100))}E-{draw.randint(0, 60)}")
        for _ in range(count)
    ]


async def test_amounts_come_back_as_they_were_and_the_same_from_both_engines(
    writing: AsyncConnection,
) -> None:
    amounts = CASES + drawn(300)
    posting = {"portfolio_id": 1, "booking": "1", "account": "cash", "currency": "USD", "at": 1}
    portfolio = {
        "name": "main",
        "owner_id": 1,
        "currency": "USD",
        "plugin": "",
        "params": b"",
        "opened_at": 1,
    }
    async with writing.begin():
        await writing.execute(insert(UserRow).values(name="ann", active=True, created_at=1))
        await writing.execute(insert(PortfolioRow).values(**portfolio))
        rows = [posting | {"line": line, "amount": amount} for line, amount in enumerate(amounts)]
        await writing.execute(insert(LedgerEntryRow), rows)
    async with writing.begin():
        found = select(LedgerEntryRow.amount).order_by(LedgerEntryRow.line)
        stored = (await writing.scalars(found)).all()
    assert stored == amounts
    assert [one.as_tuple() for one in stored] == [Decimal(plain(one)).as_tuple() for one in amounts]


async def test_equal_amounts_are_found_however_they_are_written(writing: AsyncConnection) -> None:
    contract = {"tick_size": "0.010", "lot_size": "1E+2", "multiplier": "1", "min_notional": "-0"}
    row = {name: Decimal(text) for name, text in contract.items()}
    async with writing.begin():
        await writing.execute(insert(InstrumentRow).values(symbol="BTC/USD", currency="USD", **row))
    async with writing.begin():
        for column, text in (("tick_size", "1E-2"), ("lot_size", "100.0"), ("min_notional", "0.00")):
            found = select(InstrumentRow.symbol).where(getattr(InstrumentRow, column) == Decimal(text))
            assert (await writing.scalars(found)).all() == ["BTC/USD"]


@pytest.mark.parametrize("value", [Decimal("NaN"), Decimal("Infinity"), 0.1, "1"], ids=str)
async def test_what_is_no_finite_decimal_is_refused_before_it_is_sent(
    value: object, writing: AsyncConnection
) -> None:
    ones = dict.fromkeys(("tick_size", "lot_size", "multiplier"), Decimal(1))
    row = ones | {"symbol": "BTC/USD", "currency": "USD", "min_notional": value}
    with pytest.raises(StatementError, match="finite Decimal") as refusal:
        async with writing.begin():
            await writing.execute(insert(InstrumentRow).values(**row))
    assert classify(refusal.value) is Trouble.CONSTRAINT
