"""The pictures of the claims: parts, each of which draws what was measured on Axes of its own, and figures of them."""

from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import Any, Concatenate, ParamSpec

import numpy as np

from chainrule import plots
from chainrule._types import Array
from chainrule.network import Network
from chainrule.plots import style

Part = Callable[[Any], None]  # draws on matplotlib Axes
Picture = Callable[[Any], None]  # draws on a matplotlib Figure
P = ParamSpec("P")
STYLES = ("-", "--", "-.", ":")


def picture(*parts: Part, share: bool = False, **look: Any) -> Picture:
    """A function that draws the parts on a Figure, in rows of two, with one legend above for all of them.

    share: they have the same y-axis. look: what Axes.set takes, for all of them.
    """

    def draw(figure: Any) -> None:
        rows, named = -(-len(parts) // 2), dict[str, Any]()
        figure.set_size_inches(9, 3.2 * rows + 0.8)
        axes = figure.subplots(rows, min(len(parts), 2), sharey=share, squeeze=False).ravel()
        for ax, part in zip(axes, parts, strict=True):
            ax.set(**look)
            part(ax)
            if share:
                ax.label_outer()
            if ax.get_legend() is None:
                named |= dict(zip(*reversed(ax.get_legend_handles_labels()), strict=True))
        if len(named) > 1:
            columns = min(len(named), 110 // (max(map(len, named)) + 6))  # as many as fit
            figure.legend(named.values(), named, loc="outside upper center", ncols=columns, frameon=False)

    return draw


def part(draw: Callable[Concatenate[Any, P], None]) -> Callable[P, Part]:
    """Make of draw(ax, …) a function of … that gives a Part."""

    @wraps(draw)
    def make(*arguments: P.args, **named: P.kwargs) -> Part:
        return lambda ax: draw(ax, *arguments, **named)

    return make


@part
def lines(
    ax: Any,
    /,
    named: Mapping[str, tuple[Any, Any]],
    level: float | None = None,
    ticks: Sequence[float] = (),
    **look: Any,
) -> None:
    """Lines x (n,), y (n,) by name, told apart by color, marker and style; y (3, n) is a line between two others.

    level: where a thin gray line goes across. ticks: the values of x that are written below.
    """
    for i, (name, (x, y)) in enumerate(named.items()):
        y = np.asarray(y, float)
        if y.ndim == 2:
            ax.fill_between(x, y[0], y[2], color=style.COLORS[i], alpha=0.2, linewidth=0)
            y = y[1]
        every = None if len(y) <= 20 else (i / 100, 0.12)  # so that markers do not lie on one another
        ax.plot(x, y, STYLES[i % 4], **style.look(i), markersize=5, markevery=every, label=name)
    if level is not None:
        ax.axhline(level, color="gray", linewidth=0.8)
    ax.set(**look)
    if ticks:
        ax.set_xticks(ticks, [f"{at:g}" for at in ticks])
        ax.minorticks_off()


@part
def race(ax: Any, /, x: Sequence[float], epochs: Mapping[str, Sequence[float]], title: str) -> None:
    """Epochs against x for each name, axes logarithmic; what never arrives lies on a line above."""
    at, found = np.array(x), np.array(list(epochs.values()))  # (n,), (names, n)
    known = np.where(np.isfinite(found), found, np.nan)
    named = {name: (x, y) for name, y in zip(epochs, known, strict=True)}
    lines(named, ticks=x, title=title, xscale="log", yscale="log")(ax)
    low, high = np.nanmin(known, initial=1e6), np.nanmax(known, initial=1.0)
    ticks = [step * 10**k for k in range(7) for step in (1, 2, 5) if low / 1.5 <= step * 10**k <= 1.5 * high]
    ax.set_yticks(ticks, [f"{tick:,}" for tick in ticks])
    if np.isinf(found).any():
        high *= 2
        ax.axhline(high, color="gray", linewidth=0.8, linestyle=":", zorder=0)
        ax.text(0.5, 1.1 * high, "never", transform=ax.get_yaxis_transform(), color="gray")
        for i, y in enumerate(found):
            never = at[np.isinf(y)]
            ax.plot(never, np.full(never.shape, high), linestyle="", fillstyle="none", **style.look(i))
        ax.set_ylim(top=1.6 * high)
    ax.minorticks_off()


@part
def bars(
    ax: Any, /, names: Sequence[str], groups: Mapping[str, Sequence[float]], limit: float | None = None, **look: Any
) -> None:
    """A bar to the right for each name and group, from the top down. limit: where a dashed line goes up."""
    thick = 0.8 / len(groups)
    for i, (group, values) in enumerate(groups.items()):
        place = np.arange(len(names)) + thick * (i - (len(groups) - 1) / 2)
        ax.barh(place, values, 0.9 * thick, color=style.COLORS[i], hatch=("", "//")[i], label=group)
    ax.set_yticks(range(len(names)), names)
    ax.invert_yaxis()
    if limit is not None:
        ax.axvline(limit, color=style.ORANGE, linestyle="--")
    ax.set(**look)


@part
def plane(ax: Any, /, title: str, model: Any, X: Any, Y: Any) -> None:
    """What a model answers over a plane, as `plots.decision_boundary` draws it."""
    plots.decision_boundary(model, X, Y, ax=ax)
    for points in ax.collections:
        points.set_label("")  # the colors are explained beside the plane already
    ax.set_title(title)


@part
def linear(ax: Any, /, network: Network, X: Array, Y: Array, W: Array, b: Array) -> None:
    """A network over the plane, and where W x + b (1, …) of its normalized inputs is 0."""
    plane("the network, and W′x + b′ = 0 (dashed)", network, X, Y)(ax)
    sides = (np.linspace(low, high, 50) for low, high in (ax.get_xlim(), ax.get_ylim()))
    grid = np.stack(np.meshgrid(*sides))  # (2, 50, 50)
    Z = W @ network.check_inputs(grid.reshape(2, -1)) + b
    ax.contour(*grid, Z.reshape(grid.shape[1:]), levels=[0], colors=[style.ink()], linestyles="--", linewidths=2.5)


@part
def matrices(ax: Any, /, named: Mapping[str, Array], **look: Any) -> None:
    """Two matrices of the same shape side by side, with their numbers; each has a scale of colors of its own."""
    shades, columns = np.hstack([W / np.abs(W).max() for W in named.values()]), np.hstack(list(named.values()))
    ax.imshow(shades, cmap=style.diverging(style.PURPLE, style.GREEN, 0.7), vmin=-1, vmax=1)
    for (i, j), w in np.ndenumerate(columns):
        ax.text(j, i, f"{w:.2f}", ha="center", va="center")
    half = columns.shape[1] / 2
    ax.axvline(half - 0.5, color=style.ink(), linewidth=2)
    ax.set(yticks=range(len(columns)), **look)
    ax.set_xticks([half / 2 - 0.5, 1.5 * half - 0.5], list(named))


@part
def activation(ax: Any, /, name: str, note: str) -> None:
    """An activation with its slope, and a note below on the right."""
    plots.activation(name, ax=ax)
    ax.text(0.98, 0.05, note, transform=ax.transAxes, ha="right", fontsize="x-small")


@part
def descent(ax: Any, /, title: str, w: Array, b: Array, J: Array, path: Array) -> None:
    """J (k, k) over w (k,) to the right and b (k,) up, and the path of (w, b), (steps, 2), over it."""
    levels = np.geomspace(J.min(), J.max(), 16)
    filled = ax.contourf(w, b, J, levels=levels, cmap="cividis", norm="log")
    ax.contour(w, b, J, levels=levels, colors="white", linewidths=0.4)
    some = path[:: -(-len(path) // 500)]  # a vector picture of ten thousand points would weigh more than it shows
    ax.plot(*some.T, ".-", color="white", linewidth=1.2, markersize=4)
    ax.plot(*path[-1], "*", color=style.ORANGE, markersize=14, markeredgecolor="white")
    ax.set(xlabel="w", ylabel="b", title=title)
    ax.figure.colorbar(filled, ax=ax, label="J", ticks=levels[::3], format="%.2g").minorticks_off()


@part
def boxes(ax: Any, /, shapes: Mapping[str, tuple[int, ...]], title: str) -> None:
    """Z[l] = W[l] A[l-1] + b[l] of two layers as boxes to scale; parameters have another color than data."""
    for l, (given, y) in enumerate((("X", 0.0), ("A[1]", -9.0)), start=1):
        x = 0.0
        for sign, name in (("=", f"Z[{l}]"), ("", f"W[{l}]"), ("+", given), ("", f"b[{l}]")):
            rows, columns = shapes[name]
            low, high = y - rows / 2, y + rows / 2
            ax.fill_between([x, x + columns], low, high, color=style.COLORS[name[0] in "Wb"], linewidth=0)
            ax.hlines(np.arange(1, rows) + low, x, x + columns, color="white", linewidth=1)
            ax.vlines(np.arange(1, columns) + x, low, high, color="white", linewidth=1)
            shape = f"({rows}, {'m' if name[0] in 'XAZ' else columns})"
            ax.text(x + columns / 2, high + 0.4, name, ha="center", va="bottom")
            ax.text(x + columns / 2, low - 0.4, shape, ha="center", va="top")
            ax.text(x + columns + 1.6, y, sign, ha="center", va="center", fontsize=14)
            x += columns + 3
    ax.set(xlim=(-1, x), ylim=(-13, 4.5), aspect="equal", title=title)
    ax.axis("off")


@part
def mistakes(ax: Any, /, what: str, network: Network, X: Array, Y: Array, shape: tuple[int, ...]) -> None:
    """The pictures that a network takes for what they are not, the surest mistakes first."""
    ax.figure.set_size_inches(9, 6)
    plots.misclassified(network, X, Y, shape, ax=ax)
    ax.set_title(f"{what}: {ax.get_title()}")
