"""The decision boundary: what a model answers on a plane through its inputs."""

from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule._types import Array
from chainrule.plots.answers import columns, input_names, inputs, outputs, targets
from chainrule.plots.style import BLUE, ORANGE, axes, beside, diverging, ink, legend, look, words

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SIDE = 200  # points of the picture, across and up


def decision_boundary(
    model: Any, X: Any, Y: Any, *, dims: tuple[int, int] | None = None, ax: "Axes | None" = None
) -> "Axes":
    """What a model answers over a plane of inputs, with the examples as points.

    Of two classes the shade is the probability of the second, and the line is where it is ½. Of more classes the shade
    is the most likely class, paler where it is less sure. Of a number it is the value.

    Parameters
    ----------
    model : Network or estimator
    X : array of shape (n[0], m) for a Network, (m, n) for an estimator
    Y : array of shape (n[L], m) for a Network, (m,) for an estimator
    dims : tuple of two int, optional
        The inputs to vary, counted from 0; the others stay at their mean. Unless given, two inputs are drawn as they
        are, and of more the plane is that of the first two principal components of the standardized inputs, through
        their mean.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If there are fewer than two inputs, `dims` are not two of them, or the model does not fit X and Y.

    Notes
    -----
    With more than two inputs the points lie off the plane: one may be right though it lies on another class's color.
    """
    (classes, target), points = targets(model, X, Y), columns(model, X)
    origin, directions, at, labels, note = _plane(points, dims, input_names(model, X, len(points)))
    sides = [_span(values) for values in at]
    across, up = np.meshgrid(*sides)
    grid = np.stack([across.ravel(), up.ravel()])  # (2, SIDE²)
    some = max(SIDE, 4_000_000 // len(points))  # columns at a time: an image has many inputs
    parts = [
        outputs(model, inputs(model, X, origin + directions @ grid[:, i : i + some])) for i in range(0, SIDE**2, some)
    ]
    A = np.hstack(parts).reshape(-1, SIDE, SIDE)

    labeled = [words(label) for label in classes or ()]
    ax = axes(ax, 6 if len(labeled) < 3 else 5 + beside(labeled), 4.6)
    half = [(side[1] - side[0]) / 2 for side in sides]
    box = (sides[0][0] - half[0], sides[0][-1] + half[0], sides[1][0] - half[1], sides[1][-1] + half[1])
    picture: dict[str, Any] = {"extent": box, "origin": "lower", "aspect": "auto"}
    dots: dict[str, Any] = {"edgecolors": ink(), "rasterized": at.shape[1] > 2000}
    dots |= {"s": 16, "linewidths": 0.4} if at.shape[1] <= 1000 else {"s": 10, "linewidths": 0.2}
    if classes is None:
        low, high = min(A.min(), target.min()), max(A.max(), target.max())
        image = ax.imshow(A[0], cmap="viridis", vmin=low, vmax=high, **picture)
        ax.scatter(at[0], at[1], c=target, cmap="viridis", vmin=low, vmax=high, **dots)
        ax.figure.colorbar(image, ax=ax, label="prediction; points: the true value")
    else:
        if len(classes) == 2:
            image = ax.imshow(A[1], cmap=diverging(BLUE, ORANGE, 0.7), vmin=0, vmax=1, **picture)
            bar = ax.figure.colorbar(image, ax=ax, ticks=[0, 0.5, 1])
            bar.set_label(f"probability of {labeled[1].strip()}", parse_math=False)
            _line(ax, across, up, A[1] - 0.5)
        else:
            ax.imshow(_shades(A), **picture)
            for k in range(len(A)):
                _line(ax, across, up, A[k] - np.delete(A, k, axis=0).max(axis=0))
        for k, label in enumerate(labeled):
            mine = target == k
            ax.scatter(at[0, mine], at[1, mine], label=label, **look(k), **dots)
        if len(classes) > 2:
            legend(ax, beside=True)
    ax.set(xlim=box[:2], ylim=box[2:])
    ax.set_xlabel(words(labels[0], 40), parse_math=False)
    ax.set_ylabel(words(labels[1], 40), parse_math=False)
    if note:
        ax.set_title(note, fontsize="medium")
    return ax


def _plane(points: Array, dims: Any, names: list[str]) -> tuple[Array, Array, Array, list[str], str]:
    """Origin (n, 1) and directions (n, 2) of the plane, where the points (n, m) lie on it (2, m), labels, a title."""
    n = len(points)
    if n < 2:
        raise ValueError(f"X: got {n} input, wanted at least two to draw a plane of")
    if dims is None and n > 2:
        mean, deviation = points.mean(axis=1, keepdims=True), points.std(axis=1, keepdims=True)
        deviation[deviation == 0] = 1
        U, S, _ = np.linalg.svd((points - mean) / deviation, full_matrices=False)
        if S.size < 2 or not S[0]:
            raise ValueError(f"X: got {points.shape[1]} examples without a plane of their own; give dims=(i, j)")
        U = U[:, :2] * np.where(U.max(axis=0) < -U.min(axis=0), -1, 1)[:2]  # the longest arrow points up
        share = S[:2] ** 2 / (S**2).sum()
        labels = [
            f"{name} principal component ({part:.0%})" for name, part in zip(("first", "second"), share, strict=True)
        ]
        at = U.T @ ((points - mean) / deviation)
        return mean, deviation * U, at, labels, f"a plane through the mean of {n} inputs"
    i, j = (0, 1) if dims is None else dims
    if i == j or not all(0 <= k < n for k in (i, j)):
        raise ValueError(f"dims: got {dims}, wanted two different inputs of 0 … {n - 1}")
    origin, directions = points.mean(axis=1, keepdims=True), np.zeros((n, 2))
    origin[[i, j]], directions[i, 0], directions[j, 1] = 0, 1, 1
    others = "" if n == 2 else f"the other {n - 2} inputs at their mean" if n > 3 else "the other input at its mean"
    return origin, directions, points[[i, j]], [names[i], names[j]], others


def _span(values: Array) -> Array:
    low, high = values.min(), values.max()
    room = 0.08 * (high - low) or 1.0
    return np.linspace(low - room, high + room, SIDE)


def _line(ax: "Axes", across: Array, up: Array, margin: Array) -> None:
    """Where the margin is 0, if it is anywhere."""
    if margin.min() < 0 < margin.max():
        ax.contour(across, up, margin, levels=[0], colors=[ink()], linewidths=1, linestyles="solid")


def _shades(A: Array) -> Array:
    """The color of the likeliest class (side, side, 4), the stronger the surer; A is (classes, side, side)."""
    from matplotlib.colors import to_rgb

    colors = np.array([to_rgb(look(k)["color"]) for k in range(len(A))])
    sure = (A.max(axis=0) - 1 / len(A)) / (1 - 1 / len(A))
    return np.dstack([colors[A.argmax(axis=0)], 0.08 + 0.5 * sure.clip(0, 1)])
