"""A whole system that trades at a venue in another process, on its prices, and goes on after a stop."""

import asyncio
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from lts.config.file import read_system
from lts.live import keeper, storage_of
from lts.main import Extras, System, driver_for
from lts.refusal import Refused
from tests.venues.process import VenueProcess

pytestmark = pytest.mark.requirement("INT-4.5")

STRATEGY = '''
from lts.sdk import Params, Quote, Strategy, on


class AtOnce(Strategy[Params]):
    """Wants in at every price: until the account is ready, that is denied."""

    @on
    def watch(self, quote: Quote) -> None:
        self.signal(1, because="there is a price")
'''
MANIFEST = """
kind = "strategy"
name = "at_once"
version = "0.1.0"
entry = "plugin:AtOnce"
requires-lts = ">=1.0,<2"
"""
SYSTEM = """
[plugins]
directories = ["plugins"]

[[instrument]]
symbol = "EUR/USD"
currency = "USD"
tick_size = "0.00001"
lot_size = "1"

[[feed]]
plugin = "oanda"
instrument = "EUR/USD"
params = {{ {access}, bar = "1m" }}

[[broker]]
name = "oanda"
plugin = "oanda"
params = {{ {access} }}

[[portfolio]]
name = "mine"
owner = "me"
currency = "USD"
cash = "100000"
plugin = "fixed_quantity"
params = {{ quantity = "1000" }}

  [[portfolio.asset]]
  instrument = "EUR/USD"
  broker = "oanda"
  strategy = "at_once"
  {more}
"""


@pytest.fixture
def venue(venue_of: Callable[..., VenueProcess]) -> VenueProcess:
    return venue_of("--walk", "3")


@pytest.fixture
def system_file(venue: VenueProcess, token_file: Path, tmp_path: Path) -> Path:
    return written(venue, token_file, tmp_path)


def written(
    venue: VenueProcess, token_file: Path, tmp_path: Path, more: str = "", code: str = STRATEGY
) -> Path:
    """Write a system that trades at a venue; its asset can have more settings, and another strategy."""
    strategy = tmp_path / "plugins/strategy/at_once"
    strategy.mkdir(parents=True)
    (strategy / "plugin.py").write_text(code, encoding="utf-8")
    (strategy / "plugin.toml").write_text(MANIFEST, encoding="utf-8")
    access = {"account": venue.account, "url": venue.url, "stream_url": venue.url, "token_file": token_file}
    file = tmp_path / "system.toml"
    file.write_text(
        SYSTEM.format(access=", ".join(f'{k} = "{v}"' for k, v in access.items()), more=more),
        encoding="utf-8",
    )
    return file


async def traded(
    file: Path, done: Callable[[], Any], booked: Callable[[Any], bool] = lambda _: True
) -> tuple[Any, Any]:
    """Run a system until something is so at the venue, and in its books; return its accounts and orders."""
    plan = read_system(file)
    driver = driver_for(plan, 1.0)
    system = System(plan, driver, Extras(keeper=keeper(plan, storage_of(plan, None))))
    await system.start()
    running = asyncio.ensure_future(system.run())
    try:
        async with asyncio.timeout(20):
            while (  # noqa: ASYNC110
                not done()
                or not booked((await system.accounts())[0])
                or any(each.status.is_open for each in await system.records())
            ):
                await asyncio.sleep(0.05)  # noqa: TID251 - real time, as the venue's
        return await system.accounts(), [each for each in await system.records() if each.fills]
    finally:
        driver.stop()
        await running
        await system.stop()


async def test_it_trades_there_and_its_books_are_the_venues(venue: VenueProcess, system_file: Path) -> None:
    (account,), (record,) = await traded(system_file, lambda: venue.book()["fills"])
    (fill,) = venue.book()["fills"]
    (position,) = account.positions
    assert (position.instrument, position.quantity) == ("EUR/USD", Decimal(1000))
    assert (position.average_price, record.fills[0].exec_id) == (Decimal(fill["price"]), fill["id"])
    asked = venue.book()["counters"]["requests"]
    again, records = await traded(system_file, lambda: venue.book()["counters"]["requests"] >= asked + 4)
    assert len(records) == len(venue.book()["fills"]) == 1
    assert again[0].positions == account.positions


async def test_a_night_is_in_the_books_once_whatever_is_repeated(
    venue: VenueProcess, system_file: Path
) -> None:
    def charged() -> bool:
        if venue.book()["fills"] and not told:
            told.append(venue.finance("-0.0365")["charged"])
            venue.faults({"kind": "disconnect"})
        return bool(told) and venue.book()["counters"]["requests"] >= asked + 4

    told: list[dict[str, Any]] = []
    asked = 0
    (first,), _ = await traded(system_file, charged)
    assert first.financing == Decimal(told[0]["financing"]) < 0
    assert first.cash == first.capital + first.financing - first.positions[0].cost
    asked = venue.book()["counters"]["requests"]
    (again,), _ = await traded(system_file, charged)
    assert (again.cash, again.financing, again.positions) == (first.cash, first.financing, first.positions)
    told.append(venue.finance("-0.0365")["charged"])
    asked = venue.book()["counters"]["requests"]
    both = sum(Decimal(each["financing"]) for each in told)
    (last,), _ = await traded(system_file, charged, lambda account: account.financing <= both)
    assert last.financing == both


async def test_it_is_no_backtest(system_file: Path) -> None:
    plan = read_system(system_file)
    system = System(plan, driver_for(plan, None), Extras(to_the_end=True))
    with pytest.raises(Refused, match="never ends"):
        await system.start()


async def test_what_holding_costs_and_brings_is_in_the_books_once_also_after_a_restart(
    venue: VenueProcess, system_file: Path
) -> None:
    told: list[dict[str, Any]] = []

    def paid() -> bool:
        if venue.book()["fills"] and not told:
            told.append(venue.dividend("EUR_USD", "0.002"))
            told.append(venue.finance("-0.0365")["charged"])
        return bool(told)

    def is_booked(account: Any) -> bool:
        return bool(told) and account.financing == Decimal(2) + Decimal(told[1]["financing"])

    await traded(system_file, paid, is_booked)
    (account,), _ = await traded(system_file, lambda: True)
    assert is_booked(account)
