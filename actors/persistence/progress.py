"""How far each feed has come, with all that its moments caused: where it resumes."""

from collections.abc import Sequence

from sqlalchemy import bindparam

from actors.persistence.cache import RowCache
from actors.persistence.insertion import Stored
from actors.persistence.page import table_of
from actors.persistence.rows import FeedProgressRow
from actors.persistence.work import Batch, Work
from lts.domain.journal import ProgressRecalled

_TABLE = table_of(FeedProgressRow)
_MOVE = (
    _TABLE.update()
    .where(_TABLE.c.source == bindparam("this_source"))
    .values(moments=bindparam("new_moments"), at=bindparam("new_at"))
)


class Progress:
    """The scribe of feed progress: of what a batch has of one feed, the last counts."""

    def __init__(self) -> None:
        self._known = RowCache(_TABLE, "source")

    async def write(self, batch: Batch, works: Sequence[Work]) -> None:
        """Write the last of each source."""
        last: dict[str, Stored] = {}
        for work in works:
            last |= work.content
        await self._known.fetch(batch.connection, last)
        await batch.insert(_TABLE, [row for source, row in last.items() if self._known.get(source) is None])
        moved = [row for source, row in last.items() if self._known.get(source) is not None]
        await batch.execute(
            _MOVE,
            [
                {"this_source": row["source"], "new_moments": row["moments"], "new_at": row["at"]}
                for row in moved
            ],
        )
        for row in last.values():
            self._known.stage(row)

    def settle(self) -> None:
        """Take note that it is committed."""
        self._known.settle()

    def forget(self) -> None:
        """Take note that it was not."""
        self._known.forget()


class Odometer:
    """Counts the moments of each feed as they begin: when one begins, all before it are done.

    A replayed feed plays its next moment only when all is handled that the last one caused, and what
    that left to be written stands in the lane before the news of this one.
    """

    def __init__(self, done: dict[str, Stored]) -> None:
        self._at_start = dict(done)
        self._done = done
        self._begun: Stored | None = None

    def done_at_start(self, source: str) -> ProgressRecalled:
        """Return how far a feed had come when the node began."""
        row = self._at_start.get(source)
        return ProgressRecalled() if row is None else ProgressRecalled(row["moments"], row["at"])

    def begin(self, source: str, at: int) -> dict[str, Stored]:
        """Take note that a moment of a feed begins; return what is done by that, by source."""
        done = self.finish()
        before = self._done.get(source)
        count = 1 if before is None else before["moments"] + 1
        self._begun = {"source": source, "moments": count, "at": at}
        return done

    def finish(self) -> dict[str, Stored]:
        """Take note that the last moment that began is done; return it by source."""
        row, self._begun = self._begun, None
        if row is None:
            return {}
        self._done[row["source"]] = row
        return {row["source"]: row}
