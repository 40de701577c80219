"""Losses: what they are measured from."""

from sqlalchemy import BigInteger, Float, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from actors.persistence.rows.audit_rule import Exempt
from actors.persistence.rows.row import Row


class LossMarksRow(Row, kw_only=True):
    """`lts.domain.loss_marks.LossMarks` of a scope, the last ones."""

    __tablename__ = "loss_marks"
    __table_args__ = (
        {
            "info": {
                "audit": Exempt(
                    "a measurement, written all the time; the trading states it leads to are audited"
                )
            }
        },
    )

    scope: Mapped[str] = mapped_column(String(128), primary_key=True)
    peak: Mapped[float | None] = mapped_column(Float, default=None)
    opening: Mapped[float] = mapped_column(Float)
    since: Mapped[int] = mapped_column(BigInteger)
    fell: Mapped[str] = mapped_column(Text)
    at: Mapped[int] = mapped_column(BigInteger)
