"""What a batch writes to one table: its rows, each with the audit row that tells of it."""

from typing import Any

from sqlalchemy import Table, bindparam

from actors.persistence.images import image_of, row_key_of
from actors.persistence.insertion import Stored
from actors.persistence.rows import Row
from actors.persistence.work import Batch, Work


def table_of(row_class: type[Row]) -> Table:
    """Return the table of a row class, for Core statements."""
    table = row_class.__table__
    assert isinstance(table, Table)  # noqa: S101 - no row here is mapped to a join
    return table


class Form:
    """A table as Core statements write it: compiled once."""

    def __init__(self, row_class: type[Row]) -> None:
        self.table = table_of(row_class)
        self.name = str(self.table.name)
        self.image = image_of(self.table)
        self.row_key = row_key_of(self.table)
        own = [column.name for column in self.table.primary_key]
        same_row = [self.table.c[name] == bindparam(f"this_{name}") for name in own]
        others: dict[str, Any] = {
            column.name: bindparam(f"new_{column.name}") for column in self.table.c if column.name not in own
        }
        self.change = self.table.update().where(*same_row).values(others)
        self.removal = self.table.delete().where(*same_row)
        self._names = {
            name: f"this_{name}" if name in own else f"new_{name}"
            for name in (column.name for column in self.table.columns)
        }

    def bound(self, row: Stored) -> dict[str, Any]:
        """Return a row as the parameters of `change` and `removal`."""
        return {self._names[column]: value for column, value in row.items()}


class Page:
    """The rows of one table that are to be deleted, inserted or changed, in one statement each."""

    __slots__ = ("_batch", "_changed", "_form", "_gone", "_new")

    def __init__(self, form: Form, batch: Batch) -> None:
        self._form = form
        self._batch = batch
        self._gone: list[Stored] = []
        self._new: list[Stored] = []
        self._changed: dict[str, Stored] = {}

    def insert(self, row: Stored, work: Work) -> None:
        """Have a row inserted."""
        form = self._form
        self._new.append(row)
        image, key = form.image(row), form.row_key(row)
        self._batch.trail.note("insert", form.name, key, None, image, work.who, work.cause)

    def change(self, before: Stored, after: Stored, work: Work) -> None:
        """Have a row changed; the last change of a batch is the one that is written."""
        form = self._form
        key = form.row_key(after)
        self._changed[key] = after
        images = form.image(before), form.image(after)
        self._batch.trail.note("update", form.name, key, *images, work.who, work.cause)

    def delete(self, row: Stored, work: Work) -> None:
        """Have a row deleted; another one with its key may then be inserted."""
        form = self._form
        self._gone.append(row)
        self._batch.trail.note(
            "delete", form.name, form.row_key(row), form.image(row), None, work.who, work.cause
        )

    async def write(self) -> None:
        """Send the statements."""
        form, batch = self._form, self._batch
        await batch.change(form.removal, [form.bound(row) for row in self._gone])
        await batch.insert(form.table, self._new)
        await batch.change(form.change, [form.bound(row) for row in self._changed.values()])
