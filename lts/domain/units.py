"""Units of work: typed commands that change what is stored, all together or not at all."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any

import msgspec

from bus.message import Event, Request
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
from lts.domain.market import Instrument
from lts.domain.request_mark import RequestMark


class PutInstrument(msgspec.Struct, frozen=True, tag=True):
    """Make an instrument known, or give it other rules."""

    instrument: Instrument


class PutUser(msgspec.Struct, frozen=True, tag=True):
    """Make a user known, without a login."""

    name: str


class AssetSettings(msgspec.Struct, frozen=True):
    """One instrument in a portfolio: who decides about it, with what parameters, and who executes."""

    instrument: str
    broker: str
    strategy: str
    params: Mapping[str, Any] = {}
    name: str = ""
    """What tells it from others of the instrument in an account that hedges; empty where they are netted."""
    protection: Mapping[str, Any] | None = None
    """Kept only of a portfolio that was made at run time, as are the fields below."""
    active: bool = True


class PutPortfolio(msgspec.Struct, frozen=True, tag=True):
    """Open a portfolio with its cash, or give one that is open other settings.

    Owner, currency and cash apply when it is opened. For one that is open already, another owner
    or currency is refused, and the cash is left as it has become.

    One that the node's file describes has revision 0. One that is made at run time begins with 1 and has to
    be new then; each later revision has to be the next one, so that nobody writes over what he has not seen.
    """

    name: str
    owner: str
    currency: str
    cash: Decimal
    plugin: str
    params: Mapping[str, Any] = {}
    assets: tuple[AssetSettings, ...] = ()
    pipeline: str = "default"
    pipeline_params: Mapping[str, Any] = {}
    active: bool = True
    revision: int = 0
    request: RequestMark | None = None
    """The mark of the command that opens it, which is kept with it."""


class RecordCharge(msgspec.Struct, frozen=True, tag=True):
    """Bill a user, once under each reference; a charge that was made already stands."""

    user: str
    kind: str
    reference: str
    amount: Decimal
    currency: str
    at: int
    portfolio: str | None = None


class KeepSamples(msgspec.Struct, frozen=True, tag=True):
    """Keep one sample of each of several series, taken at one instant.

    A sample of an instant that has one already takes its place, unless that one is rolled up.
    """

    at: int
    """UTC nanoseconds of market time."""
    values: Mapping[str, float]


class RollUp(msgspec.Struct, frozen=True, tag=True):
    """Count samples that were taken before an instant in their minutes, hours and days, oldest first.

    One unit counts up to `lts.domain.statistics.AT_ONCE` samples of one hour. When none is left to be
    counted, it drops counted samples that are older than a day by then, and minutes older than 30 days.
    """

    before: int
    """UTC nanoseconds of market time."""


class RecordRead(msgspec.Struct, frozen=True, tag=True, forbid_unknown_fields=True):
    """Record that secrets, another user's data or an export of everything are about to be read.

    Whoever gives them out does so after `Performed`: what cannot be recorded is not given out. Who reads
    is the one in whose name the unit is performed.
    """

    subject: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    """The table, or what else is read: `database` is all that is stored."""
    why: str
    """What for, and where it goes."""
    key: tuple[str | int, ...] = ()
    """The primary key of the one row that is read; empty: all of it."""


Command = (
    PutInstrument
    | PutUser
    | PutPortfolio
    | RecordCharge
    | KeepSamples
    | RollUp
    | RecordRead
    | PutLogin
    | PutSession
    | DropSessions
    | PutApiKey
    | DropApiKeys
    | MarkUse
    | SpendNonce
    | DropNonces
    | NoteRefusals
)


class Performed(Event):
    """All commands of the unit are on disk."""


class NotPerformed(Event):
    """None of the unit's commands was carried out, for this reason."""

    reason: str


class Perform(Request[Performed | NotPerformed]):
    """Commands a unit of work, in the name of somebody: a user, or an actor of the system."""

    commands: tuple[Command, ...]
    who: str
