"""The usual mistakes of a backward pass: what each one gives instead of dW[l] and db[l].

None of them is written out: they are the lines of equations.py, fed with the wrong arrays.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from chainrule import activations, equations
from chainrule._types import Array
from chainrule.network import Network

Tensors = Mapping[str, Array]  # "dW[2]" → what stands in its place; a name that is not there is as it should be

_OTHERS = ("tanh", "sigmoid", "relu", "leaky_relu")
_FROM_A: dict[str, Callable[[Array], Array]] = {  # how homework writes these slopes
    "tanh": lambda A: 1 - A**2,
    "sigmoid": lambda A: A * (1 - A),
}


def on_the_way_back(dW: Any, db: Any) -> Iterator[tuple[str, Any]]:
    """Names and tensors of 1-based lists in the order in which the way back finds them: dW[L], db[L], dW[L-1], …."""
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
        """What it is, and what it gives. The likeliest come first; a text may come more than once."""
        with np.errstate(all="ignore"):  # a wrong formula may divide by zero
            yield from self._factors()
            yield from self._places()
            yield from self._shapes()
            yield from self._slopes()
            yield from self._weights_and_inputs()
            yield from self._outputs()
            yield from self._forward()
            yield from self._penalty()

    def _back(self, dZ: Any = None, m: Any = None, decay: float | None = None, **fed: Any) -> dict[str, Array]:
        """The way back with other arrays; decay is what stands before W[l] in the L2 term."""
        given = {"Z": self.Z, "A": self.A, "W": self.net.W, "slope": self.net.slope, **fed}
        m = self.m if m is None else m
        decay = self.l2 / self.m if decay is None else decay
        dW, db = equations.backward(self.dZ if dZ is None else dZ, m=m, l2=0.0, **given)
        for l in range(1, len(dW)):
            if decay and dW[l].shape == self.net.W[l].shape:
                dW[l] = dW[l] + decay * self.net.W[l]
        return dict(on_the_way_back(dW, db))

    def _factors(self) -> Iterator[tuple[str, Tensors]]:
        l2, m, K = self.l2, self.m, len(self.Y)
        for decay in (l2 / m, l2):
            yield "the factor 1/m is missing", self._back(m=1, decay=decay)
        for decay in (l2 / m, l2 / m**2):
            yield "the factor 1/m is there twice", self._back(m=m * m, decay=decay)
        for decay in (l2 / m, -l2 / m):
            yield "the sign is the wrong way round: Y − A instead of A − Y", self._back(-self.dZ, decay=decay)
        if K > 1:
            yield "it is the mean over the outputs, too: the cost is their sum", self._back(m=m * K)
        if self.net.loss.name == "half_squared_error":
            yield "a factor 2 is left over: the loss is ½ (a − y)², not (a − y)²", self._back(2 * self.dZ)
        if self.w is not None:
            _, plain, count = equations.cost(self.Z, self.Y, self.net.W, self.net.loss, 0.0, None)
            for n in (m, count):
                yield "the example weights w are missing in dZ[L]", self._back(plain, m=n, decay=l2 / n)
            yield "it is divided by m instead of Σw", self._back(m=count, decay=l2 / count)
        last = np.zeros((1, self.Y.shape[1]))
        last[:, -1] = 1
        for n in (m, 1):
            yield "it is of the last example only: each one overwrites the one before", self._back(self.dZ * last, m=n)

    def _places(self) -> Iterator[tuple[str, Tensors]]:
        right, L = self._back(), self.L
        yield "it is zero everywhere: nothing was ever put in", {name: np.zeros(d.shape) for name, d in right.items()}
        for l in range(1, L + 1):
            for k in range(1, L + 1):
                if k != l:
                    yield f"it is the gradient of layer {k}", {f"{d}[{l}]": right[f"{d}[{k}]"] for d in ("dW", "db")}

    def _shapes(self) -> Iterator[tuple[str, Tensors]]:
        found = equations.backward_layers(self.dZ, self.Z, self.A, self.net.W, self.net.slope, 1, 0.0)
        for l, _, dZ, S, _ in found:
            dW, db, decay = f"dW[{l}]", f"db[{l}]", self.l2 / self.m * self.net.W[l]
            for m, more in ((self.m, ""), (1.0, ", and the factor 1/m is missing")):
                for turned in (S.T / m + decay.T, S.T / m + decay if S.shape == S.T.shape else None):
                    if turned is not None:
                        yield "it is on its side: a transpose is missing" + more, {dW: turned}
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
            fed: list[Any] = self.net.slope
            for l, found in values.items():
                fed[l] = lambda _, found=found: found
            return self._back(slope=fed)

        yield "the derivative g′ is missing: dZ = dA", instead({l: np.ones_like(Z[l]) for l in hidden})
        at_A = {l: g[l].slope(A[l]) for l in hidden}
        yield "the derivative is at the wrong place: g′(A) instead of g′(Z)", instead(at_A)
        yield "the derivative g′ is there twice", instead({l: g[l].slope(Z[l]) ** 2 for l in hidden})
        yield "g(Z) stands in the place of g′(Z)", instead({l: A[l] for l in hidden})
        no_square = {l: 1 - A[l] for l in hidden if g[l].name == "tanh"}
        yield "the square is missing: 1 − A instead of 1 − A²", instead(no_square)
        for name, of in _FROM_A.items():
            written = "1 − Z² instead of 1 − A²" if name == "tanh" else "Z (1 − Z) instead of A (1 − A)"
            at_Z = {l: of(Z[l]) for l in hidden if g[l].name == name}
            yield f"the derivative is at the wrong place: {written}", instead(at_Z)
        for step, which in ((1, "next"), (-1, "previous")):
            near = {l: l + step for l in hidden if l + step in hidden}
            of_near = {l: g[k].slope(Z[l]) for l, k in near.items()}
            yield f"the derivative is that of the activation of the {which} layer", instead(of_near)
            at_near = {l: g[l].slope(Z[k]) for l, k in near.items() if Z[k].shape == Z[l].shape}
            yield f"the derivative is at the wrong place: at the Z of the {which} layer", instead(at_near)
        for name in _OTHERS:
            text = f"the derivative is that of {name}, but g is {self._but(name)}"
            yield text, instead({l: activations.get(name).slope(Z[l]) for l in hidden})
            if name in _FROM_A:
                yield text, instead({l: _FROM_A[name](A[l]) for l in hidden})
        if self.L > 2:  # else that is the missing g′ again
            yield from self._backwards_with_dA()

    def _but(self, name: str) -> str:
        """The hidden activations that are not the one of that name."""
        others = {row.spec for row in self.net.g[1:-1]} - {activations.get(name).spec}
        return " and ".join(sorted(others))

    def _backwards_with_dA(self) -> Iterator[tuple[str, Tensors]]:
        """dA[l] where dZ[l] belongs, in one line only."""
        Z, A, W, slope, L = self.Z, self.A, self.net.W, self.net.slope, self.L
        ones = [None, *(np.ones_like for _ in range(1, L)), None]
        in_dW: dict[str, Array] = {}
        on_the_way: dict[str, Array] = {}
        for l, dA, *_ in equations.backward_layers(self.dZ, Z, A, W, slope, self.m, 0.0):
            if dA is not None:
                in_dW |= self._layer(l, dA)
        for l, dA, *_ in equations.backward_layers(self.dZ, Z, A, W, ones, self.m, 0.0):
            if dA is not None:
                on_the_way |= self._layer(l, dA * slope[l](Z[l]))
        yield "dA stands in the place of dZ in dW and db: the derivative g′ is missing there", in_dW
        yield "dA instead of dZ goes back to the layer before: dA[l-1] = W[l]ᵀ dA[l]", on_the_way

    def _layer(self, l: int, dZ: Array) -> dict[str, Array]:
        """dW[l] and db[l] of a dZ[l]."""
        upto = slice(l + 1)
        _, _, _, dW, db = next(
            equations.backward_layers(
                dZ, self.Z[upto], self.A[upto], self.net.W[upto], self.net.slope[upto], self.m, self.l2
            )
        )
        return {f"dW[{l}]": dW, f"db[{l}]": db}

    def _weights_and_inputs(self) -> Iterator[tuple[str, Tensors]]:
        W, A, L = self.net.W, self.A, self.L

        def fed(values: Callable[[int], Array]) -> dict[str, Array]:
            """values(l) in the place of W[l] in dA[l-1] = W[l]ᵀ dZ[l], where it fits."""
            other = {l: values(l) for l in range(2, L + 1)}
            fits = {l: V for l, V in other.items() if V.shape == W[l].shape}
            return self._back(W=[None, *(fits.get(l, W[l]) for l in range(1, L + 1))])

        yield "W is not transposed: dA = W dZ instead of Wᵀ dZ", fed(lambda l: W[l].T)
        yield "the W of the last layer is used for every layer", fed(lambda l: W[L])
        yield "W[l] takes the place of W[l+1] in dA[l] = W[l+1]ᵀ dZ[l+1]", fed(lambda l: W[l - 1])
        yield "dW[l] is made with Z[l-1] instead of A[l-1]", self._back(A=[A[0], *self.Z[1:]])
        yield "dW[l] is made with A[l] instead of A[l-1]", self._back(A=A[1:])
        yield "dW[l] is made with X instead of A[l-1]", self._back(A=[A[0]] * L)

    def _outputs(self) -> Iterator[tuple[str, Tensors]]:
        """Other dZ[L]."""
        A, Z, Y, loss = self.A[-1], self.Z[-1], self.Y, self.net.loss
        w = 1.0 if self.w is None else self.w
        canonical = loss.output in ("softmax", "exp") or (loss.name, loss.output) in (
            ("binary_cross_entropy", "sigmoid"),
            ("half_squared_error", "identity"),
        )
        if canonical:
            steep = A if loss.output == "exp" else A * (1 - A)
            if loss.output != "identity":
                yield (
                    "the derivative of the output is there twice: A[L] − Y is dZ[L] already",
                    self._back(w * (A - Y) * steep),
                )
                start = -Y / A if loss.output == "softmax" else (A - Y) / steep
                text = "dA[L] stands in the place of dZ[L]: the derivative of the output is missing"
                yield text, self._back(w * start)
        elif loss.name == "half_squared_error":
            yield "the derivative of the output, g[L]′(Z[L]), is missing in dZ[L]", self._back(w * (A - Y))
        else:
            yield "dZ[L] = A[L] − Y is that of the squared error", self._back(w * (A - Y))
        if loss.output != "identity":
            yield "dZ[L] is made with Z[L] instead of A[L]", self._back(w * (Z - Y))
        if loss.output == "softmax":
            turned = activations.softmax(np.ascontiguousarray(Z.T)).T
            yield "the softmax runs over the examples instead of the units", self._back(w * (turned - Y))

    def _forward(self) -> Iterator[tuple[str, Tensors]]:
        """A way forward that is not the network's."""
        net = self.net
        yield "b is missing in Z = W A + b", self._from(net.g, [None, *(0 * b for b in net.b[1:])])
        for l in range(1, self.L + 1):
            one = [b if k != l else 0 * b for k, b in enumerate(net.b)]
            yield f"b[{l}] is missing in Z[{l}] = W[{l}] A[{l - 1}] + b[{l}]", self._from(net.g, one)
        for name in _OTHERS:
            if own := self._but(name):
                g = [None, *(activations.get(name) for _ in net.g[1:-1]), net.g[-1]]
                yield f"the hidden units are computed with {name}, but g is {own}", self._from(g, net.b)
        if len({row.spec for row in net.g[1:-1]}) > 1:
            mixed = [row and (activations.get("relu") if row.name == "leaky_relu" else row) for row in net.g]
            yield "leaky_relu is written as max(0, z)", self._from(mixed, net.b)

    def _from(self, g: Any, b: Any) -> dict[str, Array]:
        net = self.net
        Z, A = equations.forward(self.A[0], net.W, b, g)
        _, dZ, _ = equations.cost(Z, self.Y, net.W, net.loss, 0.0, self.w)
        return self._back(dZ, Z=Z, A=A, slope=[None, *(row.slope for row in g[1:-1]), None])

    def _penalty(self) -> Iterator[tuple[str, Tensors]]:
        l2, m = self.l2, self.m
        if not l2:
            return
        yield "the term of L2, (λ/m) W, is missing", self._back(decay=0.0)
        yield "the term of L2 is λ W: its 1/m is missing", self._back(decay=l2)
        yield "the term of L2 is half of what it should be: its ½ belongs to the cost", self._back(decay=l2 / (2 * m))
        yield "the term of L2 is twice what it should be", self._back(decay=2 * l2 / m)
        yield "the term of L2 has the wrong sign", self._back(decay=-l2 / m)
        right = self._back()
        yield (
            "the term of L2 is in db as well: it leaves the biases out",
            {f"db[{l}]": right[f"db[{l}]"] + l2 / m * self.net.b[l] for l in range(1, self.L + 1)},
        )
