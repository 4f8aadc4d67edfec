"""Curves: the cost over the epochs, and activations with their slopes."""

from collections.abc import Mapping
from math import inf
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule import activations as table
from chainrule._types import Array
from chainrule.plots.style import BLUE, COLORS, MARKERS, ORANGE, axes, beside, ink, legend, pyplot, squeeze, words

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INSIDE = 10  # curves, up to which their legend is in the picture


def cost_curves(runs: Any, *, first: int = 0, ax: "Axes | None" = None) -> "Axes":
    """The cost J over the epochs: training solid, validation dashed.

    Parameters
    ----------
    runs : iterable of Step, history, or dict of these by label
        What `Network.train` gives, or a list of its steps; a history such as ``clf.history_``, which is
        ``{"cost": […], "validation_cost": […]}``; or several runs, each with a label.
    first : int, default 0
        The number of the first epoch.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If there is no cost to draw.
    """
    several = isinstance(runs, Mapping) and "cost" not in runs
    read = {name: _costs(run) for name, run in runs.items()} if several else {"": _costs(runs)}
    if not read:
        raise ValueError("runs: got none, wanted at least one")
    drawn = len({line.get_color() for line in ax.lines}) if ax else 0  # go on with the next color
    curves: list[tuple[list[int], Array, dict[str, Any]]] = []  # epochs, costs, and how they are drawn
    for i, (name, (epochs, training, validation)) in enumerate(read.items(), drawn):
        label = words(name, 30) if str(name) else ""
        for what, costs, line in (("training", training, "-"), ("validation", validation, "--")):
            if costs is None:
                continue
            whole = label if label and validation is None else f"{label}: {what}".lstrip(": ")
            alone = _alone(costs)
            look: dict[str, Any] = {"color": COLORS[i % len(COLORS)], "linestyle": line, "markersize": 5}
            look["marker"] = MARKERS[i // len(COLORS) - 1] if i >= len(COLORS) else "o" if alone else ""
            look["label"] = whole if np.isfinite(costs).any() else f"{whole} (never a finite number)"
            look["markevery"] = alone or 0.1
            curves.append((epochs, costs, look))
    labels = [str(look["label"]) for *_, look in curves]
    ax = axes(ax, 6 if len(labels) <= INSIDE else 5 + beside(labels), 4)
    for epochs, costs, look in curves:
        ax.plot([first + epoch for epoch in epochs], costs, **look)
    ax.set(xlabel="epoch", ylabel="cost J")
    if ax.get_xscale() == "linear":
        ax.locator_params(axis="x", integer=True, min_n_ticks=1)
    if len(ax.lines) > 1:
        legend(ax, beside=len(ax.lines) > INSIDE)
    return ax


def _alone(costs: Array) -> list[int]:
    """Where a number has none before it and none after it, so that no line goes there."""
    there = np.concatenate([[False], np.isfinite(costs), [False]])
    return np.flatnonzero(there[1:-1] & ~there[:-2] & ~there[2:]).tolist()


def _costs(run: Any) -> tuple[list[int], Array, Array | None]:
    """Epochs, costs, and validation costs or None."""
    if isinstance(run, Mapping):
        costs, validation = list(run["cost"]), run.get("validation_cost")
        epochs = list(range(len(costs)))
    else:
        steps = list(run)
        epochs, costs = [step.epoch for step in steps], [step.cost for step in steps]
        validation = [step.validation_cost for step in steps]
        validation = None if set(validation) == {None} else validation
    if not costs:
        raise ValueError("runs: got a run without epochs; train first, and keep its steps in a list")
    return epochs, np.array(costs, float), np.array(validation, float) if validation else None


def activation(name: str | table.Activation, *, ax: "Axes | None" = None) -> "Axes":
    """An activation g(z) with its slope g′(z) for z from −4 to 4, and their formulas.

    Parameters
    ----------
    name : str or Activation
        As Network takes it, such as ``"tanh"`` or ``"leaky_relu(0.2)"``.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If there is no such activation, or it belongs to the output and has no slope of its own: softmax and exp.
    """
    row = table.get(name)
    z = np.linspace(-4, 4, 801)
    slope = row.slope(z)
    ax = axes(ax, 5, 4)
    ax.axhline(0, color=ink(), linewidth=0.6, alpha=0.4)
    ax.axvline(0, ymax=0.76, color=ink(), linewidth=0.6, alpha=0.4)  # the legend is above
    constant = "" if row.alpha is None else f", α = {row.alpha:g}"
    ax.plot(z, row(z), color=BLUE, label=f"g(z) = {row.formula}{constant}")
    jump = np.flatnonzero(abs(np.diff(slope)) > 0.3)  # a kink of g: the slope has no value between
    ax.plot(np.insert(z, jump + 1, z[jump]), np.insert(slope, jump + 1, np.nan), color=ORANGE, linestyle="--",
            label=f"g′(z) = {row.slope_formula}")  # fmt: skip
    low, high = min(row(z).min(), slope.min()), max(row(z).max(), slope.max())
    ax.set(xlabel="z", title=row.spec, ylim=(low - 0.05 * (high - low), high + 0.35 * (high - low)))
    formulas = ax.legend(loc="upper left", fontsize="small", frameon=False).get_texts()
    squeeze(formulas, (ax.get_window_extent().width - 0.5 * ax.figure.dpi, inf))
    return ax


def activations() -> "Figure":
    """Every activation with its slope, each as `activation` draws it.

    Returns
    -------
    matplotlib.figure.Figure
    """
    rows = [name for name in table.ACTIVATIONS if name not in table.OUTPUT_ONLY]
    height = -(-len(rows) // 3)
    figure: Figure = pyplot().figure(figsize=(15, 3.4 * height), layout="constrained")
    for i, name in enumerate(rows, 1):
        activation(name, ax=figure.add_subplot(height, 3, i))
    return figure
