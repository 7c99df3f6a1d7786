"""The anchor file: an append-only copy of the seals outside the database."""

import os
from enum import StrEnum
from pathlib import Path

from gis.audit.seal import GENESIS_SEAL, MAX_LINE_BYTES, SEALS_AFTER, Connection, Seal, seal_of_batch
from gis.audit.signing_keys import TRUSTED_KEYS_FILE, SigningKeys, append_durably
from gis.text.errors import Conflict
from gis.text.i18n import Text


class AnchorStatus(StrEnum):
    """How the end of the anchor file compares with the seals in the database."""

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
"""What users read about each status."""


def anchor_status(connection: Connection, anchor: Path, last: Seal) -> tuple[AnchorStatus, int, str]:
    """Compare the end of the anchor file with the seals.

    Returns the status, the last batch in the file, and the incomplete last line (empty unless a write was interrupted).
    """
    try:
        with anchor.open("rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - 2 * MAX_LINE_BYTES))
            *lines, torn = file.read().decode("utf-8", "replace").split("\n")
    except OSError as fault:
        missing = isinstance(fault, FileNotFoundError) and anchor.parent.is_dir()  # else its disk is not mounted
        return (
            (AnchorStatus.AGREES if not last.batch else AnchorStatus.BEHIND if missing else AnchorStatus.UNAVAILABLE),
            0,
            "",
        )
    anchored = GENESIS_SEAL
    if lines:
        try:
            anchored = Seal.from_line(lines[-1])
        except ValueError:
            return AnchorStatus.DIFFERS, 0, ""
        if seal_of_batch(connection, anchored.batch) != anchored:
            return AnchorStatus.DIFFERS, 0, ""
    following = seal_of_batch(connection, anchored.batch + 1)
    if torn and not (following and following.matches_torn_line(torn)):
        return AnchorStatus.DIFFERS, 0, ""
    return (AnchorStatus.BEHIND if following else AnchorStatus.AGREES), anchored.batch, torn


def append_missing_to_anchor(connection: Connection, anchor: Path, keys: SigningKeys, last: Seal) -> AnchorStatus:
    """Append the seals that the anchor file lacks, and return its status afterwards.

    A file that ends with another seal is left as it is, because it is evidence. An incomplete last line, as after a
    power cut, is completed and never rewritten, so that the file may have the append-only attribute.
    """
    status, batch, torn = anchor_status(connection, anchor, last)
    if status != AnchorStatus.BEHIND:
        return status
    lines = []
    for seal in map(Seal._make, connection.execute(SEALS_AFTER, [batch])):
        if (key := keys.signer(seal.statement, seal.signature)) is None:
            return AnchorStatus.DIFFERS
        lines.append(f"{seal.anchor_line(key)}\n")
    text = "".join(lines)
    if not text.startswith(torn):
        return AnchorStatus.DIFFERS
    try:
        append_durably(anchor, text[len(torn) :].encode(), 0o644)
    except OSError:
        return AnchorStatus.UNAVAILABLE
    return AnchorStatus.AGREES


def signing_key_missing(file: Path, batch: int, command_line: str) -> Conflict:
    """The refusal to seal without the private key; ``command_line`` is how the user calls this program."""
    return Conflict(
        Text(
            f"Thiếu khóa {file} đã ký {batch} đợt; hãy đặt lại từ bản sao. Nếu mất hẳn: ghi khóa công khai (trong"
            f" tệp đối chứng) vào {file.with_name(TRUSTED_KEYS_FILE)} rồi chạy {command_line} audit seal --new-key",
            f"The key {file} that signed {batch} batches is missing; restore it from its copy. If it is lost for good,"
            f" write its public key (in the anchor file) into {file.with_name(TRUSTED_KEYS_FILE)}, then run"
            f" {command_line} audit seal --new-key",
        )
    )
