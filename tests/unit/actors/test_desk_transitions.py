"""Every report in every situation, at the desk: what is illegal changes nothing."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal

import pytest

from bus import Message
from lts.domain.order_flow import (
    CancelOrder,
    ExecType,
    ExecutionReport,
    JournalOrder,
    OrderChanged,
    OrderFilled,
)
from lts.domain.order_record import OrderRecord
from lts.domain.order_status import OrderStatus
from lts.domain.orders import Terms
from tests.desks import ID, ORDER, DeskBench, alarms, approved, desk, fill, modification, report, statuses

pytestmark = pytest.mark.requirement("INT-4.5", "INT-002", "LTS-003")

ACCEPTED = report(ExecType.ACCEPTED, venue_order_id="v1")
SAID: dict[str, tuple[Message, ...]] = {
    "initialized": (),
    "submitted": (),
    "accepted": (ACCEPTED,),
    "triggered": (ACCEPTED, report(ExecType.TRIGGERED)),
    "partly": (fill("a", 4),),
    "updating": (ACCEPTED, modification()),
    "updating-triggered": (ACCEPTED, report(ExecType.TRIGGERED), modification()),
    "updating-partly": (fill("a", 4), modification()),
    "cancelling-unanswered": (CancelOrder(ID),),
    "cancelling": (ACCEPTED, CancelOrder(ID)),
    "cancelling-triggered": (ACCEPTED, report(ExecType.TRIGGERED), CancelOrder(ID)),
    "cancelling-partly": (fill("a", 4), CancelOrder(ID)),
    "unknown": (report(ExecType.UNKNOWN),),
    "unknown-partly": (fill("a", 4), modification(), report(ExecType.UNKNOWN)),
    "unknown-unwanted": (ACCEPTED, CancelOrder(ID), report(ExecType.UNKNOWN)),
    "filled": (fill("a", 4), fill("b", 6)),
    "canceled": (report(ExecType.CANCELED),),
    "canceled-partly": (fill("a", 4), report(ExecType.CANCELED)),
    "expired": (report(ExecType.EXPIRED),),
    "rejected": (report(ExecType.REJECTED),),
}
"""What is said to a desk that has placed an order, so that the order comes to stand there."""

TABLE = """
                       ACCEPTED REJECTED TRIGGERED CANCELED EXPIRED UPDATED UPDATE_REJECTED CANCEL_REJECTED UNKNOWN ABSENT FILLED
