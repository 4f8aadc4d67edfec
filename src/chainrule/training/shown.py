"""The steps of a training for a notebook: their costs as a curve and a table."""

from collections.abc import Sequence
from math import isfinite
from typing import TYPE_CHECKING

from chainrule.text import html_table

if TYPE_CHECKING:
    from chainrule.training.steps import Step

_WIDTH, _HEIGHT, _MARGIN = 480, 160, 6
_POINTS = 400  # of a curve, at most
_ROWS = 8  # of the table, at most


class Steps(list["Step"]):
    """A list of steps that a notebook shows as a curve of the costs, and a table."""

    def _repr_html_(self) -> str:
        if not self:
            return "<p>no steps</p>"
        watched = any(step.validation_cost is not None for step in self)
        heads = ["epoch", "cost", *["validation cost"] * watched, "learning rate"]
        rows = []
        for step in _some(self, _ROWS):
            numbers = [step.cost, *[step.validation_cost] * watched, step.learning_rate]
            rows.append([f"{step.epoch:,}", *("—" if x is None else f"{x:.4g}" for x in numbers)])
        return _curves(_some(self, _POINTS)) + html_table(rows, heads)


def _some(steps: "Sequence[Step]", most: int) -> "list[Step]":
    """The first, the last, and some between in equal distances."""
    if len(steps) <= most:
        return list(steps)
    return [steps[round(i * (len(steps) - 1) / (most - 1))] for i in range(most)]


def _curves(steps: "Sequence[Step]") -> str:
    """The costs as an image in the color of the text: training solid, validation dashed."""
    curves = {
        "cost": [(step.epoch, step.cost) for step in steps if isfinite(step.cost)],
        "validation cost (dashed)": [
            (step.epoch, step.validation_cost)
            for step in steps
            if step.validation_cost is not None and isfinite(step.validation_cost)
        ],
    }
    curves = {name: points for name, points in curves.items() if len(points) > 1}
    if not curves:
        return ""
    every = [point for points in curves.values() for point in points]
    (first, last), (low, high) = ((min(axis), max(axis)) for axis in zip(*every, strict=True))
    across, up = (last - first) or 1, (high - low) or 1
    lines = []
    for i, points in enumerate(curves.values()):
        places = " ".join(
            f"{_MARGIN + (x - first) / across * (_WIDTH - 2 * _MARGIN):.1f},"
            f"{_MARGIN + (high - y) / up * (_HEIGHT - 2 * _MARGIN):.1f}"
            for x, y in points
        )
        dashes = ' stroke-dasharray="5 4"' * (i > 0 or "cost" not in curves)
        lines.append(f'<polyline points="{places}" fill="none" stroke="currentColor" stroke-width="1.5"{dashes}/>')
    text = f"{' and '.join(curves)}: {low:.4g} to {high:.4g}, epochs {first:,} to {last:,}"
    return (
        f'<svg role="img" aria-label="{text}" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
        f'style="width:{_WIDTH}px;max-width:100%;display:block">{"".join(lines)}</svg><p>{text}</p>'
    )
