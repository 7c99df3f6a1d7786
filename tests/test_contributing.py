"""The ways of a request in docs/contributing.md: few steps, through functions that exist."""

import re
from importlib import import_module
from pathlib import Path

import pytest

CHAPTER = (Path(__file__).resolve().parent.parent / "docs" / "contributing.md").read_text("utf-8")
WAYS = re.findall(r"^\*\*((?:GET|POST) [^*]+)\*\*\n((?:\d+\. .+\n)+)", CHAPTER, re.MULTILINE)
NAME = re.compile(r"`((?:api|layers|gis)(?:\.\w+)+)`")
STOREYS = ("gis.db", "gis.read", "api")
"""The packages that a reading passes, each above those before it."""


def function_named(path):
    """The function or class with this dotted name. Raises ``ImportError`` or ``AttributeError`` if there is none."""
    module, *attributes = re.split(r"\.(?=[A-Z])|\.(?=\w+$)", path, maxsplit=1)
    value = import_module(module)
    for name in attributes[0].split("."):
        value = getattr(value, name)
    return value


def test_both_ways_are_described():
    assert [title.split()[0] for title, _ in WAYS] == ["GET", "POST"]


@pytest.mark.parametrize(("title", "steps"), WAYS)
def test_way_has_few_steps_through_functions_that_exist(title, steps):
    lines = steps.splitlines()
    assert len(lines) <= 15
    for line in lines:
        names = NAME.findall(line)
        assert names, line
        assert all(callable(function_named(name)) for name in names), line


def test_reading_goes_down_through_the_storeys_and_up_again():
    firsts = [NAME.search(line)[1] for line in WAYS[0][1].splitlines()]
    heights = [next(height for height, storey in enumerate(STOREYS) if name.startswith(storey)) for name in firsts]
    lowest = heights.index(0)
    assert heights[:lowest] == sorted(heights[:lowest], reverse=True)
    assert heights[lowest:] == sorted(heights[lowest:])
