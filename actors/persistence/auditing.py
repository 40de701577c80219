"""The audit trail: numbers and authenticates an audit row for each row that a batch changes."""

from typing import Any

from actors.persistence.images import canonical
from actors.persistence.keyring import DataKeys
from actors.persistence.seals import Sealer

SEALS = "audit_seal"
"""The entity of notes that name a seal."""


class AuditTrail:
    """The audit rows of the batch that is being written.

    Their numbers become final with the commit; a batch that fails gives them back, so there are
    never any gaps. The first row after each seal notes the seal: whoever takes a seal away, and the
    head file with it, would have to take away all that was audited since.

    Args:
        keys: what rows are authenticated with.
        sealer: is handed the MACs of rows that are committed, and knows the last number.
    """

    __slots__ = ("_at", "_key_id", "_keys", "_mac", "_noted", "_owes", "_sealer", "_seq", "rows")

    def __init__(self, keys: DataKeys, sealer: Sealer) -> None:
        self.rows: list[dict[str, Any]] = []
        """What is to be inserted into `audit_log` in the same transaction."""
        self._keys = keys
        self._sealer = sealer
        self._noted = 0
        self.begin(0)

    @property
    def last_seq(self) -> int:
        """The number of the last row, of those that are not committed too."""
        return self._seq

    def begin(self, at: int) -> None:
        """Begin a batch, at this system time (UTC nanoseconds)."""
        key = self._keys.mac
        self._key_id, self._mac = key.id, key.mac
        self._at = at
        self._owes = self._sealer.number != self._noted
        self._seq = self._sealer.last_seq
        self.rows = []

    def note(  # noqa: PLR0913, PLR0917 - these are the columns, and keywords would cost a tenth
        self,
        action: str,
        entity: str,
        row_key: str,
        before: str | None,
        after: str | None,
        who: str,
        cause: int,
    ) -> None:
        """Add the audit row of one change: from this image to that one, by whom, because of what."""
        if self._owes:
            self._note_seal()
        self._seq = seq = self._seq + 1
        at, key_id = self._at, self._key_id
        fields = (seq, at, who, cause, action, entity, row_key, before, after, key_id)
        self.rows.append(
            {
                "seq": seq,
                "at": at,
                "who": who,
                "cause": cause,
                "action": action,
                "entity": entity,
                "row_key": row_key,
                "before": before,
                "after": after,
                "key_id": key_id,
                "mac": self._mac(canonical(fields)),
            }
        )

    def commit(self) -> None:
        """Take note that the batch is committed: its numbers are final, and its rows can be sealed."""
        if self.rows:
            self._noted = self._sealer.number
            self._sealer.add([row["mac"] for row in self.rows])
            self.rows = []

    def rollback(self) -> None:
        """Take note that nothing of the batch was committed: its numbers will be given again."""
        self.rows = []
        self._seq = self._sealer.last_seq

    def _note_seal(self) -> None:
        self._owes = False
        named = canonical({"hash": self._sealer.hash.hex()}).decode()
        self.note("note", SEALS, f"[{self._sealer.number}]", None, named, "persistence", 0)
