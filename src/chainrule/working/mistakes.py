"""The usual mistakes of a backward pass: what each one gives instead of dW[l] and db[l].

None of them is a formula of its own: each calls equations.py with a wrong array in one place.
"""

from collections.abc import Callable, Iterator, Mapping
from copy import copy
from itertools import chain
from typing import Any

import numpy as np

from chainrule import activations, equations, losses
from chainrule._types import Array
from chainrule.network import Network

Tensors = Mapping[str, Array]  # "dW[2]" → what the mistake gives; a name that is not there is as it should be

# What others may be mistaken for, the likeliest first.
_OTHERS = tuple(
    map(activations.get, ("tanh", "sigmoid", "relu", "leaky_relu", "elu", "selu", "softplus", "gelu", "silu", "mish"))
)


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
        self.losses, _ = net.loss(self.Z[-1], Y)
        self.J, _, _ = equations.cost(self.Z, Y, net.W, net.loss, self.l2, w)
        _, self.dZ, m = equations.cost(self.Z, Y, net.W, net.loss, 0.0, w)
        self.m = float(m)
        self.divisor, self.decay = self.m, self.l2 / self.m  # of the sums over the examples; before W[l] in the L2 term
        steps = equations.backward_layers(self.dZ, self.Z, self.A, net.W, net.slope, 1, 0.0)
        self.dZ_of = {l: dZ for l, _, dZ, _, _ in steps}

    def of_one_line(self) -> Iterator[tuple[str, Tensors]]:
        """Mistakes that dW[l] may have and db[l] not, in words, and what each gives.

        The likeliest come first; the same words may come again.
        """
        with np.errstate(all="ignore"):  # a wrong formula may divide by zero
            zeros = {name: np.zeros(d.shape) for name, d in self.backward().items()}
            yield "it is zero everywhere: nothing was ever put in", zeros
            for meaning, factor in self.factors():
                for decay in dict.fromkeys((self.decay, factor * self.decay)):
                    yield meaning, self.backward(m=self.m / factor, decay=decay)
            yield from self._weights()
            yield from self._last_example()
            yield from self._lines()

    def of_dZ(self) -> Iterator[tuple[str, Tensors]]:
        """Mistakes on the way back to dZ[l], which both dW[l] and db[l] have."""
        with np.errstate(all="ignore"):
            yield from self._slopes()
            yield from self._weights_back()

    def of_start(self) -> Iterator[tuple[str, Tensors]]:
        """Mistakes in dZ[L] and before, which every tensor has."""
        with np.errstate(all="ignore"):
            for decay in dict.fromkeys((self.decay, -self.decay)):
                yield "the sign is the wrong way round: Y − A instead of A − Y", self.backward(-self.dZ, decay=decay)
            yield from self._some_left_out()
            yield from self._outputs()
            yield from self._orders()
            yield from self._forward()

    def two_at_once(self) -> Iterator[tuple[str, Tensors]]:
        """Each mistake with each of the usual factors."""
        with np.errstate(all="ignore"):
            for meaning, factor in self.factors():
                for decay in dict.fromkeys((self.decay, factor * self.decay)):
                    both = copy(self)
                    both.divisor, both.decay = self.m / factor, decay
                    for text, tensors in chain(both._lines(), both.of_dZ(), both.of_start()):
                        yield f"{text}, and {meaning}", tensors

    def _lines(self) -> Iterator[tuple[str, Tensors]]:
        yield from self._layers()
        yield from self._shapes()
        yield from self._inputs()
        yield from self._penalty()

    def backward(self, dZ: Any = None, m: Any = None, decay: float | None = None, **wrong: Any) -> dict[str, Array]:
        """The backward pass with wrong arrays; decay stands before W[l] in the L2 term, and is λ/m if not given."""
        arrays = {"Z": self.Z, "A": self.A, "W": self.net.W, "slope": self.net.slope, **wrong}
        m = self.divisor if m is None else m
        decay = self.decay if decay is None else decay
        dW, db = equations.backward(self.dZ if dZ is None else dZ, m=m, l2=0.0, **arrays)
        for l in range(1, len(dW)):
            if decay and dW[l].shape == self.net.W[l].shape:
                dW[l] = dW[l] + decay * self.net.W[l]
        return dict(backward_order(dW, db))

    def factors(self) -> Iterator[tuple[str, float]]:
        """The usual factors that are left over or missing, and what they mean."""
        m, K = self.m, len(self.Y)
        sum_of = "m" if self.w is None else "Σw"
        yield "the factor 1/m is missing", m
        yield "the factor 1/m is there twice", 1 / m
        yield "the sign is the wrong way round", -1
        if K > 1:
            yield "it is the mean over the outputs, too: the cost is their sum", 1 / K
        if self.net.loss.name == "half_squared_error":
            yield "a factor 2 is left over: the loss is ½ (a − y)², not (a − y)²", 2
        else:
            yield "it is twice what it should be", 2
        yield f"it is half of what it should be: divided by 2{sum_of} instead of {sum_of}", 1 / 2
        if m > 1:
            yield f"it is divided by {sum_of} − 1 instead of {sum_of}", m / (m - 1)
        for n in dict.fromkeys(self.net.sizes):
            size = f"n[{self.net.sizes.index(n)}]"
            if n > 1 and n != m:
                yield f"it is divided by {size} = {n} instead of {sum_of} = {m:g}", m / n
            if n > 1 and n != K:
                yield f"it is divided by {sum_of} {size} instead of {sum_of}", 1 / n

    def _weights(self) -> Iterator[tuple[str, Tensors]]:
        """Example weights that are forgotten."""
        if self.w is None:
            return
        _, plain, count = equations.cost(self.Z, self.Y, self.net.W, self.net.loss, 0.0, None)
        for n in (self.m, count):
            yield "the example weights w are missing in dZ[L]", self.backward(plain, m=n, decay=self.l2 / n)
        yield "it is divided by m instead of Σw", self.backward(m=count, decay=self.l2 / count)

    def _last_example(self) -> Iterator[tuple[str, Tensors]]:
        m = self.Y.shape[1]
        return self._left_out(np.arange(m) == m - 1)

    def _some_left_out(self) -> Iterator[tuple[str, Tensors]]:
        """The first or the last example too many or too few, or every other; `Fits` knows more of them."""
        i, m = np.arange(self.Y.shape[1]), self.Y.shape[1]
        for stays in (i == 0, i < m - 1, i > 0, i % 2 == 0, i % 2 == 1):
            yield from self._left_out(stays)

    def _left_out(self, stays: Array) -> Iterator[tuple[str, Tensors]]:
        if stays.any() and not stays.all():
            for divisor in (self.m, stays.sum() if self.w is None else self.w.ravel()[stays].sum()):
                for decay in dict.fromkeys((self.decay, self.l2 / divisor)):
                    yield left_out(stays), self.backward(self.dZ * stays, m=divisor, decay=decay)

    def _layers(self) -> Iterator[tuple[str, Tensors]]:
        right, L = self.backward(), self.L
        for l in range(1, L + 1):
            for k in range(1, L + 1):
                if k != l:
                    yield f"it is the gradient of layer {k}", {f"{d}[{l}]": right[f"{d}[{k}]"] for d in ("dW", "db")}

    def _shapes(self) -> Iterator[tuple[str, Tensors]]:
        m = self.divisor
        for l, dZ in self.dZ_of.items():
            A, decay = self.A[l - 1], self.decay * self.net.W[l]
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
            return self.backward(slope=slope)

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
            near = {l: l + step for l in hidden}
            of_near = {l: g[k].slope(Z[l]) for l, k in near.items() if k in hidden}
            yield f"the derivative is that of the activation of the {which} layer", instead(of_near)
            near = {l: k for l, k in near.items() if A[k].shape == Z[l].shape}
            text = f"the derivative is at the wrong place: at the Z of the {which} layer"
            for layers in (hidden, range(self.L + 1)):
                at_Z = {l: g[l].slope(Z[k]) for l, k in near.items() if k in layers and k > 0}
                at_A = {l: g[l].slope_of_output(A[k]) for l, k in near.items() if k in layers and g[l].slope_of_output}
                yield text, instead(at_Z)
                yield text, instead(at_A)
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
        right, wrong = (equations.backward_layers(self.dZ, Z, A, W, g, 1, 0.0) for g in (slope, ones))
        for (l, dA, *_), (_, wrong_dA, *_) in zip(right, wrong, strict=True):
            if l < L:
                in_dW |= self.layer(l, dA)
                in_dA |= self.layer(l, wrong_dA * slope[l](Z[l]))
        yield "dA stands in the place of dZ in dW and db: the derivative g′ is missing there", in_dW
        yield "dA instead of dZ goes back to the layer before: dA[l-1] = W[l]ᵀ dA[l]", in_dA

    def layer(self, l: int, dZ: Array) -> dict[str, Array]:
        """dW[l] and db[l] of a dZ[l]."""
        dW = dZ @ self.A[l - 1].T / self.divisor + self.decay * self.net.W[l]
        return {f"dW[{l}]": dW, f"db[{l}]": dZ.sum(axis=1, keepdims=True) / self.divisor}

    def _weights_back(self) -> Iterator[tuple[str, Tensors]]:
        W, L = self.net.W, self.L

        def instead(of_layer: Callable[[int], Array]) -> dict[str, Array]:
            """of_layer(l) in the place of W[l] in dA[l-1] = W[l]ᵀ dZ[l], where it fits."""
            wrong = {l: of_layer(l) for l in range(2, L + 1)}
            fits = {l: V for l, V in wrong.items() if V.shape == W[l].shape}
            return self.backward(W=[None, *(fits.get(l, W[l]) for l in range(1, L + 1))])

        yield "W is not transposed: dA = W dZ instead of Wᵀ dZ", instead(lambda l: W[l].T)
        yield "the W of the last layer is used for every layer", instead(lambda l: W[L])
        yield "W[l] takes the place of W[l+1] in dA[l] = W[l+1]ᵀ dZ[l+1]", instead(lambda l: W[l - 1])

    def _inputs(self) -> Iterator[tuple[str, Tensors]]:
        A = self.A
        yield "dW[l] is made with Z[l-1] instead of A[l-1]", self.backward(A=[A[0], *self.Z[1:]])
        yield "dW[l] is made with A[l] instead of A[l-1]", self.backward(A=A[1:])
        yield "dW[l] is made with X instead of A[l-1]", self.backward(A=[A[0]] * self.L)

    def _outputs(self) -> Iterator[tuple[str, Tensors]]:
        """Other dZ[L]."""
        A, Z, Y, loss = self.A[-1], self.Z[-1], self.Y, self.net.loss
        w = 1.0 if self.w is None else self.w
        if loss.dZ == losses.CANONICAL:
            steep = A if loss.output == "exp" else A * (1 - A)
            if loss.output != "identity":
                text = "the derivative of the output is there twice: A[L] − Y is dZ[L] already"
                yield text, self.backward(w * (A - Y) * steep)
                text = "dA[L] stands in the place of dZ[L]: the derivative of the output is missing"
                yield text, self.backward(w * (-Y / A if loss.output == "softmax" else (A - Y) / steep))
        elif "g[L]′" in loss.dZ:
            yield "the derivative of the output, g[L]′(Z[L]), is missing in dZ[L]", self.backward(w * (A - Y))
        else:
            yield "dZ[L] = A[L] − Y is that of the squared error", self.backward(w * (A - Y))
        if loss.name == "binary_cross_entropy":
            yield "the term (1 − y) log(1 − a) of the loss is missing", self.backward(w * Y * (A - 1))
            yield "the term y log a of the loss is missing", self.backward(w * (1 - Y) * A)
            text = "a parenthesis is missing in dA[L] = −(Y/A − (1 − Y)/(1 − A))"
            yield text, self.backward(w * (Y * (A - 1) - (1 - Y) * A))
        if loss.name == "cross_entropy":
            text = "a (1 − a) is only the diagonal of the derivative of softmax: dZ[L] is A[L] − Y"
            yield text, self.backward(w * Y * (A - 1))
        for row in losses.LOSSES.values():
            if (row.output, row.name == loss.name) == (loss.output, False) and row.dZ != losses.CANONICAL:
                yield f"dZ[L] is that of the {row.name} loss", self.backward(w * row(Z, Y)[1])
        if loss.output != "identity":
            yield "dZ[L] is made with Z[L] instead of A[L]", self.backward(w * (Z - Y))
        for name in ("sigmoid", "softmax", "tanh", "relu", "exp"):
            if name != loss.output and loss.dZ == losses.CANONICAL and (name != "softmax" or len(Y) > 1):
                text = f"the output is computed with {name}, but g[L] is {loss.output}"
                yield text, self.backward(w * (activations.get(name)(Z) - Y))
        if loss.output == "softmax":
            over_examples = activations.softmax(np.ascontiguousarray(Z.T)).T
            yield "the softmax runs over the examples instead of the units", self.backward(w * (over_examples - Y))

    def _orders(self) -> Iterator[tuple[str, Tensors]]:
        """Examples in an order that not all arrays have."""
        m = self.Y.shape[1]
        in_order = np.arange(m)
        for order in (in_order[::-1], np.roll(in_order, 1), np.roll(in_order, -1)):
            _, dZ, _ = equations.cost(self.Z, self.Y[:, order], self.net.W, self.net.loss, 0.0, self.w)
            yield "X and Y are not in the same order", self.backward(dZ)
            yield (
                "dZ and A do not have their examples in the same order",
                self.backward(A=[A[:, order] for A in self.A]),
            )

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
        Z, A = equations.forward(self.A[0], net.W, b, g)
        _, dZ, _ = equations.cost(Z, self.Y, net.W, net.loss, 0.0, self.w)
        return self.backward(dZ, Z=Z, A=A, slope=slope)

    def _penalty(self) -> Iterator[tuple[str, Tensors]]:
        l2, m, W = self.l2, self.m, self.net.W
        if not l2:
            return
        yield "the term of L2, (λ/m) W, is missing", self.backward(decay=0.0)
        yield "the term of L2 is λ W: its 1/m is missing", self.backward(decay=l2)
        half = self.backward(decay=l2 / (2 * m))
        yield "the term of L2 is half of what it should be: its ½ belongs to the cost", half
        yield "the term of L2 is twice what it should be", self.backward(decay=2 * l2 / m)
        yield "the term of L2 has the wrong sign", self.backward(decay=-l2 / m)
        yield (
            "the term of L2 is (λ/2) W: its 1/m is missing, and the ½ belongs to the cost",
            self.backward(decay=l2 / 2),
        )
        yield (
            "the term of L2 is 2λ W: its 1/m is missing, and it is twice what it should be",
            self.backward(decay=2 * l2),
        )
        yield "the term of L2 is divided by m twice", self.backward(decay=l2 / m**2)
        yield "λ is missing in the term of L2: it is (1/m) W", self.backward(decay=1 / m)
        yield "λ and 1/m are missing in the term of L2: it is W", self.backward(decay=1.0)
        right, plain = self.backward(), self.backward(decay=0.0)
        signs = {f"dW[{l}]": plain[f"dW[{l}]"] + self.decay * np.sign(W[l]) for l in range(1, self.L + 1)}
        yield "the term of L2 is that of L1, (λ/m) sign(W)", plain | signs
        yield (
            "the term of L2 is in db as well: it leaves the biases out",
            {f"db[{l}]": right[f"db[{l}]"] + l2 / m * self.net.b[l] for l in range(1, self.L + 1)},
        )


def left_out(stays: Array) -> str:
    """Which examples are left out, in words."""
    m, (kept,), (left,) = len(stays), np.nonzero(stays), np.nonzero(~stays)
    if len(kept) == 1:
        more = ": each one overwrites the one before" if stays[-1] else ""
        return f"it is of {_one(kept[0], m)} only{more}"
    if len(left) == 1:
        return f"{_one(left[0], m)} is left out"
    if m > 3 and len(np.unique(np.diff(kept))) == 1 and kept[1] - kept[0] == 2:
        return "every other example is left out"
    which, some = ("left out", left) if len(left) <= len(kept) else ("all that is in it", kept)
    end = "last" if some[-1] == m - 1 else "first"
    return f"the {end} {len(some)} of the {m} examples are {which}"


def _one(i: int, m: int) -> str:
    return "the first example" if i == 0 else "the last example" if i == m - 1 else f"example {i}, counted from 0,"
