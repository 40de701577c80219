"""Water marks: each is told once on the way up, and relief once on the way down."""

import asyncio
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus import Actor, Pressure, Supervision, WaterMarks, pause
from bus.cell import Cell
from bus.pressure import PressureGauge

pytestmark = pytest.mark.requirement("INT-8.2", "INT-004")

MARKS = WaterMarks(low=2, high=5, hard=8)


def cell_of(name: str) -> Cell:
    return Cell(name, 0, Actor(), Supervision())


@given(st.lists(st.booleans(), max_size=200))
def test_each_mark_is_told_once_each_way(script: list[bool]) -> None:
    told: list[Any] = []
    gauge, cell, depth = PressureGauge(MARKS, told.append), cell_of("busy"), 0
    for more in script:
        if more:
            depth += 1
            if depth >= MARKS.high:
                gauge.rose(cell, depth)
        elif depth:
            depth -= 1
            if cell.pressed:
                gauge.fell(cell, depth)
        levels = [event.pressure for event in told]
        last = levels[-1] if levels else Pressure.NORMAL
        assert all(this is not that for this, that in pairwise(levels))
        assert gauge.high == cell.pressed == (last is not Pressure.NORMAL)
        assert not (depth <= MARKS.low and last is not Pressure.NORMAL)
        assert not (depth >= MARKS.high and last is Pressure.NORMAL)
        assert not (depth >= MARKS.hard and last is not Pressure.HARD)
    assert [event.depth for event in told if event.pressure is Pressure.HARD] == [
        MARKS.hard for event in told if event.pressure is Pressure.HARD
    ]


async def test_there_is_room_when_the_last_pressed_mailbox_is_relieved() -> None:
    gauge = PressureGauge(MARKS, lambda _: None)
    first, second = cell_of("first"), cell_of("second")
    await gauge.room()
    gauge.rose(first, 5)
    gauge.rose(second, 5)
    waiting = asyncio.create_task(gauge.room())
    for cell, roomy in ((first, False), (second, True)):
        gauge.fell(cell, 2)
        await pause(0)
        await pause(0)
        assert waiting.done() is roomy


async def test_whoever_gave_up_waiting_for_room_is_not_waited_for() -> None:
    gauge, cell = PressureGauge(MARKS, lambda _: None), cell_of("busy")
    gauge.rose(cell, 5)
    impatient, patient = asyncio.create_task(gauge.room()), asyncio.create_task(gauge.room())
    await pause(0)
    impatient.cancel()
    await pause(0)
    gauge.fell(cell, 0)
    await patient
    assert impatient.cancelled()
