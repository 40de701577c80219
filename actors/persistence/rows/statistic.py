"""Statistics: measurements of the system and of its trading, at falling resolutions."""

from sqlalchemy import BigInteger, Float, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from actors.persistence.rows.audit_rule import Exempt
from actors.persistence.rows.checks import at_least
from actors.persistence.rows.row import Row


class StatisticRow(Row, kw_only=True):
    """What a series measured within one interval; floats, for they are statistics."""

    __tablename__ = "statistics"
    __table_args__ = (
        at_least("resolution", 0),
        at_least("samples", 1),
        {"info": {"audit": Exempt("measurements, thinned out with age; the books do not rest on them")}},
    )

    series: Mapped[str] = mapped_column(String(160), primary_key=True)
    resolution: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    """The seconds of the interval; 0 is one sample as it was taken."""
    at: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    samples: Mapped[int] = mapped_column(Integer)
    first: Mapped[float] = mapped_column(Float)
    lowest: Mapped[float] = mapped_column(Float)
    highest: Mapped[float] = mapped_column(Float)
    last: Mapped[float] = mapped_column(Float)
    total: Mapped[float] = mapped_column(Float)
