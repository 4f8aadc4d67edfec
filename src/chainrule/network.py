"""Network: sizes, activations, a loss, and the parameters as views on one flat vector."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from numbers import Integral
from typing import TYPE_CHECKING, Any, SupportsIndex

import numpy as np

from chainrule import activations, equations, initializers, losses
from chainrule._types import Array
from chainrule.activations import Activation
from chainrule.checks import first_not_finite, place
from chainrule.engines import blas, kernel
from chainrule.normalization import Normalizer

if TYPE_CHECKING:
    from chainrule.training.loop import Step


class Views(list[Any]):
    """W[1] … W[L] or b[1] … b[L]. Assigning to an entry writes into the network's vector instead of leaving it."""

    def __setitem__(self, l: SupportsIndex | slice, value: Any) -> None:
        if isinstance(l, slice):
            raise TypeError("assign to one layer at a time: net.W[l] = …")
        if self[l] is None:
            raise IndexError("index 0 is unused: layers are counted from 1, as in W[1]")
        if np.shape(value) not in ((), self[l].shape):  # NumPy would stretch a row over the whole matrix
            raise ValueError(f"layer {l}: got shape {np.shape(value)}, wanted {self[l].shape} or one number")
        self[l][...] = value


class Network:
    """A fully-connected network: Z[l] = W[l] A[l-1] + b[l], A[l] = g[l](Z[l]), for l = 1 … L.

    sizes: [n[0], …, n[L]], inputs first; two numbers are a logistic, softmax or linear regression.
    hidden: the activation of the hidden layers, one name or one for each. output: ``"sigmoid"`` (one or several
    independent yes/no answers), ``"softmax"`` (one of several classes), ``"identity"``, ``"relu"``, ``"tanh"``
    (numbers), ``"exp"`` (counts).
    loss: by the output unless given (``"absolute"`` and ``"huber(δ)"`` go with identity).
    init: ``"auto"``, ``"zeros"``, ``"small"``, ``"xavier"``, ``"glorot"``, ``"glorot_uniform"``, ``"he"``, ``"lecun"``
    or a number s for s·N(0, 1).
    seed: an int or a numpy.random.Generator. dtype: float64 or float32.

    `W[l]` (n[l], n[l-1]) and `b[l]` (n[l], 1) are writable views on `parameters`, the flat vector W[1], b[1], W[2], ….
    Examples are columns everywhere: X (n[0], m), Y (n[L], m); X may be a scipy.sparse array.
    """

    def __init__(
        self,
        sizes: Iterable[int],
        *,
        hidden: str | Activation | Sequence[str | Activation] = "relu",
        output: str | Activation = "sigmoid",
        loss: str | None = None,
        init: str | float = "auto",
        seed: int | np.random.Generator | None = None,
        dtype: Any = np.float64,
    ) -> None:
        self._structure(sizes, hidden, output, loss, dtype)
        self._place(kernel.zeros(self._count(), self.dtype))
        rng = np.random.default_rng(seed)
        for l in range(1, self.L + 1):
            self.W[l][...] = initializers.get(init, self.g[l].name)(rng, self.W[l].shape)

    def _structure(self, sizes: Iterable[int], hidden: Any, output: Any, loss: str | None, dtype: Any) -> None:
        """All of the network but its parameters."""
        self.sizes = _check_sizes(sizes)
        self.L = len(self.sizes) - 1
        names = [hidden] * (self.L - 1) if isinstance(hidden, (str, Activation)) else list(hidden)
        if len(names) != self.L - 1:
            raise ValueError(
                f"hidden: got {len(names)} activations for {self.L - 1} hidden layers of sizes {self.sizes[1:-1]}; "
                "give one name for all of them or one for each"
            )
        self.g: list[Any] = [None, *(activations.get(name) for name in names), activations.get(output)]
        for l in range(1, self.L):
            if self.g[l].name in activations.OUTPUT_ONLY:
                raise ValueError(f"hidden layer {l}: {self.g[l].name} can only be the output activation")
        if self.g[-1].name == "softmax" and self.sizes[-1] == 1:
            raise ValueError("softmax over one output is always 1: use output='sigmoid', or one output for each class")
        self.loss = losses.get(loss, self.g[-1].name)
        self.dtype = np.dtype(dtype)
        if self.dtype not in (np.float32, np.float64):
            raise ValueError(f"dtype: got {self.dtype}, wanted float32 or float64")
        self.normalizer: Normalizer | None = None
        self._compiled: tuple[Any, Any] | None = None

    def _count(self) -> int:
        return sum(n * (k + 1) for k, n in pairwise(self.sizes))

    def _place(self, vector: Array) -> None:
        self._parameters = vector
        self._W, self._b = self.unpack(vector)

    # -- parameters --------------------------------------------------------------------------------------------------

    @property
    def parameters(self) -> Array:
        """The flat vector W[1], b[1], W[2], …. Assigning to it writes into it: it stays the one vector."""
        return self._parameters

    @parameters.setter
    def parameters(self, vector: Any) -> None:
        if np.shape(vector) != self._parameters.shape:
            raise ValueError(f"parameters: got shape {np.shape(vector)}, wanted {self._parameters.shape}")
        self._parameters[...] = vector

    @property
    def W(self) -> Views:
        """W[l] (n[l], n[l-1]), l = 1 … L: views on `parameters`."""
        return self._W

    @property
    def b(self) -> Views:
        """b[l] (n[l], 1), l = 1 … L: views on `parameters`."""
        return self._b

    def unpack(self, vector: Array) -> tuple[Views, Views]:
        """(W, b) as views on any flat vector laid out as `parameters` is: a gradient, another state."""
        W, b, start = Views([None]), Views([None]), 0
        for rows, columns in zip(self.sizes[1:], self.sizes, strict=False):
            end = start + rows * columns
            W.append(vector[start:end].reshape(rows, columns))
            b.append(vector[end : end + rows].reshape(rows, 1))
            start = end + rows
        return W, b

    @staticmethod
    def pack(dW: Sequence[Any], db: Sequence[Any]) -> Array:
        """The flat vector of dW[1], db[1], dW[2], …: the inverse of `unpack`."""
        return np.concatenate([part.ravel() for pair in zip(dW[1:], db[1:], strict=True) for part in pair])

    def __getstate__(self) -> dict[str, Any]:
        """The network as names and numbers: what is stored does not depend on where functions live."""
        listed = activations.ACTIVATIONS
        known = [g.name in listed and replace(listed[g.name], alpha=g.alpha) == g for g in self.g[1:]]
        g = [row.spec if named else row for row, named in zip(self.g[1:], known, strict=True)]
        return {
            "sizes": self.sizes,
            "hidden": g[:-1],
            "output": g[-1],
            "loss": self.loss.spec,
            "dtype": self.dtype.name,
            "normalizer": self.normalizer,
            "parameters": self._parameters,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        vector = kernel.zeros(state["parameters"].size, state["parameters"].dtype)
        vector[...] = state["parameters"]  # a copy of a network shares nothing with it
        self.__dict__.update(self.from_state(state, vector).__dict__)

    @classmethod
    def from_state(cls, state: dict[str, Any], parameters: Array) -> "Network":
        """The network of a state (see __getstate__) on this vector of parameters (p,), which is not copied.

        ValueError if the vector, or the normalizer, is not one for these sizes.
        """
        network = cls.__new__(cls)
        network._structure(*(state[name] for name in ("sizes", "hidden", "output", "loss", "dtype")))
        if parameters.shape != (network._count(),) or parameters.dtype != network.dtype:
            raise ValueError(
                f"parameters: got shape {parameters.shape} of {parameters.dtype}, wanted ({network._count()},) of "
                f"{network.dtype} for the sizes {network.sizes}"
            )
        network._place(parameters)
        network.normalizer = normalizer = state["normalizer"]
        wanted = (network.sizes[0], 1)
        for part in () if normalizer is None else (normalizer.center, normalizer.scale):
            if part.shape != wanted or part.dtype.kind != "f":
                raise ValueError(f"normalizer: got shape {part.shape} of {part.dtype}, wanted {wanted} of floats")
        return network

    # -- computing ---------------------------------------------------------------------------------------------------

    def forward(self, X: Any) -> Array:
        """A[L] = Ŷ of the examples X (n[0], m), shape (n[L], m)."""
        X = self.inputs(X)
        compiled = self.compiled()
        if compiled is None:
            with blas.one_thread():
                return equations.forward(X, self.W, self.b, self.g)[1][-1]  # type: ignore[no-any-return]
        A = np.empty((self.sizes[-1], X.shape[1]), self.dtype)
        if isinstance(X, np.ndarray):
            compiled.forward(self._parameters, X if X.flags.carray else kernel.whole_strides(X), A)
        else:
            compiled.evaluate(self._parameters, kernel.data(X, None, None), A)
        return A

    def compiled(self) -> Any:
        """The kernel's form of this network, None where it has none; made once for as long as the functions stay."""
        functions = (*self.g[1:], self.loss)
        if self._compiled is None or self._compiled[0] != functions:
            possible = kernel.obstacle(self.g[1:], self.loss) is None
            made = kernel.trainer(self.sizes, self.g[1:], self.loss, self.dtype) if possible else None
            self._compiled = functions, made
        return self._compiled[1]

    @blas.one_thread()
    def layers(self, X: Any) -> tuple[list[Any], list[Any]]:
        """Z[0 … L] and A[0 … L] of the examples X (n[0], m): A[0] is the (normalized) input, Z[0] is None."""
        return equations.forward(self.inputs(X), self.W, self.b, self.g)

    @blas.one_thread()
    def cost(self, X: Any, Y: Any, l2: float = 0.0, weights: Any = None) -> float:
        """J = (1/m) Σ 𝓛(ŷ, y) + (l2/2m) Σ ‖W[l]‖², a float."""
        X, Y, w = self.examples(X, Y, weights)
        Z, _ = equations.forward(X, self.W, self.b, self.g)
        return float(equations.cost(Z, Y, self.W, self.loss, float(l2), w)[0])

    @blas.one_thread()
    def gradients(self, X: Any, Y: Any, l2: float = 0.0, weights: Any = None) -> tuple[float, list[Any], list[Any]]:
        """J, dW, db: the cost and its derivative by every W[l] (n[l], n[l-1]) and b[l] (n[l], 1); index 0 is None."""
        X, Y, w = self.examples(X, Y, weights)
        Z, A = equations.forward(X, self.W, self.b, self.g)
        J, dZ, m = equations.cost(Z, Y, self.W, self.loss, float(l2), w)
        return float(J), *equations.backward(dZ, Z, A, self.W, self.slope, m, float(l2))

    @property
    def slope(self) -> list[Any]:
        """g[l]′ of the hidden layers, 1-based; None for the output, whose slope is in the loss."""
        return [None, *(g.slope for g in self.g[1:-1]), None]

    def train(self, X: Any, Y: Any, optimizer: Any, **options: Any) -> Iterator["Step"]:
        """Train by mini-batches: a generator of Step records. See chainrule.training.loop.train for all options."""
        from chainrule.training.loop import train  # a network can be used, and read, without the training room

        return train(self, X, Y, optimizer, **options)

    # -- checks ------------------------------------------------------------------------------------------------------

    def normalize(self, X: Any, method: str | None = "standard") -> "Network":
        """Measure a training set X (n[0], m) and normalize every later input by it; method None switches it off."""
        self.normalizer = None
        if method is not None:
            self.normalizer = Normalizer.measure(self.inputs(X), method)
        return self

    def inputs(self, X: Any) -> Any:
        """X checked, in the network's precision, normalized: (n[0], m). Not copied where none of this is needed."""
        if not isinstance(X, np.ndarray):
            if not hasattr(X, "tocsr"):
                X = np.asarray(X)
            elif X.format not in ("csr", "csc"):  # the two that give out their rows or columns
                X = X.tocsr()
        if X.ndim != 2 or X.shape[0] != self.sizes[0]:
            hint = " Each column is one example: give X.T." if X.ndim == 2 and X.shape[1] == self.sizes[0] else ""
            raise ValueError(f"X: got shape {X.shape}, wanted ({self.sizes[0]}, m), one column for each example.{hint}")
        if X.dtype != self.dtype:
            X = _numbers("X", X, self.dtype)
        return X if self.normalizer is None else self.normalizer(X)

    def examples(self, X: Any, Y: Any, weights: Any = None) -> tuple[Any, Array, Array | None]:
        """X (n[0], m), Y (n[L], m) and weights (1, m) or None, checked against each other and the loss."""
        given_X, given_Y = X, Y
        X, Y = self.inputs(X), np.asarray(Y)
        m = X.shape[1]
        if Y.ndim != 2 or Y.shape != (self.sizes[-1], m):
            hint = " Make it a row: Y.reshape(1, -1)." if Y.shape == (m,) and self.sizes[-1] == 1 else ""
            raise ValueError(
                f"Y: got shape {Y.shape}, wanted ({self.sizes[-1]}, {m}), one column for each column of X.{hint}"
            )
        if m == 0:
            raise ValueError("X: got no examples (0 columns), wanted at least one")
        Y = _numbers("Y", Y, self.dtype)
        _check_finite("X", "feature", X, given_X)
        _check_finite("Y", "output", Y, given_Y)
        if not self.loss.accepts(Y):
            raise ValueError(
                f"Y: values from {Y.min():g} to {Y.max():g}; the {self.loss.name} loss wants {self.loss.wanted}"
            )
        if weights is None:
            return X, Y, None
        return X, Y, _check_weights(weights, m, self.dtype)

    # -- looking -----------------------------------------------------------------------------------------------------

    def __repr__(self) -> str:
        hidden = [g.spec for g in self.g[1:-1]]
        shown = repr(hidden[0] if len(set(hidden)) == 1 else hidden)
        middle = f"hidden={shown}, " if hidden else ""
        return (
            f"Network({self.sizes}, {middle}output={self.g[-1].spec!r}, loss={self.loss.spec!r}, "
            f"dtype={self.dtype.name!r})"
        )

    def describe(self) -> dict[str, Any]:
        """The network in words and numbers, as JSON has them: layers, inputs, parameters, loss, dtype, normalize."""
        normalizer = self.normalizer
        return {
            "layers": describe_layers(self.sizes, [g.spec for g in self.g[1:]]),
            "inputs": self.sizes[0],
            "parameters": self.parameters.size,
            "loss": self.loss.spec,
            "dtype": self.dtype.name,
            "normalize": normalizer and ("robust" if normalizer.clip else "standard"),
        }

    def __str__(self) -> str:
        rows = [("layer", "units", "activation", "W", "b", "parameters")]
        for l, layer in enumerate(self.describe()["layers"], 1):
            shapes = (str(tuple(layer[name])) for name in "Wb")
            rows.append((str(l), str(layer["units"]), layer["activation"], *shapes, f"{layer['parameters']:,}"))
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = ["  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows]
        total = f"{self.parameters.size:,} parameters ({self.dtype.name}), {self.sizes[0]} inputs, {self.loss.spec}"
        return "\n".join([*lines, total])


def describe_layers(sizes: Sequence[int], activations: Sequence[str]) -> list[dict[str, Any]]:
    """Each layer of a network of these sizes n[0] … n[L]: units, activation, shapes of W and b, parameters."""
    return [
        {"units": n, "activation": g, "W": [n, before], "b": [n, 1], "parameters": n * (before + 1)}
        for (before, n), g in zip(pairwise(sizes), activations, strict=True)
    ]


def _check_sizes(sizes: Iterable[int]) -> list[int]:
    given = list(sizes) if isinstance(sizes, Iterable) else []
    if len(given) < 2 or not all(isinstance(n, Integral) and n >= 1 for n in given):
        raise ValueError(
            f"sizes: got {given or sizes!r}, wanted at least [inputs, outputs], whole numbers of 1 or more"
        )
    return [int(n) for n in given]


def _numbers(name: str, A: Any, dtype: np.dtype[Any]) -> Any:
    """A in this precision; what is too large for it becomes infinite. ValueError for text, dates, complex numbers."""
    if A.dtype == dtype:
        return A
    why = f"got {A.dtype}"
    if A.dtype.kind in "biufO":
        try:
            with np.errstate(over="ignore"):
                return A.astype(dtype)
        except (TypeError, ValueError) as error:
            why = f"got objects of which one is no number ({error})"
    raise ValueError(f"{name}: {why}, wanted numbers. Turn text, dates and categories into numbers first.")


def _check_finite(name: str, row: str, A: Any, given: Any) -> None:
    """ValueError with the place of the first NaN or infinity in A, which was made of what was given."""
    if (found := first_not_finite(A)) is None:
        return
    i, j = found[:2]
    value = (given.tocsr() if hasattr(given, "tocsr") else np.asarray(given))[i, j]
    advice = "Fill or drop the missing values first."
    if isinstance(value, (np.number, int, float)) and np.isfinite(value):
        advice = f"Smaller numbers are needed: {A.dtype} ends at {np.finfo(A.dtype).max:.2g}, normalization included."
    raise ValueError(f"{name}: got NaN or infinity, wanted finite numbers. {advice} {place(name, row, found, value)}")


def _check_weights(weights: Any, m: int, dtype: np.dtype[Any]) -> Array:
    """The weights (1, m) of m examples; ValueError for others."""
    w = _numbers("weights", np.asarray(weights), np.dtype(np.float64)).reshape(1, -1)
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        total = float(w.sum())
        narrow: Array = w.astype(dtype)
    wrong = ~(np.isfinite(w) & (w >= 0)).ravel()
    if w.shape[1] != m or wrong.any() or not w.any():
        place = f"; weights[{wrong.argmax()}] = {w.ravel()[wrong.argmax()]}, counted from 0" if wrong.any() else ""
        raise ValueError(
            f"weights: wanted {m} finite numbers of 0 or more, not all 0; got shape {np.shape(weights)}{place}"
        )
    if not np.finfo(dtype).tiny <= total <= np.finfo(dtype).max:
        raise ValueError(
            f"weights: their sum is {total:.3g}, which {dtype} cannot divide by. Multiply all of them by one number: "
            "without l2, only their proportions count."
        )
    return narrow
