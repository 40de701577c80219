"""What a portfolio has traded once is in its books for ever, whether an asset trades it now or not."""

from decimal import Decimal
from typing import Any

import pytest

from lts.domain.accounts import GetAccount
from lts.domain.fills import Fill
from lts.domain.journal import OrdersRecalled, RecallOrders
from lts.domain.known import Known
from lts.domain.market import Instrument
from lts.domain.orders import Side
from lts.kinds.portfolio import PortfolioAssignment
from lts.refusal import Refused
from lts.testing import BEGIN, TEST, Bench
from plugins.portfolio.fixed_quantity.plugin import FixedQuantity

pytestmark = pytest.mark.requirement("INT-019", "INT-5.3", "LTS-002")

FORMER = Instrument("FORMER", "USD", TEST.tick_size, TEST.lot_size)


def fill(side: Side, price: int) -> Fill:
    quantity, at = Decimal(2), BEGIN
    name = f"test-FORMER-{side}"
    return Fill("test", "FORMER", "test", name, name, side, quantity, Decimal(price), Decimal(1), "USD", at)


def bench(*fills: Fill, known: Known) -> Bench[Any]:
    given = PortfolioAssignment(
        "test", "tester", "USD", Decimal(1000), {TEST.symbol: TEST}, {TEST.symbol: "test"}, known=known
    )
    answers = {RecallOrders: OrdersRecalled((), booked=fills)}
    return Bench(FixedQuantity, {"quantity": "1"}, assignment=given, answers=answers)


async def test_what_was_closed_stays_in_the_books() -> None:
    known = Known({"TEST": TEST, "FORMER": FORMER})
    async with bench(fill(Side.BUY, 10), fill(Side.SELL, 15), known=known) as scene:
        account = await scene.ask(GetAccount("test"))
        assert (account.cash, account.realised, account.fees) == (Decimal(1008), Decimal(10), Decimal(2))
        assert scene.actor.assignment.heard == {"TEST"}


@pytest.mark.parametrize(
    ("fills", "known", "reason"),
    [
        ((fill(Side.BUY, 10),), Known({"FORMER": FORMER}), "holds FORMER, which none of its assets trades"),
        ((fill(Side.BUY, 10),), Known(), "has traded FORMER, which is in its books for ever"),
    ],
)
async def test_what_nobody_could_close_or_book_is_refused(
    fills: tuple[Fill, ...], known: Known, reason: str
) -> None:
    with pytest.raises(Refused, match=reason):
        async with bench(*fills, known=known):
            raise AssertionError
