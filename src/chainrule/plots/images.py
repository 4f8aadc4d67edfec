"""Pictures made of images: the weights of the first layer, and the images that a model gets wrong."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule._types import Array
from chainrule.plots.answers import classified, columns
from chainrule.plots.style import GREEN, PURPLE, axes, diverging, ink, words

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST = 64  # units drawn
WRONG = 24  # images drawn
PER_ROW = (8, 6)  # images without and with words below
GAP = 0.08  # between two images, in images


def first_layer(net: Any, shape: Sequence[int], *, ax: "Axes | None" = None) -> "Axes":
    """W[1] as images, one for each unit: what it looks for.

    Green is above zero, purple below, zero has no color; of color images the weights are colors around a middle gray.
    One scale holds for all units. Of more than 64 units the first 64 are drawn, and the title says so.

    Parameters
    ----------
    net : Network or fitted estimator
        Where it normalizes its inputs, the weights are for the normalized ones.
    shape : (height, width), or (height, width, 3) for color images
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If the inputs do not have this shape.
    """
    net = getattr(net, "network_", net)
    W = net.W[1]
    images = _images(W, shape)[:MOST]
    scale = float(abs(images).max()) or 1.0
    ax = axes(ax, *_size(len(images), shape))
    if images.ndim == 4:
        _tiles(ax, 0.5 + 0.5 * images / scale)
    else:
        _tiles(ax, images, cmap=diverging(PURPLE, GREEN), vmin=-scale, vmax=scale)
        ax.figure.colorbar(ax.images[0], ax=ax, label="weight", shrink=0.8)
    some = f"the first {len(images)} of " if len(W) > len(images) else ""
    ax.set_title(f"W[1]: {some}{len(W):,} unit{'s' * (len(W) > 1)}", fontsize="medium")
    return ax


def misclassified(model: Any, X: Any, y: Any, shape: Sequence[int], *, ax: "Axes | None" = None) -> "Axes":
    """The images whose class a model gets wrong, the surest mistake first.

    Below each is what is true → what the model says, and how surely. Of more than 24 mistakes the surest 24 are drawn;
    the title counts them all.

    Parameters
    ----------
    model : Network or estimator
    X : array of shape (n[0], m) for a Network, (m, n) for an estimator
    y : array of shape (n[L], m) for a Network, (m,) for an estimator
    shape : (height, width), or (height, width, 3) for color images
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If the model predicts numbers, or the inputs do not have this shape.
    """
    classes, target, A = classified(model, X, y, "misclassified")
    pixels = columns(model, X)
    predicted, sure = A.argmax(axis=0), A.max(axis=0)
    wrong = np.flatnonzero(predicted != target)
    wrong = wrong[np.argsort(-sure[wrong], kind="stable")]
    drawn = wrong[:WRONG]
    every = _images(pixels.T, shape)
    low, high = float(every.min()), float(every.max())
    ax = axes(ax, *_size(len(drawn), shape, captions=True))
    images = (every[drawn] - low) / ((high - low) or 1.0)
    captions = [f"{words(classes[target[i]], 10)} → {words(classes[predicted[i]], 10)}\n{sure[i]:.0%}" for i in drawn]
    _tiles(ax, images, captions, cmap="gray", vmin=0, vmax=1)
    some = f", the surest {len(drawn)}" if len(drawn) < len(wrong) else ""
    ax.set_title(f"{len(wrong):,} of {len(target):,} wrong{some}", fontsize="medium")
    return ax


def _images(rows: Array, shape: Sequence[int]) -> Array:
    """Rows (k, n) as images (k, height, width) or (k, height, width, 3)."""
    shape = tuple(shape)
    shape = shape[:2] if len(shape) == 3 and shape[2] == 1 else shape
    if len(shape) not in (2, 3) or shape[2:] not in ((), (3,)) or np.prod(shape) != rows.shape[1]:
        raise ValueError(
            f"shape: got {shape}, wanted (height, width) or (height, width, 3) with {rows.shape[1]} numbers in all"
        )
    return rows.reshape(-1, *shape)


def _size(count: int, shape: Sequence[int], captions: bool = False) -> tuple[float, float]:
    """Width and height in inches of a picture of so many images, with words below each or without."""
    across = min(PER_ROW[captions], max(count, 1))
    inches, down = 8.4 / PER_ROW[captions], -(-max(count, 1) // across)
    height = inches * min(shape[0] / shape[1], 1) + 0.36 * captions
    return max(across * inches, 3) + 1, max(down * height, 0.5) + 0.6


def _tiles(ax: "Axes", images: Array, captions: Sequence[str] = (), **look: Any) -> None:
    """Draw images in rows, each in a place that is a unit wide and at most as high, with words below."""
    ax.set_axis_off()
    if not len(images):
        return
    across = min(PER_ROW[bool(captions)], len(images))
    tall, wide = np.array(images.shape[1:3]) / max(images.shape[1:3])
    inches = ax.get_window_extent().width / ax.figure.dpi / (across * (1 + GAP))
    room = 0.36 / inches if captions else 0
    for k, image in enumerate(images):
        x, y = (k % across) * (1 + GAP), (k // across) * (tall + room + GAP)
        left, right = x + (1 - wide) / 2, x + (1 + wide) / 2
        ax.imshow(image, extent=(left, right, y + tall, y), interpolation="nearest", **look)
        box = [left, right, right, left, left], [y, y, y + tall, y + tall, y]
        ax.plot(*box, color=ink(), linewidth=0.5, alpha=0.5)
        if captions:
            ax.text(x + 0.5, y + tall + 0.04, captions[k], ha="center", va="top", fontsize="x-small", parse_math=False)
    rows = -(-len(images) // across)
    ax.set(xlim=(-GAP, across * (1 + GAP)), ylim=(rows * (tall + room + GAP), -GAP), aspect="equal")
