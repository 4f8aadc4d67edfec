"""The confusion matrix."""

from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.plots.answers import classified
from chainrule.plots.style import BLUE, ORANGE, axes, words

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COUNTED = 20  # classes up to which the counts are written into the cells


def confusion(model: Any, X: Any, y: Any, *, ax: "Axes | None" = None) -> "Axes":
    """The confusion matrix: rows are what is true, columns what is predicted, blue is right, orange is wrong.

    The numbers are counts, which are left out for more than 20 classes; the color grows stronger with the root of the
    share of the row.

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
    side = min(2 + 0.5 * K, 9) if K <= COUNTED else 7
    ax = axes(ax, side + 0.6, side)
    from matplotlib.colors import to_rgb

    shades = np.empty((K, K, 4))
    shades[..., :3] = np.where(np.eye(K, dtype=bool)[..., None], to_rgb(BLUE), to_rgb(ORANGE))
    shades[..., 3] = 0.85 * np.sqrt(share)  # so that words on it read in the color of the text, dark or light
    ax.imshow(shades)
    if K <= COUNTED:
        for i, j in np.argwhere(counts):
            ax.text(j, i, f"{counts[i, j]:,}", ha="center", va="center", fontsize="medium" if K <= 12 else "x-small")
    every = -(-K // 25)
    labels = [words(label, 14) for label in classes[::every]]
    turned = sum(map(len, labels)) > 45
    ticks = range(0, K, every)
    ax.set_xticks(ticks, labels, parse_math=False, rotation=90 if turned else 0)
    ax.set_yticks(ticks, labels, parse_math=False)
    ax.set(xlabel="predicted", ylabel="true")
    return ax
