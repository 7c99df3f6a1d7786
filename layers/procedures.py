"""The neighbour's repair procedure (quy trình sửa mốc với phía bạn): a profile per border, kept as data.

What the Vietnam–China practice asks (biengioilanhtho.gov.vn 845738, 25/12/2019): whoever finds damage notifies the
other side at once, both confirm, the responsible side gives notice at least ten days before it repairs at the old
position, the other side's representative is present, a bilingual record is signed, photographs and remeasured
coordinates close the file. The rows of each border stand in the register, each with its source.
"""

import datetime as dt
from dataclasses import dataclass

from sqlalchemy import Boolean, Integer, Text as SqlText, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from gis.model import CodeListType, Level, UnjournalledRecord
from layers.border import Border

NOTICE_STEP = "notice"
"""The step that the dates hang on: how many days before the work the neighbour is told."""


class ProcedureStep(UnjournalledRecord, table="procedure_steps", read_level=Level.INTERNAL):
    """One step that the practice with a neighbour asks for when a marker is repaired."""

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
class Profile:
    """What one neighbour's procedure asks: the steps that always apply, and the notice."""

    border: Border
    steps: tuple[ProcedureStep, ...]

    @property
    def notice(self) -> ProcedureStep | None:
        """The step of notice, or None where the neighbour asks for none."""
        return next((step for step in self.steps if step.code == NOTICE_STEP), None)

    def earliest_start(self, notified_on: dt.date) -> dt.date:
        """The first day on which work may begin after a notice given on that day."""
        days = self.notice.notice_days if self.notice and self.notice.notice_days else 0
        return notified_on + dt.timedelta(days=days)


def profile_of(session: Session, border: Border | None) -> Profile | None:
    """The procedure of a border; None where no border is known."""
    if border is None:
        return None
    steps = session.scalars(select(ProcedureStep).filter_by(border=border, always=True).order_by(ProcedureStep.ordinal))
    return Profile(border, tuple(steps))
