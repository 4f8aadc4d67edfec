"""Draw docs/architecture.svg, the rooms of the package and who uses whom: python docs/architecture.py.

Read from the tables of tests/test_imports.py, which are compared with every import in src. An arrow that follows from
others is left out. The layout is the usual one for layers: an arrow that passes a floor has a place of its own on it,
and places move towards the middle of what they are joined to.
"""

import sys
from collections.abc import Iterable
from html import escape
from itertools import pairwise
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "tests"))

from test_imports import ARROWS, ORDER  # noqa: E402

FLOOR, BOX, GAP, LETTER, NARROW, MARGIN = 58, 30, 16, 7.6, 12, 20  # pixels
# What a room is for, in the words of the page.
KIND = {
    "the mathematics": "equations activations losses initializers optimizers schedules normalization",
    "the networks": "network engines training files blocks layout checks _native",
    "the working": "working claims quiz lab plots",
    "tables, estimators, export": "estimators tabular readers datasets exporting interchange cli __main__",
    "small things": "text errors elsewhere _types _version",  # and what is not named here
}
COLOR = dict(zip(KIND, ("#f9d9a8", "#bcd8f2", "#cbe8c1", "#e3cdf0", "#e4e4e4"), strict=True))


def above() -> dict[str, set[str]]:
    """Room → the rooms that it uses and that none of those uses."""
    uses = {room: set(others.split()) for room, others in ARROWS.items()}

    def all_below(room: str) -> set[str]:
        return set().union(*({other} | all_below(other) for other in uses.get(room, ())))

    return {room: {o for o in others if not any(o in all_below(p) for p in others)} for room, others in uses.items()}


def width(place: object) -> float:
    """Of a room its box, of an arrow that passes a narrow gap."""
    return len(place) * LETTER + 18 if isinstance(place, str) else NARROW


def placed(floors: list[list[object]], joined: list[tuple[object, object]]) -> dict[object, float]:
    """The middle of every place on its floor, left to right."""

    def middles() -> dict[object, float]:
        x = {}
        for floor in floors:
            left = -(sum(map(width, floor)) + GAP * (len(floor) - 1)) / 2
            for place in floor:
                x[place] = left + width(place) / 2
                left += width(place) + GAP
        return x

    def mean(values: Iterable[float], otherwise: float) -> float:
        values = list(values)
        return sum(values) / len(values) if values else otherwise

    for sweep in range(24):
        for floor in floors if sweep % 2 else floors[::-1]:
            x = middles()
            near = {p: [x[b] for a, b in joined if a == p] + [x[a] for a, b in joined if b == p] for p in floor}
            floor.sort(key=lambda p: (mean(near[p], x[p]), str(p)))
    return middles()


def picture() -> str:
    """The SVG."""
    floor_of = {room: i for i, rooms in enumerate(ORDER) for room in rooms}
    floors: list[list[object]] = [sorted(rooms) for rooms in ORDER]
    joined, paths = [], []
    for room, others in sorted(above().items()):
        for other in sorted(others):
            passed = [(room, other, i) for i in range(floor_of[room] - 1, floor_of[other], -1)]
            for place in passed:
                floors[place[2]].append(place)
            paths.append([room, *passed, other])
            joined += pairwise(paths[-1])
    x = placed(floors, joined)
    level = {place: i for i, floor in enumerate(floors) for place in floor}
    half = max(abs(x[place]) + width(place) / 2 for place in x) + MARGIN
    wide, legend = 2 * half, 34
    high = FLOOR * len(floors) + 2 * MARGIN + legend

    def at(place: object) -> tuple[float, float]:
        return x[place] + half, MARGIN + legend + (len(floors) - 1 - level[place] + 0.5) * FLOOR

    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide:.0f} {high:.0f}" width="{wide:.0f}" '
        f'height="{high:.0f}" font-family="system-ui, sans-serif" font-size="13" text-anchor="middle">',
        "<title>The rooms of chainrule; an arrow leads from a room to what it uses</title>",
        f'<rect width="{wide:.0f}" height="{high:.0f}" rx="8" fill="#fff"/>',
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0L8 4L0 8z" fill="#777"/></marker></defs>',
    ]
    for path in paths:
        points = [at(place) for place in path]
        points[0] = (points[0][0], points[0][1] + BOX / 2)
        points[-1] = (points[-1][0], points[-1][1] - BOX / 2 - 1)
        d = f"M{points[0][0]:.0f} {points[0][1]:.0f}"
        for (x0, y0), (x1, y1) in pairwise(points):
            bend = (y1 - y0) / 2
            d += f"C{x0:.0f} {y0 + bend:.0f} {x1:.0f} {y1 - bend:.0f} {x1:.0f} {y1:.0f}"
        lines.append(f'<path d="{d}" fill="none" stroke="#999" stroke-width="1.2" marker-end="url(#tip)"/>')
    kind_of = {room: kind for kind, rooms in KIND.items() for room in rooms.split()}
    for room in sorted(floor_of):
        cx, cy = at(room)
        uses, color = escape(ARROWS.get(room, "nothing")), COLOR[kind_of.get(room, "small things")]
        lines.append(
            f'<g><title>{room} uses {uses}</title><rect x="{cx - width(room) / 2:.0f}" y="{cy - BOX / 2:.0f}" '
            f'width="{width(room):.0f}" height="{BOX}" rx="5" fill="{color}" stroke="#555"/>'
            f'<text x="{cx:.0f}" y="{cy + 4.5:.0f}" fill="#111">{room}</text></g>'
        )
    left = MARGIN
    for kind, color in COLOR.items():
        lines.append(f'<rect x="{left:.0f}" y="14" width="14" height="14" rx="3" fill="{color}" stroke="#555"/>')
        lines.append(f'<text x="{left + 20:.0f}" y="26" text-anchor="start" fill="#111">{kind}</text>')
        left += 38 + len(kind) * 7
    return "\n".join([*lines, "</svg>", ""])


if __name__ == "__main__":
    HERE.joinpath("architecture.svg").write_text(picture(), encoding="utf-8")
