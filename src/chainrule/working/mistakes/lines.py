"""Mistakes in the two lines of a layer, dW[l] = (1/m) dZ[l] A[l-1]ᵀ + (λ/m) W[l] and db[l] = (1/m) Σ dZ[l]."""

import numpy as np

from chainrule.working.mistakes.given import Given, Named


def lines(given: Given) -> Named:
    """Everything but factors and examples."""
    yield from _layers(given)
    yield from _shapes(given)
    yield from _inputs(given)
    yield from _penalty(given)


def _layers(given: Given) -> Named:
    """The gradients of other layers."""
    right, L = given.backward(), given.L
    for l in range(1, L + 1):
        for k in range(1, L + 1):
            if k != l:
                yield f"it is the gradient of layer {k}", {f"{d}[{l}]": right[f"{d}[{k}]"] for d in ("dW", "db")}
    if L > 1:
        text = "the gradients are in the reverse order: appended from the back, layer L first, and read from the front"
        yield text, {f"{d}[{l}]": right[f"{d}[{L + 1 - l}]"] for d in ("dW", "db") for l in range(1, L + 1)}
    if L > 2:
        for step, which in ((-1, "before"), (1, "after")):
            text = f"the layers are shifted: each layer has the gradient of the layer {which} it"
            shifted = [l for l in range(1, L + 1) if 1 <= l + step <= L]
            yield text, {f"{d}[{l}]": right[f"{d}[{l + step}]"] for d in ("dW", "db") for l in shifted}


def _shapes(given: Given) -> Named:
    m = given.divisor
    for l, dZ in given.dZ_of.items():
        A, decay = given.A[l - 1], given.decay * given.net.W[l]
        S, dW, db = dZ @ A.T, f"dW[{l}]", f"db[{l}]"
        yield "it is on its side: a transpose is missing", {dW: S.T / m + decay.T}
        if S.shape == S.T.shape:
            yield "it is on its side: a transpose is missing", {dW: S.T / m + decay}
        yield "it is reshaped, where a transpose is wanted", {dW: S.T.reshape(S.shape) / m + decay}
        yield "its rows are in the reverse order", {dW: S[::-1] / m + decay, db: dZ.sum(axis=1)[::-1, None] / m}
        yield "its columns are in the reverse order", {dW: S[:, ::-1] / m + decay}
        means = np.outer(dZ.sum(axis=1), A.mean(axis=1)) / m
        yield "the examples are averaged before they are multiplied", {dW: means + decay}
        yield "it is a vector: the sum has no keepdims=True", {dW: (S / m + decay).ravel()}
        yield "it is on its side: a column is wanted", {db: dZ.sum(axis=1)[None] / m}
        yield "it is a vector: the sum has no keepdims=True", {db: dZ.sum(axis=1) / m}
        for keepdims in (True, False):
            over_units = dZ.sum(axis=0, keepdims=keepdims) / m
            yield "it is summed over the units instead of the examples", {db: over_units}
        yield "the sum over the examples is missing", {db: dZ / m}
        for shape in ((), (1, 1), (len(dZ), 1)):
            everything = np.full(shape, dZ.sum() / m)
            yield "it is one sum over units and examples: the sum has no axis=1", {db: everything}
            yield "it is the mean over units and examples", {db: everything / len(dZ)}


def _inputs(given: Given) -> Named:
    A = given.A
    yield "dW[l] is made with Z[l-1] instead of A[l-1]", given.backward(A=[A[0], *given.Z[1:]])
    yield "dW[l] is made with A[l] instead of A[l-1]", given.backward(A=A[1:])
    yield "dW[l] is made with X instead of A[l-1]", given.backward(A=[A[0]] * given.L)


def _penalty(given: Given) -> Named:
    l2, m, W = given.l2, given.m, given.net.W
    if not l2:
        return
    yield "the term of L2, (λ/m) W, is missing", given.backward(decay=0.0)
    yield "the term of L2 is λ W: its 1/m is missing", given.backward(decay=l2)
    half = given.backward(decay=l2 / (2 * m))
    yield "the term of L2 is half of what it should be: its ½ belongs to the cost", half
    yield "the term of L2 is twice what it should be", given.backward(decay=2 * l2 / m)
    yield "the term of L2 has the wrong sign", given.backward(decay=-l2 / m)
    yield (
        "the term of L2 is (λ/2) W: its 1/m is missing, and the ½ belongs to the cost",
        given.backward(decay=l2 / 2),
    )
    yield (
        "the term of L2 is 2λ W: its 1/m is missing, and it is twice what it should be",
        given.backward(decay=2 * l2),
    )
    yield "the term of L2 is divided by m twice", given.backward(decay=l2 / m**2)
    yield "λ is missing in the term of L2: it is (1/m) W", given.backward(decay=1 / m)
    yield "λ and 1/m are missing in the term of L2: it is W", given.backward(decay=1.0)
    right, plain = given.backward(), given.backward(decay=0.0)
    signs = {f"dW[{l}]": plain[f"dW[{l}]"] + given.decay * np.sign(W[l]) for l in range(1, given.L + 1)}
    yield "the term of L2 is that of L1, (λ/m) sign(W)", plain | signs
    yield (
        "the term of L2 is in db as well: it leaves the biases out",
        {f"db[{l}]": right[f"db[{l}]"] + l2 / m * given.net.b[l] for l in range(1, given.L + 1)},
    )
