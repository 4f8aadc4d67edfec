"""Histograms of a layer's values over training."""

from collections.abc import Mapping
from math import ceil, inf
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule._types import Array
from chainrule.plots.style import BLUE, ORANGE, axes, extent, fading, squeeze, unit

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BINS = 60
WIDTH = 0.86  # of a layer's part of the picture; layers are 1 apart


def histograms(traces: Any, what: str = "A", *, ax: "Axes | None" = None) -> "Axes":
    """How the values of every layer are spread, and how that changes over training; the line is their median.

    Above is the share of zeros, in the first trace → in the last. One scale holds for all layers, so that what vanishes
    or explodes over the depth is seen.

    Parameters
    ----------
    traces : list of Trace, or dict of Trace by epoch
        Several of `chainrule.trace` of the same examples, one after the other.
    what : str, default "A"
        ``"A"``, ``"Z"``, ``"slope"``, ``"W"``, ``"b"``, or a gradient ``"dZ"``, ``"dA"``, ``"dW"``, ``"db"``. Of
        gradients the sizes are drawn on a logarithmic scale, without zeros; sizes under 1e-12 of the largest are in the
        lowest bin.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If there are no traces, or `what` is not one array for each layer.
    KeyError
        If a trace has nothing of this name.
    """
    times, given = (list(traces), list(traces.values())) if isinstance(traces, Mapping) else (None, list(traces))
    if not given:
        raise ValueError("traces: got none, wanted at least one of chainrule.trace(net, X, Y)")
    lists = [trace[what] for trace in given]
    if not isinstance(lists[0], list):
        raise ValueError(f"what: {what!r} is not one array a layer; wanted A, Z, slope, W, b, dZ, dA, dW or db")
    layers = [l for l in range(1, len(lists[0])) if lists[0][l] is not None]
    if not layers:
        raise ValueError(f"what: this network has no {what}: it has no hidden layer")
    sizes = what.startswith("d")
    every = {l: [_values(part[l], sizes) for part in lists] for l in layers}
    edges = _edges([values for parts in every.values() for values in parts], sizes)

    ax = axes(ax, min(2.5 + 1.5 * len(layers), 14), 4)
    from matplotlib.colors import PowerNorm

    T = len(given)
    shares = {l: np.stack([_shares(values, edges) for values in parts], axis=1) for l, parts in every.items()}
    written = []
    norm = PowerNorm(0.4, 0, max(float(part.max()) for part in shares.values()) or 1.0)
    for place, l in enumerate(layers):
        across = place + WIDTH * np.arange(T + 1) / T
        image = ax.pcolormesh(across, edges, shares[l], cmap=fading(BLUE), norm=norm, rasterized=True)
        middle = np.array([np.median(values) if values.size else np.nan for values in every[l]])
        ax.stairs(middle, across, baseline=None, color=ORANGE, linewidth=1.5)
        zeros = [f"{np.mean(part[l] == 0):.0%}" for part in (lists[0], lists[-1])]
        if zeros != ["0%", "0%"] and len(layers) <= 10:
            words = "zeros " + (" → ".join(zeros) if T > 1 else zeros[0])
            at: dict[str, Any] = {"transform": ax.get_xaxis_transform(), "ha": "center", "fontsize": "small"}
            written.append(ax.text(place + WIDTH / 2, 1.01, words, **at))
    if sizes:
        ax.set_yscale("log")
    ends = ("the first trace", "the last") if times is None else (f"epoch {times[0]}", times[-1])
    ax.set(xlabel=f"in each layer from left to right: {ends[0]} to {ends[1]}" if T > 1 else "")
    ax.set(ylabel=f"|{what}|, line: its median" if sizes else f"{what}, line: its median")
    ax.set(xlim=(-0.07, len(layers) - 1 + WIDTH + 0.07), ylim=(edges[0], edges[-1]))
    ax.figure.colorbar(image, ax=ax, label="share of the values")
    ax.tick_params(axis="x", length=0)
    places = np.arange(len(layers)) + WIDTH / 2
    ax.set_xticks(places, [f"layer {l}" for l in layers])
    room = unit(ax)[0]
    squeeze(written, (room, inf))
    if extent(ax.get_xticklabels())[0] > 0.95 * room:  # by number, and only some where there are very many
        ax.set_xlabel(ax.get_xlabel().replace("in each layer", "layer; in each") or "layer")
        ax.set_xticks(places, list(map(str, layers)))
        some = ceil(1.3 * extent(ax.get_xticklabels())[0] / room)
        ax.set_xticks(places[::some], list(map(str, layers[::some])))
    squeeze([ax.xaxis.label], (1.2 * ax.get_window_extent().width, inf))
    return ax


def _values(array: Array, sizes: bool) -> Array:
    values = array[np.isfinite(array)]
    return abs(values[values != 0]) if sizes else values


def _edges(parts: list[Array], sizes: bool) -> Array:
    """BINS + 1 edges, from the least to the largest of all values."""
    ends = [end for values in parts if values.size for end in (values.min(), values.max())]
    low, high = (float(min(ends)), float(max(ends))) if ends else (0.1, 1.0) if sizes else (0.0, 1.0)
    if sizes:
        low = max(low, 1e-12 * high)
        return np.geomspace(*((low, high) if low < high else (low / 2, high * 2)), BINS + 1)
    return np.linspace(*((low, high) if low < high else (low - 0.5, high + 0.5)), BINS + 1)


def _shares(values: Array, edges: Array) -> Array:
    counts = np.histogram(values.clip(edges[0], edges[-1]), edges)[0]
    return counts / max(values.size, 1)
