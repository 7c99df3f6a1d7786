"""A drawing of lines over two logarithmic scales, as SVG and without a library."""

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
    """Powers of ten spread over pixels."""

    least: float
    most: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """Where a value lies."""
        share = (math.log10(value) - math.log10(self.least)) / (math.log10(self.most) - math.log10(self.least))
        return round(self.start + share * (self.end - self.start), 1)


def line_chart(title: str, x_label: str, y_label: str, lines: Mapping[str, Series]) -> str:
    """The lines by name."""
    values = [point for pair in lines.values() for points in pair for point in points]
    columns = sorted({x for x, _ in values})
    powers = range(
        math.floor(math.log10(min(y for _, y in values))), math.ceil(math.log10(max(y for _, y in values))) + 1
    )
    x = Scale(columns[0], columns[-1], LEFT, WIDTH - RIGHT)
    y = Scale(10.0 ** powers[0], 10.0 ** powers[-1], HEIGHT - BOTTOM, TOP)
    created = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif">',
        f'<title>{escape(title)}</title><rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        _svg_text(LEFT, 24, title, size=14, anchor="start"),
        _svg_text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 14, x_label),
        f'<g transform="rotate(-90 18 {HEIGHT / 2})">{_svg_text(18, HEIGHT / 2, y_label)}</g>',
    ]
    for power in powers:
        level = y(10.0**power)
        created.append(f'<path d="M{LEFT},{level} H{WIDTH - RIGHT}" stroke="#ddd"/>')
        created.append(_svg_text(LEFT - 8, level + 4, f"{10.0**power:g}", anchor="end"))
    created += [_svg_text(x(column), HEIGHT - BOTTOM + 18, f"{column:,.0f}") for column in columns]
    for number, (name, pair) in enumerate(lines.items()):
        created += _svg_line(pair, x, y, COLOURS[number % len(COLOURS)])
        beside = TOP + 14 + 20 * number
        created.append(
            f'<path d="M{WIDTH - RIGHT + 16},{beside} h22" stroke="{COLOURS[number % len(COLOURS)]}" stroke-width="2"/>'
        )
        created.append(_svg_text(WIDTH - RIGHT + 44, beside + 4, name, anchor="start"))
    return "\n".join([*created, "</svg>", ""])


def _svg_line(pair: Series, x: Scale, y: Scale, colour: str) -> Iterator[str]:
    own_value, companion = ([(x(across), y(up)) for across, up in points] for points in pair)
    for points, dash in ((own_value, ""), (companion, ' stroke-dasharray="4 4" opacity="0.6"')):
        if points:
            path = " L".join(f"{left},{top}" for left, top in points)
            yield f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="2"{dash}/>'
    yield from (f'<circle cx="{left}" cy="{top}" r="3" fill="{colour}"/>' for left, top in own_value)


def _svg_text(left: float, top: float, text: str, *, size: int = 11, anchor: str = "middle") -> str:
    return f'<text x="{left}" y="{top}" font-size="{size}" text-anchor="{anchor}" fill="{INK}">{escape(text)}</text>'
