"""Statistics: samples as they are taken, and what is rolled up from them."""

from actors.persistence.rows import StatisticRow
from actors.persistence.unit import Unit
from lts.domain.units import KeepSamples


async def keep_samples(unit: Unit, command: KeepSamples) -> None:
    """Keep one sample of each series; a sample of the same instant takes the place of the first."""
    for series, value in command.values.items():
        await unit.session.merge(_sample(series, 0, command.at, value))


def _sample(series: str, resolution: int, at: int, value: float) -> StatisticRow:
    return StatisticRow(
        series=series,
        resolution=resolution,
        at=at,
        samples=1,
        first=value,
        lowest=value,
        highest=value,
        last=value,
        total=value,
    )
