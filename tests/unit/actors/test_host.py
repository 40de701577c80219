"""The host lets plugins in by name, and runs each with a port as wide as its kind."""

import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

import plugins
from actors.host import Host
from actors.journal import MemoryJournal
from lts.admission.catalogue import Catalogue
from lts.admission.guest import Guest
from lts.domain.plugins import (
    CheckPlugin,
    DescribePlugins,
    ListPlugins,
    PluginFits,
    PluginRefused,
    PluginStarted,
    PluginStopped,
    StartPlugin,
    StopPlugin,
)
from lts.kinds import KINDS, SDK_VERSION
from lts.kinds.feed import FeedAssignment
from lts.kinds.strategy import StrategyAssignment
from lts.testing import TEST, Bench

pytestmark = pytest.mark.requirement("INT-001", "INT-003", "INT-005")

Write = Callable[..., None]

HEAD = "from lts.sdk import *\n\n\n"
MANIFEST = """\
kind = "{kind}"
name = "{name}"
version = "1.2.3"
entry = "plugin:Mine"
requires-lts = ">=1"
"""
WELL = HEAD + "class Mine(Strategy[Params]):\n    pass\n"


@pytest.fixture(autouse=True)
def _nothing_of_a_guest_outlives_its_test() -> Iterator[None]:
    yield
    for module in [name for name in sys.modules if name.split(".")[0] == "lts_guest"]:
        del sys.modules[module]
    sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, Guest)]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def plugin(code: str, kind: str = "strategy", name: str = "mine") -> None:
        directory = tmp_path / kind / name
        directory.mkdir(parents=True)
        (directory / "plugin.py").write_text(code)
        (directory / "plugin.toml").write_text(MANIFEST.format(kind=kind, name=name))

    return plugin


@pytest.fixture
def host(tmp_path: Path) -> Callable[[], Any]:
    @asynccontextmanager
    async def running() -> AsyncIterator[Bench[Host]]:
        tree = Path(plugins.__file__).parent
        async with Bench(Host, Catalogue.discover(KINDS, SDK_VERSION, tree, [tmp_path])) as bench:
            yield bench

    return running


def wanted(plugin: str = "mine", kind: str = "strategy", **more: Any) -> StartPlugin:
    usual = {
        "actor": f"{kind}/test",
        "params": {},
        "where": "test.toml: portfolio 'test', asset 'TEST', params",
        "assignment": StrategyAssignment("test", TEST),
        "scope": {"portfolio": "test", "instrument": "TEST"},
    }
    return StartPlugin(kind=kind, plugin=plugin, **{**usual, **more})


async def refused(bench: Bench[Host], request: StartPlugin) -> str:
    answer = await bench.ask(request)
    assert isinstance(answer, PluginRefused)
    assert bench.published(PluginRefused)[-1] == answer
    assert (answer.actor, answer.kind, answer.plugin) == (request.actor, request.kind, request.plugin)
    return answer.reason


async def test_a_plugin_is_let_in_and_runs(write: Write, host: Callable[[], Any]) -> None:
    write(WELL)
    async with host() as bench:
        started = PluginStarted("strategy/test", "strategy", "mine", "1.2.3")
        assert await bench.ask(wanted()) == started
        assert bench.published(PluginStarted) == [started]
        assert await bench.ask(ListPlugins()) == (started,)
        actor = bench.bus.cells["strategy/test"].actor
        assert actor.assignment == StrategyAssignment("test", TEST)
        assert actor.scope == {"guest": "strategy/test", "portfolio": "test", "instrument": "TEST"}


async def test_parameters_arrive_as_the_plugin_declares_them(host: Callable[[], Any]) -> None:
    async with host() as bench:
        await bench.ask(wanted("sma_cross", params={"fast": 5, "slow": 9}))
        params = bench.bus.cells["strategy/test"].actor.params
        assert (params.fast, params.slow, params.direction) == (5, 9, "long_only")


@pytest.mark.requirement("INT-026")
@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"fast": 5, "slow": 9, "slwo": 8}, "unknown key 'slwo'; did you mean 'slow'?"),
        ({"fast": "5", "slow": 9}, "params.fast must be a whole number, without quotes; found the text '5'"),
        ({"fast": 9, "slow": 5}, "fast (9) must be smaller than slow (5)"),
    ],
)
async def test_bad_parameters_are_refused_where_they_stand(
    host: Callable[[], Any], params: dict[str, object], said: str
) -> None:
    async with host() as bench:
        reason = await refused(bench, wanted("sma_cross", params=params))
        assert reason.startswith("test.toml: portfolio 'test', asset 'TEST', params")
        assert said in reason
        assert "strategy/test" not in bench.bus.cells


async def test_an_unknown_plugin_is_refused_where_it_is_named(host: Callable[[], Any]) -> None:
    async with host() as bench:
        reason = await refused(bench, wanted("sma_crss"))
        assert reason.startswith(
            "test.toml: portfolio 'test', asset 'TEST': there is no strategy plugin 'sma_crss'"
        )
        assert "did you mean 'sma_cross'?" in reason
        assert "is no kind of plugin" in await refused(bench, wanted("csv", kind="fed"))


