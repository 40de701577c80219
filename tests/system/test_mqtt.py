"""A node with a broker: what a plain subscriber hears is what the database has, row by row."""

import asyncio
import sqlite3
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from actors.mqtt.asyncapi import described
from actors.mqtt.cursor import read_cursor
from bus import ReplayDriver, pause
from lts.config.file import read_system
from lts.live import bridged, keeper, storage_of
from lts.main import Extras, System
from tests.brokers import Subscriber, broker
from tests.descriptions import Description
from tests.systems import bitcoin

pytestmark = pytest.mark.requirement("LTS-003")

SYSTEM = f"""\
{bitcoin("scalp", "ann", cash="10000", quantity="0.5", lot_size="0.01", slow=20, repeat=False)}
[mqtt]
host = "127.0.0.1"
node = "here"
port = """
FILLS = "SELECT exec_id, price, quantity, fee FROM fills"


async def run(directory: Path, port: int) -> None:
    """Trade the day to its end, with the broker told of all of it before the node stops."""
    file = directory / "system.toml"
    file.write_text(f"{SYSTEM}{port}\n", encoding="utf-8")
    plan = read_system(file)
    storage = storage_of(plan, directory / "state")
    storage.state_dir.mkdir(exist_ok=True)
    storage.node_keys(create=True)
    system = System(plan, ReplayDriver(), Extras(to_the_end=True, keeper=keeper(plan, storage)))
    await system.start()
    try:
        await system.run()
        while not _told(directory):
            await pause(0.05)
        assert system.trouble() is None
    finally:
        await system.stop()


def _told(directory: Path) -> bool:
    state = directory / "state"
    with closing(sqlite3.connect(next(state.glob("*.db")))) as database:
        last: int
        (last,) = database.execute("SELECT max(seq) FROM audit_log").fetchone()
    return last <= (read_cursor(state / "mqtt.cursor", "here") or 0)


async def test_a_subscriber_hears_every_order_and_fill_that_the_database_has(tmp_path: Path) -> None:
    with broker(tmp_path) as found:
        subscriber = Subscriber(found.port, "lts/v1/here/#")
        await asyncio.wait_for(run(tmp_path, found.port), 50)
        await pause(0.5)
        heard = subscriber.all()
        subscriber.close()
    with closing(sqlite3.connect(next((tmp_path / "state").glob("*.db")))) as database:
        fills = database.execute(FILLS).fetchall()
    root = "lts/v1/here/portfolio/scalp"
    told = [each["body"]["fill"] for topic, each in heard if topic == f"{root}/fill"]
    assert len(fills) > 20
    assert _figures(told) == {row[0]: tuple(map(_exact, row[1:])) for row in fills}
    orders = [each for topic, each in heard if topic == f"{root}/order"]
    assert len({each["seq"] for each in orders}) == len(orders)
    assert [each["seq"] for each in orders] == sorted(each["seq"] for each in orders)
    bars = [each for topic, each in heard if topic == "lts/v1/here/market/BTC%2FUSD/bar"]
    assert bars
    bridge = read_system(tmp_path / "system.toml").mqtt
    assert bridge is not None
    description = Description(described(bridged(bridge), "1.0.0"))
    assert [wrong for each in heard for wrong in description.objections(*each)] == []
    assert {"online", "offline"} == {each["state"] for topic, each in heard if topic.endswith("/status")}


def _figures(fills: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        each["exec_id"]: tuple(Decimal(each[name]) for name in ("price", "quantity", "fee")) for each in fills
    }


def _exact(stored: Any) -> Decimal:
    return Decimal(stored)
