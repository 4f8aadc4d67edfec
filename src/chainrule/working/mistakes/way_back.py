"""Mistakes on the way back to dZ[l]: dZ[l] = W[l+1]ᵀ dZ[l+1] ∗ g[l]′(Z[l])."""

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule import equations, losses
from chainrule._types import Array
from chainrule.working.mistakes.given import OTHERS, Given, Named, all_but


def slopes(given: Given) -> Named:
    """dZ[l] = dA[l] ∗ something else than g[l]′(Z[l])."""
    g, Z, A, hidden = given.net.g, given.Z, given.A, range(1, given.L)
    if not hidden:
        return

    def instead(values: dict[int, Array]) -> dict[str, Array]:
        """values[l] in the place of g[l]′(Z[l]), where there is one."""
        slope: list[Any] = given.net.slope
        for l, value in values.items():
            slope[l] = lambda _, value=value: value
        return given.backward(slope=slope)

    others = range(1, given.L + (g[-1].derivative is not None and g[-1].name != "identity"))
    yield "the derivative g′ is missing: dZ = dA", instead({l: np.ones_like(Z[l]) for l in hidden})
    at_A = {l: g[l].slope(A[l]) for l in hidden}
    yield "the derivative is at the wrong place: g′(A) instead of g′(Z)", instead(at_A)
    yield "the derivative g′ is there twice", instead({l: g[l].slope(Z[l]) ** 2 for l in hidden})
    yield "g(Z) stands in the place of g′(Z)", instead({l: A[l] for l in hidden})
    no_factor = {l: 1 - A[l] for l in hidden if g[l].name == "sigmoid"}
    yield "a factor of the derivative of sigmoid is missing: 1 − A instead of A (1 − A)", instead(no_factor)
    no_square = {l: 1 - A[l] for l in hidden if g[l].name == "tanh"}
    yield "the square is missing: 1 − A instead of 1 − A²", instead(no_square)
    for row in dict.fromkeys(g[l] for l in hidden if g[l].slope_of_output is not None):
        by_A = row.slope_formula.replace("g(z)", "A")
        at_Z = {l: row.slope_of_output(Z[l]) for l in hidden if g[l] == row}
        yield f"the derivative is at the wrong place: {by_A.replace('A', 'Z')} instead of {by_A}", instead(at_Z)
    for step, which in ((1, "next"), (-1, "previous")):
        near = {l: l + step for l in hidden}
        of_near = {l: g[k].slope(Z[l]) for l, k in near.items() if k in others}
        yield f"the derivative is that of the activation of the {which} layer", instead(of_near)
        near = {l: k for l, k in near.items() if len(A[k]) in (1, len(Z[l]))}  # NumPy spreads a single row
        whole = {l: g[k].slope(Z[k]) for l, k in near.items() if k in others and g[k] != g[l]}
        yield f"the derivative is that of the {which} layer: g′ and Z are both of another layer than dZ", instead(whole)
        text = f"the derivative is at the wrong place: at the Z of the {which} layer"
        for layers in (hidden, range(given.L + 1)):
            at_Z = {l: g[l].slope(Z[k]) for l, k in near.items() if k in layers and k > 0}
            at_A = {l: g[l].slope_of_output(A[k]) for l, k in near.items() if k in layers and g[l].slope_of_output}
            yield text, instead(at_Z)
            yield text, instead(at_A)
    if given.L > 2:  # of two layers, the next is the last
        fits, text = [l for l in hidden if A[-1].shape == Z[l].shape], "at the Z of the last layer"
        yield f"the derivative is at the wrong place: {text}", instead({l: g[l].slope(Z[-1]) for l in fits})
        by_A = {l: g[l].slope_of_output(A[-1]) for l in fits if g[l].slope_of_output}
        yield f"the derivative is at the wrong place: {text}", instead(by_A)
    of_relu = [l for l in hidden if g[l].name == "relu"]
    text = "the derivative of relu is the wrong way round: it is 1 where Z > 0, and 0 elsewhere"
    yield text, instead({l: Z[l] <= 0 for l in of_relu})
    for edge in (0.5, 1):
        yield f"the derivative of relu changes at 0, not at {edge}", instead({l: Z[l] > edge for l in of_relu})
    for other in OTHERS:
        text = f"the derivative is that of {other.name}, but g is {all_but(given, other)}"
        yield text, instead({l: other.slope(Z[l]) for l in hidden})
        if other.slope_of_output is not None:
            yield text, instead({l: other.slope_of_output(A[l]) for l in hidden})
    if given.L > 2:  # else that is the missing g′ again
        yield from _dA_for_dZ(given)


