"""The heart: everything a fully-connected network computes, in the symbols of the notes.

One **column** is one example: m of them, n[l] units in layer l. Lists count from 1, as on the blackboard: W[l], b[l],
Z[l], g[l] for l = 1 … L; index 0 is unused, but A[0] = X. `d` + name is the derivative of J by that name; for dZ and dA
that of J·m. In the code λ is `l2`, the example weights w are `weights`, and the derivatives g′ are `slope`.

Nothing is changed in place, and every array brings its own functions: the same lines run on NumPy and on JAX.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

Array = Any  # (rows, columns) of numpy or jax.numpy; X may be a scipy.sparse array
Layers = Sequence[Array]
Functions = Sequence[Any]  # (n[l], m) → (n[l], m)
Loss = Callable[[Array, Array], tuple[Array, Array]]  # Z[L], Y → 𝓛, dZ[L]


def forward(X: Array, W: Layers, b: Layers, g: Functions, D: Layers | None = None) -> tuple[list[Array], list[Array]]:
    """Z[l] = W[l] A[l-1] + b[l],  A[l] = g[l](Z[l])  from A[0] = X to A[L] = Ŷ.

    D[l], if given, is the inverted dropout of layer l: 0 for a unit that is out, 1 / keep for one that stays.
    """
    Z, A = [None], [X]  # A[0]: (n[0], m)
    for l in range(1, len(W)):
        Z.append(W[l] @ A[l - 1] + b[l])  # (n[l], m)
        A.append(g[l](Z[l]))  # (n[l], m)
        if D is not None and D[l] is not None:
            A[l] = A[l] * D[l]  # (n[l], m)
    return Z, A


def cost(
    Z: Layers, Y: Array, W: Layers, loss: Loss, l2: float, weights: Array | None = None
) -> tuple[Array, Array, Array]:
    """J = (1/m) Σ 𝓛(ŷ, y) + (λ/2m) Σ ‖W[l]‖², and dZ[L], from which the backward pass starts: J, dZ[L], m.

    For the pairs that belong together (identity + half squared error, sigmoid + binary cross-entropy, softmax + cross-
    entropy) dZ[L] = A[L] − Y. Example weights w multiply each 𝓛, and Σ w takes the place of m.
    """
    losses, dZ = loss(Z[-1], Y)  # (1, m), (n[L], m)
    m: Any = Y.shape[1]
    if weights is not None:
        losses, dZ, m = losses * weights, dZ * weights, weights.sum()  # weights: (1, m)
    J = losses.sum() / m
    if l2:  # λ
        J = J + l2 / (2 * m) * sum((W[l] * W[l]).sum() for l in range(1, len(W)))
    return J, dZ, m


def backward_layers(
    dZ: Array, Z: Layers, A: Layers, W: Layers, slope: Functions, m: Any, l2: float, D: Layers | None = None
) -> Iterator[tuple[int, Array, Array, Array, Array]]:
    """dW[l] = (1/m) dZ[l] A[l-1]ᵀ + (λ/m) W[l],  db[l] = (1/m) Σ dZ[l],  dZ[l-1] = W[l]ᵀ dZ[l] ∗ g[l-1]′(Z[l-1]).

    Gives l, dA[l], dZ[l], dW[l], db[l] for l = L … 1. dA[L] is None: the loss gives dZ[L] without it.
    """
    dA = None
    for l in range(len(W) - 1, 0, -1):
        dW = dZ @ A[l - 1].T / m  # (n[l], n[l-1])
        if l2:  # λ
            dW = dW + l2 / m * W[l]  # (n[l], n[l-1])
        db = dZ.sum(axis=1, keepdims=True) / m  # (n[l], 1)
        yield l, dA, dZ, dW, db
        if l > 1:
            dA = W[l].T @ dZ  # (n[l-1], m)
            if D is not None and D[l - 1] is not None:
                dA = dA * D[l - 1]  # (n[l-1], m)
            dZ = dA * slope[l - 1](Z[l - 1])  # (n[l-1], m)


def backward(
    dZ: Array, Z: Layers, A: Layers, W: Layers, slope: Functions, m: Any, l2: float, D: Layers | None = None
) -> tuple[list[Array], list[Array]]:
    """dW[l] (n[l], n[l-1]) and db[l] (n[l], 1) of all layers."""
    dW, db = [None] * len(W), [None] * len(W)
    for l, _, _, dW_l, db_l in backward_layers(dZ, Z, A, W, slope, m, l2, D):
        dW[l], db[l] = dW_l, db_l
    return dW, db


def cost_and_gradients(
    X: Array,
    Y: Array,
    W: Layers,
    b: Layers,
    g: Functions,
    slope: Functions,
    loss: Loss,
    l2: float = 0.0,
    weights: Array | None = None,
    D: Layers | None = None,
) -> tuple[Array, list[Array], list[Array]]:
    """Forward, cost, backward: J, dW[l] (n[l], n[l-1]), db[l] (n[l], 1)."""
    Z, A = forward(X, W, b, g, D)
    J, dZ, m = cost(Z, Y, W, loss, l2, weights)
    return J, *backward(dZ, Z, A, W, slope, m, l2, D)
