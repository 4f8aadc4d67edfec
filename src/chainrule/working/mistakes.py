"""The usual mistakes of a backward pass: what each one gives instead of dW[l] and db[l].

None of them is a formula of its own: each calls equations.py with a wrong array in one place.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from chainrule import activations, equations, losses
from chainrule._types import Array
from chainrule.network import Network

Tensors = Mapping[str, Array]  # "dW[2]" → what the mistake gives; a name that is not there is as it should be

_OTHERS = tuple(map(activations.get, ("tanh", "sigmoid", "relu", "leaky_relu")))  # what others may be mistaken for


def backward_order(dW: Any, db: Any) -> Iterator[tuple[str, Any]]:
    """Names and tensors of lists that count from 1, in the order of the backward pass: dW[L], db[L], dW[L-1], …."""
    for l in range(len(dW) - 1, 0, -1):
        yield f"dW[{l}]", dW[l]
        yield f"db[{l}]", db[l]


class Mistakes:
    """The mistakes for a network (float64, not normalizing) and examples as `Network.check_examples` gives them."""

    def __init__(self, net: Network, X: Any, Y: Array, l2: float, w: Array | None) -> None:
        self.net, self.L, self.Y, self.l2, self.w = net, net.L, Y, float(l2), w
        self.Z, self.A = equations.forward(X, net.W, net.b, net.g)
        _, self.dZ, m = equations.cost(self.Z, Y, net.W, net.loss, 0.0, w)
        self.m = float(m)

    def __iter__(self) -> Iterator[tuple[str, Tensors]]:
        """Each mistake in words, and what it gives. The likeliest come first; the same words may come again."""
        with np.errstate(all="ignore"):  # a wrong formula may divide by zero
            yield from self._factors()
            yield from self._layers()
            yield from self._shapes()
            yield from self._slopes()
            yield from self._weights_and_inputs()
            yield from self._outputs()
            yield from self._forward()
            yield from self._penalty()

    def _backward(self, dZ: Any = None, m: Any = None, decay: float | None = None, **wrong: Any) -> dict[str, Array]:
        """The backward pass with wrong arrays; decay stands before W[l] in the L2 term, and is λ/m if not given."""
        arrays = {"Z": self.Z, "A": self.A, "W": self.net.W, "slope": self.net.slope, **wrong}
        m = self.m if m is None else m
        decay = self.l2 / self.m if decay is None else decay
        dW, db = equations.backward(self.dZ if dZ is None else dZ, m=m, l2=0.0, **arrays)
        for l in range(1, len(dW)):
            if decay and dW[l].shape == self.net.W[l].shape:
                dW[l] = dW[l] + decay * self.net.W[l]
        return dict(backward_order(dW, db))

    def _factors(self) -> Iterator[tuple[str, Tensors]]:
        l2, m, K = self.l2, self.m, len(self.Y)
        for decay in (l2 / m, l2):
            yield "the factor 1/m is missing", self._backward(m=1, decay=decay)
        for decay in (l2 / m, l2 / m**2):
            yield "the factor 1/m is there twice", self._backward(m=m * m, decay=decay)
        for decay in (l2 / m, -l2 / m):
            yield "the sign is the wrong way round: Y − A instead of A − Y", self._backward(-self.dZ, decay=decay)
        if K > 1:
            yield "it is the mean over the outputs, too: the cost is their sum", self._backward(m=m * K)
        if self.net.loss.name == "half_squared_error":
            yield "a factor 2 is left over: the loss is ½ (a − y)², not (a − y)²", self._backward(2 * self.dZ)
        if self.w is not None:
            _, plain, count = equations.cost(self.Z, self.Y, self.net.W, self.net.loss, 0.0, None)
            for n in (m, count):
                yield "the example weights w are missing in dZ[L]", self._backward(plain, m=n, decay=l2 / n)
            yield "it is divided by m instead of Σw", self._backward(m=count, decay=l2 / count)
        last = np.zeros((1, self.Y.shape[1]))
        last[:, -1] = 1
        for n in (m, 1):
            text = "it is of the last example only: each one overwrites the one before"
            yield text, self._backward(self.dZ * last, m=n)

    def _layers(self) -> Iterator[tuple[str, Tensors]]:
        right, L = self._backward(), self.L
        yield "it is zero everywhere: nothing was ever put in", {name: np.zeros(d.shape) for name, d in right.items()}
        for l in range(1, L + 1):
            for k in range(1, L + 1):
                if k != l:
                    yield f"it is the gradient of layer {k}", {f"{d}[{l}]": right[f"{d}[{k}]"] for d in ("dW", "db")}

    def _shapes(self) -> Iterator[tuple[str, Tensors]]:
        for l, _, dZ, S, _ in equations.backward_layers(self.dZ, self.Z, self.A, self.net.W, self.net.slope, 1, 0.0):
            dW, db, decay = f"dW[{l}]", f"db[{l}]", self.l2 / self.m * self.net.W[l]
            for m, more in ((self.m, ""), (1.0, ", and the factor 1/m is missing")):
                yield "it is on its side: a transpose is missing" + more, {dW: S.T / m + decay.T}
                if S.shape == S.T.shape:
                    yield "it is on its side: a transpose is missing" + more, {dW: S.T / m + decay}
                yield "it is on its side: a column is wanted" + more, {db: dZ.sum(axis=1)[None] / m}
                yield "it is a vector: the sum has no keepdims=True" + more, {db: dZ.sum(axis=1) / m}
                for keepdims in (True, False):
                    over_units = dZ.sum(axis=0, keepdims=keepdims) / m
                    yield "it is summed over the units instead of the examples" + more, {db: over_units}
                yield "the sum over the examples is missing" + more, {db: dZ / m}
                for shape in ((), (1, 1), (len(dZ), 1)):
                    everything = np.full(shape, dZ.sum() / m)
                    yield "it is one sum over units and examples: the sum has no axis=1" + more, {db: everything}
            for shape in ((), (1, 1), (len(dZ), 1)):
                yield "it is the mean over units and examples", {db: np.full(shape, dZ.mean())}
            yield "it is a vector: the sum has no keepdims=True", {dW: (S / self.m + decay).ravel()}

    def _slopes(self) -> Iterator[tuple[str, Tensors]]:
        """dZ[l] = dA[l] ∗ something else than g[l]′(Z[l])."""
        g, Z, A, hidden = self.net.g, self.Z, self.A, range(1, self.L)
        if not hidden:
            return

        def instead(values: dict[int, Array]) -> dict[str, Array]:
            """values[l] in the place of g[l]′(Z[l]), where there is one."""
            slope: list[Any] = self.net.slope
            for l, value in values.items():
                slope[l] = lambda _, value=value: value
            return self._backward(slope=slope)

        yield "the derivative g′ is missing: dZ = dA", instead({l: np.ones_like(Z[l]) for l in hidden})
        at_A = {l: g[l].slope(A[l]) for l in hidden}
        yield "the derivative is at the wrong place: g′(A) instead of g′(Z)", instead(at_A)
        yield "the derivative g′ is there twice", instead({l: g[l].slope(Z[l]) ** 2 for l in hidden})
        yield "g(Z) stands in the place of g′(Z)", instead({l: A[l] for l in hidden})
        no_square = {l: 1 - A[l] for l in hidden if g[l].name == "tanh"}
        yield "the square is missing: 1 − A instead of 1 − A²", instead(no_square)
        for row in dict.fromkeys(g[l] for l in hidden if g[l].slope_of_output is not None):
            by_A = row.slope_formula.replace("g(z)", "A")
            at_Z = {l: row.slope_of_output(Z[l]) for l in hidden if g[l] == row}
            yield f"the derivative is at the wrong place: {by_A.replace('A', 'Z')} instead of {by_A}", instead(at_Z)
        for step, which in ((1, "next"), (-1, "previous")):
            near = {l: l + step for l in hidden if l + step in hidden}
            of_near = {l: g[k].slope(Z[l]) for l, k in near.items()}
            yield f"the derivative is that of the activation of the {which} layer", instead(of_near)
            at_near = {l: g[l].slope(Z[k]) for l, k in near.items() if Z[k].shape == Z[l].shape}
            yield f"the derivative is at the wrong place: at the Z of the {which} layer", instead(at_near)
        for other in _OTHERS:
            text = f"the derivative is that of {other.name}, but g is {self._all_but(other)}"
            yield text, instead({l: other.slope(Z[l]) for l in hidden})
            if other.slope_of_output is not None:
                yield text, instead({l: other.slope_of_output(A[l]) for l in hidden})
        if self.L > 2:  # else that is the missing g′ again
            yield from self._dA_for_dZ()

    def _all_but(self, other: activations.Activation) -> str:
        """The hidden activations that are not that one."""
        return " and ".join(sorted({row.spec for row in self.net.g[1:-1]} - {other.spec}))

    def _dA_for_dZ(self) -> Iterator[tuple[str, Tensors]]:
        """dA[l] where dZ[l] belongs, in one line only."""
        Z, A, W, slope, L = self.Z, self.A, self.net.W, self.net.slope, self.L
        ones = [None, *(np.ones_like for _ in range(1, L)), None]
        in_dW: dict[str, Array] = {}
        in_dA: dict[str, Array] = {}
        right, wrong = (equations.backward_layers(self.dZ, Z, A, W, g, self.m, 0.0) for g in (slope, ones))
        for (l, dA, *_), (_, wrong_dA, *_) in zip(right, wrong, strict=True):
            if l < L:
                in_dW |= self._layer(l, dA)
                in_dA |= self._layer(l, wrong_dA * slope[l](Z[l]))
        yield "dA stands in the place of dZ in dW and db: the derivative g′ is missing there", in_dW
        yield "dA instead of dZ goes back to the layer before: dA[l-1] = W[l]ᵀ dA[l]", in_dA

    def _layer(self, l: int, dZ: Array) -> dict[str, Array]:
        """dW[l] and db[l] of a dZ[l]."""
        Z, A, W, slope = (layers[: l + 1] for layers in (self.Z, self.A, self.net.W, self.net.slope))
        _, _, _, dW, db = next(equations.backward_layers(dZ, Z, A, W, slope, self.m, self.l2))
        return {f"dW[{l}]": dW, f"db[{l}]": db}

    def _weights_and_inputs(self) -> Iterator[tuple[str, Tensors]]:
        W, A, L = self.net.W, self.A, self.L

        def instead(of_layer: Callable[[int], Array]) -> dict[str, Array]:
            """of_layer(l) in the place of W[l] in dA[l-1] = W[l]ᵀ dZ[l], where it fits."""
            wrong = {l: of_layer(l) for l in range(2, L + 1)}
            fits = {l: V for l, V in wrong.items() if V.shape == W[l].shape}
            return self._backward(W=[None, *(fits.get(l, W[l]) for l in range(1, L + 1))])

        yield "W is not transposed: dA = W dZ instead of Wᵀ dZ", instead(lambda l: W[l].T)
        yield "the W of the last layer is used for every layer", instead(lambda l: W[L])
        yield "W[l] takes the place of W[l+1] in dA[l] = W[l+1]ᵀ dZ[l+1]", instead(lambda l: W[l - 1])
        yield "dW[l] is made with Z[l-1] instead of A[l-1]", self._backward(A=[A[0], *self.Z[1:]])
        yield "dW[l] is made with A[l] instead of A[l-1]", self._backward(A=A[1:])
        yield "dW[l] is made with X instead of A[l-1]", self._backward(A=[A[0]] * L)

    def _outputs(self) -> Iterator[tuple[str, Tensors]]:
        """Other dZ[L]."""
        A, Z, Y, loss = self.A[-1], self.Z[-1], self.Y, self.net.loss
        w = 1.0 if self.w is None else self.w
        if loss.dZ == losses.CANONICAL:
            steep = A if loss.output == "exp" else A * (1 - A)
            if loss.output != "identity":
                text = "the derivative of the output is there twice: A[L] − Y is dZ[L] already"
                yield text, self._backward(w * (A - Y) * steep)
                text = "dA[L] stands in the place of dZ[L]: the derivative of the output is missing"
                yield text, self._backward(w * (-Y / A if loss.output == "softmax" else (A - Y) / steep))
        elif "g[L]′" in loss.dZ:
            yield "the derivative of the output, g[L]′(Z[L]), is missing in dZ[L]", self._backward(w * (A - Y))
        else:
            yield "dZ[L] = A[L] − Y is that of the squared error", self._backward(w * (A - Y))
        if loss.output != "identity":
            yield "dZ[L] is made with Z[L] instead of A[L]", self._backward(w * (Z - Y))
        if loss.output == "softmax":
            over_examples = activations.softmax(np.ascontiguousarray(Z.T)).T
            yield "the softmax runs over the examples instead of the units", self._backward(w * (over_examples - Y))

    def _forward(self) -> Iterator[tuple[str, Tensors]]:
        """Another forward pass than the network's."""
        net = self.net
        yield "b is missing in Z = W A + b", self._with(net.g, [None, *(0 * b for b in net.b[1:])])
        for l in range(1, self.L + 1):
            without = [b if k != l else 0 * b for k, b in enumerate(net.b)]
            yield f"b[{l}] is missing in Z[{l}] = W[{l}] A[{l - 1}] + b[{l}]", self._with(net.g, without)
        for other in _OTHERS:
            if own := self._all_but(other):
                g = [None, *(other for _ in net.g[1:-1]), net.g[-1]]
                yield f"the hidden units are computed with {other.name}, but g is {own}", self._with(g, net.b)
        if len({row.spec for row in net.g[1:-1]}) > 1:
            mixed = [row and (activations.get("relu") if row.name == "leaky_relu" else row) for row in net.g]
            yield "leaky_relu is written as max(0, z)", self._with(mixed, net.b)

    def _with(self, g: Any, b: Any) -> dict[str, Array]:
        """The gradient of the network with other activations or biases."""
        net, slope = self.net, [None, *(row.slope for row in g[1:-1]), None]
        _, *gradients = equations.cost_and_gradients(self.A[0], self.Y, net.W, b, g, slope, net.loss, self.l2, self.w)
        return dict(backward_order(*gradients))

    def _penalty(self) -> Iterator[tuple[str, Tensors]]:
        l2, m = self.l2, self.m
        if not l2:
            return
        yield "the term of L2, (λ/m) W, is missing", self._backward(decay=0.0)
        yield "the term of L2 is λ W: its 1/m is missing", self._backward(decay=l2)
        half = self._backward(decay=l2 / (2 * m))
        yield "the term of L2 is half of what it should be: its ½ belongs to the cost", half
        yield "the term of L2 is twice what it should be", self._backward(decay=2 * l2 / m)
        yield "the term of L2 has the wrong sign", self._backward(decay=-l2 / m)
        right = self._backward()
        yield (
            "the term of L2 is in db as well: it leaves the biases out",
            {f"db[{l}]": right[f"db[{l}]"] + l2 / m * self.net.b[l] for l in range(1, self.L + 1)},
        )
