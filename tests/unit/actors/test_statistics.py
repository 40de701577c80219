"""Statistics samples once a minute of market time, whatever else is the matter, and in nobody's way."""

from decimal import Decimal
from typing import Any

import pytest

from actors.statistics import Sampled, Statistics
from lts.domain.accounts import AccountReported, GetAccount
from lts.domain.protection import GetProtection, Place, Protected, ProtectionReported
from lts.domain.statistics import AT_ONCE
from lts.domain.storage import GetStorage, StorageReported, Tally
from lts.domain.units import KeepSamples, NotPerformed, Perform, Performed, RollUp
from lts.testing import Bench
from lts.testing.cast import NOBODY

pytestmark = pytest.mark.requirement("INT-9.2", "INT-4.6")

SECOND = 1_000_000_000
STORAGE = StorageReported(
    database="lts.db",
    at=0,
    found=Tally(),
    waiting=3,
    commits=4,
    written=5,
    refused=0,
    rows=6,
    slowest_commit_ms=1.5,
    trouble="",
    pool_size=5,
    pool_in_use=1,
    cache_hits=0,
    cache_misses=0,
)


def account(portfolio: str, equity: str = "101.5") -> AccountReported:
    return AccountReported(
        portfolio=portfolio,
        owner="ann",
        currency="USD",
        at=0,
        capital=Decimal(100),
        cash=Decimal(40),
        equity=Decimal(equity),
        fees=Decimal("0.5"),
        financing=Decimal("-0.25"),
        realised=Decimal(2),
        positions=(),
    )


def bench(*portfolios: str, **answers: Any) -> Bench[Statistics]:
    usual: dict[type, Any] = {
        GetAccount: lambda wanted: account(wanted.portfolio),
        GetStorage: STORAGE,
        Perform: Performed(),
    }
    others: dict[type, Any] = {
        {"account": GetAccount, "storage": GetStorage, "perform": Perform}[name]: answer
        for name, answer in answers.items()
    }
    return Bench(Statistics, Sampled(portfolios or ("main",)), answers=usual | others)


def kept(bench: Bench[Statistics]) -> list[KeepSamples]:
    commands = [command for unit in bench.asked(Perform) for command in unit.commands]
    return [command for command in commands if isinstance(command, KeepSamples)]


async def test_a_sample_has_the_figures_of_every_portfolio_and_of_the_system() -> None:
    async with bench("main", "trend") as scene:
        await scene.advance(60)
        [sample] = kept(scene)
    assert sample.values["portfolio/main/equity"] == 101.5
    assert sample.values["portfolio/trend/cash"] == 40.0
    assert sample.values["portfolio/trend/realised"] == 2.0
    assert sample.values["portfolio/trend/fees"] == 0.5
    assert sample.values["system/actors"] == 1.0
    assert sample.values["storage/waiting"] == 3.0
    assert sample.values["storage/slowest_commit_ms"] == 1.5
    assert all(type(value) is float for value in sample.values.values())
    assert {unit.who for unit in scene.asked(Perform)} == {"statistics"}


async def test_a_sample_has_the_figures_of_what_protects_a_portfolio() -> None:
    covered = Protected("TEST", Decimal(5), Decimal(5), 1.5, 1)
    lacking = Protected("OTHER", Decimal(-5), Decimal(4), 2.0, 0)
    answers = {
        GetAccount: lambda wanted: account(wanted.portfolio),
        GetStorage: STORAGE,
        GetProtection: lambda wanted: ProtectionReported(wanted.portfolio, (covered, lacking)),
        Perform: Performed(),
    }
    async with Bench(
        Statistics, Sampled(("main", "trend"), (Place("trend", "X"),)), answers=answers
    ) as scene:
        await scene.advance(60)
        [sample] = kept(scene)
    assert sample.values["portfolio/trend/unprotected_s"] == 3.5
    assert sample.values["portfolio/trend/unprotected"] == 1.0
    assert sample.values["portfolio/trend/emergency_exits"] == 1.0
    assert "portfolio/main/unprotected_s" not in sample.values
    assert scene.asked(GetProtection) == [GetProtection("trend")]


async def test_samples_are_taken_at_whole_minutes_of_market_time() -> None:
    async with bench() as scene:
        await scene.advance(90)
        scene.actor.look_up()
        await scene.advance(45)
        first, second = kept(scene)
    assert (first.at % (60 * SECOND), second.at - first.at) == (0, 60 * SECOND)


async def test_however_far_market_time_leaps_there_is_one_sample_until_system_time_has_passed_as_well() -> (
    None
):
    async with bench() as scene:
        for _ in range(1_000):
            await scene.advance(86_400)
        assert len(kept(scene)) < 10


async def test_looking_up_twice_arranges_one_sample() -> None:
    async with bench() as scene:
        scene.actor.look_up()
        scene.actor.look_up()
        await scene.advance(60)
        assert len(kept(scene)) == 1


async def test_what_was_sampled_is_rolled_up_and_there_is_room_for_what_was_left() -> None:
    async with bench() as scene:
        await scene.advance(60)
        [sample] = kept(scene)
        _, *others = [command for unit in scene.asked(Perform) for command in unit.commands]
    assert others == [RollUp(sample.at + 1)] * 2


async def test_many_samples_are_kept_in_units_of_a_bounded_size() -> None:
    names = [f"portfolio {number}" for number in range(AT_ONCE)]
    async with bench(*names) as scene:
        await scene.advance(60)
        samples = kept(scene)
        rolled = [unit for unit in scene.asked(Perform) if isinstance(unit.commands[0], RollUp)]
    assert all(len(sample.values) <= AT_ONCE for sample in samples)
    assert len({name for sample in samples for name in sample.values}) == 5 * AT_ONCE + 18
    assert len(rolled) * AT_ONCE >= 5 * AT_ONCE + 18


def _down(_: GetAccount) -> AccountReported:
    raise AssertionError("it is down")


@pytest.mark.parametrize("answer", [NOBODY, _down])
async def test_a_portfolio_that_does_not_answer_is_left_out(answer: Any) -> None:
    async with bench(account=answer) as scene:
        await scene.advance(60)
        [sample] = kept(scene)
    assert "storage/waiting" in sample.values
    assert not [name for name in sample.values if name.startswith("portfolio/")]


@pytest.mark.parametrize("refusal", [NotPerformed("the disk is full"), NOBODY])
async def test_a_refusal_is_said_once_and_the_next_sample_is_taken_all_the_same(
    refusal: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    async with bench(perform=refusal) as scene:
        await scene.advance(60)
        scene.actor.look_up()
        await scene.advance(60)
        assert len(kept(scene)) == 2
        assert scene.state == "running"
    assert capsys.readouterr().out.count("statistics are not kept for now") == 1


async def test_when_units_are_carried_out_again_the_next_refusal_is_said_too(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with bench(perform=NotPerformed("no")) as scene:
        await scene.advance(60)
        scene.answers[Perform] = Performed()
        scene.actor.look_up()
        await scene.advance(60)
        scene.answers[Perform] = NotPerformed("no again")
        scene.actor.look_up()
        await scene.advance(60)
    assert capsys.readouterr().out.count("statistics are not kept for now") == 2


async def test_born_again_it_goes_on_and_an_answer_to_its_former_self_does_no_harm() -> None:
    async with bench() as scene:
        await scene.restart(Performed())
        await scene.advance(60)
        assert len(kept(scene)) == 1
