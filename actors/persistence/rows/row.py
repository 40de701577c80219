"""A row: what all tables have in common."""

from decimal import Decimal
from typing import ClassVar

from sqlalchemy import MetaData, Table
from sqlalchemy.orm import DeclarativeBase, MappedAsDataclass

from actors.persistence.columns import Exact

NAMES = {
    "pk": "pk_%(table_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
}
"""How constraints and indexes are called, so that a migration can name them and an error tells of them."""


class Row(MappedAsDataclass, DeclarativeBase, eq=False, repr=False):
    """One row of a table, made with keywords; it never leaves this package.

    Rows have no relationships: whatever belongs together is fetched by one query a table and
    joined by the repositories, so nothing is loaded behind anybody's back.
    """

    __table__: ClassVar[Table]
    metadata = MetaData(naming_convention=NAMES)
    type_annotation_map = {Decimal: Exact()}  # noqa: RUF012  # read once, by the declarative class
