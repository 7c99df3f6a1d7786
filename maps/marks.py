"""The shapes of marks, as one SVG sprite.

Templates and scripts use the same file: ``<svg class="mark"><use href="/marks.svg#diamond"/></svg>``. A shape takes its
colour from the CSS ``color`` of the element that uses it, and the lines on top of it from ``--detail``. For an assumed
position the stylesheet draws the mark hollow: filled with the background colour, with its own colour as outline.
"""

from gis.model import DEFAULT_MARK

SIZE = 24
"""Width and height of the drawing area of every shape."""

_DETAIL = 'style="fill:none;stroke:var(--detail,#fff);stroke-width:2;stroke-linecap:round;stroke-linejoin:round"'
_OUTLINE = 'style="fill:#fff;stroke:currentColor;stroke-width:2;stroke-dasharray:3 2"'
_INK = 'style="fill:none;stroke:currentColor;stroke-width:2;stroke-linecap:round;stroke-linejoin:round"'
_MARKER_SHAPE = '<path d="M8 19V7l4-4 4 4v12h3v3H5v-3z"/>'
_SQUARE_SIGN = '<rect x="2.5" y="2.5" width="19" height="19" rx="3.5"/>'
_ROUND_SIGN = '<circle cx="12" cy="12" r="9.5"/>'

SHAPES: dict[str, str] = {
    "circle": '<circle cx="12" cy="12" r="8.5"/>',
    "diamond": '<path d="M12 2l10 10-10 10L2 12z"/>',
    "triangle": '<path d="M12 3l10 17.5H2z"/>',
    "square": '<path d="M4 4h16v16H4z"/>',
    "check": f'<circle cx="12" cy="12" r="9"/><path {_DETAIL} d="M7.8 12.4l3 3 5.4-6.2"/>',
    "monument": _MARKER_SHAPE,
    "monument-cracked": f'{_MARKER_SHAPE}<path {_DETAIL} d="M13 5.5l-2.6 4.3 3.4 2.4-2.6 5.3"/>',
    "monument-tools": f'{_MARKER_SHAPE}<path {_DETAIL} d="M10.2 8.5l3.6 8M13.8 8.5l-3.6 8"/>',
    "monument-warning": f'{_MARKER_SHAPE}<path {_DETAIL} d="M12 7.5v6M12 17v.2"/>',
    "monument-missing": f'<path {_OUTLINE} d="M8 19V7l4-4 4 4v12h3v3H5v-3z"/>',
    "gate-international": f'{_SQUARE_SIGN}<path {_DETAIL} d="M7 18V9.5h10V18M5.8 6.2h12.4"/>',
    "gate-main": f'{_SQUARE_SIGN}<path {_DETAIL} d="M7.5 17.5v-10h9v10"/>',
    "gate-local": f'{_ROUND_SIGN}<path {_DETAIL} d="M8.5 16.5V8.8h7v7.7"/>',
    "gate-planned": f'<rect {_OUTLINE} x="3" y="3" width="18" height="18" rx="3"/><path {_INK} d="M8 17.5V8.2h8v9.3"/>',
    "lane": f'{_SQUARE_SIGN}<path {_DETAIL} d="M12 18V7M8 10.8l4-4 4 4"/>',
    "road": f'{_SQUARE_SIGN}<path {_DETAIL} d="M8.4 18.5l1.8-13M15.6 18.5l-1.8-13M12 6.5v2M12 11v2M12 15.5v2"/>',
    "opening": f'{_ROUND_SIGN}<path {_DETAIL} d="M8.4 7.5v9M15.6 7.5v9"/>',
    "bell": '<path d="M12 2.2a1.7 1.7 0 0 1 1.7 1.8 6 6 0 0 1 4.3 5.8v4.7l2.2 3.2H3.8L6 14.5V9.8A6 6 0 0 1 10.3 4 1.7'
    ' 1.7 0 0 1 12 2.2zM9.4 19h5.2a2.6 2.6 0 0 1-5.2 0z"/>',
    "flag": '<path d="M5 2.5h2.2v1h11.6l-3 4.6 3 4.7H7.2v9.2H5z"/>',
    "siren": '<path d="M6 18v-6a6 6 0 0 1 12 0v6zM4 19.5h16V22H4zM11 1.5h2v3h-2zM2.4 6l1.3-1.4L6 6.5 4.6 7.9z'
    'M21.6 6l-1.3-1.4L18 6.5l1.4 1.4z"/>',
    "post": '<path d="M10 4h4v14h2.5v3h-9v-3H10z"/>',
    "area": '<path d="M4.5 6.5L13 3l7.5 5.5-2 9.5-10 3L3 14.5z"/>',
    "sector": f'<path {_INK} d="M3 16c4-9 6 2 9-3.500S18 6 21 8.5"/><circle cx="3.5" cy="15.5" r="2.5"/>'
    '<circle cx="20.5" cy="8.5" r="2.5"/>',
    "line": f'<path {_INK} d="M2.5 12h6M11.3 12h1.400M15.5 12h6"/>',
    "document": f'<path d="M5.5 2.500h9l4 4v15h-13z"/><path {_DETAIL} d="M8.7 11h6.600M8.7 15h6.6"/>',
    "place": '<path d="M12 22s-7-7.2-7-12.300a7 7 0 0 1 14 0C19 14.8 12 22 12 22z"/>'
    '<circle cx="12" cy="9.7" r="2.6" style="fill:var(--detail,#fff);stroke:none"/>',
}


def shape_or_circle(shape: str) -> str:
    """``shape`` if it is in the sprite, else the circle, so that a code with an unknown shape is still drawn."""
    return shape if shape in SHAPES else DEFAULT_MARK.shape


def sprite() -> str:
    """The SVG document with each shape as a symbol of the same name."""
    symbols = "\n".join(
        f'<symbol id="{name}" viewBox="0 0 {SIZE} {SIZE}">{drawing}</symbol>' for name, drawing in SHAPES.items()
    )
    return f'<svg xmlns="http://www.w3.org/2000/svg">\n{symbols}\n</svg>\n'
