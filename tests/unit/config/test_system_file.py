"""A file that describes a system becomes a plan, and the plan survives a recording."""

import json
import os
import re
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from lts.config.file import plan_from_json, read_system
from lts.config.schema import RiskPlan
from lts.domain.controls import controls_of
from lts.refusal import Refused

pytestmark = pytest.mark.requirement("INT-016", "INT-017", "INT-018")

Write = Callable[[str], Path]


def test_a_file_becomes_a_plan_with_exact_amounts(system: str, write: Write) -> None:
    plan = read_system(write(system))
    stocks, coins = plan.instruments
    assert (stocks.symbol, stocks.tick_size, stocks.multiplier) == (
        "SP500",
        Decimal("0.000001"),
        Decimal(1),
    )
    assert coins.tick_size == Decimal("0.01")
    trend, second = plan.portfolios
    assert (trend.name, trend.owner, trend.cash, trend.pipeline) == (
        "trend",
        "demo",
        Decimal(100000),
        "default",
    )
    assert trend.assets[0].params == {"fast": 10, "slow": 30}
    assert (second.owner, second.pipeline, second.pipeline_params) == ("second owner", "other", {"beat": 2.5})
    assert (plan.risk.max_exposure, plan.risk.max_price_age_s) == (Decimal(5000), Decimal(60))
    assert plan.risk.price_collar_bps is None


def test_what_is_left_out_is_filled_in(system: str, write: Write) -> None:
    plan = read_system(write(system.partition("[risk]")[0]))
    assert plan.risk == RiskPlan()
    assert not controls_of(plan.risk)
    assert (plan.node.core, plan.node.log_level, plan.node.log_format) == ("default", "info", "console")
    assert plan.node.state_dir == plan.directory / "state"
    assert plan.plugins.directories == ()
    assert plan.feeds[1].params == {}


def test_a_feed_without_a_name_is_called_by_its_plugin_and_instrument(system: str, write: Write) -> None:
    assert [feed.name for feed in read_system(write(system)).feeds] == ["csv/SP500", "bitcoin"]


def test_tables_know_their_place_in_the_file(system: str, write: Write) -> None:
    plan = read_system(write(system))
    assert plan.feeds[0].place == "feed 'csv/SP500'"
    assert plan.brokers[0].place == "broker 'paper'"
    assert f"{plan.portfolios[0].place}, {plan.portfolios[0].assets[0].place}" == (
        "portfolio 'trend', asset 'SP500'"
    )


def test_relative_paths_start_beside_the_file(
    system: str, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write(system)
    monkeypatch.chdir(file.parent.parent)
    plan = read_system(Path(file.parent.name, file.name))
    assert (plan.file, plan.directory) == (file, file.parent)
    assert plan.node.state_dir == file.parent / "kept"
    assert plan.plugins.directories == (file.parent / "mine", Path("/opt/plugins"))


def test_a_linked_file_keeps_the_directory_of_the_link(system: str, write: Write, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    link = tmp_path / "elsewhere" / "link.toml"
    link.symlink_to(write(system))
    assert read_system(link).directory == tmp_path / "elsewhere"


def test_a_file_may_start_with_a_byte_order_mark(system: str, tmp_path: Path) -> None:
    file = tmp_path / "system.toml"
    file.write_bytes(b"\xef\xbb\xbf" + system.replace("\n", "\r\n").encode())
    assert len(read_system(file).portfolios) == 2


def test_a_plan_on_one_line_is_read_back_the_same(system: str, write: Write) -> None:
    plan = read_system(write(system))
    line = plan.to_json()
    assert "\n" not in line
    assert plan_from_json(line, "recording") == plan
    assert plan_from_json(line, "recording").to_json() == line


def test_the_same_file_gives_the_same_line_and_holds_every_default(system: str, write: Write) -> None:
    file = write(system)
    line = read_system(file).to_json()
    assert line == read_system(Path(os.path.relpath(file))).to_json()
    said = json.loads(line)
    assert said["node"]["state_dir"] == str(file.parent / "kept")
    assert said["instrument"][0]["multiplier"] == "1"
    assert said["portfolio"][0]["asset"][0]["instrument"] == "SP500"
    assert said["risk"]["price_collar_bps"] is None


def test_a_plan_cannot_be_changed(system: str, write: Write) -> None:
    plan = read_system(write(system))
    with pytest.raises(ValueError, match="frozen"):
        plan.portfolios[0].cash = Decimal(1)


@pytest.mark.parametrize("line", ["", "{", "[]", "7", "[" * 100_000])
def test_a_recording_that_begins_with_no_plan_is_refused(line: str) -> None:
    with pytest.raises(Refused, match=r"day\.lts: does not hold the plan of a system"):
        plan_from_json(line, "day.lts")


def test_a_recorded_plan_with_half_a_character_is_refused(system: str, write: Write) -> None:
    line = read_system(write(system)).to_json().replace('"demo"', r'"\ud800"')
    with pytest.raises(Refused, match=r"day\.lts cannot be used \(Invalid JSON: "):
        plan_from_json(line, "day.lts")


def test_a_recorded_plan_that_was_changed_is_checked_again(system: str, write: Write) -> None:
    line = read_system(write(system)).to_json().replace('"broker":"paper"', '"broker":"papper"', 1)
    with pytest.raises(Refused, match=r"day.lts: portfolio 'trend', asset 'SP500': .* 'papper'"):
        plan_from_json(line, "day.lts")


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ('[[risk.user]]\nname = "nobody"\n', "[[risk.user]]: there is no user 'nobody'"),
        ('[[risk.portfolio]]\nname = "nothing"\n', "[[risk.portfolio]]: there is no portfolio 'nothing'"),
        ('[[risk.account]]\nname = "nowhere"\n', "[[risk.account]]: there is no account 'nowhere'"),
        ("[risk.system]\nmax_drawdown_pct = 101\n", "max_drawdown_pct"),
        ('[risk.system]\non_breach = "panic"\n', "on_breach"),
        ("[[risk.portfolio]]\nmax_exposure = 1\n", "name"),
    ],
)
def test_limits_that_make_no_sense_are_refused(system: str, write: Write, more: str, said: str) -> None:
    with pytest.raises(Refused) as told:
        read_system(write(system.partition("[risk]")[0] + more))
    assert said in str(told.value)


