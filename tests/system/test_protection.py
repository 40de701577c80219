"""What protects a position trades within bars, ends what it makes needless, and survives a restart."""

import json
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest

import lts
from bus import SECOND, ReplayDriver
from lts.config.file import read_system
from lts.domain.digest import digest
from lts.domain.order_record import OrderRecord
from lts.domain.order_status import OrderStatus
from lts.domain.orders import OrderType
from lts.domain.protection import Cover
from lts.main import Extras, System

pytestmark = [
    pytest.mark.requirement("INT-4.6", "INT-5.3", "LTS-002", "LTS-003"),
    pytest.mark.timeout(300),
]

SAMPLES = Path(lts.__file__).parent / "samples"
DATA = "btcusd_1min_2020-01-01.csv"
LTS = (sys.executable, "-c", "from lts.cli import main; main()")
MINUTE = 60 * SECOND
PROTECTED = """
protection = {{ {protection} }}

[risk]
{risk}
"""


def system(directory: Path, protection: str, risk: str = "") -> Path:
    """A day of one-minute bars, long or short half a coin, at no slippage, and protected."""
    shutil.copy(SAMPLES / DATA, directory)
    file = directory / "btcusd.toml"
    plain = (SAMPLES / "btcusd.toml").read_text(encoding="utf-8").replace(', slippage_bps = "1"', "")
    file.write_text(plain + PROTECTED.format(protection=protection, risk=risk), encoding="utf-8")
    return file


async def traded(file: Path, seed: int | None = None) -> tuple[tuple[OrderRecord, ...], Cover]:
    """Every order of a backtest, and how well it was protected."""
    it = System(read_system(file), ReplayDriver(), Extras(seed=seed))
    await it.start()
    await it.run()
    try:
        watch: Any = it.bus.cells["protection"].actor
        (cover,) = watch.covers.values()
        return await it.records(), cover
    finally:
        await it.stop()


def prices(directory: Path) -> dict[int, dict[str, Decimal]]:
    """The bars, by when they close."""
    lines = (directory / DATA).read_text(encoding="utf-8").splitlines()
    found = {}
    for number, line in enumerate(lines[1:], 1):
        _, *values = line.split(",")
        names = ("open", "high", "low", "close")
        bar = dict(zip(names, map(Decimal, values[:4]), strict=True))
        found[1_577_836_800 * SECOND + number * MINUTE] = bar
    return found


async def test_a_stop_trades_where_the_bar_passes_it_and_ends_its_take_profit_and_the_other_way_round(
    tmp_path: Path,
) -> None:
    file = system(tmp_path, "stop_loss_bps = 8, take_profit_bps = 12, emergency_exit_after_s = 10")
    records, cover = await traded(file)
    bars, within = prices(tmp_path), {OrderType.STOP: 0, OrderType.LIMIT: 0}
    exits = [record for record in records if record.order.parent]
    for record in exits:
        if record.status is not OrderStatus.FILLED:
            continue
        (fill,), order = record.fills, record.order
        wanted = order.trigger_price or order.limit_price
        bar = bars.get(fill.at)  # else it was passed by a gap, and traded at an open
        if bar is not None and wanted == fill.price:
            within[order.type] += 1
            assert bar["low"] <= fill.price <= bar["high"]
            (other,) = [each for each in exits if each.order.group == order.group and each is not record]
            assert (other.status, other.history[-1][1]) == (OrderStatus.CANCELED, fill.at)
    assert within[OrderType.STOP] > 10
    assert within[OrderType.LIMIT] > 5
    assert {record.status for record in exits if record.status.is_open} <= {OrderStatus.ACCEPTED}
    assert len([record for record in exits if record.status.is_open]) in {0, 2}
    assert (cover.emergency_exits, cover.report(0).unprotected_s) == (0, 0.0)
    _check_position_is_never_doubled(records)
    for seed in (None, 1, 2, 3):
        again, _ = await traded(file, seed)
        assert digest(again) == digest(records), f"seed {seed}"


def _check_position_is_never_doubled(records: tuple[OrderRecord, ...]) -> None:
    """It is long or short half a coin or flat, whatever stops and signals meet at one instant."""
    held, fills = Decimal(0), [fill for record in records for fill in record.fills]
    for at in sorted({fill.at for fill in fills}):
        held += sum(fill.side.signed(fill.quantity) for fill in fills if fill.at == at)
        assert abs(held) in {Decimal(0), Decimal("0.5")}


async def test_a_trailing_stop_protects_as_well(tmp_path: Path) -> None:
    records, cover = await traded(system(tmp_path, "trailing_bps = 25, emergency_exit_after_s = 10"))
    exits = [record for record in records if record.order.parent]
    assert {record.order.type for record in exits} == {OrderType.TRAILING_STOP}
    assert sum(record.status is OrderStatus.FILLED for record in exits) > 10
    assert (cover.emergency_exits, cover.report(0).unprotected_s) == (0, 0.0)


