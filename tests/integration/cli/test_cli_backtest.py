"""`lts backtest`: what it prints, and what it says of input and plugins that are no good."""

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.requirement("INT-026", "LTS-002")

FIGURES = {
    "bars", "events", "orders", "denied", "fills", "trades", "fees", "financing", "final_equity",
    "max_drawdown", "sharpe", "elapsed_s", "bars_per_s", "digest", "portfolios",
}  # fmt: skip
FAILING = """
from lts.sdk import Bar, Params, Strategy, on

class Guest(Strategy[Params]):
    async def lifespan(self):
        {start}
        yield

    @on
    def fail(self, bar: Bar) -> None:
        raise ValueError("out of\\nits depth")
"""
ENDLESS = """
from lts.sdk import Bar, Params, Pipeline, SignalRaised, on

class Guest(Pipeline[Params]):
    @on
    def echo(self, _: Bar | SignalRaised) -> None:
        self.publish(SignalRaised(self.plan.name, "BTC/USD", 1.0, "again"))
"""
LIVE = """
from lts.sdk import Feed, Params

class AnyParams(Params):
    path: str
    bar: str

class Guest(Feed[AnyParams]):
    pass
"""
Lts = Callable[..., Any]


def test_stdout_is_one_json_object_with_the_figures_of_the_contract(lts: Lts, samples: Path) -> None:
    done = lts("backtest", samples / "sp500.toml", "--json")
    assert (done.code, done.err) == (0, "")
    result = json.loads(done.out)
    assert set(result) == FIGURES
    assert done.out.count("\n") == 1
    assert (result["bars"], result["orders"], result["fills"], result["trades"]) == (5031, 176, 176, 88)
    assert len(result["digest"]) == 64


def test_amounts_are_numbers_with_all_their_digits(lts: Lts, samples: Path) -> None:
    done = lts("backtest", samples / "sp500.toml", "--json")
    result = json.loads(done.out, parse_float=Decimal)
    assert result["fees"] == Decimal("264.211989987")
    assert result["final_equity"] == Decimal("105362.683740013")
    assert '"fees":264.211989987,"financing":0,"final_equity":105362.683740013,' in done.out


def test_people_get_a_summary(lts: Lts, samples: Path) -> None:
    done = lts("backtest", samples / "sp500.toml")
    assert (done.code, done.err) == (0, "")
    for wanted in ("trend", "105,362.68 USD", "+5.36%", "176, with 176 fills", "4.50% at most"):
        assert wanted in done.out


def test_a_seed_changes_the_schedule_and_not_the_result(lts: Lts, samples: Path) -> None:
    results = [json.loads(lts("backtest", samples / "btcusd.toml", "--json", *seed).out)
               for seed in ((), ("--seed", "1"), ("--seed", "2"))]  # fmt: skip
    assert len({result["digest"] for result in results}) == 1


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"strategy": "sma_crss"}, "there is no strategy plugin 'sma_crss'"),
        ({"params": "{ fast = 5 }"}, "slow"),
        ({"params": "{ fast = 50, slow = 20 }"}, "fast (50) must be smaller than slow (20)"),
        ({"params": "{ fast = 5, slow = 20, colour = 1 }"}, "unknown key 'colour'"),
        ({"path": "none.csv"}, "none.csv cannot be read"),
        ({"path": "short.csv"}, "short.csv, line 3"),
        ({"more": "[risk]\nmax_order_valu = 1\n"}, "unknown key 'max_order_valu'; did you mean"),
        ({"more": "[risk\n"}, "not valid TOML"),
    ],
)
def test_bad_input_is_told_in_one_sentence(
    lts: Lts, system: Callable[..., Path], tmp_path: Path, changes: dict[str, str], told: str
) -> None:
    rows = "datetime,open,high,low,close,volume\n2020-01-01 00:00:00,1,2,1,2,3\n2020-01-01 00:01:00,1\n"
    (tmp_path / "short.csv").write_text(rows, encoding="utf-8")
    done = lts("backtest", system(**changes), "--json")
    assert (done.code, done.out) == (1, "")
    assert told in done.err
    assert done.err.count("\n") == 1


def test_a_file_that_is_not_there_is_told_in_one_sentence(lts: Lts, tmp_path: Path) -> None:
    done = lts("backtest", tmp_path / "none.toml")
    assert done == (1, "", f"{tmp_path}/none.toml: there is no such file; check the path\n")


