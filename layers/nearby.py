"""Records that stand at the same marker as another: their addresses name a marker that its address names too."""

import re

from gis.model import ASSUMED_PREFIX

MARKER_NUMBER = re.compile(r"\d+(?:/\d+)?(?:\(\d\))?")


def marker_numbers(address: str) -> list[str]:
    """The numbers of the markers from which an address is counted: ``168–168/2 `` has two, ``147/6 + 120 m`` one."""
    place = address.removeprefix(ASSUMED_PREFIX).partition(" ")[0]
    return [number for number in place.split("–") if MARKER_NUMBER.fullmatch(number)]


def same_address_filter(border: str, address: str) -> str | None:
    """The CQL2 filter for the records of a border at the markers of an address; None if it names no marker."""
    conditions = [
        condition for number in marker_numbers(address) for condition in (f"= '{number}'", *_longer_addresses(number))
    ]
    if not conditions:
        return None
    return f"border = '{border}' and ({' or '.join(f'address {condition}' for condition in conditions)})"


def _longer_addresses(number: str) -> list[str]:
    """The patterns of addresses with an offset, of assumed ones, and of sections that begin or end at a marker."""
    endings = ("", " %", "–%")
    starts = [f"{prefix}{number}{ending}" for prefix in ("", ASSUMED_PREFIX) for ending in endings if prefix or ending]
    return [f"like '{pattern}'" for pattern in [*starts, f"%–{number}", f"%–{number} %"]]
