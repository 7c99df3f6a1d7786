"""The procedure of repairing markers with a neighbour (quy trình sửa mốc với phía bạn), stored as rows per border.

The Vietnam–China practice (biengioilanhtho.gov.vn 845738, 25/12/2019): the side that finds damage notifies the other
at once, both confirm it, the responsible side gives notice at least ten days before it repairs at the old position, a
representative of the other side is present, a bilingual record is signed, and photographs and remeasured coordinates
close the file. Each row of the register names its source.
"""

import datetime as dt
from dataclasses import dataclass

from sqlalchemy import Boolean, Integer, Text as SqlText, select
from sqlalchemy.orm import Mapped, mapped_column

from gis.db import Session
from gis.model import CodeListType, Level, UnjournalledRecord
from layers.border import Border

NOTICE_STEP = "notice"
"""The code of the step that notifies the neighbour a number of days before work begins."""


class ProcedureStep(UnjournalledRecord, table="procedure_steps", read_level=Level.INTERNAL):
    """A step of a border's procedure for repairing markers."""

    border: Mapped[Border] = mapped_column(CodeListType(Border), primary_key=True)
    ordinal: Mapped[int] = mapped_column(Integer, primary_key=True)
    code: Mapped[str] = mapped_column(SqlText)
    title_vi: Mapped[str] = mapped_column(SqlText)
    title_en: Mapped[str] = mapped_column(SqlText)
    by: Mapped[str] = mapped_column(SqlText)
    always: Mapped[bool] = mapped_column(Boolean)
    notice_days: Mapped[int | None] = mapped_column(Integer)
    source: Mapped[str] = mapped_column(SqlText)


@dataclass(frozen=True)
class Procedure:
    """The procedure of one border: the steps that always apply."""

    border: Border
    steps: tuple[ProcedureStep, ...]

    @property
    def notice(self) -> ProcedureStep | None:
        """The step of notice, or None if the procedure has none."""
        return next((step for step in self.steps if step.code == NOTICE_STEP), None)

    def earliest_start(self, notified_on: dt.date) -> dt.date:
        """The first day on which work may begin after a notice on that day."""
        days = self.notice.notice_days if self.notice and self.notice.notice_days else 0
        return notified_on + dt.timedelta(days=days)


def procedure_of(session: Session, border: Border | None) -> Procedure | None:
    """The procedure of a border; None without a border."""
    if border is None:
        return None
    steps = session.scalars(select(ProcedureStep).filter_by(border=border, always=True).order_by(ProcedureStep.ordinal))
    return Procedure(border, tuple(steps))
