"""The derivative of an answer by the inputs: one step more of the backward pass, dA[0] = W[1]ᵀ dZ[1]."""

from typing import Any

import numpy as np

from chainrule import equations
from chainrule._types import Array
from chainrule.network import Network


def input_gradient(network: Network, X: Any, dA: Any) -> Array:
    """dX of a function of the outputs, by its dA[L]: how much it changes with each input of each example.

    Parameters
    ----------
    network : Network
    X : array of shape (n[0], m)
        As `forward` takes it: normalization is part of the way, and of the derivative.
    dA : callable or array of shape (n[L], m)
        The derivative of the function by A[L], or a callable that makes it of A[L].

    Returns
    -------
    array of shape (n[0], m)
    """
    Z, A = network.layers(X)
    upstream = dA(A[-1]) if callable(dA) else np.asarray(dA)  # (n[L], m)
    g = network.g[-1]
    if g.name == "softmax":
        dZ = A[-1] * (upstream - (A[-1] * upstream).sum(axis=0))  # (n[L], m)
    else:
        dZ = upstream * (A[-1] if g.name == "exp" else g.slope(Z[-1]))  # (n[L], m)
    for _, _, dZ, _, _ in equations.backward_layers(dZ, Z, A, network.W, network.slope, 1, 0.0):  # noqa: B007, B020
        pass
    dX = network.W[1].T @ dZ  # (n[0], m)
    if network.normalizer is not None:
        if network.normalizer.clip:  # y = u / √(1 + (u/3)²) has the slope (1 − (y/3)²)^(3/2)
            dX = dX * np.maximum(1 - (A[0] / 3) ** 2, 0) ** 1.5
        dX = dX * network.normalizer.scale
    result: Array = dX
    return result
