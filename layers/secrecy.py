"""The check that refuses text with the stamp of a state secret (bí mật nhà nước) in every layer.

Luật Bảo vệ bí mật nhà nước 117/2025/QH15, Article 5, in force since 01/03/2026, forbids drafting and storing state
secrets on a computer that is connected to a network. Its three levels are Mật, Tối mật and Tuyệt mật.
"""

import re
import unicodedata

from gis.model import Feature
from gis.text import invalid

WORD_EDGE = r"(?<![^\W_])(?:{})(?![^\W_])"

SECRECY_STAMP = re.compile(
    WORD_EDGE.format(r"TUYỆT\s*MẬT|TỐI\s*MẬT|(?<!BÍ )(?<!BẢO )MẬT")
    + r"|(?i:độ\s+mật\s*:?\s*(?:tuyệt\s+mật|tối\s+mật|mật))"
    + "|" + WORD_EDGE.format(r"T\s+U\s+Y\s+Ệ\s+T\s+M\s+Ậ\s+T|T\s+Ố\s+I\s+M\s+Ậ\s+T|M\s+Ậ\s+T")
)  # fmt: skip
"""The stamps in capitals, also letter-spaced, or after "độ mật"; "BÍ MẬT" and "BẢO MẬT" are ordinary words."""


def refuse_state_secret(name: str, text: str) -> None:
    """Raise ``Invalid`` for the field ``name`` if the text contains a secrecy stamp."""
    match = SECRECY_STAMP.search(" ".join(unicodedata.normalize("NFC", text).split()))
    if match is None:
        return
    stamp = match.group(0)
    raise invalid(
        name,
        "state_secret",
        f"Nội dung có dấu chỉ độ mật '{stamp}'. Bí mật nhà nước không được đưa vào hệ thống nối mạng"
        " (Luật 117/2025/QH15, Điều 5); chỉ ghi số, ngày văn bản và nơi lưu giữ.",
        f"The text contains the secrecy stamp '{stamp}'. State secrets must not be stored on a networked system"
        " (Law 117/2025/QH15, Article 5). Record only the document's number, date and place of storage.",
    )


class Unclassified(Feature):
    """The base of every layer: none of its texts may contain a state secret."""

    __abstract__ = True

    @classmethod
    def check_text(cls, name: str, value: str) -> None:
        refuse_state_secret(name, value)