initialized            X        X        X         X        X       X       -               -               -       X      X
submitted              A        J        A,T       C        E       t       -               -               U       J      P
accepted               -        J        T         C        E       t       -               -               -       J      P
triggered              -        X        -         C        E       t       -               -               -       X      P
partly                 t        X        -         C        E       t       -               -               -       X      P
updating               -        X        T,pu      C        E       A       A               -               U       X      P,pu
updating-triggered     -        X        -         C        E       T       T               -               U       X      P,pu
updating-partly        t        X        -         C        E       P       P               -               U       X      P,pu
cancelling-unanswered  A,pc     S,J      T,pc      C        E       t       -               S               U       S,J    P,pc
cancelling             -        A,J      T,pc      C        E       t       -               A               U       A,J    P,pc
cancelling-triggered   -        X        -         C        E       t       -               T               U       X      P,pc
cancelling-partly      t        X        -         C        E       t       -               P               U       X      P,pc
unknown                A        J        T         C        E       A       -               -               -       J      P
unknown-partly         P        J        -         C        E       P       -               -               -       J      P
unknown-unwanted       A,pc     J        T,pc      C        E       A,pc    -               -               -       J      P,pc
filled                 X        X        -         X        X       -       -               -               -       X      F!
canceled               X        X        X         -        X       -       -               -               -       X      C!
canceled-partly        X        X        -         -        X       -       -               -               -       X      C!
expired                X        X        X         X        -       -       -               -               -       X      E!
rejected               X        -        X         X        X       -       -               -               -       -      J!
"""  # noqa: E501 - a row of the table is a line
STATES = {
    "S": OrderStatus.SUBMITTED,
    "A": OrderStatus.ACCEPTED,
    "T": OrderStatus.TRIGGERED,
    "P": OrderStatus.PARTIALLY_FILLED,
    "F": OrderStatus.FILLED,
    "C": OrderStatus.CANCELED,
    "E": OrderStatus.EXPIRED,
    "J": OrderStatus.REJECTED,
    "U": OrderStatus.UNKNOWN,
    "pu": OrderStatus.PENDING_UPDATE,
    "pc": OrderStatus.PENDING_CANCEL,
}
"""-: nothing. X: it cannot be, and nothing changes. t: its terms or its id alone are told. !: a late fill."""
KINDS, *ROWS = (line.split() for line in TABLE.strip().splitlines())
CASES = [
    (situation, ExecType[kind], then)
    for situation, *cells in ROWS
    for kind, then in zip(KINDS, cells, strict=True)
]
WIDER = Terms(Decimal(12))


@asynccontextmanager
async def scene(situation: str) -> AsyncIterator[DeskBench]:
    """A desk whose order has come to stand in a situation."""
    async with desk() as bench:
        if situation == "initialized":
            bench.answers[JournalOrder] = None
        await bench.hear(approved(), *SAID[situation])
        yield bench


def look_of(record: OrderRecord) -> dict[str, object]:
    """All that a record holds."""
    return {name: getattr(record, name) for name in ("status", "fills", "filled", "terms", "venue_ids")} | {
        "history": list(record.history)
    }


def test_the_table_is_complete() -> None:
    assert {ExecType[kind] for kind in KINDS} == set(ExecType)
    assert {situation for situation, *_ in ROWS} == SAID.keys()


@pytest.mark.parametrize(("situation", "kind", "then"), CASES)
async def test_a_report_leads_where_the_table_says(situation: str, kind: ExecType, then: str) -> None:
    async with scene(situation) as bench:
        record = bench.actor.records[ID]
        was, before, letters = look_of(record), statuses(bench), len(bench.dead_letters)
        assert alarms(bench) == []
        said = venue_says(kind)
        await bench.hear(said)
        told = statuses(bench)[len(before) :]
        if then == "X":
            assert (told, look_of(record)) == ([], was), "nothing was changed"
            assert len(alarms(bench)) == 1
            (letter,) = bench.dead_letters[letters:]
            assert letter.message == said
        elif then == "-":
            assert (told, look_of(record)) == ([], was), "nothing was changed"
        elif then == "t":
            assert told == [record.status] == [was["status"]]
            assert record.terms == (said.terms or ORDER.terms)
            assert record.venue_ids[-1] == said.venue_order_id
        elif then.endswith("!"):
            assert told == [STATES[then[0]]]
            assert len(alarms(bench)) == 1, "it is booked and alarmed"
            assert record.fills[-1].exec_id == "z"
        else:
            assert told == [STATES[each] for each in then.split(",")]
            assert record.status is told[-1]
            assert (record.terms == WIDER) is (kind is ExecType.UPDATED)
        if then != "X":
            assert bench.dead_letters[letters:] == []
        if then != "X" and not then.endswith("!"):
            assert alarms(bench) == []
        assert bench.state == "running"


@pytest.mark.parametrize(("situation", "kind", "then"), CASES)
async def test_a_report_that_comes_twice_changes_nothing_more(
    situation: str, kind: ExecType, then: str
) -> None:
    """Unless it undoes what was wished since, or cannot be and so is alarmed again."""
    async with scene(situation) as bench:
        said = venue_says(kind)
        await bench.hear(said)
        record = bench.actor.records[ID]
        was, told, alarmed = look_of(record), statuses(bench), len(alarms(bench))
        await bench.hear(said)
        assert (look_of(record), statuses(bench)) == (was, told)
        assert (len(alarms(bench)) > alarmed) is (then == "X")


@pytest.mark.parametrize(("situation", "kind", "then"), CASES)
async def test_what_was_told_adds_up_to_the_record(situation: str, kind: ExecType, then: str) -> None:  # noqa: ARG001 - whatever it leads to
    async with scene(situation) as bench:
        await bench.hear(venue_says(kind))
        folded = OrderRecord(ORDER)
        for each in bench.said:
            if isinstance(each, OrderChanged):
                folded.follow(each)
            elif isinstance(each, OrderFilled):
                folded.book(each.fill)
        assert look_of(folded) == look_of(bench.actor.records[ID])


def venue_says(kind: ExecType) -> ExecutionReport:
    """A report with all that one of its kind carries."""
    if kind is ExecType.FILLED:
        return fill("z", 2)
    if kind is ExecType.UPDATED:
        return report(kind, terms=WIDER, venue_order_id="v2")
    return ACCEPTED if kind is ExecType.ACCEPTED else report(kind)
