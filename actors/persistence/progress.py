"""Places to resume at: how far each feed has come with all that its moments caused, and each venue."""

from collections.abc import Sequence

from actors.persistence.cache import RowCache
from actors.persistence.insertion import Stored
from actors.persistence.page import Form
from actors.persistence.rows import Row
from actors.persistence.work import Batch, Work
from lts.domain.journal import ProgressRecalled


class Places:
    """The scribe of a table of places, which is not audited: of what a batch has of one, the last counts."""

    def __init__(self, row_class: type[Row]) -> None:
        self._form = Form(row_class)
        [key] = self._form.table.primary_key
        self._known = RowCache(self._form.table, key.name)

    async def write(self, batch: Batch, works: Sequence[Work]) -> None:
        """Write the last of each."""
        form = self._form
        last: dict[str, Stored] = {}
        for work in works:
            last |= work.content
        await self._known.fetch(batch, last)
        await batch.insert(form.table, [row for key, row in last.items() if self._known.get(key) is None])
        moved = [form.bound(row) for key, row in last.items() if self._known.get(key) is not None]
        await batch.change(form.change, moved)
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
