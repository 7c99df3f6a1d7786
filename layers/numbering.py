"""Marker numbers (số hiệu mốc) and marker addresses, parsed from the forms in which people write them.

``147`` is a main marker (mốc chính), ``147/6`` the sixth sub-marker (mốc phụ) after it, and ``261(2)`` the second of
the twins that share one position, as on the two banks of a river. Two numbers with a dash are a section of the border,
``168–168/2``; a number with a sign and metres is an offset along it, ``147/6 + 120 m``.

Numbers order the markers of one border. The same number may exist on all three borders, so numbers are never compared
across borders.
"""

import re
from dataclasses import dataclass
from functools import total_ordering
from math import isfinite

from gis.text import Text, unaccented

LAST_MAIN, LAST_SUB, LAST_TWIN = 9999, 999, 3
MAX_OFFSET_M = 100_000.0
"""The largest offset in metres; a point farther away has a nearer marker."""
MAX_ADDRESS_LENGTH = 200


class NotAnAddress(ValueError):  # noqa: N818 - refused input, not an error of the program
    """The text is not a marker address; ``reason`` is the message for the user."""

    def __init__(self, reason: Text) -> None:
        super().__init__(reason.en)
        self.reason = reason


@total_ordering
@dataclass(frozen=True)
class MarkerNumber:
    """The number of a marker; without ``twin``, of a position and all markers on it. Ordered as along a border."""

    main: int
    sub: int | None = None
    twin: int | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.main <= LAST_MAIN:
            raise NotAnAddress(
                Text(f"Mốc chính đánh số từ 0 đến {LAST_MAIN}", f"Main markers are numbered from 0 to {LAST_MAIN}")
            )
        if self.sub is not None and not 1 <= self.sub <= LAST_SUB:
            raise NotAnAddress(
                Text(f"Mốc phụ đánh số từ 1 đến {LAST_SUB}", f"Sub-markers are numbered from 1 to {LAST_SUB}")
            )
        if self.twin is not None and not 1 <= self.twin <= LAST_TWIN:
            raise NotAnAddress(
                Text(f"Một vị trí có tối đa {LAST_TWIN} cột mốc", f"A position has at most {LAST_TWIN} markers")
            )

    def __str__(self) -> str:
        sub = f"/{self.sub}" if self.sub else ""
        twin = f"({self.twin})" if self.twin else ""
        return f"{self.main}{sub}{twin}"

    def __lt__(self, other: "MarkerNumber") -> bool:
        return self.key < other.key

    @property
    def key(self) -> tuple[int, int, int]:
        """The sort key along a border: 96, 147, 147/6, 147/10, 148."""
        return self.main, self.sub or 0, self.twin or 0

    @property
    def position(self) -> "MarkerNumber":
        """The number without its twin, which all markers at its position share."""
        return MarkerNumber(self.main, self.sub)

    def sequence(self, subs: int) -> float:
        """Its position among the main markers, if ``subs`` sub-markers are spread evenly up to the next main marker.

        Raises ``ValueError`` if it is not one of these sub-markers.
        """
        if (self.sub or 0) > subs:
            raise ValueError(f"{self} is not among {subs} sub-markers")
        return self.main + (self.sub or 0) / (subs + 1)

    @staticmethod
    def parse(text: str) -> "MarkerNumber":
        """Parse ``147/6``, ``MỐC 147 / 6``, ``cột mốc quốc giới số 261(2)``. Raises ``NotAnAddress``."""
        match = _MARKER.fullmatch(_normalized(text))
        if not match:
            raise NotAnAddress(Text("Không phải số hiệu mốc", "This is not a marker number"))
        return _parse_number(match["marker"])


@dataclass(frozen=True)
class Section:
    """A section of the border (đoạn) from one marker to another, in either order."""

    first: MarkerNumber
    last: MarkerNumber

    def __post_init__(self) -> None:
        if self.first.position == self.last.position:
            raise NotAnAddress(
                Text(
                    "Hai đầu đoạn phải là hai mốc ở vị trí khác nhau",
                    "The two ends of a section must be markers at different positions",
                )
            )

    def __str__(self) -> str:
        return f"{self.first}–{self.last}"

    def ordered(self) -> "Section":
        """The same section in the direction of increasing numbers."""
        return Section(*sorted((self.first, self.last)))

    @property
    def maybe_offset(self) -> "Offset | None":
        """The offset that ``171 - 500`` would be if its unit was forgotten; None if it cannot be one."""
        return Offset(self.first, -float(self.last.main)) if self.last == MarkerNumber(self.last.main) else None


@dataclass(frozen=True)
class Offset:
    """A point at a distance from a marker, measured along the border."""

    marker: MarkerNumber
    metres: float
    """Rounded to the decimetre; positive towards higher numbers."""
    both_ways: bool = False
    """Whether no direction is stated, as in ``cách mốc 147/6 khoảng 120 m``; then ``metres`` is positive."""

    def __post_init__(self) -> None:
        if not (isfinite(self.metres) and abs(self.metres) <= MAX_OFFSET_M):
            raise NotAnAddress(
                Text(
                    f"Khoảng cách từ mốc đến {MAX_OFFSET_M / 1000:.0f} km",
                    f"At most {MAX_OFFSET_M / 1000:.0f} km from a marker",
                )
            )
        metres = round(abs(self.metres) if self.both_ways else self.metres, 1) + 0.0  # no negative zero
        object.__setattr__(self, "metres", metres)

    def __str__(self) -> str:
        sign = "±" if self.both_ways else "−" if self.metres < 0 else "+"
        distance = f"{abs(self.metres):.1f}".removesuffix(".0")
        return f"{self.marker} {sign} {distance} m"


