"""The messages: complete in both languages; all that are used exist, and all that exist are used."""

import re
from pathlib import Path

import maps
from maps.messages import MESSAGES, TEMPLATE_ONLY_PREFIXES, messages_in
from maps.pages import access_log, accounts, list_messages, releases

ALL_MESSAGES = MESSAGES | releases.MESSAGES | accounts.MESSAGES | access_log.MESSAGES | list_messages.MESSAGES
"""The messages of all pages, and those of single pages."""

PACKAGE = Path(maps.__file__).parent
SCRIPTS = sorted(path for path in (PACKAGE / "static").rglob("*.js") if "vendor" not in path.parts)
TEMPLATES = sorted((PACKAGE / "templates").rglob("*.html"))


def test_both_languages_have_a_text_with_the_same_placeholders() -> None:
    for key, text in ALL_MESSAGES.items():
        assert text.vi.strip(), key
        assert text.en.strip(), key
        assert set(re.findall(r"\{(\w+)\}", text.vi)) == set(re.findall(r"\{(\w+)\}", text.en)), key


def test_every_message_of_a_script_exists() -> None:
    used = {key for script in SCRIPTS for key in re.findall(r'message\(\s*"([\w-]+)"', script.read_text("utf-8"))}
    assert used
    assert used <= set(ALL_MESSAGES)
    assert not [key for key in used if key.startswith(TEMPLATE_ONLY_PREFIXES)], "not sent to the browser"


def test_every_message_of_a_template_exists() -> None:
    used = {key for page in TEMPLATES for key in re.findall(r"messages\.(\w+)", page.read_text("utf-8"))}
    assert used - {"get"}
    assert used - {"get"} <= set(ALL_MESSAGES)


def test_no_key_is_the_name_of_a_dict_method() -> None:
    assert not set(ALL_MESSAGES) & set(dir(dict)), "in a template, messages.keys would be the method"


def test_every_message_is_used() -> None:
    sources = [*SCRIPTS, *TEMPLATES, *PACKAGE.rglob("*.py")]
    declaring = {
        PACKAGE / "messages.py",
        *(PACKAGE / "pages" / f"{name}.py" for name in ("releases", "accounts", "access_log", "list_messages")),
    }
    text = "\n".join(path.read_text("utf-8") for path in sources if path not in declaring)
    computed = re.compile(
        r"^(bulk_(properties|move|level|retire|restore)|source_|event_|role_|release_(action|confirm)_|reading_(read|export)|VN-)"
    )
    used = {key for key in ALL_MESSAGES if computed.match(key) or re.search(rf"""["'`.]{re.escape(key)}\b""", text)}
    assert used == set(ALL_MESSAGES)


def test_messages_in_returns_one_language() -> None:
    assert messages_in("en")["map"] == "Map"
    assert messages_in("vi")["map"] == "Bản đồ"
