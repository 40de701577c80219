"""The books: what must hold between the rows, whoever wrote them."""

import json
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from math import inf
from typing import Any

import msgspec
from sqlalchemy import and_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from actors.persistence.findings import Findings
from actors.persistence.page import table_of
from actors.persistence.pages import PAGE
from actors.persistence.reader import adjustments
from actors.persistence.rows import FillRow, OrderConditionRow, OrderEventRow, PositionAdjustmentRow
from lts.domain.fills import Fill
from lts.domain.money import ONE, ZERO, plain, unrounded
from lts.domain.orders import Side
from lts.domain.positions import Position

_EVENTS, _FILLS = table_of(OrderEventRow), table_of(FillRow)
_ADJUSTMENTS, _CONDITIONS = table_of(PositionAdjustmentRow), table_of(OrderConditionRow)
_AMOUNTS = ("multiplier", "quantity", "cost", "realised", "fees")

Stored = Mapping[str, Any]
Place = tuple[Any, Any, Any]
"""A portfolio's id, an instrument, and the position there in an account that hedges."""


class Books:
    """Bookings sum to zero, orders are as filled as their fills, positions are the fold of their fills.

    The fold begins with the balance snapshot, where there is one. The ledger has each charge for
    financing, and no other.

    `watch` is shown every row, those of a booking one after the other; then `close` compares.
    """

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._booking: tuple[Any, Any] = (None, None)
        self._sums: dict[str, Decimal] = {}
        self._off: dict[str, Decimal] = {}
        """By order, the quantity said to be filled that no fill accounts for, while it is not zero."""
        self._financing: dict[tuple[Any, ...], Decimal] = {}
        """By portfolio, broker and id, what was charged and not booked, while it is not zero."""
        self._converted: dict[tuple[Any, str], list[Decimal]] = {}
        """What each booking has in the account `conversion`, by portfolio and booking."""
        self._rates: dict[tuple[Any, str], Decimal] = {}
        self._fills = 0
        self._held: dict[Place, Position] = {}
        self._archived: dict[Place, Position] = {}
        self._watchers: dict[str, Callable[[Stored], None]] = {
            "orders": unrounded(self._watch_order),
            "fills": unrounded(self._watch_fill),
            "positions": lambda row: self._watch_position(row, self._held),
            "balance_snapshots": self._watch_snapshot,
            "hedged_positions": lambda row: self._watch_position(row, self._held),
            "hedged_snapshots": self._watch_snapshot,
            "ledger_entries": unrounded(self._watch_posting),
            "financing_charges": unrounded(self._watch_charge),
            "conversion_rates": self._watch_rate,
        }

    def watch(self, name: str, row: Stored) -> None:
        """Take in a row of a table; what is no number there has another image, and was found by it."""
        watcher = self._watchers.get(name)
        if watcher:
            try:
                watcher(row)
            except (ArithmeticError, TypeError, ValueError):
                self._findings.add(f"{name} {[*row.values()][:3]} has an amount that is none")

    async def close(self, connection: AsyncConnection) -> None:
        """Compare what was gathered."""
        self._balance((None, None))
        for order_id, off in self._off.items():
            self._findings.add(f"orders {order_id}: filled and its fills differ by {plain(off)}")
        for charge, off in self._financing.items():
            self._findings.add(f"financing_charges {list(charge)}: it and its booking differ by {plain(off)}")
        self._compare_rates()
        await self._fold(connection)

    @unrounded
    def _compare_rates(self) -> None:
        """Compare what was converted with its rate; what many archived fills moved has none of its own."""
        for key in self._converted.keys() | self._rates.keys():
            rate, amounts = self._rates.get(key), self._converted.get(key, [])
            if rate is None:
                self._findings.add(f"the booking {key} was converted at no rate")
            elif len(amounts) == 2 and not key[1].startswith('["archived"'):  # noqa: PLR2004 - there and back
                one, other = amounts
                if one + rate * other and other + rate * one:
                    self._findings.add(f"the booking {key} was converted at another rate than {plain(rate)}")

    def _watch_rate(self, row: Stored) -> None:
        self._rates[row["portfolio_id"], row["booking"]] = Decimal(row["rate"])

    def _watch_order(self, row: Stored) -> None:
        self._fill(row["client_order_id"], Decimal(row["filled"]))

    def _watch_fill(self, row: Stored) -> None:
        self._fills += 1
        self._fill(row["client_order_id"], -Decimal(row["quantity"]))

    def _fill(self, order_id: str, quantity: Decimal) -> None:
        off = self._off.pop(order_id, ZERO) + quantity
        if off:
            self._off[order_id] = off

    def _watch_posting(self, row: Stored) -> None:
        booking = (row["portfolio_id"], row["booking"])
        if booking != self._booking:
            self._balance(booking)
        currency = row["currency"]
        self._sums[currency] = self._sums.get(currency, ZERO) + Decimal(row["amount"])
        if row["account"] == "conversion":
            self._converted.setdefault(booking, []).append(Decimal(row["amount"]))
        if row["account"] == "financing":
            _, broker, _, charge_id = json.loads(row["booking"])
            self._charge((row["portfolio_id"], broker, charge_id), Decimal(row["amount"]))

    def _watch_charge(self, row: Stored) -> None:
        self._charge((row["portfolio_id"], row["broker"], row["charge_id"]), Decimal(row["amount"]))

    def _charge(self, charge: tuple[Any, ...], amount: Decimal) -> None:
        off = self._financing.pop(charge, ZERO) + amount
        if off:
            self._financing[charge] = off

    def _balance(self, following: tuple[Any, Any]) -> None:
        for currency, left_over in self._sums.items():
            if left_over:
                self._findings.add(f"the booking {self._booking} is off by {plain(left_over)} {currency}")
        self._booking, self._sums = following, {}

    def _watch_snapshot(self, row: Stored) -> None:
        if row["fills"]:
            self._watch_position(row, self._archived)

    def _watch_position(self, row: Stored, among: dict[Place, Position]) -> None:
        amounts = {
            name: Decimal(row[name]) for name in ("multiplier", "quantity", "cost", "realised", "fees")
        }
        key = (row["portfolio_id"], row["instrument"], row.get("position_ref", ""))
        flat = Position(str(key[0]), key[1], round_trips=row["round_trips"], id=key[2])
        among[key] = msgspec.structs.replace(flat, **amounts)

    async def _fold(self, connection: AsyncConnection) -> None:
        """Fold all fills that are left, in the order in which they were journalled; compare the positions."""
        adjusted = await connection.execute(adjustments().order_by(_ADJUSTMENTS.c.seq))
        waiting = deque(adjusted)
        seq = _EVENTS.c.seq
        of_fill = and_(*(_EVENTS.c[name] == _FILLS.c[name] for name in ("client_order_id", "exec_id")))
        of_order = _CONDITIONS.c.client_order_id == _FILLS.c.client_order_id
        told = _EVENTS.join(_FILLS, of_fill).outerjoin(_CONDITIONS, of_order)
        query = select(seq, *_FILLS.columns, _CONDITIONS.c.position_ref).select_from(told)
        query = query.order_by(seq).limit(PAGE)
        folded = dict(self._archived)
        count = after = 0
        while True:
            page = (await connection.execute(query.where(seq > after))).all()
            self._fold_page(folded, page, waiting)
            count += len(page)
            if len(page) < PAGE:
                break
            after = page[-1][0]
        self._adjust(folded, waiting)
        if count != self._fills:
            self._findings.add(f"there are {self._fills} fills, and order events tell of {count}")
        for key in folded.keys() | self._held.keys():
            if folded.get(key) != self._held.get(key):
                table, own = ("hedged_positions", key) if key[2] else ("positions", key[:2])
                self._findings.add(f"{table} {[*own]} is not what its fills lead to")

    @unrounded
    def _fold_page(self, folded: dict[Place, Position], page: Sequence[Any], waiting: deque[Any]) -> None:
        for row in page:
            self._adjust(folded, waiting, row.seq)
            key = (row.portfolio_id, row.instrument, row.position_ref or "")
            folded[key] = self._before(folded, key).fold(_fill_of(row))

    @unrounded
    def _adjust(self, folded: dict[Place, Position], waiting: deque[Any], until: float = inf) -> None:
        """Fold the adjustments that were journalled before an order event."""
        while waiting and waiting[0].seq < until:
            row = waiting.popleft()
            key = (row.portfolio_id, row.instrument, row.position_ref or "")
            folded[key] = self._before(folded, key).adjust(row.quantity, row.price)

    def _before(self, folded: dict[Place, Position], key: Place) -> Position:
        held = self._held.get(key)
        return folded.get(key) or Position(str(key[0]), key[1], held.multiplier if held else ONE, id=key[2])


def _fill_of(row: Any) -> Fill:
    return Fill(
        portfolio=str(row.portfolio_id),
        instrument=row.instrument,
        broker=row.broker,
        client_order_id=row.client_order_id,
        exec_id=row.exec_id,
        side=Side(row.side),
        quantity=row.quantity,
        price=row.price,
        fee=row.fee,
        currency=row.currency,
        at=row.at,
    )