def test_a_plugin_that_is_down_at_the_end_is_told_after_the_results(
    lts: Lts, system: Callable[..., Path], plugin: Callable[..., None]
) -> None:
    plugin("strategy", "failing", FAILING.format(start=""))
    done = lts("backtest", system(strategy="failing", params="{}"), "--json")
    assert done.code == 1
    assert json.loads(done.out)["bars"] == 1440
    last = done.err.splitlines()[-1]
    assert last.startswith("strategy/trend/BTC/USD went out of service: failed 6 times")
    assert last.endswith("ValueError: out of its depth")


def test_a_plugin_that_cannot_start_is_named_and_its_traceback_logged(
    lts: Lts, system: Callable[..., Path], plugin: Callable[..., None]
) -> None:
    plugin("strategy", "failing", FAILING.format(start="raise TypeError('not today')"))
    done = lts("backtest", system(strategy="failing", params="{}"), "--json")
    assert (done.code, done.out) == (1, "")
    assert done.err.splitlines()[-1] == "strategy/trend/BTC/USD did not start: TypeError: not today"
    assert "Traceback" in done.err


def test_actors_that_keep_each_other_busy_for_ever_are_told(
    lts: Lts, system: Callable[..., Path], plugin: Callable[..., None]
) -> None:
    plugin("pipeline", "endless", ENDLESS)
    done = lts("backtest", system(pipeline="endless"), "--json")
    assert (done.code, done.out) == (1, "")
    assert "pipeline/trend was still busy after" in done.err.splitlines()[-1]


def test_a_feed_without_an_end_is_no_feed_for_a_backtest(
    lts: Lts, system: Callable[..., Path], plugin: Callable[..., None]
) -> None:
    plugin("feed", "ticker", LIVE)
    done = lts("backtest", system(feed="ticker"))
    assert (done.code, done.out) == (1, "")
    assert "feed 'ticker/BTC/USD' is live, so a backtest would not end" in done.err


def test_live_and_recorded_feeds_do_not_go_together(
    lts: Lts, system: Callable[..., Path], plugin: Callable[..., None]
) -> None:
    plugin("feed", "ticker", LIVE)
    file = system(
        '[[instrument]]\nsymbol = "X"\ncurrency = "USD"\ntick_size = "1"\nlot_size = "1"\n'
        '[[feed]]\nplugin = "ticker"\ninstrument = "X"\nparams = { path = "", bar = "" }\n'
    )
    done = lts("run", "--config", file, "--until-end")
    assert (done.code, done.out) == (1, "")
    assert "'ticker/X' is live and feed 'csv/BTC/USD' is replayed" in done.err


PRINTING = """
from lts.sdk import Bar, Params, Strategy, on

class Guest(Strategy[Params]):
    @on
    def chat(self, bar: Bar) -> None:
        print("hello from the plugin")
"""
UNMAKEABLE = """
from lts.sdk import Params, Strategy

class Guest(Strategy[Params]):
    def __init__(self):
        raise RuntimeError("not today")
"""


def test_what_a_plugin_prints_does_not_get_into_the_result(
    lts: Lts, system: Callable[..., Path], plugin: Callable[..., None]
) -> None:
    plugin("strategy", "failing", PRINTING)
    done = lts("backtest", system(strategy="failing", params="{}"), "--json")
    assert done.code == 0
    assert json.loads(done.out)["bars"] == 1440
    assert "hello from the plugin" in done.err


def test_a_plugin_that_cannot_be_made_is_one_sentence_about_it(
    lts: Lts, system: Callable[..., Path], plugin: Callable[..., None]
) -> None:
    plugin("strategy", "failing", UNMAKEABLE)
    done = lts("backtest", system(strategy="failing", params="{}"), "--json")
    assert (done.code, done.out) == (1, "")
    assert done.err.endswith("the strategy plugin 'failing' cannot be made: RuntimeError: not today\n")
    assert done.err.count("\n") == 1


def test_a_feed_without_end_is_refused(lts: Lts, samples: Path) -> None:
    demo = samples / "demo.toml"
    for words in (["backtest", demo], ["run", "--config", demo, "--speed", "max", "--until-end"]):
        done = lts(*words, "--json")
        assert (done.code, done.out) == (1, "")
        assert "never ends" in done.err
        assert done.err.count("\n") == 1
