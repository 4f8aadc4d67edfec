"""What is given: a network, examples and their right backward pass; and that pass with a wrong array in one place."""

from collections.abc import Iterator, Mapping
from typing import Any

from chainrule import activations, equations
from chainrule._types import Array
from chainrule.network import Network

Tensors = Mapping[str, Array]  # "dW[2]" → what the mistake gives; a name that is not there is as it should be
Named = Iterator[tuple[str, Tensors]]  # each mistake in words, and what it gives

# What others may be mistaken for, the likeliest first.
OTHERS = tuple(
    map(activations.get, ("tanh", "sigmoid", "relu", "leaky_relu", "elu", "selu", "softplus", "gelu", "silu", "mish"))
)


def backward_order(dW: Any, db: Any) -> Iterator[tuple[str, Any]]:
    """Names and tensors of lists that count from 1, in the order of the backward pass: dW[L], db[L], dW[L-1], …."""
    for l in range(len(dW) - 1, 0, -1):
        yield f"dW[{l}]", dW[l]
        yield f"db[{l}]", db[l]


class Given:
    """A network (float64, not normalizing) and examples as `Network.check_examples` gives them."""

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

    def layer(self, l: int, dZ: Array) -> dict[str, Array]:
        """dW[l] and db[l] of a dZ[l]."""
        dW = dZ @ self.A[l - 1].T / self.divisor + self.decay * self.net.W[l]
        return {f"dW[{l}]": dW, f"db[{l}]": dZ.sum(axis=1, keepdims=True) / self.divisor}

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


def all_but(given: Given, other: activations.Activation) -> str:
    """The hidden activations that are not that one."""
    return " and ".join(sorted({row.spec for row in given.net.g[1:-1]} - {other.spec}))
