"""Audit rules: whether changes to a table leave audit rows, and if not, why not."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Audited:
    """Each insert, update and delete leaves an audit row in the same transaction."""


@dataclass(frozen=True)
class Exempt:
    """Changes leave no audit row, for a reason."""

    reason: str


AUDITED = Audited()

AuditRule = Audited | Exempt
"""What `table.info["audit"]` holds."""
