"""What was journalled, read from the audit: it has each fact once, numbered in the order of the commits.

What belongs together was written together, in one transaction: a fill stands right behind the event of its
order, the venue's terms too, and so on. So an event is made of an entry and those around it, whatever became
of the tables since.
"""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from actors.persistence.listings.facts import Entries, Fact, told
from actors.persistence.listings.keyset import room
from actors.persistence.listings.names import portfolio_names, portfolios_named
from actors.persistence.page import table_of
from actors.persistence.rows import AuditRow
from lts.domain.event_listings import WIRE, EventsGone, EventsListed, JournalledEvent, ListEvents

_LOG = table_of(AuditRow)
_SEQ = _LOG.c.seq
_COLUMNS = [_LOG.c[name] for name in ("seq", "at", "who", "action", "entity", "after")]
AT_ONCE = 1_000
"""Entries that are read by one statement."""
STATEMENTS = 20
"""Of which an answer takes so many, at most."""
AROUND = 40
"""Entries within which all stands that belongs to one event."""
_LAST = 2**63 - 1


async def list_events(connection: AsyncConnection, wanted: ListEvents) -> EventsListed | EventsGone:
    """Return the events behind a number, as far as they were looked for."""
    limit = room(wanted.limit)
    first, last = [await connection.scalar(select(end(_SEQ))) or 0 for end in (func.min, func.max)]
    after = last if wanted.after is None else wanted.after
    if after > last:
        return EventsGone(last, f"nothing has the number {after} yet: was a backup restored?")
    if after < first - 1:
        return EventsGone(first - 1, f"what was journalled up to {first - 1} is not kept any more")
    portfolios = await portfolios_named(connection, wanted.portfolios)
    scopes = None if wanted.scopes is None else frozenset(wanted.scopes)
    found: list[tuple[Any, Fact]] = []
    for _ in range(STATEMENTS):
        if after >= last or len(found) > limit:
            break
        through = min(after + AT_ONCE, last)
        rows = await _entries(connection, after, through)
        seen = _visible(rows, after, through, portfolios, scopes)
        found += islice(seen, limit + 1 - len(found))
        after = through
    if len(found) > limit:
        del found[limit:]
        after = found[-1][0].seq
    events = await _named(connection, found, portfolios)
    return EventsListed(events, after, last)


async def _entries(connection: AsyncConnection, after: int, through: int) -> Entries:
    """Return the entries of an interval, with those around it that may belong to them."""
    within = after - AROUND < _SEQ, min(through, _LAST - AROUND) + AROUND >= _SEQ
    rows = await connection.execute(select(*_COLUMNS).where(*within))
    return {row.seq: row for row in rows}


def _visible(
    entries: Entries,
    after: int,
    through: int,
    portfolios: Mapping[int, str] | None,
    scopes: frozenset[str] | None,
) -> Iterator[tuple[Any, Fact]]:
    """Yield what may be seen of an interval, each with its entry."""
    names = None if portfolios is None else frozenset(portfolios.values())
    for seq in range(after + 1, through + 1):
        entry = entries.get(seq)
        fact = None if entry is None else told(entry, entries)
        if fact is None:
            continue
        if fact.portfolio_id is not None:
            seen = portfolios is None or fact.portfolio_id in portfolios
        else:
            kind, _, name = fact.scope.partition(":")
            ours = names if kind == "portfolio" else scopes
            seen = ours is None or (name if kind == "portfolio" else fact.scope) in ours
        if seen:
            yield entry, fact


async def _named(
    connection: AsyncConnection, found: list[tuple[Any, Fact]], portfolios: Mapping[int, str] | None
) -> tuple[JournalledEvent, ...]:
    known = portfolios
    if known is None:
        ids = {fact.portfolio_id for _, fact in found if fact.portfolio_id is not None}
        known = await portfolio_names(connection, ids)
    return tuple(_event(entry, fact, known) for entry, fact in found)


def _event(entry: Any, fact: Fact, names: Mapping[int, str]) -> JournalledEvent:
    if fact.portfolio_id is None:
        kind, _, name = fact.scope.partition(":")
        portfolio = name if kind == "portfolio" else ""
    else:
        portfolio = names[fact.portfolio_id]
    described = WIRE.describe(fact.message(portfolio))
    return JournalledEvent(entry.seq, entry.at, portfolio, described["type"], described["body"])
