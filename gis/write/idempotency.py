"""Idempotency keys: a request that is sent again with the same key has its effect once.

Follows draft-ietf-httpapi-idempotency-key-header. The key is stored in the transaction that writes the features, so
that a killed server leaves both or neither.
"""

import datetime as dt
import hashlib
import json
import uuid
from collections.abc import Mapping
from typing import Any

from sqlalchemy import DateTime, Text as SqlText, text
from sqlalchemy.dialects.postgresql import JSONB, UUID
from sqlalchemy.orm import Mapped, Session, mapped_column

from gis.model.children import UnjournalledRecord
from gis.text.errors import Malformed, invalid
from gis.text.i18n import Text

MAX_KEY_LENGTH = 200


class IdempotencyKey(UnjournalledRecord, table="replays", read_level=None):
    """A used key: the actor, a hash of endpoint and body, and the feature that was created or the stored result."""

    key: Mapped[str] = mapped_column(SqlText, primary_key=True)
    actor: Mapped[str] = mapped_column(SqlText, primary_key=True)
    fingerprint: Mapped[str] = mapped_column(SqlText)
    feature_id: Mapped[uuid.UUID | None] = mapped_column(UUID(as_uuid=True))
    result: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    at: Mapped[dt.datetime] = mapped_column(DateTime(timezone=True), server_default=text("clock_timestamp()"))


INSERT_KEY = text(
    "insert into app.replays (key, actor, fingerprint) values (:key, :actor, :fingerprint)"
    " on conflict (key, actor) do nothing returning true"
)
SET_FEATURE = text("update app.replays set feature_id = :feature_id where key = :key and actor = :actor")
SET_RESULT = text("update app.replays set result = cast(:result as jsonb) where key = :key and actor = :actor")
DELETE_KEY = text("delete from app.replays where key = :key and actor = :actor")


def claim_key(session: Session, key: str, actor: str, body: Mapping[str, Any], endpoint: str) -> IdempotencyKey | None:
    """Claim a key for a request; returns the used key if the same request has succeeded before, else None.

    A repeat that arrives while the first request is running waits for its transaction. Raises ``Malformed``
    for a malformed key, ``Invalid`` when the actor has used the key for another body.
    """
    if not key.isprintable() or not 1 <= len(key) <= MAX_KEY_LENGTH:
        raise Malformed(
            Text("Idempotency-Key: 1 đến 200 ký tự in được", "Idempotency-Key: 1 to 200 printable characters")
        )
    fingerprint = hashlib.sha256(f"{endpoint} {json.dumps(body, sort_keys=True)}".encode()).hexdigest()
    parameters = {"key": key, "actor": actor, "fingerprint": fingerprint}
    if session.execute(INSERT_KEY, parameters).scalar():
        return None
    earlier = session.get_one(IdempotencyKey, (key, actor))
    if earlier.fingerprint != fingerprint:
        raise invalid(
            "Idempotency-Key", "reused", "Khóa này đã dùng cho nội dung khác", "This key has been used for another body"
        )
    return earlier


def store_feature(session: Session, key: str, actor: str, feature_id: uuid.UUID) -> None:
    """Store the feature that the request of a claimed key has created."""
    session.execute(SET_FEATURE, {"key": key, "actor": actor, "feature_id": feature_id})


def store_result(session: Session, key: str, actor: str, result: Mapping[str, Any]) -> None:
    """Store the result of the request of a claimed key, as JSON."""
    session.execute(SET_RESULT, {"key": key, "actor": actor, "result": json.dumps(result, default=str)})


def release_key(session: Session, key: str, actor: str) -> None:
    """Give a claimed key back, when its request has had no effect."""
    session.execute(DELETE_KEY, {"key": key, "actor": actor})
