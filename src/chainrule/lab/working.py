"""Every array of the step that comes next: the forward and the backward pass of its mini-batch, with its dropout."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from chainrule import equations
from chainrule._types import Array
from chainrule.engines import blas
from chainrule.engines.reference import dropout_masks
from chainrule.lab.timeline import Timeline
from chainrule.network import Network

LETTERS = ("X", "Y", "W", "b", "Z", "A", "D", "slope", "dA", "dZ", "dW", "db")


@dataclass(frozen=True)
class Working:
    """All arrays of one pass, by the letters of the notes; lists count from 1.

    rows: which examples of the training data are its columns. D: the masks of dropout, None without. J: the cost.
    """

    rows: Array
    J: float
    Y: Array
    W: list[Any]
    b: list[Any]
    Z: list[Any]
    A: list[Any]
    D: list[Any]
    slope: list[Any]
    dA: list[Any]  # noqa: N815
    dZ: list[Any]  # noqa: N815
    dW: list[Any]  # noqa: N815
    db: list[Any]

    def array(self, letter: str, l: int) -> Array | None:
        """The array of a letter in a layer, None where there is none. ValueError for a letter that is none."""
        if letter not in LETTERS or not 0 <= l < len(self.W):
            raise ValueError(f"there is no {letter}[{l}]")
        if letter in "XY":
            return self.A[0] if letter == "X" else self.Y
        found: Array | None = getattr(self, letter)[l]
        return found


@blas.one_thread()
def working(network: Network, X: Array, Y: Array, rows: Array, l2: float = 0.0, D: Any = None) -> Working:
    """The pass of these examples X (n[0], m), Y (n[L], m), as the equations have it."""
    L = network.L
    g = network.g
    slopes = [None, *(row.slope for row in g[1:L]), None]  # an output such as softmax has none of its own
    with np.errstate(all="ignore"):  # a network that diverges is shown, too
        Z, A = equations.forward(X, network.W, network.b, g, D)
        J, dZ_L, m = equations.cost(Z, Y, network.W, network.loss, l2)
        dA, dZ, dW, db = ([None] * (L + 1) for _ in range(4))
        for l, *derivatives in equations.backward_layers(dZ_L, Z, A, network.W, slopes, m, l2, D):
            dA[l], dZ[l], dW[l], db[l] = derivatives
        slope = [None if of_layer is None else of_layer(z) for of_layer, z in zip(slopes, Z, strict=True)]
    masks = [None] * (L + 1) if D is None else D
    return Working(rows, float(J), Y, list(network.W), list(network.b), Z, A, masks, slope, dA, dZ, dW, db)


def next_rows(line: Timeline) -> Array:
    """The examples of the mini-batch that comes next: their places among the training data."""
    state, options, m = line.state, line.options, line.state.Y.shape[1]
    order = None
    if state.example:
        order = state.order_now()
    elif options.batch_size < m and state.shuffled is not None:
        order = state.shuffled(state.epoch)
    every = np.arange(m) if order is None else order
    return every[state.example : state.example + options.batch_size]


def next_working(line: Timeline, most: int | None = None) -> Working:
    """The pass of the mini-batch that comes next, or of its first examples."""
    state, options = line.state, line.options
    rows = next_rows(line)[:most]
    masks = dropout_masks(replace(state, dropout=options.dropout), len(rows))
    return working(state.network, state.X[:, rows], state.Y[:, rows], rows, options.l2, masks)
