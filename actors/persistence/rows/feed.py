"""Feed progress: how far each feed has come, so that it resumes where it was."""

from sqlalchemy import BigInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from actors.persistence.rows.audit_rule import Exempt
from actors.persistence.rows.checks import at_least
from actors.persistence.rows.row import Row


class FeedProgressRow(Row, kw_only=True):
    """How many moments of a source are behind us."""

    __tablename__ = "feed_progress"
    __table_args__ = (
        at_least("moments", 0),
        {"info": {"audit": Exempt("a place to resume at, written all the time; no money depends on it")}},
    )

    source: Mapped[str] = mapped_column(String(160), primary_key=True)
    moments: Mapped[int] = mapped_column(BigInteger)
    at: Mapped[int] = mapped_column(BigInteger)
