"""The lister: answers whoever wants to see what is stored, beside all that is written."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from actors.persistence import inspection
from actors.persistence.listings.audit import list_audit
from actors.persistence.listings.events import list_events
from actors.persistence.listings.fills import list_fills
from actors.persistence.listings.keyset import Unlistable
from actors.persistence.listings.ledger import list_deposits, list_ledger
from actors.persistence.listings.orders import get_order, list_orders
from actors.persistence.listings.orders import list_events as list_order_events
from actors.persistence.listings.positions import list_positions
from actors.persistence.listings.register import list_charges, list_instruments, list_series
from actors.persistence.storage import Storage
from actors.persistence.troubles import sentence
from bus import Actor, Later, on
from lts.domain.audit import AuditNotVerified, AuditVerified, ListAudit, VerifyAudit
from lts.domain.billing import ListCharges
from lts.domain.book_listings import ListDeposits, ListLedger, ListPositions
from lts.domain.event_listings import ListEvents
from lts.domain.instrument_listings import ListInstruments
from lts.domain.listings import NotListed
from lts.domain.order_listings import GetOrder, ListFills, ListOrderEvents, ListOrders
from lts.domain.statistics import ListSeries
from lts.refusal import Refused

log = structlog.get_logger("persistence")

READERS = 3
"""Listings at once: of the connections, some are left for those who are born again."""

Listing = (
    ListOrders
    | GetOrder
    | ListOrderEvents
    | ListFills
    | ListPositions
    | ListLedger
    | ListDeposits
    | ListEvents
    | ListAudit
    | ListCharges
    | ListSeries
    | ListInstruments
)

_LISTS: Mapping[type[Any], Callable[..., Awaitable[Any]]] = {
    ListOrders: list_orders,
    GetOrder: get_order,
    ListOrderEvents: list_order_events,
    ListFills: list_fills,
    ListPositions: list_positions,
    ListLedger: list_ledger,
    ListDeposits: list_deposits,
    ListEvents: list_events,
    ListAudit: list_audit,
    ListCharges: list_charges,
    ListSeries: list_series,
    ListInstruments: list_instruments,
}


class Lister(Actor[Storage]):
    """The part of persistence that lists what is stored.

    It answers what is committed. Neither market time nor what is written waits for it.
    """

    engine: AsyncEngine

    def begin_listing(self) -> None:
        """Be ready to list, as soon as there is an engine."""
        self._seats = asyncio.Semaphore(READERS)
        self.verifying = False

    @on
    def list_stored(self, wanted: Listing) -> Later[Any]:
        """Answer with a page."""
        later = self.later(holds=False)
        self.background(self._list(wanted, later))
        return later

    @on
    def verify(self, _: VerifyAudit) -> Later[AuditVerified | AuditNotVerified]:
        """Have all that is stored verified in a thread of its own, by an engine of its own."""
        later = self.later(holds=False)
        if self.verifying:
            later.answer(AuditNotVerified("it is being verified already"))
        else:
            self.verifying = True
            self.background(self._verify(later))
        return later

    async def _list(self, wanted: Listing, later: Later[Any]) -> None:
        try:
            async with self._seats, self.engine.connect() as connection:
                later.answer(await _LISTS[type(wanted)](connection, wanted))
        except Unlistable as error:
            later.answer(NotListed(str(error)))
        except Exception as error:
            if not isinstance(error, SQLAlchemyError | OSError):
                log.exception("a question could not be answered")
            later.fail(sentence(error, self.engine.url))

    async def _verify(self, later: Later[AuditVerified | AuditNotVerified]) -> None:
        try:
            report = await asyncio.to_thread(asyncio.run, inspection.prove(self.params))
        except Refused as reason:
            later.answer(AuditNotVerified(str(reason)))
        else:
            proved = report.rows, report.seals, report.sealed_through, report.dropped_through
            later.answer(AuditVerified(report.ok, *proved, report.findings, report.found))
        finally:
            self.verifying = False