def test_what_is_said_of_one_portfolio_is_what_holds_for_it(system: str, write: Write) -> None:
    before = system.partition("[risk]")[0]
    name = json.loads(read_system(write(before)).to_json())["portfolio"][0]["name"]
    told = "[risk]\nmax_order_value = 5\nmax_position = 7\nself_match_prevention = true\n"
    own = f'[[risk.portfolio]]\nname = "{name}"\nmax_position = 9\nself_match_prevention = false\n'
    plan = read_system(write(before + told + own))
    limits = plan.risk.of_portfolio(name)
    assert [limits.max_order_value, limits.max_position] == [5, 9]
    assert not limits.self_match_prevention
    assert plan.risk.of_portfolio("another").max_position == 7
    assert plan_from_json(plan.to_json(), "the test") == plan


HEDGED = """
  [[portfolio.asset]]
  name = "{name}"
  instrument = "SP500"
  broker = "{broker}"
  strategy = "sma_cross"
"""
OTHER = """
[[broker]]
name = "other"
plugin = "paper"
positions = "hedging"
"""


def hedging(system: str, second: str) -> str:
    """The system with an account that hedges, where each asset has a name, and one more asset."""
    system = system.replace('plugin = "paper"\n', 'plugin = "paper"\npositions = "hedging"\n', 1)
    for symbol in ("SP500", "BTC/EUR"):
        asset = f'  [[portfolio.asset]]\n  instrument = "{symbol}"\n'
        system = system.replace(asset, f'{asset}  name = "{symbol}"\n')
    following = '\n[[portfolio]]\nname = "coins"'
    return system.replace(following, second + following)


def test_where_an_account_hedges_several_assets_have_one_instrument(
    system: str, write: Callable[[str], Path]
) -> None:
    second = HEDGED.format(name="slow", broker="paper")
    plan = read_system(write(hedging(system, second)))
    assert [broker.positions for broker in plan.brokers] == ["hedging"]
    assert [(asset.label, asset.instrument) for asset in plan.portfolios[0].assets] == [
        ("SP500", "SP500"),
        ("slow", "SP500"),
    ]
    assert plan_from_json(plan.to_json(), "recording") == plan


@pytest.mark.parametrize(
    ("name", "broker", "said"),
    [
        ("SP500", "paper", "portfolio 'trend' has several assets that are called 'SP500'; give each its own"),
        ("slow", "other", "portfolio 'trend' trades 'SP500' through several brokers; keep to one of them"),
    ],
)
def test_assets_of_one_instrument_are_told_apart_and_are_in_one_account(
    system: str, write: Callable[[str], Path], name: str, broker: str, said: str
) -> None:
    second = HEDGED.format(name=name, broker=broker)
    with pytest.raises(Refused, match=re.escape(said)):
        read_system(write(hedging(system, second) + OTHER))
