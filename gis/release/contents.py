"""The content of a release before it is published: its features, and what is withheld for which reason."""

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gis.db.session import Session
from gis.model.fields import ASSUMED_PREFIX, Level, PositionSource
from gis.model.layer import Layer
from gis.model.query import select_sql
from gis.read import pages
from gis.read.selection import Selection
from gis.release.models import ReleasePart
from gis.release.snapshot import MAX_DECIMALS, RELEASE_LEVEL, snapshot_layer
from gis.text.errors import invalid
from gis.text.i18n import Text

WITHHELD_REASONS = {
    "level": Text("Không thuộc phạm vi cung cấp cho đối tác", "Its level is above partner"),
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
        "Shared without its address: counted from a feature with an assumed position",
    ),
}
"""Why a feature is withheld, or is released without its geometry or its address."""

MAX_LABELS = 20
"""The number of withheld features that are listed by label for each reason."""


@dataclass(frozen=True)
class PreparedPart:
    """One layer of a release: ``selection`` at level ``partner``, the released fields, the decimals of a degree.

    Raises ``Invalid`` for a field that cannot be released and for decimals out of range. ``decimals`` None releases
    no geometry; ``filter`` is the filter as it was entered, to be stored with the release.
    """

    selection: Selection
    fields: tuple[str, ...]
    decimals: int | None
    filter: Mapping[str, Any]

    def __post_init__(self) -> None:
        snapshot_fields = snapshot_layer(self.selection.layer).snapshot_fields
        allowed = [name for name in snapshot_fields if name not in ("release", "version")]
        for name in self.fields:
            if name not in allowed:
                names = ", ".join(allowed)
                raise invalid(
                    "fields",
                    "unknown_field",
                    f"Không chia sẻ được thuộc tính '{name[:60]}'. Được phép: {names}",
                    f"The property '{name[:60]}' cannot be shared. Allowed: {names}",
                )
        pages.validate_selection(self.selection)
        if self.decimals is not None and not 0 <= self.decimals <= MAX_DECIMALS:
            raise invalid(
                "decimals",
                "range",
                f"Số chữ số thập phân của độ: từ 0 đến {MAX_DECIMALS}",
                f"`decimals` must be from 0 to {MAX_DECIMALS} decimal places of a degree",
            )


@dataclass(frozen=True)
class FeatureContent:
    """One feature as a release contains it: its id, its content as JSON, and the SHA-256 of that content in hex."""

    id: uuid.UUID
    content: dict[str, Any]
    sha256: str


@dataclass(frozen=True)
class Withheld:
    """Features of a layer that are withheld, or released incompletely, for one reason of ``WITHHELD_REASONS``.

    ``number`` counts them all, ``labels`` lists the first ``MAX_LABELS``.
    """

    layer: str
    reason: str
    number: int
    labels: list[str]


def releasable_content(session: Session, part: PreparedPart) -> list[FeatureContent]:
    """The features of a part as they would be released now. ``session`` must act in the role of level ``partner``."""
    sql, values = pages.unpaged_sql(part.selection, "t.id")
    ids = select_sql("array_agg(selected.id)", f"({sql}) selected")
    return _content_of_features(session, part.selection.layer, f"({ids})", values, part.fields, part.decimals)


def submitted_content(
    session: Session, part: ReleasePart, layer: Layer, rows: Collection[uuid.UUID]
) -> list[FeatureContent]:
    """The submitted features of a part as they are now, so that their hashes show which changed since submission.

    ``session`` must act in the role of level ``partner``.
    """
    return _content_of_features(session, layer, "%(ids)s::uuid[]", {"ids": list(rows)}, part.fields, part.decimals)


def _content_of_features(  # noqa: PLR0917 - the arguments of one SQL function
    session: Session,
    layer: Layer,
    ids: str,
    values: Mapping[str, Any],
    fields: Sequence[str],
    decimals: int | None,
) -> list[FeatureContent]:
    """Call ``app.shared_<layer>`` (``snapshot.content_function``); ``ids`` is the SQL of an array of ids."""
    sql = select_sql(
        ["s.id", "s.content", "app.content_hash(s.content)"],
        f"app.shared_{layer.name}({ids}, %(fields)s::text[], %(decimals)s::integer) s",
    )
    with session.driver_connection().cursor() as cursor:
        cursor.execute(sql, {**values, "fields": list(fields), "decimals": decimals})
        return [FeatureContent(*row) for row in cursor.fetchall()]


def withheld(session: Session, selection: Selection, released: Sequence[FeatureContent]) -> list[Withheld]:
    """The features of a selection that ``released`` lacks or contains incompletely, by reason.

    ``session`` and ``selection`` have the clearance of the person who prepares the release, so that features above
    level ``partner`` are counted too.
    """
    layer, contents = selection.layer, {feature.id: feature.content for feature in released}
    columns = (
        f"t.id, ({layer.label_sql})::text, t.level::text, t.position_source, t.geom is not null,"
        f" coalesce(t.address like '{ASSUMED_PREFIX}%%', false)"
    )
    sql, values = pages.unpaged_sql(selection, columns)
    labels: dict[str, list[str]] = {reason: [] for reason in WITHHELD_REASONS}
    with session.driver_connection(selection.as_of).cursor() as cursor:
        cursor.execute(sql, values)
        for row in cursor:
            for reason in _reasons_withheld(contents.get(row[0]), *row[2:]):
                labels[reason].append(row[1] or "")
    return [Withheld(layer.name, reason, len(names), names[:MAX_LABELS]) for reason, names in labels.items() if names]


def _reasons_withheld(
    content: Mapping[str, Any] | None, level: str, source: str, has_geometry: bool, has_assumed_address: bool
) -> list[str]:
    """The keys of ``WITHHELD_REASONS`` that apply to a feature; ``content`` is None if it is not released at all."""
    if content is None:
        if not RELEASE_LEVEL.may_read(Level(level)):
            return ["level"]
        return ["assumed" if source == PositionSource.ASSUMED.value else "hidden"]
    reasons = []
    if source == PositionSource.ASSUMED.value:
        reasons.append("position_assumed")
    elif has_geometry and "geometry" not in content:
        reasons.append("position_unvouched")
    elif has_assumed_address:
        reasons.append("address_assumed")
    return reasons
