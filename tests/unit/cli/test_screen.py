"""The live table, drawn on a console of a known size."""

from collections.abc import Mapping
from decimal import Decimal
from io import StringIO

import pytest
from rich.console import Console

from lts.cli.screen import screen
from lts.cli.view import View
from lts.domain.accounts import AccountReported
from lts.domain.blotter import BlotterLine, BlotterReported
from lts.domain.health import HealthReported, HealthStatus
from lts.domain.order_status import OrderStatus
from lts.domain.orders import Side
from lts.domain.performance import EquityCurve
from lts.domain.positions import Position

pytestmark = pytest.mark.requirement("INT-004")

NOON = 1_577_880_000_000_000_000  # 2020-01-01 12:00 UTC


def curve() -> EquityCurve:
    curve = EquityCurve()
    for place, value in enumerate((10_000.0, 9_990.0, 10_020.0)):
        curve.sample(NOON + place, value)
    return curve


def account() -> AccountReported:
    held = Position(
        "rider", "BTC/USD", quantity=Decimal("0.5"), cost=Decimal(3600), realised=Decimal("-12.25")
    )
    return AccountReported(
        "rider", "bob", "USD", NOON, Decimal(10_000), Decimal(6_400), Decimal(10_020), Decimal(3),
        Decimal(-1), Decimal("-12.25"), (held,),
    )  # fmt: skip


def view(
    orders: int = 1, *, reasons: tuple[str, ...] = (), mailboxes: Mapping[str, int] | None = None
) -> View:
    line = BlotterLine(
        NOON, "rider", "BTC/USD", "rider-BTC/USD-000001", Side.BUY, Decimal("0.5"), OrderStatus.FILLED,
        Decimal(7200),
    )  # fmt: skip
    status = HealthStatus.DEGRADED if reasons else HealthStatus.OK
    health = HealthReported(status, reasons, 1000, 10, 12, 0, 0, 0, 0, {}, mailboxes or {}, {}, 1, 0.5)
    blotter = BlotterReported(1234, 1200, (line,) * orders, {"BTC/USD": 7240.0})
    return View(NOON, 12.0, [account()], {"rider": curve()}, blotter, health, 98.7)


def drawn(view: View, width: int = 100, lines: int = 24) -> list[str]:
    console = Console(file=StringIO(), width=width, height=lines)
    with console.capture() as capture:
        console.print(screen(view, "lts demo", lines))
    return capture.get().splitlines()


def test_a_look_shows_money_positions_orders_and_the_machine() -> None:
    text = " ".join(" ".join(drawn(view())).split())
    for wanted in (
        "lts demo 2020-01-01 12:00 UTC BTC/USD 7,240.00",
        "rider bob 6,400.00 10,020.00 USD +0.20%",
        "rider BTC/USD 0.5 7,200.00 7,240.00 +20.00 -12.25",
        "12:00 rider-BTC/USD-000001 buy 0.5 BTC/USD filled 7,200.00",
        "1,234 orders 1,200 fills 99 events/s mailboxes empty ● ok",
    ):
        assert wanted in text


def test_what_waits_and_what_is_wrong_is_shown() -> None:
    text = " ".join(drawn(view(reasons=("the mailbox of risk is high",), mailboxes={"risk": 12_000})))
    assert "waiting: risk 12000" in text
    assert "● degraded, the mailbox of risk is high" in text


@pytest.mark.parametrize("lines", [20, 24, 40])
def test_the_orders_fill_what_the_rest_leaves_of_the_screen(lines: int) -> None:
    assert len(drawn(view(orders=100), lines=lines)) == lines - 1


@pytest.mark.parametrize("width", [80, 100, 160])
def test_no_number_is_cut_off_on_a_common_terminal(width: int) -> None:
    rows = drawn(view(), width=width)
    assert not [row for row in rows if "…" in row]
    assert {len(row) for row in rows} == {width}
