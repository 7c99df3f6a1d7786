"""ESRI Shapefile, with its limits and the README that says what they cost."""

import zipfile
from collections import Counter
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from gis.files.formats import Export
from gis.files.gdal import OutputLayer, lists_as_text, output_layers, write_with_gdal
from gis.files.spool import (
    Spool,
)
from gis.model.layer import Layer
from gis.read import sql
from gis.text.i18n import Text

# Shapefile.

DBF_NAME_LENGTH: Final = 10
DBF_TEXT_BYTES: Final = 254
"""Letters of a field's name and bytes of a text: what dBASE has room for."""


def short_names(layer: Layer) -> dict[str, str]:
    """What each field of a layer is called in a Shapefile: the name, its longest words cut to ten letters in all.

    It follows from the card alone, so a field has the same short name in every file.
    """
    short: dict[str, str] = {}
    for name in ("id", *layer.fields):
        words = name.split("_")
        while len("_".join(words)) > DBF_NAME_LENGTH:
            longest = max(range(len(words)), key=lambda index: len(words[index]))
            words[longest] = words[longest][:-1]
        cut, number = "_".join(words), 1
        while cut in short.values():
            number += 1
            cut = "_".join(words)[: DBF_NAME_LENGTH - len(str(number))] + str(number)
        short[name] = cut
    return short


def write_shapefile(export: Export, rows: Spool, path: Path) -> None:
    layer = export.selection.layer
    short = short_names(layer)
    sheets = output_layers(layer, rows)
    cut: Counter[str] = Counter()
    folder = path.parent / "shapefile"
    folder.mkdir()
    for sheet in sheets:

        def reshape(batch: pa.RecordBatch, sheet: OutputLayer = sheet) -> pa.RecordBatch:
            part = _truncated(_times_as_text(lists_as_text(sheet.matching_rows(batch))), cut)
            return part.rename_columns([short.get(name, name) for name in part.schema.names])

        write_with_gdal(
            export,
            rows,
            reshape,
            folder / f"{sheet.name}.shp",
            layer=sheet.name,
            geometry_type=sheet.type,
            driver="ESRI Shapefile",
            layer_options={"ENCODING": "UTF-8"},
        )
    (folder / "README.txt").write_text(_readme(export, rows, cut), encoding="utf-8-sig")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.iterdir()):
            rows.check_cancelled()
            archive.write(file, file.name)


def _times_as_text(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The rows with every time as text in UTC, for formats that hold dates only."""
    for index, column in enumerate(batch.schema):
        if pa.types.is_timestamp(column.type):
            text = pc.strftime(batch[column.name], "%Y-%m-%dT%H:%M:%SZ")
            batch = batch.set_column(index, column.name, pc.replace_substring_regex(text, r"\.\d+Z", "Z"))
    return batch


def _truncated(batch: pa.RecordBatch, cut: Counter[str]) -> pa.RecordBatch:
    """The rows with every text cut, at a letter, to what dBASE holds; ``cut`` counts how many were, by field."""
    for index, column in enumerate(batch.schema):
        if not pa.types.is_string(column.type):
            continue
        long = pc.sum(pc.greater(pc.binary_length(batch[index]), DBF_TEXT_BYTES)).as_py() or 0
        if not long:
            continue
        values = [
            text if text is None else text.encode()[:DBF_TEXT_BYTES].decode(errors="ignore")
            for text in batch[index].to_pylist()
        ]
        cut[column.name] += long
        batch = batch.set_column(index, column.name, pa.array(values, pa.string()))
    return batch


MIXED_GEOMETRIES_NOTE: Final = (
    "{0} vị trí gồm nhiều loại hình: giữ loại lớn nhất. · {0} places of several kinds keep the largest."
)
TRUNCATED_VALUES_NOTE: Final = "{0} giá trị bị cắt còn {1} byte. · {0} values are cut to {1} bytes."


def _readme(export: Export, rows: Spool, cut: Counter[str]) -> str:
    """What a reader of the Shapefile must know, in both languages."""
    layer = export.selection.layer
    short = short_names(layer)
    unplaced = rows.unplaced
    titles = {"id": Text("Mã định danh", "Identifier")} | {name: field.title for name, field in layer.fields.items()}
    names = dict.fromkeys(["id", *(field.name for field in sql.selected_fields(export.selection))])
    lines = [
        f"{layer.title.vi} · {layer.title.en}",
        "",
        *(f"{name}: {value}" for name, value in export.metadata_text().items()),
        "",
        f"Bảng mã: UTF-8. Không có vị trí: {unplaced} dòng. · Encoding: UTF-8. Without a place: {unplaced} rows.",
        *([MIXED_GEOMETRIES_NOTE.format(rows.mixed)] if rows.mixed else []),
        *(f"{short[name]}: {TRUNCATED_VALUES_NOTE.format(count, DBF_TEXT_BYTES)}" for name, count in cut.items()),
        "",
        "Tên ngắn · Short names:",
        *(f"{short[name]:<{DBF_NAME_LENGTH}}  {name}  ({titles[name].vi} · {titles[name].en})" for name in names),
    ]
    return "\r\n".join(lines) + "\r\n"
