"""The anchor file: an append-only copy of the seals outside the database."""

import os
from enum import StrEnum
from pathlib import Path

from gis.audit.seal import GENESIS_SEAL, MAX_LINE_BYTES, SEAL_SELECT_LIST, Connection, Seal, seal_of_batch
from gis.audit.signing_keys import TRUSTED_KEYS_FILE, SigningKeys, append_durably
from gis.text.errors import Conflict
from gis.text.i18n import Text


class AnchorStatus(StrEnum):
    """How the anchor stands to the seals."""

    AGREES = "agrees"
    BEHIND = "behind"
    UNAVAILABLE = "away"
    DIFFERS = "differs"


ANCHOR_STATUS_TEXT = {
    AnchorStatus.AGREES: Text("tệp đối chứng khớp", "the anchor file agrees"),
    AnchorStatus.BEHIND: Text("tệp đối chứng chưa được cập nhật", "the anchor file is not up to date"),
    AnchorStatus.UNAVAILABLE: Text(
        "không ghi được tệp đối chứng, sẽ ghi bổ sung sau",
        "the anchor file cannot be written and will be completed later",
    ),
    AnchorStatus.DIFFERS: Text("tệp đối chứng khác với cơ sở dữ liệu", "the anchor file differs from the database"),
}
"""The same in words."""


def anchor_status(connection: Connection, anchor: Path, last: Seal) -> tuple[AnchorStatus, int, str]:
    """How the end of the anchor stands to the seals, the batch it ends with, and what was torn off behind that."""
    try:
        with anchor.open("rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - 2 * MAX_LINE_BYTES))
            *lines, torn = file.read().decode("utf-8", "replace").split("\n")
    except OSError as fault:
        gone = isinstance(fault, FileNotFoundError) and anchor.parent.is_dir()  # else its disk is away
        return (
            (AnchorStatus.AGREES if not last.batch else AnchorStatus.BEHIND if gone else AnchorStatus.UNAVAILABLE),
            0,
            "",
        )
    told = GENESIS_SEAL
    if lines:
        try:
            told = Seal.from_line(lines[-1])
        except ValueError:
            return AnchorStatus.DIFFERS, 0, ""
        if seal_of_batch(connection, told.batch) != told:
            return AnchorStatus.DIFFERS, 0, ""
    untold = seal_of_batch(connection, told.batch + 1)
    if torn and not (untold and untold.matches_torn_line(torn)):
        return AnchorStatus.DIFFERS, 0, ""
    return (AnchorStatus.BEHIND if untold else AnchorStatus.AGREES), told.batch, torn


def append_missing_to_anchor(connection: Connection, anchor: Path, keys: SigningKeys, last: Seal) -> AnchorStatus:
    """Tell the anchor the seals that it has not been told yet.

    An anchor that ends with another seal than ours stays as it is: it is evidence. A line that a power cut has torn
    is completed, never rewritten, so the file may be one that can only grow.
    """
    agreement, batch, torn = anchor_status(connection, anchor, last)
    if agreement != AnchorStatus.BEHIND:
        return agreement
    missing = connection.execute(f"select {SEAL_SELECT_LIST} from app.seals where batch > %s order by batch", [batch])
    lines = []
    for seal in map(Seal._make, missing):
        if (key := keys.signer(seal.statement, seal.signature)) is None:
            return AnchorStatus.DIFFERS
        lines.append(f"{seal.anchor_line(key)}\n")
    told = "".join(lines)
    if not told.startswith(torn):
        return AnchorStatus.DIFFERS
    try:
        append_durably(anchor, told[len(torn) :].encode(), 0o644)
    except OSError:
        return AnchorStatus.UNAVAILABLE
    return AnchorStatus.AGREES


def signing_key_missing(file: Path, batch: int) -> Conflict:
    return Conflict(
        Text(
            f"Thiếu khóa {file} đã ký {batch} đợt; hãy đặt lại từ bản sao. Nếu mất hẳn: ghi khóa công khai (trong"
            f" tệp đối chứng) vào {file.with_name(TRUSTED_KEYS_FILE)} rồi chạy ./cotmoc audit seal --new-key",
            f"The key {file} that signed {batch} batches is missing; put it back from its copy. If it is lost for good,"
            f" write its public key (in the anchor file) into {file.with_name(TRUSTED_KEYS_FILE)}, then run"
            " ./cotmoc audit seal --new-key",
        )
    )