@pytest.mark.requirement("INT-002")
@pytest.mark.parametrize(
    ("code", "said"),
    [
        (
            "class Mine(Strategy[Params]):\n    @on\n    def x(self, m: OrderProposed) -> None: ...\n",
            "strategy/test may not hear OrderProposed: it is not in what its hears grants",
        ),
        (
            "class Mine(Strategy[Params]):\n    @on\n    def x(self, m: int) -> None: ...\n",
            "Mine.x is annotated with <class 'int'>, which is no Event or Request",
        ),
        (
            "class Mine(Strategy[Params]):\n    @on\n    def x(self) -> None: ...\n",
            "Mine.x must take exactly one message, annotated with its type",
        ),
        (
            "class Mine(Strategy[Params]):\n    async def lifespan(self): ...\n",
            "Mine.lifespan must be an async generator",
        ),
    ],
)
async def test_a_class_that_cannot_be_connected_is_refused(
    write: Write, host: Callable[[], Any], code: str, said: str
) -> None:
    write(HEAD + code)
    async with host() as bench:
        assert said in await refused(bench, wanted())
        assert "strategy/test" not in bench.bus.cells
        assert isinstance(await bench.ask(wanted("sma_cross", params={"fast": 1, "slow": 2})), PluginStarted)


async def test_the_plugins_of_a_kind_are_described_whether_they_run_or_not(host: Callable[[], Any]) -> None:
    async with host() as bench:
        described = {each.name: each for each in (await bench.ask(DescribePlugins("strategy"))).plugins}
        assert described["sma_cross"].about
        assert {"fast", "slow"} <= set(described["sma_cross"].params["properties"])
        assert (await bench.ask(DescribePlugins("nothing"))).plugins == ()
        assert await bench.ask(ListPlugins()) == ()


async def test_whoever_asks_again_for_what_runs_is_told_that_it_runs(
    write: Write, host: Callable[[], Any]
) -> None:
    write(WELL)
    write(WELL, name="other")
    async with host() as bench:
        first = await bench.ask(wanted())
        actor = bench.bus.cells["strategy/test"].actor
        assert await bench.ask(wanted()) == first
        assert bench.bus.cells["strategy/test"].actor is actor
        reason = await refused(bench, wanted("other"))
        assert reason == "an actor named 'strategy/test' is running"
        assert await bench.ask(ListPlugins()) == (first,)


async def test_two_owners_of_one_instrument_are_refused(host: Callable[[], Any]) -> None:
    samples = Path(__file__).parents[3] / "lts" / "samples"
    feed: dict[str, Any] = {
        "kind": "feed",
        "params": {"path": "btcusdt_1day_2020.csv", "bar": "1d"},
        "assignment": FeedAssignment(TEST, samples),
        "scope": {"instrument": "TEST"},
    }
    async with host() as bench:
        bench.bus.spawn(MemoryJournal, None, name="journal")
        assert isinstance(await bench.ask(wanted("csv", **feed, actor="feed/one")), PluginStarted)
        reason = await refused(bench, wanted("csv", **feed, actor="feed/other"))
        assert ": feed/other cannot own " in reason
        assert reason.endswith("feed/one owns it already")


async def test_guests_outlive_a_restart_of_their_host(write: Write, host: Callable[[], Any]) -> None:
    write(WELL)
    async with host() as bench:
        await bench.ask(wanted())
        await bench.restart()
        assert bench.bus.cells["strategy/test"].state.value == "running"
        assert "is running" in await refused(bench, wanted())


async def test_a_guest_that_fails_is_restarted_and_then_out_of_service(
    write: Write, host: Callable[[], Any]
) -> None:
    write(HEAD + "class Mine(Strategy[Params]):\n    async def lifespan(self):\n        yield 1 / 0\n")
    async with host() as bench:
        await bench.ask(wanted())
        await bench.advance(seconds=30)
        cell = bench.bus.cells["strategy/test"]
        assert (cell.state.value, len(cell.failures)) == ("quarantined", 6)
        assert "ZeroDivisionError" in cell.reason
        assert bench.state == "running"
        assert isinstance(await bench.ask(wanted()), PluginStarted)


async def test_a_plugin_that_is_stopped_leaves_its_name_to_another(
    write: Write, host: Callable[[], Any]
) -> None:
    write(WELL)
    async with host() as bench:
        await bench.ask(wanted())
        assert await bench.ask(StopPlugin("strategy/test")) == PluginStopped("strategy/test")
        assert await bench.ask(ListPlugins()) == ()
        assert "strategy/test" not in bench.bus.cells
        assert await bench.ask(StopPlugin("strategy/test")) == PluginStopped("strategy/test")
        started = await bench.ask(wanted("sma_cross", params={"fast": 5, "slow": 9}))
        assert isinstance(started, PluginStarted)
        assert started.plugin == "sma_cross"


@pytest.mark.parametrize(
    ("plugin", "params", "field", "said"),
    [
        ("sma_cross", {"fast": 5, "slow": "x"}, "slow", "params.slow must be a whole number"),
        ("sma_cross", {"fast": 9, "slow": 5}, "", "must be smaller than slow"),
        ("nobody", {}, None, "asset 'TEST': "),
    ],
)
async def test_a_plugin_is_checked_without_being_started(
    host: Callable[[], Any], plugin: str, params: dict[str, Any], field: str | None, said: str
) -> None:
    async with host() as bench:
        fits = CheckPlugin(wanted("sma_cross", params={"fast": 5, "slow": 9}))
        assert await bench.ask(fits) == PluginFits("strategy/test")
        answer = await bench.ask(CheckPlugin(wanted(plugin, params=params)))
        assert isinstance(answer, PluginRefused)
        assert answer.field == field
        assert said in answer.reason
        assert bench.published(PluginRefused) == bench.published(PluginStarted) == []
        assert await bench.ask(ListPlugins()) == ()