def _dA_for_dZ(given: Given) -> Named:
    """dA[l] where dZ[l] belongs, in one line only."""
    Z, A, W, slope, L = given.Z, given.A, given.net.W, given.net.slope, given.L
    ones = [None, *(np.ones_like for _ in range(1, L)), None]
    in_dW: dict[str, Array] = {}
    in_dA: dict[str, Array] = {}
    right, wrong = (equations.backward_layers(given.dZ, Z, A, W, g, 1, 0.0) for g in (slope, ones))
    for (l, dA, *_), (_, wrong_dA, *_) in zip(right, wrong, strict=True):
        if l < L:
            in_dW |= given.layer(l, dA)
            in_dA |= given.layer(l, wrong_dA * slope[l](Z[l]))
    yield "dA stands in the place of dZ in dW and db: the derivative g′ is missing there", in_dW
    yield "dA instead of dZ goes back to the layer before: dA[l-1] = W[l]ᵀ dA[l]", in_dA


def weights_back(given: Given) -> Named:
    """dA[l-1] = something else than W[l]ᵀ dZ[l]."""
    W, L = given.net.W, given.L

    def instead(of_layer: Callable[[int], Array]) -> dict[str, Array]:
        """of_layer(l) in the place of W[l] in dA[l-1] = W[l]ᵀ dZ[l], where it fits."""
        wrong = {l: of_layer(l) for l in range(2, L + 1)}
        fits = {l: V for l, V in wrong.items() if V.shape == W[l].shape}
        return given.backward(W=[None, *(fits.get(l, W[l]) for l in range(1, L + 1))])

    yield "W is not transposed: dA = W dZ instead of Wᵀ dZ", instead(lambda l: W[l].T)
    yield "the W of the last layer is used for every layer", instead(lambda l: W[L])
    yield "W[l] takes the place of W[l+1] in dA[l] = W[l+1]ᵀ dZ[l+1]", instead(lambda l: W[l - 1])
    text = "only the first unit of each layer goes back in dA[l-1] = W[l]ᵀ dZ[l]"
    yield text, instead(lambda l: _only(W[l], 0))
    text = "only the last unit of each layer goes back in dA[l-1] = W[l]ᵀ dZ[l]: each one overwrites the one before"
    yield text, instead(lambda l: _only(W[l], -1))
    yield from _dZ_back(given)


def _only(W: Array, i: int) -> Array:
    """W with zeros in all rows but one."""
    alone = np.zeros_like(W)
    alone[i] = W[i]
    return alone


def _dZ_back(given: Given) -> Named:
    """Something else than dZ[l] that goes back through W[l]ᵀ."""
    W, L, m = given.net.W, given.L, given.Y.shape[1]

    def instead(dA_of: Callable[[int, Array], Array]) -> dict[str, Array]:
        """dA[l-1] = dA_of(l, dZ[l])."""
        dZ, wrong = given.dZ, dict[str, Array]()
        for l in range(L, 0, -1):
            wrong |= given.layer(l, dZ)
            if l > 1:
                dZ = dA_of(l, dZ) * given.net.slope[l - 1](given.Z[l - 1])
        return wrong

    if L > 1:
        if (steep := given.net.g[L].derivative) and given.net.loss.dZ == losses.CANONICAL:
            text = "the derivative of the output goes back once more: A[L] − Y is dZ[L] already"
            yield text, instead(lambda l, dZ: W[l].T @ (dZ * steep(given.Z[L]) if l == L else dZ))
        text = "db[l] goes back instead of dZ[l]: dA[l-1] = W[l]ᵀ db[l], the same for all examples"
        yield text, instead(lambda l, dZ: W[l].T @ dZ.sum(axis=1, keepdims=True) / given.divisor)
        text = "dZ[l+1] is missing in dZ[l]: ∂Z[l+1]/∂Z[l] is only a part of the chain"
        yield text, instead(lambda l, dZ: W[l].T if len(W[l]) in (1, m) else W[l].T @ dZ)
