"""What a release would hold: features, fields, and what is withheld with the reason."""

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from gis.model.fields import ASSUMED_PREFIX, Level, PositionSource
from gis.model.layer import Layer
from gis.read import execution, pages
from gis.read.selection import Selection
from gis.release.models import (
    ReleasePart,
)
from gis.release.snapshot import MAX_DECIMALS, RELEASE_LEVEL, snapshot_layer
from gis.text.errors import invalid
from gis.text.i18n import Text

WITHHELD_REASONS = {
    "level": Text("Không thuộc phạm vi cung cấp cho đối tác", "Outside what may be given to partners"),
    "assumed": Text("Vị trí giả định: không thuộc phạm vi lọc", "Assumed position: outside the filter"),
    "hidden": Text("Chỉ khớp bộ lọc theo dữ liệu nội bộ", "Matches the filter by internal data only"),
    "position_assumed": Text(
        "Cung cấp không kèm vị trí: vị trí giả định", "Shared without its position: an assumed position"
    ),
    "position_unvouched": Text(
        "Cung cấp không kèm vị trí: chưa nêu giá trị pháp lý, hoặc hình quá nhỏ so với độ chính xác đã chọn",
        "Shared without its position: no legal status stated, or too small for the chosen precision",
    ),
    "address_assumed": Text(
        "Cung cấp không kèm lý trình: tính từ mốc có vị trí giả định",
        "Shared without its address: counted from a marker with an assumed position",
    ),
}
"""Why something stays, or goes without its place."""

MAX_LABELS = 20
"""How many of the features that stay are named for each reason."""


@dataclass(frozen=True)
class PreparedPart:
    """What of a layer goes, ready to be read: ``selection`` with a partner's eyes, the fields, the decimals."""

    selection: Selection
    fields: tuple[str, ...]
    decimals: int | None
    filter: Mapping[str, Any]

    def __post_init__(self) -> None:
        known = snapshot_layer(self.selection.layer).snapshot_fields
        for name in self.fields:
            if name not in known or name in ("release", "version"):
                words = ", ".join(one for one in known if one not in ("release", "version"))
                raise invalid(
                    "fields",
                    "unknown_field",
                    f"Không chia sẻ được thuộc tính '{name[:60]}'. Có: {words}",
                    f"The property '{name[:60]}' cannot be shared. There are: {words}",
                )
        pages.validate_selection(self.selection)
        if self.decimals is not None and not 0 <= self.decimals <= MAX_DECIMALS:
            raise invalid(
                "decimals",
                "range",
                f"Số chữ số thập phân của độ: từ 0 đến {MAX_DECIMALS}",
                f"Decimal places of a degree: from 0 to {MAX_DECIMALS}",
            )


@dataclass(frozen=True)
class FeatureContent:
    """One feature as it would go: its id, its content word for word, and the hash of that."""

    id: uuid.UUID
    content: dict[str, Any]
    sha256: str


@dataclass(frozen=True)
class Withheld:
    """What stays, or goes without its place: how many of a layer, why, and the first of them by name."""

    layer: str
    reason: str
    number: int
    labels: list[str]


def releasable_content(session: Session, part: PreparedPart) -> list[FeatureContent]:
    """What would go now. ``session`` is one with a partner's eyes."""
    sql, values = pages.unpaged_sql(part.selection, "t.id")
    ids = f"(select array_agg(found.id) from ({sql}) found)"
    return _content_of_features(session, part.selection.layer, ids, values, part.fields, part.decimals)


def submitted_content(
    session: Session, part: ReleasePart, layer: Layer, rows: Collection[uuid.UUID]
) -> list[FeatureContent]:
    """The submitted features of a part as they are now: whoever looks compares the hashes. With a partner's eyes."""
    return _content_of_features(session, layer, "%(ids)s::uuid[]", {"ids": list(rows)}, part.fields, part.decimals)


def _content_of_features(  # noqa: PLR0917 - what a content is made from
    session: Session,
    layer: Layer,
    ids: str,
    values: Mapping[str, Any],
    fields: Sequence[str],
    decimals: int | None,
) -> list[FeatureContent]:
    sql = (
        f"select s.id, s.content, app.content_hash(s.content) from app.shared_{layer.name}({ids},"
        " %(fields)s::text[], %(decimals)s::integer) s"
    )
    with execution.driver_connection(session).cursor() as cursor:
        cursor.execute(sql, {**values, "fields": list(fields), "decimals": decimals})
        return [FeatureContent(*row) for row in cursor.fetchall()]


def withheld(session: Session, selection: Selection, released: Sequence[FeatureContent]) -> list[Withheld]:
    """What of the same selection stays, by reason. ``session`` and ``whole`` are those of whoever prepares it."""
    layer, contents = selection.layer, {one.id: one.content for one in released}
    shown = (
        f"t.id, ({layer.label_sql})::text, t.level::text, t.position_source, t.geom is not null,"
        f" coalesce(t.address like '{ASSUMED_PREFIX}%%', false)"
    )
    sql, values = pages.unpaged_sql(selection, shown)
    found: dict[str, list[str]] = {reason: [] for reason in WITHHELD_REASONS}
    with execution.driver_connection(session).cursor() as cursor:
        cursor.execute(sql, values)
        for row in cursor:
            for reason in _reasons_withheld(contents.get(row[0]), *row[2:]):
                found[reason].append(row[1] or "")
    return [Withheld(layer.name, reason, len(names), names[:MAX_LABELS]) for reason, names in found.items() if names]


def _reasons_withheld(
    content: Mapping[str, Any] | None, level: str, source: str, placed: bool, doubtful: bool
) -> list[str]:
    if content is None:
        if not RELEASE_LEVEL.may_read(Level(level)):
            return ["level"]
        return ["assumed" if source == PositionSource.ASSUMED.value else "hidden"]
    reasons = []
    if source == PositionSource.ASSUMED.value:
        reasons.append("position_assumed")
    elif placed and "geometry" not in content:
        reasons.append("position_unvouched")
    elif doubtful:
        reasons.append("address_assumed")
    return reasons
