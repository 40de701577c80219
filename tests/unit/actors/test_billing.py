"""Billing charges every user once for each month, whenever the node ran and whenever it was down."""

from decimal import Decimal
from typing import Any

import pytest

from actors.billing import MONTHS_AT_ONCE, Billing, Subscription
from lts.domain.billing import Charge, ChargesRecalled, RecallCharges, beginning_of, month_at
from lts.domain.units import Command, NotPerformed, Perform, Performed, RecordCharge
from lts.testing import Bench
from lts.testing.cast import NOBODY

pytestmark = pytest.mark.requirement("INT-9.2", "INT-5.1")

DAY = 86_400
PRICE = Decimal("9.90")


class Ledger:
    """What was charged, as the storage would have it: once under each reference."""

    def __init__(self) -> None:
        self.charges: dict[tuple[str, str], RecordCharge] = {}
        self.refusal: Any = None
        self.units = 0

    def perform(self, wanted: Perform) -> Any:
        self.units += 1
        if self.refusal is not None:
            return self.refusal
        for command in wanted.commands:
            self._record(command)
        return Performed()

    def _record(self, command: Command) -> None:
        assert isinstance(command, RecordCharge)
        self.charges.setdefault((command.user, command.reference), command)

    def recall(self, wanted: RecallCharges) -> ChargesRecalled:
        return ChargesRecalled(
            tuple(
                Charge(each.kind, each.reference, each.amount, each.currency, each.at)
                for each in self.charges.values()
                if each.user == wanted.user and wanted.kind in {None, each.kind}
            )
        )

    def months(self, user: str = "ann") -> list[str]:
        return [reference for name, reference in self.charges if name == user]


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


def bench(ledger: Ledger, begin: str, *users: str, after_days: int = 14) -> Bench[Billing]:
    return Bench(
        Billing,
        Subscription({f"of {user}": user for user in users or ("ann",)}, "USD", PRICE),
        answers={Perform: ledger.perform, RecallCharges: ledger.recall},
        start_at=beginning_of(begin) + after_days * DAY * 1_000_000_000 if begin else 0,
    )


async def test_the_month_in_which_it_first_runs_is_charged(ledger: Ledger) -> None:
    async with bench(ledger, "2020-01"):
        pass
    [charge] = ledger.charges.values()
    assert charge == RecordCharge(
        "ann", "subscription", "2020-01", PRICE, "USD", beginning_of("2020-01"), portfolio=None
    )


async def test_a_month_is_charged_when_it_has_begun_and_not_again(ledger: Ledger) -> None:
    async with bench(ledger, "2020-01") as scene:
        for months in (1, 1, 2):
            await scene.actor.charge()
            assert len(ledger.charges) == months
            await scene.advance(14 * DAY)
    assert ledger.months() == ["2020-01", "2020-02"]


async def test_at_the_end_it_charges_what_has_begun_since_it_last_looked(ledger: Ledger) -> None:
    async with bench(ledger, "2020-01") as scene:
        await scene.advance(45 * DAY)
    assert ledger.months() == ["2020-01", "2020-02"]


async def test_every_user_is_charged(ledger: Ledger) -> None:
    async with bench(ledger, "2020-01", "ann", "bob") as scene:
        await scene.advance(30 * DAY)
    assert ledger.months("ann") == ledger.months("bob") == ["2020-01", "2020-02"]


async def test_started_again_it_charges_nothing_twice(ledger: Ledger) -> None:
    for _ in range(2):
        async with bench(ledger, "2020-01") as scene:
            await scene.restart()
    assert ledger.months() == ["2020-01"]
    assert ledger.units == 1


async def test_months_that_passed_while_the_node_was_down_are_charged_once_each(ledger: Ledger) -> None:
    async with bench(ledger, "2019-11"):
        pass
    async with bench(ledger, "2020-02"):
        assert ledger.months() == ["2019-11", "2019-12", "2020-01", "2020-02"]


async def test_many_months_are_charged_in_units_of_a_bounded_size(ledger: Ledger) -> None:
    async with bench(ledger, "1999-01"):
        ledger.units = 0
    async with bench(ledger, "2019-01"):
        pass
    assert len(ledger.months()) == 241
    assert ledger.units == 240 / MONTHS_AT_ONCE


async def test_a_replay_is_charged_from_its_first_moment_on(ledger: Ledger) -> None:
    async with bench(ledger, "") as scene:
        assert ledger.charges == {}
        scene.bus.timers.shift(beginning_of("2020-01"))  # as a replay does with its first moment
        scene.bus.clock.advance(beginning_of("2020-01"))
        await scene.advance(0)
        assert ledger.months() == ["2020-01"]
        await scene.advance(70 * DAY)
    assert ledger.months() == ["2020-01", "2020-02", "2020-03"]


async def test_what_is_refused_is_charged_later_and_said_once(
    ledger: Ledger, capsys: pytest.CaptureFixture[str]
) -> None:
    ledger.refusal = NotPerformed("the disk is full")
    async with bench(ledger, "2020-01") as scene:
        await scene.actor.charge()
        await scene.advance(30 * DAY)
        ledger.refusal = None
        await scene.actor.charge()
        assert ledger.months() == ["2020-01", "2020-02"]
    assert capsys.readouterr().out.count("a subscription is not charged yet") == 1


async def test_where_nobody_can_be_asked_it_goes_on_all_the_same(
    ledger: Ledger, capsys: pytest.CaptureFixture[str]
) -> None:
    scene = bench(ledger, "2020-01")
    scene.answers[Perform] = NOBODY
    async with scene:
        await scene.actor.charge()
        assert scene.state == "running"
    assert capsys.readouterr().out.count("a subscription is not charged yet") == 1


def test_months_are_those_of_utc() -> None:
    assert month_at(beginning_of("2020-03")) == "2020-03"
    assert month_at(beginning_of("2020-03") - 1) == "2020-02"


async def test_who_opens_a_portfolio_later_is_charged_from_that_month_on(ledger: Ledger) -> None:
    owners = {"p": "ann"}
    answers: dict[type, Any] = {Perform: ledger.perform, RecallCharges: ledger.recall}
    begin = beginning_of("2020-01") + DAY * 1_000_000_000
    async with Bench(Billing, Subscription(owners, "USD", PRICE), answers=answers, start_at=begin) as scene:
        await scene.advance(62 * DAY)
        await scene.actor.charge()
        owners |= {"q": "bob", "r": "ann"}
        await scene.actor.charge()
        await scene.advance(31 * DAY)
        await scene.actor.charge()
    assert ledger.months() == ["2020-01", "2020-02", "2020-03", "2020-04"]
    assert ledger.months("bob") == ["2020-03", "2020-04"]
