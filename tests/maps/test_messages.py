"""One catalogue of wordings: complete in both languages, and every wording a page asks for is in it."""

import re
from pathlib import Path

import maps
from maps.messages import MESSAGES as SHARED, ONLY_OF_TEMPLATES, messages_in
from maps.pages import access_log, accounts as entrance, releases

WORDS = SHARED | releases.MESSAGES | entrance.MESSAGES | access_log.MESSAGES
"""What every page knows, and what the pages of releases and of accounts know beside it."""

HERE = Path(maps.__file__).parent
SCRIPTS = sorted(path for path in (HERE / "static").rglob("*.js") if "vendor" not in path.parts)
TEMPLATES = sorted((HERE / "templates").rglob("*.html"))


def test_both_languages_say_something_with_the_same_blanks() -> None:
    for key, text in WORDS.items():
        assert text.vi.strip(), key
        assert text.en.strip(), key
        assert set(re.findall(r"\{(\w+)\}", text.vi)) == set(re.findall(r"\{(\w+)\}", text.en)), key


def test_every_wording_a_script_says_exists() -> None:
    asked = {key for script in SCRIPTS for key in re.findall(r'say\("([\w-]+)"', script.read_text("utf-8"))}
    assert asked
    assert asked <= set(WORDS)
    assert not [key for key in asked if key.startswith(ONLY_OF_TEMPLATES)], "not carried to the browser"


def test_every_wording_a_template_says_exists() -> None:
    asked = {key for page in TEMPLATES for key in re.findall(r"words\.(\w+)", page.read_text("utf-8"))}
    assert asked - {"get"}
    assert asked - {"get"} <= set(WORDS)


def test_no_wording_hides_behind_a_method_of_the_catalogue() -> None:
    assert not set(WORDS) & set(dir(dict)), "words.keys in a template would be the method, not the wording"


def test_no_wording_is_left_over() -> None:
    sources = [*SCRIPTS, *TEMPLATES, *HERE.rglob("*.py")]
    text = "\n".join(
        path.read_text("utf-8")
        for path in sources
        if path.name not in ("words.py", "releases.py", "entrance.py", "readings.py")
    )
    built = re.compile(r"^(count_|empty_|add_|source_|event_|role_|release_(do|sure)_|reading_(read|export)|VN-)")
    said = {key for key in WORDS if built.match(key) or re.search(rf"""["'`.]{re.escape(key)}\b""", text)}
    assert said == set(WORDS)


def test_the_catalogue_speaks_one_language_at_a_time() -> None:
    assert messages_in("en")["map"] == "Map"
    assert messages_in("vi")["map"] == "Bản đồ"
