"""The audit as it is asked for: what was done to which row, by whom; and whether all of it is whole."""

import msgspec

from bus.message import Event, Request
from lts.domain.listings import FEW, NotListed


class AuditEntry(msgspec.Struct, frozen=True):
    """What was done to one row."""

    seq: int
    """Gapless, in the order of the commits."""
    at: int
    """System time, in UTC nanoseconds."""
    who: str
    cause: int
    """The number of the input that led to it; 0 if none did."""
    action: str
    """`insert`, `update`, `delete`; `read`: was given out; `checkpoint`, `note`: the audit's own."""
    entity: str
    """The table."""
    row_key: str
    """The values of the primary key, as a JSON list."""
    before: str | None
    """The row as JSON; secrets by their digest alone."""
    after: str | None


class AuditListed(Event):
    """What was done, the latest first.

    A page may be shorter than was wanted, even empty, and still have a `next`: so far nothing was found.
    """

    entries: tuple[AuditEntry, ...]
    last: int
    """The number of the latest entry that there is, whether or not it was wanted."""
    next: str = ""


class ListAudit(Request[AuditListed | NotListed]):
    """Asks what was done; whoever gives the answer out has a `RecordRead` performed before."""

    entity: str = ""
    who: str = ""
    action: str = ""
    since: int | None = None
    """System time: UTC nanoseconds."""
    until: int | None = None
    """What was done before it."""
    after: str = ""
    limit: int = FEW


class AuditVerified(Event):
    """What a verification of all that is stored has found."""

    ok: bool
    rows: int
    """Entries of the audit, all of which were proved."""
    seals: int
    sealed_through: int
    """The last entry that is sealed: whatever is before it cannot be cut off."""
    dropped_through: int
    """The last entry that a retention has dropped."""
    findings: tuple[str, ...]
    """What is wrong, in sentences: the first of them."""
    found: int
    """How many there are."""


class AuditNotVerified(Event):
    """It could not be verified, for this reason."""

    reason: str


class VerifyAudit(Request[AuditVerified | AuditNotVerified]):
    """Has all that is stored verified, beside everything else; it takes about a minute a million entries."""