async def test_a_position_whose_stop_risk_denies_is_left_at_the_next_open(tmp_path: Path) -> None:
    limits = "stop_loss_bps = 300, emergency_exit_after_s = 10"
    of_an_entry_alone = 'max_messages_per_s = "1.5"\nmessages_kept_for_reducing = "0.5"'
    records, cover = await traded(system(tmp_path, limits, of_an_entry_alone))
    ends = {record.order.parent: record for record in records if record.order.parent}
    entries = [record for record in records if not record.order.reduce_only and record.fills]
    left = {record.fills[0].at: record for record in records if record.order.reduce_only and record.fills}
    assert len(entries) > 40
    for entry in entries[:-1]:
        assert ends[entry.order.client_order_id].status is OrderStatus.DENIED
        (fill,) = entry.fills
        exit_ = left[fill.at + MINUTE]
        assert exit_.order.side is not entry.order.side
        assert exit_.order.created_at == fill.at + 10 * SECOND
    assert len(entries) - 1 <= cover.emergency_exits <= len(entries)
    assert cover.report(0).unprotected_s >= 60 * (len(entries) - 1)
    _check_position_is_never_doubled(records)


async def test_what_is_not_protected_has_no_watch(tmp_path: Path) -> None:
    shutil.copy(SAMPLES / DATA, tmp_path)
    it = System(read_system(Path(shutil.copy(SAMPLES / "btcusd.toml", tmp_path))), ReplayDriver())
    await it.start()
    assert "protection" not in it.bus.cells
    await it.stop()


@pytest.fixture
def tested(lts: Callable[..., Any]) -> Callable[[Path], Any]:
    """What a backtest of a system comes to."""

    def tested(file: Path) -> Any:
        done = lts("backtest", file, "--json")
        assert done.code == 0, done.err
        return json.loads(done.out)

    return tested


@pytest.fixture
def run(lts: Callable[..., Any]) -> Callable[[Path], Any]:
    """What a run of a system comes to that goes on to the end of its data."""

    def run(file: Path) -> Any:
        done = lts("run", "--config", file, "--json", "--speed", "max", "--until-end")
        assert done.code == 0, done.err
        return json.loads(done.out)

    return run


def working(state: Path) -> list[tuple[str, str]]:
    """The protective orders that work, by type."""
    with closing(sqlite3.connect(state / "lts.db")) as connection:
        found = connection.execute(
            "SELECT type, client_order_id FROM orders WHERE status = 'accepted' ORDER BY client_order_id"
        )
        return [(kind, name) for kind, name in found]


def test_a_restart_finds_the_protection_of_what_is_held_and_doubles_nothing(
    tmp_path: Path, tested: Callable[[Path], Any], run: Callable[[Path], Any]
) -> None:
    file = system(tmp_path, "stop_loss_bps = 8, take_profit_bps = 12, emergency_exit_after_s = 10")
    wanted = tested(file)
    data = tmp_path / DATA
    whole = data.read_text(encoding="utf-8").splitlines(keepends=True)
    found = []
    orders = 0
    for rows in (200, 413, 700, len(whole)):
        data.write_text("".join(whole[:rows]), encoding="utf-8")
        ended = run(file)
        orders += ended["orders"]
        found.append(working(tmp_path / "state"))
    assert any(found[:3]), "nothing was held at any restart"
    assert all([kind for kind, _ in each] in ([], ["stop", "limit"]) for each in found)
    assert {name: ended[name] for name in ("digest", "final_equity")} == {
        name: wanted[name] for name in ("digest", "final_equity")
    }
    assert orders == wanted["orders"]


def test_a_node_that_is_killed_finds_it_as_well(
    tmp_path: Path, tested: Callable[[Path], Any], run: Callable[[Path], Any]
) -> None:
    file, draw = (
        system(tmp_path, "stop_loss_bps = 8, take_profit_bps = 12, emergency_exit_after_s = 10"),
        Random(3),
    )
    wanted = tested(file)
    for _ in range(2):
        slowly = (*LTS, "run", "--config", str(file), "--json", "--speed", "40000", "--until-end")
        with subprocess.Popen(slowly, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as node:
            assert node.stderr is not None
            assert any("system started" in line for line in node.stderr)
            time.sleep(draw.uniform(0.2, 0.6))  # noqa: TID251 - the child's time, not ours
            node.kill()
    ended = run(file)
    assert ended["portfolios"] == wanted["portfolios"]
    with closing(sqlite3.connect(tmp_path / "state" / "lts.db")) as connection:
        numbers = [int(name[-6:]) for (name,) in connection.execute("SELECT client_order_id FROM orders")]
    assert sorted(numbers) == [*range(1, wanted["orders"] + 1)]
