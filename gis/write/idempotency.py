"""Idempotency: a create that carries a key happens once, however often a bad network sends it.

The key is stored in the transaction of its effect (draft-ietf-httpapi-idempotency-key-header), so a killed server
leaves both or neither.
"""

import datetime as dt
import hashlib
import json
import uuid
from collections.abc import Mapping
from typing import Any

from sqlalchemy import DateTime, Text as SqlText, text
from sqlalchemy.dialects.postgresql import UUID
from sqlalchemy.orm import Mapped, Session, mapped_column

from gis.model.children import UnjournalledRecord
from gis.text.errors import Malformed, invalid
from gis.text.i18n import Text

MAX_KEY_LENGTH = 200


class IdempotencyKey(UnjournalledRecord, table="replays", read_level=None):
    """A key that has been used, by whom, for which body, and the feature that came of it."""

    key: Mapped[str] = mapped_column(SqlText, primary_key=True)
    actor: Mapped[str] = mapped_column(SqlText, primary_key=True)
    fingerprint: Mapped[str] = mapped_column(SqlText)
    feature_id: Mapped[uuid.UUID | None] = mapped_column(UUID(as_uuid=True))
    at: Mapped[dt.datetime] = mapped_column(DateTime(timezone=True), server_default=text("clock_timestamp()"))


INSERT_KEY = text(
    "insert into app.replays (key, actor, fingerprint) values (:key, :actor, :fingerprint)"
    " on conflict (key, actor) do nothing returning true"
)
SET_FEATURE = text("update app.replays set feature_id = :feature_id where key = :key and actor = :actor")


def claim_key(session: Session, key: str, actor: str, body: Mapping[str, Any], endpoint: str) -> uuid.UUID | None:
    """Take a key for this create; gives the feature when the same create has been done before.

    A second one that comes while the first is under way waits for it. Raises ``Malformed`` for a key that is none,
    ``Invalid`` when the key was used for another body.
    """
    if not key.isprintable() or not 1 <= len(key) <= MAX_KEY_LENGTH:
        raise Malformed(
            Text("Idempotency-Key: 1 đến 200 ký tự in được", "Idempotency-Key: 1 to 200 printable characters")
        )
    fingerprint = hashlib.sha256(f"{endpoint} {json.dumps(body, sort_keys=True)}".encode()).hexdigest()
    asked = {"key": key, "actor": actor, "fingerprint": fingerprint}
    if session.execute(INSERT_KEY, asked).scalar():
        return None
    kept = session.get_one(IdempotencyKey, (key, actor))
    if kept.fingerprint != fingerprint:
        raise invalid(
            "Idempotency-Key", "reused", "Khóa này đã dùng cho nội dung khác", "This key was used for another body"
        )
    return kept.feature_id


def store_result(session: Session, key: str, actor: str, feature_id: uuid.UUID) -> None:
    """Remember what came of a claimed key."""
    session.execute(SET_FEATURE, {"key": key, "actor": actor, "feature_id": feature_id})
