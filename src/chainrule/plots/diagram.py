"""The network as a diagram: units as circles, weights as lines."""

from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.plots.style import GREEN, PURPLE, axes, diverging, ink, legend_beside, numbered

if TYPE_CHECKING:
    from matplotlib.axes import Axes

UNITS, LAYERS = 10, 9  # drawn of one layer, and of the layers with the input; of more the first and the last are
RADIUS, STEP = 0.37, 3.2  # of a unit, and from layer to layer; units are 1 apart


def network(net: Any, *, ax: "Axes | None" = None) -> "Axes":
    """Units as circles, weights as lines: green above zero, purple below, the wider and stronger the larger.

    One scale holds for all weights that are drawn, another for the biases, which fill the circles. Of a layer with more
    than 10 units the first 6 and the last 2 are drawn, of more than 9 layers the first 4 and the last 4; what is left
    out is counted in the picture.

    Parameters
    ----------
    net : Network or fitted estimator
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
    """
    net = getattr(net, "network_", net)
    columns = _some(net.L + 1, LAYERS, 4, 4)  # layers, None where some are left out
    units = {l: _some(net.sizes[l], UNITS, 6, 2) for l in columns if l is not None}
    tallest = max(map(len, units.values()))
    ax = axes(ax, 1.6 * len(columns) + 2, 0.5 * tallest + 1.5)
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
            for k, y_before in height.get(l - 1, {}).items():
                lines.append(_between((x - STEP, y_before), (x, y)))
                sizes.append(float(net.W[l][i, k]))
        if None in units[l]:
            ax.text(x, (len(units[l]) - 1) / 2 - units[l].index(None), "⋮", ha="center", va="center")
        ax.text(x, -tallest / 2 - 0.1, _caption(net, l, units[l]), ha="center", va="top", fontsize="small")
    weights, biases = np.abs(sizes).max(initial=0) or 1.0, np.abs(fills).max(initial=0) or 1.0
    strength, full = np.array(sizes) / weights, np.array(fills) / biases
    colors = shades((strength + 1) / 2)
    colors[:, 3] = 0.15 + 0.85 * abs(strength)  # the weakest are still there
    ax.add_collection(LineCollection(lines, colors=colors, linewidths=0.3 + 2.7 * abs(strength)))
    ax.add_collection(PatchCollection(circles, facecolors=shades((full + 1) / 2), edgecolors=ink(), linewidths=0.8))
    ax.set(xlim=(-1.2, (len(columns) - 1) * STEP + 1.2), ylim=(-tallest / 2 - 2.1, tallest / 2 + 0.2), aspect="equal")
    ax.set_axis_off()
    named = [
        Line2D([], [], color=color, linewidth=3, label=f"{sign} zero")
        for color, sign in ((GREEN, "above"), (PURPLE, "below"))
    ]
    legend_beside(ax, 2, handles=named, fontsize="small")
    scales = f"lines: weights, the widest |w| = {weights:.3g}; circles: biases, the fullest |b| = {biases:.3g}"
    ax.text((len(columns) - 1) * STEP / 2, -tallest / 2 - 1.7, scales, ha="center", va="top", fontsize="small")
    return ax


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
