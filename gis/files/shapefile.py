"""ESRI Shapefile in a zip file, with a README that says what the format's limits have shortened."""

import zipfile
from collections import Counter
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from gis.files.formats import Export, Format, declare_format
from gis.files.gdal import OutputLayer, lists_as_text, output_layers, write_with_gdal
from gis.files.spool import Spool
from gis.model.layer import Layer
from gis.read.sql import selected_fields
from gis.text.i18n import Text

DBF_NAME_LENGTH: Final = 10
DBF_TEXT_BYTES: Final = 254
"""The limits of dBASE: characters of a field's name, and bytes of a text."""


def short_names(layer: Layer) -> dict[str, str]:
    """The name in a Shapefile of each field of a layer: its longest words are cut until ten characters are left.

    It depends on the layer's declaration only, so a field has the same short name in every file.
    """
    short: dict[str, str] = {}
    for name in ("id", *layer.fields):
        words = name.split("_")
        while len("_".join(words)) > DBF_NAME_LENGTH:
            longest = max(range(len(words)), key=lambda index: len(words[index]))
            words[longest] = words[longest][:-1]
        shortened, number = "_".join(words), 1
        while shortened in short.values():
            number += 1
            shortened = "_".join(words)[: DBF_NAME_LENGTH - len(str(number))] + str(number)
        short[name] = shortened
    return short


def write_shapefile(export: Export, rows: Spool, path: Path) -> None:
    """Write a zip file with a Shapefile for each geometry type of the rows, and a README in both languages."""
    layer = export.selection.layer
    short = short_names(layer)
    outputs = output_layers(layer, rows)
    cut: Counter[str] = Counter()
    folder = path.parent / "shapefile"
    folder.mkdir()
    for output in outputs:

        def reshape(batch: pa.RecordBatch, output: OutputLayer = output) -> pa.RecordBatch:
            part = _truncated(_times_as_text(lists_as_text(output.matching_rows(batch))), cut)
            return part.rename_columns([short.get(name, name) for name in part.schema.names])

        write_with_gdal(
            export,
            rows,
            reshape,
            folder / f"{output.name}.shp",
            layer=output.name,
            geometry_type=output.type,
            driver="ESRI Shapefile",
            layer_options={"ENCODING": "UTF-8"},
        )
    (folder / "README.txt").write_text(_readme(export, rows, cut), encoding="utf-8-sig")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.iterdir()):
            rows.check_cancelled()
            archive.write(file, file.name)


def _times_as_text(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The rows with every timestamp as text in UTC, since dBASE has dates only."""
    for index, column in enumerate(batch.schema):
        if pa.types.is_timestamp(column.type):
            text = pc.strftime(batch[column.name], "%Y-%m-%dT%H:%M:%SZ")
            batch = batch.set_column(index, column.name, pc.replace_substring_regex(text, r"\.\d+Z", "Z"))
    return batch


def _truncated(batch: pa.RecordBatch, cut: Counter[str]) -> pa.RecordBatch:
    """The rows with every text cut to the limit of dBASE, at a character; ``cut`` counts the cut texts by field."""
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
    "{0} vị trí gồm nhiều loại hình: giữ loại lớn nhất."
    " · {0} positions of several geometry types keep only the parts of the highest dimension."
)
TRUNCATED_VALUES_NOTE: Final = "{0} giá trị bị cắt còn {1} byte. · {0} values were cut to {1} bytes."


def _readme(export: Export, rows: Spool, cut: Counter[str]) -> str:
    """The README in both languages: metadata, encoding, what was cut, and the field of each short name."""
    layer = export.selection.layer
    short = short_names(layer)
    unplaced = rows.unplaced
    titles = {"id": Text("Mã định danh", "Identifier")} | {name: field.title for name, field in layer.fields.items()}
    names = dict.fromkeys(["id", *(field.name for field in selected_fields(export.selection))])
    lines = [
        f"{layer.title.vi} · {layer.title.en}",
        "",
        *(f"{name}: {value}" for name, value in export.metadata_text().items()),
        "",
        f"Bảng mã: UTF-8. Không có vị trí: {unplaced} dòng. · Encoding: UTF-8. Without a position: {unplaced} rows.",
        *([MIXED_GEOMETRIES_NOTE.format(rows.mixed)] if rows.mixed else []),
        *(f"{short[name]}: {TRUNCATED_VALUES_NOTE.format(count, DBF_TEXT_BYTES)}" for name, count in cut.items()),
        "",
        "Tên ngắn · Short names:",
        *(f"{short[name]:<{DBF_NAME_LENGTH}}  {name}  ({titles[name].vi} · {titles[name].en})" for name in names),
    ]
    return "\r\n".join(lines) + "\r\n"


declare_format(
    Format(
        "shp", Text("Shapefile (nén)", "Shapefile (zipped)"), "application/zip", ".zip", rank=50, write=write_shapefile
    )
)