def parse_address(text: str) -> MarkerNumber | Section | Offset:
    """Parse a marker address. Raises ``NotAnAddress`` with the reason.

    ``171 - 500`` without a unit is a section, whose ``maybe_offset`` is the offset that may have been meant.
    """
    normalized = _normalized(text)
    if match := _MARKER.fullmatch(normalized):
        return _parse_number(match["marker"])
    if match := _SECTION.fullmatch(normalized):
        return Section(_parse_number(match["marker"]), _parse_number(match["last"]))
    if match := _OFFSET.fullmatch(normalized) or _DISTANCE_FROM_MARKER.fullmatch(normalized):
        sign = match.groupdict().get("sign", "±")
        metres = _parse_metres(match["distance"], match["unit"])
        return Offset(_parse_number(match["marker"]), -metres if sign == "-" else metres, sign not in ("+", "-"))
    raise NotAnAddress(
        Text(
            "Không phải số hiệu mốc, đoạn giữa hai mốc hay khoảng cách từ mốc",
            "This is not a marker number, a section between two markers or a distance from a marker",
        )
    )


# The grammar of text without diacritics in lower case. Numbers are matched loosely here and checked by
# ``MarkerNumber``, so that a wrong number is refused with a specific reason.
_NUMBER = r"[0-9]+(?: ?/ ?[0-9]*)*(?: ?\( ?[0-9]* ?\))?"
_MARKER_PREFIX = r"(?:(?:cot )?moc(?: (?:quoc gioi|bien gioi|gioi|chinh|phu|don|doi|ba))?(?: so(?: hieu)?)? ?|marker )?"
_FROM_MARKER = rf"(?:(?:khu vuc|doan|loi|tu|tai) )*{_MARKER_PREFIX}(?P<marker>{_NUMBER})"
_DISTANCE = r"(?P<distance>[0-9][0-9.,]*) ?(?P<unit>km|ki ?lo ?met|m|met|metres?)?"
_MARKER = re.compile(_FROM_MARKER)
_SECTION = re.compile(rf"{_FROM_MARKER} ?(?:-|den|toi|to) ?{_MARKER_PREFIX}(?P<last>{_NUMBER})")
_OFFSET = re.compile(rf"{_FROM_MARKER} ?(?P<sign>[-+±]|\+ ?/? ?-) ?{_DISTANCE}")
_DISTANCE_FROM_MARKER = re.compile(rf"(?:vi tri )?cach {_FROM_MARKER} (?:(?:khoang|chung|about) )?{_DISTANCE}")

_THOUSANDS = re.compile(r"[1-9][0-9]{0,2}[.,][0-9]{3}")


def _normalized(text: str) -> str:
    if len(text) > MAX_ADDRESS_LENGTH:
        raise NotAnAddress(
            Text("Nội dung quá dài, không phải vị trí theo mốc", "The text is too long for a marker address")
        )
    return unaccented(text)


def _parse_number(number: str) -> MarkerNumber:
    """Parse text that ``_NUMBER`` has matched. Raises ``NotAnAddress`` with the reason."""
    digits, bracket, twin = re.sub(r"[ )]", "", number).partition("(")
    main, *subs = digits.split("/")
    if len(subs) > 1:
        raise NotAnAddress(Text("Số hiệu mốc chỉ có một dấu /", "A marker number has at most one /"))
    if "" in subs:
        raise NotAnAddress(Text(f"Thiếu số mốc phụ sau {main}/", f"The sub-marker is missing after {main}/"))
    if bracket and not twin:
        raise NotAnAddress(Text("Thiếu số trong ngoặc", "The number in brackets is missing"))
    if any(len(part) > 1 and part.startswith("0") for part in (main, *subs, twin)):
        raise NotAnAddress(Text("Số hiệu mốc không bắt đầu bằng số 0", "A marker number has no leading zero"))
    return MarkerNumber(int(main), int(subs[0]) if subs else None, int(twin) if twin else None)


def _parse_metres(distance: str, unit: str | None) -> float:
    """The distance in metres. A comma or point is a decimal separator; a possible thousands separator is refused."""
    if unit is None:
        raise NotAnAddress(Text(f"Viết rõ đơn vị: {distance} m hay km", f"State the unit: {distance} m or km"))
    in_km = unit.startswith("k")
    if not re.fullmatch(r"[0-9]{1,6}(?:[.,][0-9]{1,6})?", distance) or (not in_km and _THOUSANDS.fullmatch(distance)):
        raise NotAnAddress(
            Text(
                f"Không xác định được khoảng cách {distance}; hãy viết 1500 m hoặc 1,5 km",
                f"Cannot read the distance {distance}; write 1500 m or 1,5 km",
            )
        )
    return float(distance.replace(",", ".")) * (1000 if in_km else 1)
