"""Mistakes before the way back begins: in the forward pass and in dZ[L]."""

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule import activations, equations, losses
from chainrule._types import Array
from chainrule.working.mistakes.given import OTHERS, Given, Named, all_but


def outputs(given: Given) -> Named:
    """Other dZ[L]."""
    A, Z, Y, loss = given.A[-1], given.Z[-1], given.Y, given.net.loss
    w = 1.0 if given.w is None else given.w
    if loss.dZ == losses.CANONICAL:
        steep = A if loss.output == "exp" else A * (1 - A)
        if loss.output != "identity":
            text = "the derivative of the output is there twice: A[L] − Y is dZ[L] already"
            yield text, given.backward(w * (A - Y) * steep)
            text = "dA[L] stands in the place of dZ[L]: the derivative of the output is missing"
            yield text, given.backward(w * (-Y / A if loss.output == "softmax" else (A - Y) / steep))
    elif "g[L]′" in loss.dZ:
        yield "the derivative of the output, g[L]′(Z[L]), is missing in dZ[L]", given.backward(w * (A - Y))
    else:
        yield "dZ[L] = A[L] − Y is that of the squared error", given.backward(w * (A - Y))
    if loss.name == "binary_cross_entropy":
        text = "a factor of the derivative of sigmoid is missing in dZ[L]: it is A (1 − A)"
        yield text, given.backward(w * (A - Y) / A)
        yield text, given.backward(w * (A - Y) / (1 - A))
        yield "the term (1 − y) log(1 − a) of the loss is missing", given.backward(w * Y * (A - 1))
        yield "the term y log a of the loss is missing", given.backward(w * (1 - Y) * A)
        text = "a parenthesis is missing in dA[L] = −(Y/A − (1 − Y)/(1 − A))"
        yield text, given.backward(w * (Y * (A - 1) - (1 - Y) * A))
    if loss.name == "cross_entropy":
        text = "a (1 − a) is only the diagonal of the derivative of softmax: dZ[L] is A[L] − Y"
        yield text, given.backward(w * Y * (A - 1))
    for row in losses.LOSSES.values():
        if (row.output, row.name == loss.name) == (loss.output, False) and row.dZ != losses.CANONICAL:
            yield f"dZ[L] is that of the {row.name} loss", given.backward(w * row(Z, Y)[1])
    if loss.output != "identity":
        yield "dZ[L] is made with Z[L] instead of A[L]", given.backward(w * (Z - Y))
    usual = map(activations.get, ("sigmoid", "softmax", "tanh", "relu", "exp"))
    for row in dict.fromkeys((*usual, *given.net.g[1:-1])):
        if row.name != loss.output and loss.dZ == losses.CANONICAL and (row.name != "softmax" or len(Y) > 1):
            text = f"the output is computed with {row.spec}, but g[L] is {loss.output}"
            yield text, given.backward(w * (row(Z) - Y))
    if loss.name == "binary_cross_entropy":
        yield "A > 0.5 stands in the place of A in dZ[L] = A[L] − Y", given.backward(w * ((A > 0.5) - Y))
    if loss.output == "softmax":
        largest = A.max(axis=0) == A
        yield "the answers, 1 for the largest a, stand in the place of A in dZ[L]", given.backward(w * (largest - Y))
        over_examples = activations.softmax(np.ascontiguousarray(Z.T)).T
        yield "the softmax runs over the examples instead of the units", given.backward(w * (over_examples - Y))


def forward(given: Given) -> Named:
    """Another forward pass than the network's."""
    net = given.net
    yield "b is missing in Z = W A + b", _with(given, net.g, [None, *(0 * b for b in net.b[1:])])
    for l in range(1, given.L + 1):
        without = [b if k != l else 0 * b for k, b in enumerate(net.b)]
        yield f"b[{l}] is missing in Z[{l}] = W[{l}] A[{l - 1}] + b[{l}]", _with(given, net.g, without)
    X, L = given.A[0], given.L
    if L > 1 and all(W.shape[1] == len(X) for W in net.W[1:]):
        Z = [None, *(W @ X + b for W, b in zip(net.W[1:], net.b[1:], strict=True))]
        _, dZ, _ = equations.cost(Z, given.Y, net.W, net.loss, 0.0, given.w)
        text = "every layer is computed from X: A_prev and A are taken for each other"
        yield text, given.backward(dZ, Z=Z, A=[X] * L)
    if L > 1:
        yield from _without_activation(given)
    for other in OTHERS:
        if own := all_but(given, other):
            g = [None, *(other for _ in net.g[1:-1]), net.g[-1]]
            yield f"the hidden units are computed with {other.name}, but g is {own}", _with(given, g, net.b)
    if len({row.spec for row in net.g[1:-1]}) > 1:
        mixed = [row and (activations.get("relu") if row.name == "leaky_relu" else row) for row in net.g]
        yield "leaky_relu is written as max(0, z)", _with(given, mixed, net.b)


def _without_activation(given: Given) -> Named:
    """Z[l-1] in the place of A[l-1]."""
    net, X = given.net, given.A[0]
    Z, _ = equations.forward(X, net.W, net.b, [None, *(np.array for _ in net.g[1:])])
    _, dZ, _ = equations.cost(Z, given.Y, net.W, net.loss, 0.0, given.w)
    A = [X, *(g(z) for g, z in zip(net.g[1:], Z[1:], strict=True))]
    yield "Z[l] is made with Z[l-1] instead of A[l-1]", given.backward(dZ, Z=Z, A=A)
    yield "the hidden layers have no activation: A[l] is Z[l]", given.backward(dZ, Z=Z, A=[X, *Z[1:]])


def _with(given: Given, g: Any, b: Any) -> dict[str, Array]:
    """The gradient of the network with other activations or biases."""
    net, slope = given.net, [None, *(row.slope for row in g[1:-1]), None]
    Z, A = equations.forward(given.A[0], net.W, b, g)
    _, dZ, _ = equations.cost(Z, given.Y, net.W, net.loss, 0.0, given.w)
    return given.backward(dZ, Z=Z, A=A, slope=slope)


def not_finite(given: Given) -> Named:
    """What makes numbers that are NaN."""
    A, Y, net = given.A[-1], given.Y, given.net
    if net.loss.name == "binary_cross_entropy":
        text = "Y/A − (1 − Y)/(1 − A) is 0/0 where A is 0 or 1 to the last digit: dZ[L] = A[L] − Y never is"
        yield text, given.backward((-Y / A + (1 - Y) / (1 - A)) * A * (1 - A))
    for name, written in _WITH_EXP.items():
        if layers := [l for l in range(1, given.L + 1) if net.g[l].name == name]:
            g = [row and (written if row.name == name else row) for row in net.g]
            Z, A_of = equations.forward(given.A[0], net.W, net.b, g)
            largest = max(abs(given.Z[l]).max() for l in layers)
            text = f"exp(z) overflows above z = 709, and some |z| is {largest:.4g}: {name} is written out with it"
            yield text, given.backward(A_of[-1] - Y, Z=Z, A=A_of)


_WITH_EXP: dict[str, Callable[[Array], Array]] = {
    "tanh": lambda Z: (np.exp(Z) - np.exp(-Z)) / (np.exp(Z) + np.exp(-Z)),
    "sigmoid": lambda Z: np.exp(Z) / (1 + np.exp(Z)),
    "softmax": lambda Z: np.exp(Z) / np.exp(Z).sum(axis=0),
}
