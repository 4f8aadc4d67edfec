"""The confusion matrix."""

from collections.abc import Sequence
from math import ceil
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule._types import Array
from chainrule.plots.answers import classified
from chainrule.plots.style import BLUE, ORANGE, axes, extent, fitting, squeeze, unit, wide

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COUNTED = 20  # classes up to which the counts are written into the cells
MOST, ROOM = 60, 1.7  # names of a side, and inches that they take


def confusion(model: Any, X: Any, y: Any, *, ax: "Axes | None" = None) -> "Axes":
    """The confusion matrix: rows are what is true, columns what is predicted, blue is right, orange is wrong.

    The numbers are counts, which are left out for more than 20 classes, and where they do not fit; the color grows
    stronger with the root of the share of the row.

    Parameters
    ----------
    model : Network or estimator
    X : array of shape (n[0], m) for a Network, (m, n) for an estimator
    y : array of shape (n[L], m) for a Network, (m,) for an estimator
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If the model predicts numbers.
    """
    classes, target, A = classified(model, X, y, "confusion")
    K = len(classes)
    counts = np.zeros((K, K), dtype=int)
    np.add.at(counts, (target, A.argmax(axis=0)), 1)
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    ax = axes(ax, *_size(classes))
    from matplotlib.colors import to_rgb

    shades = np.empty((K, K, 4))
    shades[..., :3] = np.where(np.eye(K, dtype=bool)[..., None], to_rgb(BLUE), to_rgb(ORANGE))
    shades[..., 3] = 0.85 * np.sqrt(share)  # so that words on it read in the color of the text, dark or light
    ax.imshow(shades)
    ax.set(xlabel="predicted", ylabel="true")
    cell = _names(ax, fitting(classes, 0.5 * min(ax.get_window_extent().size) / ax.figure.dpi))
    if K <= COUNTED:
        squeeze([ax.text(j, i, f"{counts[i, j]:,}", ha="center", va="center") for i, j in np.argwhere(counts)], cell)
    return ax


def _size(classes: Sequence[object]) -> tuple[float, float]:
    """Width and height in inches of a picture in which the names of the classes and the counts have room."""
    side = min(max(0.5 * len(classes), 1.8), 7) + wide(fitting(classes, ROOM))
    return side + 1, side + 0.8


def _names(ax: "Axes", names: list[str]) -> Array:
    """Name rows and columns, upright where names are wide, every second or third where many; the size of a cell."""
    every, upright, fits = -(-len(names) // MOST), False, False
    while not fits:
        for axis in (ax.xaxis, ax.yaxis):
            axis.set_ticks(range(0, len(names), every), names[::every], parse_math=False)
        ax.tick_params(axis="x", rotation=90 * upright)
        cell, (width, _), (_, height) = unit(ax), extent(ax.get_xticklabels()), extent(ax.get_yticklabels())
        needed, crowded = ceil(1.1 * height / cell[1]), width > 0.9 * every * cell[0]
        fits = needed <= every and (upright or not crowded)
        every, upright = max(every, needed), upright or crowded
    return cell
