"""The balance of archived orders: what stands for the fills of a position that have left the tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import and_, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from actors.persistence.forms import (
    EVENTS,
    HEDGED,
    LEDGER,
    ORDERS,
    POSITIONS,
    RATES,
    booking_id,
    position_row,
    posting_rows,
)
from actors.persistence.insertion import Stored
from actors.persistence.page import Form, table_of
from actors.persistence.readings import position_of
from actors.persistence.rows import BalanceSnapshotRow, HedgedSnapshotRow, InstrumentRow
from lts.domain.fills import Fill
from lts.domain.ledger import Posting
from lts.domain.money import ZERO, unrounded
from lts.domain.portfolio import archived, brought_forward
from lts.domain.positions import Position

if TYPE_CHECKING:
    from actors.persistence.archival import Step

SNAPSHOTS, HEDGED_SNAPSHOTS = Form(BalanceSnapshotRow), Form(HedgedSnapshotRow)
_POSITIONS, _SNAPSHOTS = POSITIONS.table, SNAPSHOTS.table
_HEDGED, _HEDGED_SNAPSHOTS = HEDGED.table, HEDGED_SNAPSHOTS.table
_INSTRUMENTS = table_of(InstrumentRow)

Gone = Mapping[Form, Sequence[Any]]
"""The rows that leave, by table."""


class Balance(msgspec.Struct, frozen=True):
    """What stands for the archived fills of a position: its row, and its booking with the last rate."""

    form: Any
    before: Stored | None
    after: Stored
    booking: str
    lines: list[Stored]
    rate: Decimal | None
    """None if nothing was converted."""


async def stand_for(
    connection: AsyncConnection,
    step: Step,
    position: str,
    fills: Sequence[Fill],
    gone: Gone,
) -> Balance:
    """Return what stands for the fills of a step in one position, and for those that went before."""
    before = await stored_snapshot(connection, step.portfolio_id, step.instrument, position)
    held = _fold(await _begin(connection, step, before, position), fills)
    if position:
        form, after = HEDGED_SNAPSHOTS, _hedged_row(step, held, before, fills, gone)
    else:
        form, after = SNAPSHOTS, _snapshot_row(step, held, before, fills, gone)
    booking, *booked = bookings_of(step, position, fills)
    rates = {row.booking: row.rate for row in gone[RATES]}
    own = {booking, *booked}
    moved = _moved(held, step, (line for line in gone[LEDGER] if line.booking in own))
    lines = posting_rows(step.portfolio_id, booking, moved, after["at"])
    return Balance(form, before, after, booking, lines, rates.get(booked[-1] if booked else booking))


def bookings_of(step: Step, position: str, fills: Iterable[Fill]) -> list[str]:
    """Return the bookings of a position: what stands for archived fills, and those of a step."""
    whole = archived(Position(step.portfolio, step.instrument, id=position))
    return [booking_id(whole), *(booking_id(fill.uid) for fill in fills)]


async def stored_snapshot(
    connection: AsyncConnection, portfolio_id: int, instrument: str, position: str = ""
) -> Stored | None:
    """Return the row that stands for archived fills of a position; of the netted one by default."""
    table = _HEDGED_SNAPSHOTS if position else _SNAPSHOTS
    query = select(table).where(table.c.portfolio_id == portfolio_id, table.c.instrument == instrument)
    if position:
        query = query.where(table.c.position_ref == position)
    row = (await connection.execute(query)).mappings().first()
    return dict(row) if row else None


async def _begin(connection: AsyncConnection, step: Step, before: Stored | None, position: str) -> Position:
    """Return a position before a step."""
    if before and before["fills"]:
        return position_of(step.portfolio, before)
    table = _HEDGED if position else _POSITIONS
    own = [
        table.c.portfolio_id == step.portfolio_id,
        *([table.c.position_ref == position] if position else []),
    ]
    held = and_(table.c.instrument == _INSTRUMENTS.c.symbol, *own)
    query = select(func.coalesce(table.c.multiplier, _INSTRUMENTS.c.multiplier))
    query = query.join_from(_INSTRUMENTS, table, held, isouter=True)
    found = await connection.scalars(query.where(_INSTRUMENTS.c.symbol == step.instrument))
    return Position(step.portfolio, step.instrument, found.one(), id=position)


def _hedged_row(
    step: Step,
    position: Position,
    before: Stored | None,
    fills: Sequence[Fill],
    gone: Gone,
) -> Stored:
    was, orders = before or {"fills": 0, "at": 0}, {fill.client_order_id for fill in fills}
    at = max(was["at"], *(event.at for event in gone[EVENTS] if event.client_order_id in orders))
    return position_row(position, step.portfolio_id, at) | {"fills": was["fills"] + len(fills)}


def _snapshot_row(
    step: Step,
    position: Position,
    before: Stored | None,
    fills: Sequence[Fill],
    gone: Gone,
) -> Stored:
    was = before or {"orders": 0, "fills": 0, "last_seq": 0, "at": 0}
    at = max(was["at"], *(event.at for event in gone[EVENTS]))
    return position_row(position, step.portfolio_id, at) | {
        "broker": step.broker,
        "orders": was["orders"] + len(gone[ORDERS]),
        "fills": was["fills"] + len(fills),
        "last_seq": max(was["last_seq"], *(event.seq for event in gone[EVENTS])),
    }


@unrounded
def _fold(position: Position, fills: Iterable[Fill]) -> Position:
    for fill in fills:
        position = position.fold(fill)
    return position


@unrounded
def _moved(position: Position, step: Step, lines: Iterable[Any]) -> tuple[Posting, ...]:
    """Return what all archived fills moved: what they converted is what their bookings say."""
    converted: Decimal | None = None
    if step.priced_in != step.currency:
        converted = sum((line.amount for line in lines if line.account == "cash"), ZERO)
    return brought_forward(position, step.priced_in, step.currency, converted)
