"""What `lts bench` prints, from runs too small to say anything of the machine."""

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from lts.cli.bench.asking import asked
from lts.cli.failure import Failed

pytestmark = [pytest.mark.requirement("LTS-004"), pytest.mark.timeout(240)]


def bench(*arguments: str) -> str:
    command = [sys.executable, "-c", "from lts.cli.bench import app; app()", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    return done.stdout


@pytest.fixture
def shown(lts: Callable[..., Any]) -> Callable[..., str]:
    """What `lts bench` prints where nothing depends on how much memory a process has already."""

    def shown(*arguments: str) -> str:
        done = lts("bench", *arguments)
        assert (done.code, done.err) == (0, "")
        return str(done.out)

    return shown


def measured(*arguments: str) -> dict[str, Any]:
    report = json.loads(bench(*arguments, "--rounds", "1", "--json"))
    assert isinstance(report, dict)
    return report


@pytest.fixture(scope="module")
def everything() -> dict[str, Any]:
    """What `lts bench` prints without a name."""
    sizes = (
        "--actors 50 --bars 200 --portfolios 10 --orders 1000 --ticks 20 --asks 50 --requests 100 --told 200"
    )
    return measured(*sizes.split())


def agree(ns: float, ratio: float, report: dict[str, Any]) -> bool:
    """Whether a cost and its ratio speak of one thing; how well depends on who else uses the machine."""
    call_ns: float = report["call_ns"]
    return 0.1 < ns / ratio / call_ns < 10


def test_the_bus_reports_deliveries_and_idle_actors() -> None:
    report = measured("bus", "--bursts", "4", "--actors", "3000")
    assert set(report) == {"call_ns", "tell", "tell_burst_1", "fanout", "asyncio_queue", "idle"}
    for kind in ("tell", "tell_burst_1", "fanout", "asyncio_queue"):
        assert set(report[kind]) == {"per_s", "ratio_to_call"}
        assert agree(1e9 / report[kind]["per_s"], report[kind]["ratio_to_call"], report)
    assert report["tell_burst_1"]["ratio_to_call"] > report["fanout"]["ratio_to_call"]
    idle = report["idle"]
    assert set(idle) == {"actors", "bytes_each", "publish_same_ratio", "publish_random_ratio"}
    assert idle["actors"] == 3000
    assert 0 < idle["bytes_each"] < 20_000
    assert idle["publish_same_ratio"] > 0
    assert idle["publish_random_ratio"] > 0


def test_an_ask_reports_its_percentiles_beside_a_bare_future(shown: Callable[..., str]) -> None:
    report = json.loads(shown("ask", "--asks", "200", "--rounds", "1", "--json"))
    assert set(report) == {"call_ns", "p50_us", "p99_us", "bare_future_p50_us"}
    assert 0 < report["p50_us"] <= report["p99_us"]
    assert report["bare_future_p50_us"] > 0


def test_a_backtest_reports_bars_that_were_traded(shown: Callable[..., str]) -> None:
    report = json.loads(shown("backtest", "--bars", "1000", "--rounds", "1", "--json"))
    assert set(report) == {"call_ns", "bars", "fills", "bars_per_s", "ratio_to_call", "load_s"}
    assert report["bars"] == 1000
    assert 20 <= report["fills"] <= 60
    assert agree(1e9 / report["bars_per_s"], report["ratio_to_call"], report)
    assert report["load_s"] > 0


def test_scale_reports_each_size_up_to_the_limit() -> None:
    report = measured("scale", "--portfolios", "100", "--events", "200")
    assert [each["portfolios"] for each in report["sizes"]] == [10, 100]
    assert [each["instruments"] for each in report["sizes"]] == [1, 10]
    for each in report["sizes"]:
        assert agree(each["event_ns"], each["ratio_to_call"], report)
        assert each["bytes_each"] > 0


def test_a_read_over_http_is_reported_beside_a_bare_route(everything: dict[str, Any]) -> None:
    report = everything["api"]
    assert set(report) == {
        "requests_per_s",
        "ratio_to_fastapi",
        "p99_ms",
        "fastapi_per_s",
        "fastapi_p99_ms",
        "trading",
    }
    trading = report.pop("trading")
    assert min(report.values()) > 0
    assert set(trading) == {"reads_per_s", "alone", "busy", "ratio_p99"}
    assert 0 < trading["alone"]["p50_us"] <= trading["alone"]["p99_us"]
    assert trading["ratio_p99"] == pytest.approx(
        trading["busy"]["p99_us"] / trading["alone"]["p99_us"], abs=0.01
    )


def test_without_a_name_everything_is_measured_in_one_object(everything: dict[str, Any]) -> None:
    report = everything
    assert set(report) == {
        "bus",
        "ask",
        "backtest",
        "scale",
        "orders",
        "tick-to-order",
        "isolation",
        "api",
        "mqtt",
    }
    assert report["bus"]["idle"]["actors"] == 50
    assert report["backtest"]["bars"] == 200
    assert set(report["orders"]) == {"sqlite", "postgresql"}
    for engine in filter(None, report["orders"].values()):
        assert set(engine) == {"orders_per_s", "ratio_to_core", "p50_ms", "p99_ms"}
        assert min(engine.values()) > 0


def test_isolation_reports_a_question_beside_a_bare_socket_pair(everything: dict[str, Any]) -> None:
    report = everything["isolation"]
    figures = {"round_trip_p50_us", "socketpair_p50_us", "ratio_to_socketpair", "per_s", "start_ms"}
    assert set(report) == {"call_ns", *figures}
    assert report["round_trip_p50_us"] > report["socketpair_p50_us"] > 0
    assert report["ratio_to_socketpair"] > 1
    assert report["per_s"] > 100
    assert 10 < report["start_ms"] < 30_000


def test_what_is_told_over_mqtt_is_reported_beside_bare_aiomqtt(everything: dict[str, Any]) -> None:
    report = everything["mqtt"]
    figures = {"out", "ratio_to_aiomqtt", "batched_updates_per_s", "latency"}
    assert set(report) == {"call_ns", "broker", *figures}
    out = report["out"]
    assert out["per_s"] == min(out["qos_0"]["per_s"], out["qos_1"]["per_s"])
    assert report["ratio_to_aiomqtt"] == min(out[qos]["ratio_to_aiomqtt"] for qos in ("qos_0", "qos_1"))
    assert report["batched_updates_per_s"] > out["qos_1"]["per_s"] > 10
    assert report["latency"]["bare_p50_ms"] > 0
    assert -50 < report["latency"]["added_p50_ms"] < 500


def test_a_broker_that_cannot_be_used_is_one_sentence() -> None:
    command = [
        sys.executable,
        "-c",
        "from lts.cli import main; main()",
        "bench",
        "mqtt",
        "--broker",
        "nowhere",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "'nowhere' is no address of a broker; give HOST:PORT\n"


def test_options_may_stand_before_the_name(shown: Callable[..., str]) -> None:
    assert json.loads(shown("--json", "--rounds", "1", "--bars", "300", "backtest"))["bars"] == 300


def test_people_see_what_is_promised_beside_the_figures(shown: Callable[..., str]) -> None:
    table = shown("ask", "--rounds", "1", "--asks", "100")
    assert "ask, p50" in table
    assert "≤ 8 µs" in table


async def test_a_client_that_fails_is_told_of_in_one_sentence() -> None:
    with pytest.raises(Failed, match=r"^nothing was measured, as the client failed: [^\n]*111[^\n]*$"):
        await asked(1, "/portfolios/main", 8)
