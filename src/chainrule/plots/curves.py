"""Curves: the cost over the epochs, and activations with their slopes."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule import activations as table
from chainrule._types import Array
from chainrule.plots.style import BLUE, COLORS, MARKERS, ORANGE, axes, ink, plainly, pyplot, words

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def cost_curves(runs: Any, *, ax: "Axes | None" = None) -> "Axes":
    """The cost J over the epochs, counted from 0: training solid, validation dashed.

    Parameters
    ----------
    runs : iterable of Step, history, or dict of these by label
        What `Network.train` gives, or a list of its steps; a history such as ``clf.history_``, which is
        ``{"cost": […], "validation_cost": […]}``; or several runs, each with a label.
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
    ax = axes(ax, 6, 4)
    drawn = len({line.get_color() for line in ax.lines})  # another picture on these Axes goes on with the next color
    for i, (name, (epochs, costs, validation)) in enumerate(read.items(), drawn):
        look: dict[str, Any] = {"color": COLORS[i % len(COLORS)], "markevery": 0.1, "markersize": 5}
        look["marker"] = MARKERS[i // len(COLORS) - 1] if i >= len(COLORS) else "o" if len(epochs) == 1 else ""
        label = words(name, 30)
        labels = [f"{label}: {what}".lstrip(": ") for what in ("training", "validation")]
        ax.plot(epochs, costs, label=label if label and validation is None else labels[0], **look)
        if validation is not None:
            ax.plot(epochs, validation, linestyle="--", label=labels[1], **look)
    ax.set(xlabel="epoch", ylabel="cost J")
    if ax.get_xscale() == "linear":
        ax.locator_params(axis="x", integer=True)
    if len(ax.lines) > 1:
        plainly(ax.legend())
    return ax


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
    ax.legend(loc="upper left", fontsize="small", frameon=False)
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
