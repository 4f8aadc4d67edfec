"""How a learner's arrays lie: examples as columns or as rows, W (n[l], n[l-1]) or its transpose; and which network."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise, product
from typing import Any

import numpy as np

from chainrule import activations, losses
from chainrule._types import Array
from chainrule.checks import plain
from chainrule.losses import Loss
from chainrule.network import Network
from chainrule.working.trainings.returned import Layers

_HIDDEN = (
    "tanh", "relu", "sigmoid", "leaky_relu", "leaky_relu(0.1)", "leaky_relu(0.2)", "elu", "selu", "softplus", "gelu",
    "silu", "identity",
)  # fmt: skip


@dataclass(frozen=True)
class Layout:
    """rows: whether examples are rows. transposed: whether W[l] is (n[l-1], n[l])."""

    rows: bool
    transposed: bool
    sizes: tuple[int, ...]

    def examples(self, X: Array, Y: Array) -> tuple[Array, Array]:
        """X (n[0], m) and Y (n[L], m), float64."""
        X, Y = np.asarray(X, dtype=np.float64), np.asarray(Y)
        X = X.T if self.rows else X
        if Y.ndim == 1:
            K = self.sizes[-1]
            Y = np.eye(K)[:, Y.astype(int)] if _are_labels(Y, K) else Y[None]
        elif self.rows:
            Y = Y.T
        return X, Y.astype(np.float64)

    def vector(self, W: Layers, b: Layers) -> Array | None:
        """The flat vector of a `Network`; None if a shape does not fit."""
        parts: list[Array] = []
        for (before, n), V, v in zip(pairwise(self.sizes), W, b, strict=True):
            if V.ndim == 1:
                V = V.reshape(1, -1) if before == V.size else V.reshape(-1, 1)
            elif self.transposed:
                V = V.T
            if V.shape != (n, before) or v.size != n:
                return None
            parts += [V.ravel(), v.ravel()]
        return np.concatenate(parts).astype(np.float64)

    def wanted(self, name: str) -> tuple[int, int]:
        """The shape of a tensor, as the learner has it."""
        l = int(name[2:-1])
        n, before = self.sizes[l], self.sizes[l - 1] if name[0] == "W" else 1
        return (before, n) if self.transposed and name[0] == "W" else (n, before)


def _are_labels(Y: Array, K: int) -> bool:
    """Whether a vector has one of K classes for each example."""
    return K > 1 and Y.dtype.kind in "iuf" and bool(np.isin(Y, np.arange(K)).all())


def layouts(X: Array, Y: Array, W: Layers, b: Layers, rows: bool | None) -> list[Layout]:
    """The layouts that fit, the likeliest first: of the notes, and with examples as rows. ValueError if none does."""
    found = []
    for as_rows, transposed in ((False, False), (True, True), (False, True), (True, False)):
        if (rows is not None and as_rows != rows) or (transposed and all(V.ndim == 1 for V in W)):
            continue
        n0, m = X.shape[::-1] if as_rows else X.shape
        shapes = [(V.shape[::-1] if transposed else V.shape) if V.ndim == 2 else (1, V.size) for V in W]
        sizes = (n0, *(shape[0] for shape in shapes))
        K, labels = sizes[-1], Y.ndim == 1 and Y.shape == (m,)
        of_Y = (labels and (K == 1 or _are_labels(Y, K))) or Y.shape == ((m, K) if as_rows else (K, m))
        if of_Y and all(shape[1] == before for shape, before in zip(shapes, sizes[:-1], strict=True)):
            found.append(Layout(as_rows, transposed, sizes))
    if not found:
        arrays = [f"W[{l}] {V.shape}, b[{l}] {v.shape}" for l, (V, v) in enumerate(zip(W, b, strict=True), 1)]
        hint = "columns or rows" if rows is None else "rows" if rows else "columns"
        raise ValueError(
            f"f: the shapes do not go together, with examples as {hint}: X {X.shape}, Y {Y.shape}, "
            f"{', '.join(arrays)}. Wanted X (n[0], m), Y (n[L], m), W[l] (n[l], n[l-1]), b[l] (n[l], 1); with examples "
            "as rows their transposes"
        )
    return found


def _twice(row: Loss) -> Loss:
    """The squared error without the ½ of `half_squared_error`."""

    def function(Z: Array, Y: Array) -> tuple[Array, Array]:
        value, dZ = row(Z, Y)
        return 2 * value, 2 * dZ

    return Loss(
        "squared_error", row.output, function, "Σ (a − y)²", f"2 {row.dZ}" if "∗" in row.dZ else f"2 ({row.dZ})"
    )


def _losses(given: Any, output: str) -> list[Any]:
    """The losses that an output may go with, as `Network` takes them."""
    squared = losses.LOSSES.get(("half_squared_error", output))
    if given is not None:
        return [_twice(squared) if given == "squared_error" and squared is not None else given]
    others = [] if squared is None else [*(["half_squared_error"] if output == "sigmoid" else []), _twice(squared)]
    return [None, *others]


def networks(sizes: tuple[int, ...], Y: Array, hidden: Any, output: Any, loss: Any) -> list[Network]:
    """The networks that may be meant, the likeliest first: what is given stays, the targets tell the output."""
    binary = bool(np.isin(Y, (0, 1)).all())
    if output is not None:
        outputs = [output]
    elif binary and sizes[-1] == 1:
        outputs = ["sigmoid", "identity", "tanh"]
    elif binary:
        outputs = ["softmax", "sigmoid", "identity"]
    else:
        outputs = ["identity", "sigmoid", "relu", "tanh"]
    hiddens = list(_HIDDEN) if hidden is None and len(sizes) > 2 else [[] if hidden is None else hidden]
    found, refused = [], []
    for one_output, one_hidden in product(outputs, hiddens):
        for one_loss in _losses(loss, activations.get(one_output).name):
            try:
                net = Network(sizes, hidden=one_hidden, output=one_output, loss=one_loss, init="zeros")
                net.loss.check(Y)
                found.append(net)
            except ValueError as error:
                refused.append(error)
    if not found:
        raise refused[0]
    return found


def seen(X: Array) -> Iterator[tuple[str, Array]]:
    """What a training may make of X (n[0], m) before it begins, in words, and the result."""
    centered = X - X.mean(axis=1, keepdims=True)
    deviation, largest = X.std(axis=1, keepdims=True), float(abs(X).max())
    if (deviation > 0).all():
        yield "(X − μ) / σ, each input by its own mean and deviation", centered / deviation
    yield "X − μ, each input without its mean", centered
    if largest > 0:
        yield "X / max X", X / largest
    if largest > 1:
        yield "X / 255", X / 255


def arrays(X: Any, Y: Any) -> tuple[Array, Array]:
    """X and Y as plain arrays of finite numbers. ValueError for others."""
    X, Y = plain("X", X), plain("Y", Y)
    for name, A in (("X", X), ("Y", Y)):
        if A.dtype.kind not in "fiub":
            raise ValueError(f"{name}: got {A.dtype}, wanted numbers")
        if not np.isfinite(A).all():
            raise ValueError(f"{name}: got NaN or infinity, wanted finite numbers")
        if not A.size:
            raise ValueError(f"{name}: got no numbers (shape {A.shape}), wanted at least one example")
    if X.ndim != 2 or Y.ndim not in (1, 2):
        raise ValueError(f"X and Y: got the shapes {X.shape} and {Y.shape}, wanted (n[0], m) and (n[L], m)")
    return X, Y
