"""The network as a diagram: units as circles, weights as lines."""

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule._types import Array
from chainrule.plots.answers import input_names
from chainrule.plots.style import GREEN, PURPLE, axes, diverging, ink, numbered, unit, wide, words

if TYPE_CHECKING:
    from matplotlib.axes import Axes

UNITS, LAYERS = 10, 9  # drawn of one layer, and of the layers with the input; of more the first and the last are
RADIUS, STEP = 0.37, 3.2  # of a unit, and from layer to layer; units are 1 apart
SIDE, BELOW = 1.2, 3.6  # beside and below the units
INCH = 0.5  # of a picture on its own: what units are apart


def network(
    net: Any,
    *,
    inputs: Sequence[object] | None = None,
    outputs: Sequence[object] | None = None,
    ax: "Axes | None" = None,
) -> "Axes":
    """Units as circles, weights as lines: green above zero, purple below, the wider and stronger the larger.

    One scale holds for all weights that are drawn, another for the biases, which fill the circles. Of a layer with more
    than 10 units the first 6 and the last 2 are drawn, of more than 9 layers the first 4 and the last 4; what is left
    out is counted in the picture.

    Parameters
    ----------
    net : Network, fitted estimator, or pipeline that ends in one
    inputs, outputs : sequence, optional
        What to call the inputs and the outputs, one name for each. Unless given, those of an estimator have the names
        of the columns that it was fitted with, and of its classes.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If there is not one name for each input or output.
    """
    net, names = named(net, inputs, outputs)
    columns = _some(net.L + 1, LAYERS, 4, 4)  # layers, None where some are left out
    units = {l: _some(net.sizes[l], UNITS, 6, 2) for l in columns if l is not None}
    tallest = max(map(len, units.values()))
    shown = [[names[l][i] for i in units[l] if i is not None] if names[l] else [] for l in names]
    left, right = (SIDE + wide(some, 0.833) / INCH for some in shown)
    across, up = left + (len(columns) - 1) * STEP + right, tallest + 0.2 + BELOW
    ax = axes(ax, across * INCH, up * INCH)
    from matplotlib.collections import LineCollection, PatchCollection
    from matplotlib.lines import Line2D
    from matplotlib.patches import Circle

    shades = diverging(PURPLE, GREEN)
    height = {l: {i: (len(some) - 1) / 2 - k for k, i in enumerate(some) if i is not None} for l, some in units.items()}

    lines, sizes, circles, fills = [], [], [], []
    for column, l in enumerate(columns):
        x = column * STEP
        if l is None:
            ax.text(x, 0, f"…\n{net.L + 1 - len(units)} more\nlayers", ha="center", va="center", fontsize="small")
            continue
        for i, y in height[l].items():
            circles.append(Circle((x, y), RADIUS))
            fills.append(float(net.b[l][i, 0]) if l else 0.0)
            if l == 0 or l == net.L:
                ax.text(x, y, numbered("xŷ"[l > 0], i + 1), ha="center", va="center", fontsize="small")
                if names[l]:
                    beside: dict[str, Any] = {"ha": "left" if l else "right", "va": "center", "fontsize": "small"}
                    ax.text(x + (0.5 if l else -0.5), y, names[l][i], **beside, parse_math=False)
            for k, y_before in height.get(l - 1, {}).items():
                lines.append(_between((x - STEP, y_before), (x, y)))
                sizes.append(float(net.W[l][i, k]))
        if None in units[l]:
            ax.text(x, (len(units[l]) - 1) / 2 - units[l].index(None), "⋮", ha="center", va="center")
        ax.text(x, -tallest / 2 - 0.1, _caption(net, l, units[l]), ha="center", va="top", fontsize="small")
    (strength, weights), (full, biases) = _scaled(sizes, "the widest |w|"), _scaled(fills, "the fullest |b|")
    colors = shades((strength + 1) / 2)
    colors[:, 3] = 0.15 + 0.85 * abs(strength)  # the weakest are still there
    ax.add_collection(LineCollection(lines, colors=colors, linewidths=0.3 + 2.7 * abs(strength)))
    ax.add_collection(PatchCollection(circles, facecolors=shades((full + 1) / 2), edgecolors=ink(), linewidths=0.8))
    ax.set(xlim=(-left, across - left), ylim=(-tallest / 2 - BELOW, tallest / 2 + 0.2), aspect="equal")
    ax.set_axis_off()
    signs = [
        Line2D([], [], color=color, linewidth=3, label=f"{sign} zero")
        for color, sign in ((GREEN, "above"), (PURPLE, "below"))
    ]
    legend = ax.legend(handles=signs, loc="lower center", ncols=2, frameon=False, fontsize="small", borderaxespad=0)
    scales = f"lines: weights, {weights}\ncircles: biases, {biases}"
    ax.text(across / 2 - left, -tallest / 2 - 1.7, scales, ha="center", va="top", fontsize="small")
    small = unit(ax)[0] / ax.figure.dpi / INCH
    for text in (*ax.texts, *legend.get_texts()) if small < 0.9 else ():  # Axes too small for the usual letters
        text.set_fontsize(small * float(text.get_fontsize()))
    return ax


def named(model: Any, inputs: Any = None, outputs: Any = None) -> tuple[Any, dict[int, list[str]]]:
    """The Network of a model, and the names of its inputs and outputs by layer; none where they are not known."""
    pipeline, estimator = hasattr(model, "steps"), model[-1] if hasattr(model, "steps") else model
    net, columns = getattr(estimator, "network_", estimator), input_names(estimator)
    if pipeline and len(model) > 1 and hasattr(model, "feature_names_in_"):
        with suppress(AttributeError, ValueError):  # of steps that have no names for what they make
            columns = list(model[:-1].get_feature_names_out())
    classes = list(getattr(estimator, "classes_", ()))
    classes = classes if len(classes) == net.sizes[-1] else classes[1:]  # of two, the second has an output
    names = {}
    for l, what, given, own in ((0, "inputs", inputs, columns), (net.L, "outputs", outputs, classes)):
        if given is not None and len(given) != net.sizes[l]:
            raise ValueError(f"{what}: got {len(given)} names, the network has {net.sizes[l]}")
        names[l] = [words(name).strip() for name in (own if given is None else given)]
    return net, names


def _scaled(values: Sequence[float], largest: str) -> tuple[Array, str]:
    """Values from −1 to 1, 0 for what is no number, and the scale in words."""
    found = np.array(values)
    finite = np.isfinite(found)
    most, strange = abs(found[finite]).max(initial=0), int((~finite).sum())
    said = [f"{largest} = {most:.3g}"] if most else ["all are 0"] if not strange else []
    return np.where(finite, found, 0) / (most or 1), ", ".join([*said, *[f"{strange} NaN or infinite"] * (strange > 0)])


def _some(count: int, most: int, first: int, last: int) -> list[int | None]:
    """All indexes, or the first and the last with None between."""
    if count <= most:
        return list(range(count))
    return [*range(first), None, *range(count - last, count)]


def _between(start: tuple[float, float], end: tuple[float, float]) -> Any:
    """The line from rim to rim of two circles."""
    way = np.subtract(end, start)
    rim = RADIUS * way / np.hypot(*way)
    return [start + rim, end - rim]


def _caption(net: Any, l: int, units: list[int | None]) -> str:
    name = "input" if l == 0 else "output" if l == net.L else f"layer {l}"
    count = f"{net.sizes[l]:,}" + ("" if None not in units else f" ({len(units) - 1} drawn)")
    return "\n".join([name, *([net.g[l].spec] if l else []), count])
