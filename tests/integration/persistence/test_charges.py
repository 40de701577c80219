"""Charges in the database: made once under each reference, and there for whoever asks what a user owes."""

from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import pytest

from actors.persistence.actor import Persistence
from actors.persistence.storage import Storage
from lts.domain.billing import SUBSCRIPTION, Charge, RecallCharges
from lts.domain.units import Command, NotPerformed, Perform, Performed, PutPortfolio, PutUser, RecordCharge
from lts.testing import Bench

pytestmark = pytest.mark.requirement("INT-9.2", "INT-5.1")

PRICE = Decimal("9.90")


def subscription(user: str, month: str, at: int, amount: Decimal = PRICE) -> RecordCharge:
    return RecordCharge(user, SUBSCRIPTION, month, amount, "USD", at)


@pytest.fixture
async def bench(database: str, tmp_path: Path) -> AsyncIterator[Bench[Persistence]]:
    """A storage that knows two users, and a portfolio of the first."""
    storage = Storage(tmp_path, database)
    storage.node_keys(create=True)
    async with Bench(Persistence, storage) as bench:
        portfolio = PutPortfolio("main", "ann", "USD", Decimal(100), "fixed_quantity")
        assert await performed(bench, PutUser("ann"), PutUser("bob"), portfolio) == Performed()
        yield bench


async def performed(bench: Bench[Persistence], *commands: Command) -> Performed | NotPerformed:
    return await bench.ask(Perform(commands, "billing"))


async def charges(bench: Bench[Persistence], user: str, kind: str | None = None) -> tuple[Charge, ...]:
    return (await bench.ask(RecallCharges(user, kind))).charges


async def test_charges_are_recalled_as_they_were_made_oldest_first(bench: Bench[Persistence]) -> None:
    trade = RecordCharge("ann", "trade", "a booking", Decimal("0.1"), "EUR", 15, "main")
    done = await performed(
        bench, subscription("ann", "2020-02", 20), subscription("ann", "2020-01", 10), trade
    )
    assert done == Performed()
    assert await charges(bench, "ann") == (
        Charge(SUBSCRIPTION, "2020-01", PRICE, "USD", 10),
        Charge("trade", "a booking", Decimal("0.1"), "EUR", 15, "main"),
        Charge(SUBSCRIPTION, "2020-02", PRICE, "USD", 20),
    )


async def test_a_charge_that_was_made_already_stands(bench: Bench[Persistence]) -> None:
    for amount in (PRICE, PRICE * 2):
        assert await performed(bench, subscription("ann", "2020-01", 10, amount)) == Performed()
    both = subscription("ann", "2020-03", 30), subscription("ann", "2020-03", 30)
    assert await performed(bench, *both) == Performed()
    assert [(each.reference, each.amount) for each in await charges(bench, "ann")] == [
        ("2020-01", PRICE),
        ("2020-03", PRICE),
    ]


async def test_each_user_has_charges_of_their_own(bench: Bench[Persistence]) -> None:
    month = "2020-01"
    assert await performed(bench, subscription("ann", month, 1), subscription("bob", month, 1)) == Performed()
    for user in ("ann", "bob"):
        assert [each.reference for each in await charges(bench, user)] == [month]
    assert await charges(bench, "nobody") == ()


async def test_charges_of_one_kind_can_be_asked_for(bench: Bench[Persistence]) -> None:
    trade = RecordCharge("ann", "trade", "a booking", Decimal("0.1"), "USD", 15, "main")
    assert await performed(bench, subscription("ann", "2020-01", 10), trade) == Performed()
    assert [each.kind for each in await charges(bench, "ann", SUBSCRIPTION)] == [SUBSCRIPTION]
    assert [each.kind for each in await charges(bench, "ann", "trade")] == ["trade"]


async def test_who_is_not_known_cannot_be_charged_and_nothing_else_in_the_unit_is(
    bench: Bench[Persistence],
) -> None:
    answer = await performed(bench, subscription("ann", "2020-01", 1), subscription("eve", "2020-01", 1))
    assert isinstance(answer, NotPerformed)
    assert "eve" in answer.reason
    assert await charges(bench, "ann") == ()
