"""A line chart with two logarithmic axes, as SVG without a library."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html import escape
from typing import Final

Points = list[tuple[float, float]]
Series = tuple[Points, Points]
"""A line and its dashed companion."""

WIDTH, HEIGHT = 780, 420
LEFT, RIGHT, TOP, BOTTOM = 70, 240, 46, 56
COLOURS: Final = ("#0b6e4f", "#c1440e", "#2a6fb0", "#7b4bb7", "#9a7b00", "#b0306a", "#4a5a63")
INK: Final = "#222"


@dataclass(frozen=True)
class Scale:
    """A logarithmic scale from values to pixels."""

    least: float
    most: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """The pixel of a value."""
        share = (math.log10(value) - math.log10(self.least)) / (math.log10(self.most) - math.log10(self.least))
        return round(self.start + share * (self.end - self.start), 1)


def line_chart(title: str, x_label: str, y_label: str, lines: Mapping[str, Series]) -> str:
    """The chart of the named lines, with axes and a legend."""
    values = [point for series in lines.values() for points in series for point in points]
    columns = sorted({x for x, _ in values})
    powers = range(
        math.floor(math.log10(min(y for _, y in values))), math.ceil(math.log10(max(y for _, y in values))) + 1
    )
    x = Scale(columns[0], columns[-1], LEFT, WIDTH - RIGHT)
    y = Scale(10.0 ** powers[0], 10.0 ** powers[-1], HEIGHT - BOTTOM, TOP)
    elements = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif">',
        f'<title>{escape(title)}</title><rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        _svg_text(LEFT, 24, title, size=14, anchor="start"),
        _svg_text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 14, x_label),
        f'<g transform="rotate(-90 18 {HEIGHT / 2})">{_svg_text(18, HEIGHT / 2, y_label)}</g>',
    ]
    for power in powers:
        level = y(10.0**power)
        elements.append(f'<path d="M{LEFT},{level} H{WIDTH - RIGHT}" stroke="#ddd"/>')
        elements.append(_svg_text(LEFT - 8, level + 4, f"{10.0**power:g}", anchor="end"))
    elements += [_svg_text(x(column), HEIGHT - BOTTOM + 18, f"{column:,.0f}") for column in columns]
    for number, (name, series) in enumerate(lines.items()):
        colour = COLOURS[number % len(COLOURS)]
        elements += _svg_line(series, x, y, colour)
        legend_top = TOP + 14 + 20 * number
        elements.append(f'<path d="M{WIDTH - RIGHT + 16},{legend_top} h22" stroke="{colour}" stroke-width="2"/>')
        elements.append(_svg_text(WIDTH - RIGHT + 44, legend_top + 4, name, anchor="start"))
    return "\n".join([*elements, "</svg>", ""])


def _svg_line(series: Series, x: Scale, y: Scale, colour: str) -> Iterator[str]:
    main, companion = ([(x(across), y(up)) for across, up in points] for points in series)
    for points, dash in ((main, ""), (companion, ' stroke-dasharray="4 4" opacity="0.6"')):
        if points:
            path = " L".join(f"{left},{top}" for left, top in points)
            yield f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="2"{dash}/>'
    yield from (f'<circle cx="{left}" cy="{top}" r="3" fill="{colour}"/>' for left, top in main)


def _svg_text(left: float, top: float, text: str, *, size: int = 11, anchor: str = "middle") -> str:
    return f'<text x="{left}" y="{top}" font-size="{size}" text-anchor="{anchor}" fill="{INK}">{escape(text)}</text>'
