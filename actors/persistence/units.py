"""Units of work: typed commands that are carried out together, by the repositories of their nouns."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from actors.persistence.flushes import audit_flushes
from actors.persistence.repositories.access import (
    drop_api_keys,
    drop_nonces,
    drop_sessions,
    mark_use,
    note_refusals,
    put_api_key,
    put_login,
    put_session,
    spend_nonce,
)
from actors.persistence.repositories.billing import record_charge
from actors.persistence.repositories.instruments import put_instrument
from actors.persistence.repositories.portfolios import put_portfolio
from actors.persistence.repositories.reads import record_read
from actors.persistence.repositories.roll_up import roll_up
from actors.persistence.repositories.statistics import keep_samples
from actors.persistence.repositories.users import put_user
from actors.persistence.unit import Unit
from actors.persistence.work import Batch, Work
from lts.domain.credentials import (
    DropApiKeys,
    DropNonces,
    DropSessions,
    MarkUse,
    NoteRefusals,
    PutApiKey,
    PutLogin,
    PutSession,
    SpendNonce,
)
from lts.domain.units import (
    KeepSamples,
    PutInstrument,
    PutPortfolio,
    PutUser,
    RecordCharge,
    RecordRead,
    RollUp,
)
from lts.security.seal import SealingKeys

_BY_COMMAND: dict[type, Callable[[Unit, Any], Awaitable[None]]] = {
    PutInstrument: put_instrument,
    PutUser: put_user,
    PutPortfolio: put_portfolio,
    RecordCharge: record_charge,
    KeepSamples: keep_samples,
    RollUp: roll_up,
    RecordRead: record_read,
    PutLogin: put_login,
    PutSession: put_session,
    DropSessions: drop_sessions,
    PutApiKey: put_api_key,
    DropApiKeys: drop_api_keys,
    MarkUse: mark_use,
    SpendNonce: spend_nonce,
    DropNonces: drop_nonces,
    NoteRefusals: note_refusals,
}


class Units:
    """The scribe of units: each has a session of its own, within the transaction of its batch."""

    def __init__(self, keys: Callable[[], SealingKeys]) -> None:
        self._keys = keys

    async def write(self, batch: Batch, works: Sequence[Work]) -> None:
        """Carry out the commands of each unit, in order."""
        for work in works:
            async with AsyncSession(
                await batch.sent(), expire_on_commit=False, join_transaction_mode="rollback_only"
            ) as session:
                audit_flushes(session.sync_session, batch.trail, work.who, work.cause)
                unit = Unit(session, batch, self._keys(), work.who, work.cause)
                for command in work.content:
                    await _BY_COMMAND[type(command)](unit, command)
                    await session.flush()
                await session.commit()

    def settle(self) -> None:
        """Remember nothing: what sessions knew is gone with them."""

    def forget(self) -> None:
        """Forget nothing, for the same reason."""
