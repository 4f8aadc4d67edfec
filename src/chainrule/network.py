"""Network: sizes, activations, a loss, and the parameters as views on one flat vector."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule import activations, checks, elsewhere, equations, initializers, layout, losses
from chainrule._types import Array
from chainrule.activations import Activation
from chainrule.engines import blas, kernel, stream
from chainrule.inputs import jacobian
from chainrule.layout import Views
from chainrule.losses import Loss
from chainrule.normalization import Normalizer
from chainrule.training.train import train


class Network:
    """A fully-connected network: Z[l] = W[l] A[l-1] + b[l], A[l] = g[l](Z[l]), for l = 1 … L.

    Examples are columns everywhere: X (n[0], m), Y (n[L], m); X may be a scipy.sparse array.

    Parameters
    ----------
    sizes : iterable of int
        [n[0], …, n[L]], inputs first; two numbers are a logistic, softmax or linear regression.
    hidden : str or sequence of str, default "relu"
        The activation of the hidden layers, one name or one for each.
    output : str, default "sigmoid"
        "sigmoid" (one or several independent yes/no answers), "softmax" (one of several classes), "identity", "relu",
        "tanh" (numbers) or "exp" (counts).
    loss : str or Loss, optional
        By the output unless given; "absolute" and "huber(δ)" go with identity.
    init : str or float, default "auto"
        "auto", "zeros", "small", "xavier", "glorot", "glorot_uniform", "he", "lecun", or a number s for s · N(0, 1).
    seed : int or numpy.random.Generator, optional
        For the initial weights.
    dtype : float64 or float32, default float64
        The precision of parameters and computations.

    Attributes
    ----------
    W, b : lists of arrays
        `W[l]` (n[l], n[l-1]) and `b[l]` (n[l], 1) for l = 1 … L, writable views on `parameters`; index 0 is unused.
    parameters : array of shape (p,)
        The flat vector W[1], b[1], W[2], ….
    sizes : list of int
        n[0] … n[L].
    L : int
        The number of layers; the input is layer 0 and is not counted.
    g : list of Activation
        g[1] … g[L]; index 0 is None.
    loss : Loss
        𝓛 and its derivative by Z[L].
    normalizer : Normalizer or None
        What every input is normalized by; see `normalize`.

    Raises
    ------
    ValueError
        For sizes, names or a dtype that there are not, or that do not go together.

    Notes
    -----
    `forward`, `cost` and `gradients` are computed by the engine that `engine` names: the compiled kernel where it has
    the network's functions, else the reference in NumPy. `layers` is always the reference's, for it shows every array.
    """

    @checks.helpful
    def __init__(
        self,
        sizes: Iterable[int],
        *,
        hidden: str | Activation | Sequence[str | Activation] = "relu",
        output: str | Activation = "sigmoid",
        loss: str | Loss | None = None,
        init: str | float = "auto",
        seed: int | np.random.Generator | None = None,
        dtype: Any = np.float64,
    ) -> None:
        self.sizes = layout.check_sizes(sizes)
        self.L = len(self.sizes) - 1
        names = [hidden] * (self.L - 1) if isinstance(hidden, str) or not isinstance(hidden, Iterable) else list(hidden)
        if len(names) != self.L - 1:
            raise ValueError(
                f"hidden: got {len(names)} activations for {self.L - 1} hidden layers of sizes {self.sizes[1:-1]}; "
                "give one name for all of them or one for each, and that of the output as output="
            )
        self.g: list[Any] = [None, *(activations.get(name) for name in names), activations.get(output)]
        for l in range(1, self.L):
            if self.g[l].derivative is None:
                raise ValueError(f"hidden layer {l}: {self.g[l].name} can only be the output activation")
        if self.g[-1].name == "softmax" and self.sizes[-1] == 1:
            raise ValueError("softmax over one output is always 1: use output='sigmoid', or one output for each class")
        self.loss = losses.get(loss, self.g[-1].name)
        self.dtype = np.dtype(dtype)
        if self.dtype not in (np.float32, np.float64):
            raise ValueError(f"dtype: got {self.dtype}, wanted float32 or float64")
        self.normalizer: Normalizer | None = None
        self._compiled: tuple[Any, Any] | None = None
        self._parameters = kernel.zeros(layout.length(self.sizes), self.dtype)
        self._W, self._b = self.unpack(self._parameters)
        if init != "zeros" or seed is not None:  # to make a generator takes longer than the rest
            rng = checks.generator(seed)
            for l in range(1, self.L + 1) if init != "zeros" else ():
                self.W[l][...] = initializers.get(init, self.g[l])(rng, self.W[l].shape)

    if not TYPE_CHECKING:  # to which any name would be right
        __getattr__ = elsewhere.no_attribute

    @property
    def parameters(self) -> Array:
        """The flat vector W[1], b[1], W[2], …, shape (p,). Assigning to it writes into it: it stays the one vector."""
        return self._parameters

    @parameters.setter
    def parameters(self, vector: Any) -> None:
        if np.shape(vector) != self._parameters.shape:
            raise ValueError(f"parameters: got shape {np.shape(vector)}, wanted {self._parameters.shape}")
        checks.refuse_masked("parameters", vector)
        self._parameters[...] = vector

    @property
    def W(self) -> Views:
        """W[l] (n[l], n[l-1]), l = 1 … L: views on `parameters`."""
        return self._W

    @property
    def b(self) -> Views:
        """b[l] (n[l], 1), l = 1 … L: views on `parameters`. A vector (n[l],) may be assigned, too."""
        return self._b

    def unpack(self, vector: Array) -> tuple[Views, Views]:
        """W and b as views on any flat vector laid out as `parameters` is: a gradient, another state.

        Parameters
        ----------
        vector : array of shape (p,)

        Returns
        -------
        W, b : lists of arrays, 1-based
        """
        return layout.unpack(self.sizes, vector)

    @staticmethod
    def pack(dW: Sequence[Any], db: Sequence[Any]) -> Array:
        """The flat vector of dW[1], db[1], dW[2], …: the inverse of `unpack`.

        Parameters
        ----------
        dW, db : lists of arrays, 1-based

        Returns
        -------
        array of shape (p,)
        """
        return layout.pack(dW, db)

    def __getstate__(self) -> dict[str, Any]:
        """The network as names and numbers: what is stored does not depend on where functions live."""
        g = [row.named for row in self.g[1:]]
        return {
            "sizes": self.sizes,
            "hidden": g[:-1],
            "output": g[-1],
            "loss": self.loss.named,
            "dtype": self.dtype.name,
            "normalizer": self.normalizer,
            "parameters": self._parameters,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        vector = kernel.aligned(state["parameters"])  # a copy of a network shares nothing with it
        self.__dict__.update(self.from_state(state, vector).__dict__)

    @classmethod
    def from_state(cls, state: dict[str, Any], parameters: Array) -> "Network":
        """The network of a `__getstate__` on this vector (p,), which is not copied. ValueError if they do not fit."""
        length, dtype = layout.length(layout.check_sizes(state["sizes"])), np.dtype(state["dtype"])
        if parameters.shape != (length,) or parameters.dtype != dtype:
            raise ValueError(
                f"parameters: got shape {parameters.shape} of {parameters.dtype}, wanted ({length},) of {dtype} for "
                f"the sizes {state['sizes']}"
            )
        structure = {name: state[name] for name in ("sizes", "hidden", "output", "loss")}
        network = cls(**structure, dtype=dtype, init="zeros")
        network._parameters = parameters
        network._W, network._b = network.unpack(parameters)
        network.normalizer = normalizer = state["normalizer"]
        if normalizer is not None:
            normalizer.check(network.sizes[0])
        return network

    @property
    def engine(self) -> str:
        """Who computes `forward`, `cost` and `gradients`: "native", the compiled kernel, or "numpy", the reference."""
        return "numpy" if self.compiled() is None else "native"

    def compiled(self) -> Any:
        """The kernel's form of this network, None where it has none; made once for as long as the functions stay."""
        functions = (*self.g, self.loss)
        if self._compiled is None or self._compiled[0] != functions:
            possible = kernel.obstacle(self.g[1:], self.loss) is None
            made = kernel.trainer(self.sizes, self.g[1:], self.loss, self.dtype) if possible else None
            self._compiled = functions, made
        return self._compiled[1]

    def forward(self, X: Any) -> Array:
        """A[L] = Ŷ of examples.

        Parameters
        ----------
        X : array of shape (n[0], m), or Blocks

        Returns
        -------
        array of shape (n[L], m); of Blocks an iterator over those of each, in their order
        """
        if isinstance(X, stream.Streamed):
            return stream.mapped(X, self, self.forward)  # type: ignore[return-value]
        X = self.check_inputs(X)
        compiled = self.compiled()
        if compiled is None:
            return self._layers(X)[1][-1]  # type: ignore[no-any-return]
        A = np.empty((self.sizes[-1], X.shape[1]), self.dtype)
        if isinstance(X, np.ndarray):
            compiled.forward(self._parameters, X if X.flags.carray else kernel.whole_strides(X), A)
        else:
            compiled.evaluate(self._parameters, kernel.data(X, None, None), A)
        return A

    def layers(self, X: Any) -> tuple[list[Any], list[Any]]:
        """Every Z[l] and A[l] of examples, by the reference.

        Parameters
        ----------
        X : array of shape (n[0], m)

        Returns
        -------
        Z, A : lists of arrays
            Z[0] … Z[L] and A[0] … A[L], (n[l], m) each: A[0] is the (normalized) input, Z[0] is None.
        """
        return self._layers(self.check_inputs(X))

    @blas.one_thread()
    def _layers(self, X: Any) -> tuple[list[Any], list[Any]]:
        return equations.forward(X, self.W, self.b, self.g)

    def cost(self, X: Any, Y: Any = None, l2: float = 0.0, weights: Any = None) -> float:
        """J = (1/m) Σ 𝓛(ŷ, y) + (λ/2m) Σ ‖W[l]‖².

        Parameters
        ----------
        X : array of shape (n[0], m), or Blocks
        Y : array of shape (n[L], m)
            Left out for Blocks, which have their targets and weights.
        l2 : float, default 0
            λ.
        weights : array of shape (m,), optional
            They multiply each 𝓛, and Σ weights takes the place of m.

        Returns
        -------
        float
            J.
        """
        examples, l2 = self.check_examples(X, Y, weights), checks.check_l2(l2)
        return self._cost_and_gradient(*examples, l2)[0] if l2 else self.evaluate(*examples)[0]

    def evaluate(self, X: Any, Y: Array, w: Array | None) -> tuple[float, Array]:
        """J without L2, and A[L] (n[L], m; not of Windows), of checked examples; infinite or NaN for an overflow."""
        if isinstance(X, stream.Windows):
            J = stream.mean(X, lambda X, Y, w, _: self.evaluate(X, Y, w)[0])
            return J, np.empty((self.sizes[-1], 0), self.dtype)
        if (compiled := self.compiled()) is not None:
            A = np.empty(Y.shape, self.dtype)
            return compiled.evaluate(self._parameters, kernel.data(X, Y, w), A), A
        with blas.one_thread(), np.errstate(over="ignore", invalid="ignore"):
            Z, layers = equations.forward(X, self.W, self.b, self.g)
            return float(equations.cost(Z, Y, self.W, self.loss, 0.0, w)[0]), layers[-1]

    def gradients(
        self, X: Any, Y: Any = None, l2: float = 0, weights: Any = None
    ) -> tuple[float, list[Any], list[Any]]:
        """The cost and its derivatives by every W[l] and b[l].

        Parameters
        ----------
        X, Y, l2, weights
            As in `cost`.

        Returns
        -------
        J : float
        dW, db : lists of arrays
            dW[l] (n[l], n[l-1]) and db[l] (n[l], 1) for l = 1 … L; index 0 is None.
        """
        J, gradient = self._cost_and_gradient(*self.check_examples(X, Y, weights), checks.check_l2(l2))
        dW, db = self.unpack(gradient)
        return J, list(dW), list(db)

    def _cost_and_gradient(self, X: Any, Y: Array, w: Array | None, l2: float) -> tuple[float, Array]:
        """J and its gradient (p,)."""
        if isinstance(X, stream.Windows):
            J, gradient = stream.cost_and_gradient(X, l2, self._cost_and_gradient)
            return J, gradient.astype(self.dtype)
        if (compiled := self.compiled()) is not None:
            gradient = np.empty_like(self._parameters)
            return compiled.cost_and_gradients(self._parameters, kernel.data(X, Y, w), l2, gradient), gradient
        with blas.one_thread():
            J, dW, db = equations.cost_and_gradients(X, Y, self.W, self.b, self.g, self.slope, self.loss, l2, w)
        return float(J), self.pack(dW, db)

    @property
    def slope(self) -> list[Any]:
        """g[l]′ of the hidden layers, 1-based; None for the output, whose slope is in the loss."""
        return [None, *(g.slope for g in self.g[1:-1]), None]

    train = train
    jacobian = jacobian
    __call__ = forward

    def normalize(self, X: Any, method: str | None = "standard", *, update: bool = False) -> "Network":
        """Measure a training set and normalize every later input by it.

        Parameters
        ----------
        X : array of shape (n[0], m), or Blocks
            The training set.
        method : {"standard", "robust"} or None, default "standard"
            "standard": mean and deviation; "robust": median and quartiles, smoothly clipped; None switches it off.
        update : bool, default False
            X is the next piece of the training set: measure it together with those before. For "standard" only.

        Returns
        -------
        Network
            Itself.
        """
        streamed = method is not None and isinstance(X, stream.Streamed)
        before = self.normalizer.moments if update and self.normalizer is not None else None
        if (update and self.normalizer and not before) or (method != "standard" and (update or streamed)):
            raise ValueError("update: only the mean and deviation of method 'standard' can be told from pieces")
        if streamed:
            for i, part in enumerate(X.inputs(self)):
                with X.named(i):
                    self.normalize(part, method, update=update or i > 0)
            return self
        if method is not None:
            X = checks.check_inputs(X, self.sizes[0], self.dtype)
        self.normalizer = None if method is None else Normalizer.measure(X, method, before)
        return self

    def check_inputs(self, X: Any) -> Any:
        """X checked, in the network's precision, normalized: (n[0], m). Not copied where none of this is needed."""
        X = checks.check_inputs(X, self.sizes[0], self.dtype)
        return X if self.normalizer is None else self.normalizer(X)

    def check_examples(
        self, X: Any, Y: Any, weights: Any = None, *, known_finite: bool = False
    ) -> tuple[Any, Array, Array | None]:
        """X (n[0], m), Y (n[L], m) and weights (1, m) or None, checked against each other and the loss.

        known_finite: X and Y, arrays, were looked through for NaN and infinity just now; they are not again where they
        come out as they went in, or whole numbers become floats.
        """
        if isinstance(X, stream.Streamed):
            stream.check_alone(Y, weights)
            return X.examples(self)
        given, inputs = X, self.check_inputs(X)
        targets = checks.check_targets(Y, self.sizes[-1], inputs.shape[1], self.dtype)
        if not (known_finite and inputs is given):
            checks.check_finite("X", "feature", inputs, given)
        if not (known_finite and (targets is Y or Y.dtype.kind in "biu")):
            checks.check_finite("Y", "output", targets, Y)
        self.loss.check(targets)
        w = None if weights is None else checks.check_weights(weights, inputs.shape[1], self.dtype)
        return inputs, targets, w

    def describe(self) -> dict[str, Any]:
        """The network in words and numbers.

        Returns
        -------
        dict
            layers (a list of units, activation, W, b, parameters), inputs, parameters, loss, dtype, normalize.
        """
        return layout.describe(self)

    __repr__, __str__, _repr_html_ = layout.shown, layout.as_text, layout.as_html
