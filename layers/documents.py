"""Documents (văn bản): plans, decisions, resolutions, treaties, by number, issuer and date.

A draft has no number yet, an official letter has no type code, and numbering starts again every year: a number is
unique only together with its issuer and year (Decree 30/2020/NĐ-CP).
"""

import datetime as dt
import re
import unicodedata
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped

from gis.db import Session
from gis.model import GREY, CodeList, Display, Mark, field, geometry
from gis.text import invalid
from gis.write import create_command, store_new, store_update, update_command
from layers.groups import Group
from layers.secrecy import Unclassified

DOCUMENT_NUMBER = re.compile(
    r"(?P<no>\d{1,6})(?:/(?P<year>\d{4}))?(?P<sep>[-/])(?P<symbol>[0-9A-ZĐa-zđ.&-]+(?:/[0-9A-ZĐa-zđ.&-]+)?)"
)
"""The official forms of a number: ``1200/QĐ-TTg``, ``48/UBND-NC``, ``112/2014/NĐ-CP``, ``34-NQ/TW``."""


class DocumentKind(CodeList):
    """The type of a document."""

    PLAN = "plan", ("Kế hoạch", "Plan")
    DECISION = "decision", ("Quyết định", "Decision")
    RESOLUTION = "resolution", ("Nghị quyết", "Resolution")
    NOTICE = "notice", ("Thông báo", "Notice")
    DISPATCH = "dispatch", ("Công văn", "Official letter")
    INSTRUCTION = "instruction", ("Chỉ thị", "Instruction")
    SUBMISSION = "submission", ("Tờ trình", "Submission")
    REPORT = "report", ("Báo cáo", "Report")
    RECORD = "record", ("Biên bản", "Record")
    NOTE = "note", ("Công hàm", "Diplomatic note")
    LAW = "law", ("Luật", "Law")
    DECREE = "decree", ("Nghị định", "Decree")
    CIRCULAR = "circular", ("Thông tư", "Circular")
    CONSOLIDATION = "consolidation", ("Văn bản hợp nhất", "Consolidated text")
    TREATY = "treaty", ("Hiệp ước", "Treaty")
    AGREEMENT = "agreement", ("Hiệp định", "Agreement")
    PROTOCOL = "protocol", ("Nghị định thư", "Protocol")
    OTHER = "other", ("Khác", "Other")


class Document(
    Unclassified,
    layer="documents",
    title=("Văn bản", "Documents"),
    order=("-issued_on", "number", "title"),
    time="issued_on",
    label_sql="coalesce(number, title)",
    has_geometry=False,
    display=Display(
        label="{number} · {title}",
        singular=("văn bản", "document"),
        under=("issuer", "issued_on"),
        columns=("title", "number", "kind", "issuer", "issued_on", "holder"),
        filters=("kind", "issuer"),
        mark=Mark("document", GREY),
        group=Group.REGISTER,
        rank=105,
        link_role="document",
        named_by="number",
    ),
):
    """A document that work is based on (văn bản). Of a state secret only number and date may be recorded."""

    indexes = (
        Index(
            "uq_documents_number",
            "number",
            "issuer",
            text("extract(year from issued_on)"),
            unique=True,
            postgresql_where=text("number is not null and retired_at is null"),
        ),
    )

    number: Mapped[str | None] = field("Số, ký hiệu", "Number", max_length=60)
    issuer: Mapped[str | None] = field("Cơ quan ban hành", "Issuer", max_length=200, register="units")
    issued_on: Mapped[dt.date | None] = field("Ngày ban hành", "Issued on")
    in_force_on: Mapped[dt.date | None] = field("Ngày có hiệu lực", "In force on")
    kind: Mapped[DocumentKind] = field("Loại văn bản", "Kind")
    title: Mapped[str] = field("Trích yếu", "Title", max_length=500)
    holder: Mapped[str | None] = field("Nơi lưu giữ", "Kept at", max_length=200)
    note: Mapped[str | None] = field("Ghi chú", "Note")
    geom: Mapped[Any] = geometry("GEOMETRY")


@create_command(Document)
def register(session: Session, values: Mapping[str, Any]) -> Document:
    """Register a document. Raises ``Invalid`` if its number has none of the official forms."""
    return store_new(session, Document, _with_normalized_number(values))


@update_command(Document)
def correct(session: Session, document: Document, values: Mapping[str, Any]) -> None:
    """Correct a document. Raises ``Invalid`` if its number has none of the official forms."""
    store_update(session, Document.layer, document, _with_normalized_number(values))


def _with_normalized_number(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values with the number without blanks, in NFC. Raises ``Invalid`` if it has none of the official forms."""
    number = values.get("number")
    if not number:
        return {**values, **({"number": None} if "number" in values else {})}
    plain = unicodedata.normalize("NFC", re.sub(r"\s+", "", number))
    if not DOCUMENT_NUMBER.fullmatch(plain):
        raise invalid(
            "number",
            "document_number",
            f"'{number}' không phải số văn bản, ví dụ 1200/QĐ-TTg, 48/UBND-NC, 112/2014/NĐ-CP",
            f"'{number}' is not a document number such as 1200/QĐ-TTg, 48/UBND-NC or 112/2014/NĐ-CP",
        )
    return {**values, "number": plain}
