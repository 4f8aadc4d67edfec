"""The same training by chainrule, PyTorch, scikit-learn and JAX, and the check that it is the same.

Every contender has `family`, `threads`, `peer`, `reset()` to the common initial weights, `train(epochs)`, the whole of
a training as a user writes it, `fit(epochs, shuffle)`, which gives the seconds from the end of the first epoch to the
end of the last, and `weights()`, W[1], b[1], W[2], … as one vector. Data are rows, as each of them likes them, and
chainrule sees their transpose. Everyone draws the order of an epoch by their own means; the full batch needs none.
"""

import logging
import time
import warnings
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from typing import Any

import numpy as np

import chainrule as cr

logging.getLogger("chainrule").setLevel(logging.ERROR)  # the programs say themselves which engine is not there
warnings.filterwarnings("ignore", category=UserWarning, module="sklearn")  # "has not converged yet"

# float64 finds wrong formulas and constants, to the last digits. float32 feels the rounding of every step, and Adam
# divides by √s, so that a gradient that is all rounding decides about a whole step: hence the wide bound for weights.
COST_TOLERANCE = {"float32": 1e-3, "float64": 1e-8}
WEIGHT_TOLERANCE = {"float32": 2e-2, "float64": 1e-8}
# Of cost and weights where products are in bfloat16, which keeps three digits of a number.
HALF_TOLERANCE = 1e-2, 0.3


@dataclass(frozen=True)
class Case:
    """A network and its work: sizes [n[0], …, n[L]], rows m, batch, optimizer, epochs."""

    name: str
    sizes: tuple
    rows: int
    batch: int
    optimizer: Any
    epochs: int = 1
    hidden: str = "relu"
    source: Any = field(default=None, compare=False)  # () → X (m, n[0]), y (m,) if the data are not random
    precision: str | None = None  # of the products, where it is not that of the numbers

    @property
    def output(self):
        return "sigmoid" if self.sizes[-1] == 1 else "softmax"

    @property
    def full(self):
        return self.batch >= self.rows

    @property
    def steps(self):
        """Of an epoch."""
        return -(-self.rows // self.batch)

    @property
    def flops(self):
        """Of a step, on average over an epoch: forward, dW, and dA[l-1] for l ≥ 2; 2·m·n[l]·n[l-1] each."""
        products = [n * k for k, n in zip(self.sizes, self.sizes[1:], strict=False)]
        return 2 * self.rows / self.steps * (2 * sum(products) + sum(products[1:]))

    @lru_cache(maxsize=4)  # noqa: B019
    def data(self, dtype):
        """X (m, n[0]), y (m,) whole numbers; nobody writes into them."""
        rng = np.random.default_rng(0)
        if self.source is None:
            X = rng.standard_normal((self.rows, self.sizes[0]), dtype=np.float32)
            y = rng.integers(max(2, self.sizes[-1]), size=self.rows)
        else:
            X, y = self.source()
            order = rng.permutation(len(X))[: self.rows]
            X, y = X[order], y[order]
        return np.ascontiguousarray(X, dtype), y

    def network(self, dtype, init="zeros"):
        return cr.Network(self.sizes, hidden=self.hidden, output=self.output, init=init, seed=1, dtype=dtype)

    @lru_cache(maxsize=2)  # noqa: B019
    def start(self, dtype):
        """The network with the weights that all begin with; nobody writes into it."""
        return self.network(dtype, "auto")


class Contender:
    peer = True

    def __init__(self, case, dtype, threads=1):
        self.case, self.dtype, self.threads = case, np.dtype(dtype), threads
        self.X, self.y = case.data(dtype)
        self.start = case.start(dtype)
        self.prepare()

    def sample(self, epochs):
        """Seconds of so many epochs, after one that does not count."""
        self.reset()
        return self.fit(epochs + 1)

    def one_hot(self, dtype):
        """(m, 1) zeros and ones, or (m, n[L])."""
        K = self.case.sizes[-1]
        return (self.y[:, None] == (1 if K == 1 else np.arange(K))).astype(dtype)


class Chainrule(Contender):
    peer = False

    def __init__(self, case, dtype, threads=1, *, engine, family=None):
        self.engine, self.family = engine, family or f"chainrule {engine}"
        super().__init__(case, dtype, threads)

    def prepare(self):
        self.net = self.case.network(self.dtype)
        self.Y = np.ascontiguousarray(self.one_hot(self.dtype)).T

    def reset(self):
        self.net.parameters = self.start.parameters

    def train(self, epochs):
        self._training(epochs, every=epochs).run()

    def _training(self, epochs, every, shuffle=True):
        batch = None if self.case.full else self.case.batch
        half = {} if self.case.precision is None else {"precision": self.case.precision}
        return self.net.train(
            self.X.T, self.Y, self.case.optimizer, epochs=epochs, every=every, engine=self.engine, batch_size=batch,
            shuffle=shuffle, seed=0, **half,
        )  # fmt: skip

    def fit(self, epochs, shuffle=True):
        steps = self._training(epochs, max(epochs - 1, 1), shuffle)
        step = next(steps)
        assert self.engine in ("auto", step.engine), f"{step.engine} ran instead of {self.engine}"
        started = time.perf_counter()
        for _ in steps:
            pass
        return time.perf_counter() - started

    def weights(self):
        return self.net.parameters.copy()


class Torch(Contender):
    family = "PyTorch"

    def prepare(self):
        import torch
        from torch import nn

        self.rows = torch.from_numpy(self.X)
        labels = self.y if self.case.output == "softmax" else self.one_hot(self.dtype)
        self.targets = torch.from_numpy(labels)
        functional = nn.functional
        softmax = self.case.output == "softmax"
        self.loss = functional.cross_entropy if softmax else functional.binary_cross_entropy_with_logits
        kinds = {
            "identity": nn.Identity, "sigmoid": nn.Sigmoid, "tanh": nn.Tanh, "relu": nn.ReLU,
            "leaky_relu": nn.LeakyReLU, "elu": nn.ELU, "selu": nn.SELU,
            "softplus": nn.Softplus, "gelu": nn.GELU, "silu": nn.SiLU, "mish": nn.Mish,
        }  # fmt: skip
        layers = []
        for k, n in zip(self.case.sizes, self.case.sizes[1:], strict=False):
            layers += [nn.Linear(k, n, dtype=self.rows.dtype), kinds[self.case.hidden]()]
        self.net = nn.Sequential(*layers[:-1])

    def reset(self):
        import torch

        with torch.no_grad():
            torch.nn.utils.vector_to_parameters(torch.from_numpy(self.start.parameters.copy()), self.net.parameters())
        self.optimizer = _torch_optimizer(self.case.optimizer, list(self.net.parameters()))

    def train(self, epochs):
        for _ in range(epochs):
            self._epoch(True)

    def fit(self, epochs, shuffle=True):
        self._epoch(shuffle)
        started = time.perf_counter()
        for _ in range(epochs - 1):
            self._epoch(shuffle)
        return time.perf_counter() - started

    def _epoch(self, shuffle):
        import torch

        X, y, batch, costs = self.rows, self.targets, self.case.batch, []
        if shuffle and not self.case.full:
            order = torch.randperm(len(X))
            X, y = X.index_select(0, order), y.index_select(0, order)
        for start in range(0, len(X), batch):
            self.optimizer.zero_grad(set_to_none=True)
            with torch.autocast("cpu", torch.bfloat16) if self.case.precision else nullcontext():
                cost = self.loss(self.net(X[start : start + batch]), y[start : start + batch])
            cost.backward()
            self.optimizer.step()
            costs.append(cost.detach())  # the others report the cost of an epoch too
        return costs

    def weights(self):
        import torch

        return torch.nn.utils.parameters_to_vector(self.net.parameters()).detach().numpy()


def _torch_optimizer(ours, parameters):
    """PyTorch's optimizer for one of ours: fused where there is one, else over all tensors at once."""
    import torch

    name, lr = type(ours).__name__, ours.learning_rate
    if name in ("Adam", "AdamW"):
        decay = {"weight_decay": ours.weight_decay} if name == "AdamW" else {}
        betas = (ours.beta1, ours.beta2)
        return getattr(torch.optim, name)(parameters, lr, betas=betas, eps=ours.epsilon, fused=True, **decay)
    if name == "RMSProp":
        return torch.optim.RMSprop(parameters, lr, alpha=ours.beta, eps=ours.epsilon, foreach=True)
    if name == "Momentum":  # the average of the notes starts from zero, PyTorch's from the first gradient
        optimizer = torch.optim.SGD(parameters, lr, momentum=ours.beta, dampening=ours.beta, fused=True)
        for parameter in parameters:
            optimizer.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)
        return optimizer
    momentum = getattr(ours, "momentum", 0.0)
    return torch.optim.SGD(parameters, lr, momentum=momentum, nesterov=name == "Nesterov", fused=True)


class Stamps(list):
    """A loss curve that remembers when each epoch came to its end."""

    def __init__(self):
        self.times = []

    def append(self, cost):
        self.times.append(time.perf_counter())
        super().append(cost)


class ScikitLearn(Contender):
    """MLPClassifier.fit; the time of an epoch is taken where the loss curve grows, so that set-up does not count."""

    family = "scikit-learn"
    activations = {"identity": "identity", "sigmoid": "logistic", "tanh": "tanh", "relu": "relu"}  # noqa: RUF012
    optimizers = ("GradientDescent", "HeavyBall", "Nesterov", "Adam")

    @classmethod
    def knows(cls, case):
        known = case.hidden in cls.activations and type(case.optimizer).__name__ in cls.optimizers
        return known and case.precision is None

    def prepare(self):
        from sklearn.neural_network import MLPClassifier

        ours = self.case.optimizer
        if isinstance(ours, cr.Adam):
            solver = {"solver": "adam", "beta_1": ours.beta1, "beta_2": ours.beta2, "epsilon": ours.epsilon}
        else:
            nesterov = isinstance(ours, cr.Nesterov)
            solver = {"solver": "sgd", "momentum": getattr(ours, "momentum", 0.0), "nesterovs_momentum": nesterov}
        self.new = partial(
            MLPClassifier, self.case.sizes[1:-1], activation=self.activations[self.case.hidden], alpha=0,
            learning_rate_init=ours.learning_rate, batch_size=self.case.batch, tol=0, n_iter_no_change=10**9,
            random_state=0, **solver,
        )  # fmt: skip
        # Zeros and ones for two classes with an output each, as everyone else has them.
        self.labels = self.one_hot(int) if self.case.sizes[-1] == 2 else self.y
        self.model = None

    def train(self, epochs):
        self.new(max_iter=epochs).fit(self.X, self.labels)  # it shuffles full batches, too, unless told not to

    def reset(self):
        if self.model is None:
            self.targets = self.y if self.case.output == "sigmoid" else self.one_hot(int)
            some = slice(max(self.case.batch, 100))
            self.model = self.new(max_iter=1, warm_start=True).fit(self.X[some], self.targets[some])
            self.model.out_activation_ = "logistic" if self.case.output == "sigmoid" else "softmax"
        self.model.coefs_ = [W.T.copy(order="C") for W in self.start.W[1:]]
        self.model.intercepts_ = [b.ravel().copy() for b in self.start.b[1:]]

    def fit(self, epochs, shuffle=True):
        stamps = self.model.loss_curve_ = Stamps()
        self.model.set_params(max_iter=epochs, shuffle=shuffle and not self.case.full).fit(self.X, self.targets)
        return stamps.times[-1] - stamps.times[0]

    def weights(self):
        pairs = zip(self.model.coefs_, self.model.intercepts_, strict=True)
        return np.concatenate([part for W, b in pairs for part in (W.T.ravel(), b)])


class Jax(Contender):
    """jit over whole epochs: lax.scan over the batches; compiled before the time runs. Threads are XLA's own."""

    family = "JAX"

    def prepare(self):
        import jax

        jax.config.update("jax_platforms", "cpu")
        jax.config.update("jax_enable_x64", self.dtype == np.float64)
        self.rows, self.targets = jax.numpy.asarray(self.X), jax.numpy.asarray(self.one_hot(self.dtype))
        self.run = jax.jit(partial(_jax_epochs, self.case), static_argnames="shuffle")

    @classmethod
    def knows(cls, case):
        known = case.hidden in ("relu", "sigmoid", "tanh") and type(case.optimizer) in (cr.GradientDescent, cr.Adam)
        return known and case.precision is None

    def train(self, epochs):
        import jax

        self.state = jax.block_until_ready(self.run(self.rows, self.targets, self.state, epochs, shuffle=True))

    def reset(self):
        import jax.numpy as jnp

        w = [(jnp.asarray(W), jnp.asarray(b.ravel())) for W, b in zip(self.start.W[1:], self.start.b[1:], strict=True)]
        zeros = [tuple(jnp.zeros_like(part) for part in pair) for pair in w]
        self.state = w, zeros, zeros, jnp.asarray(0.0, self.dtype)

    def fit(self, epochs, shuffle=True):
        import jax

        self.state = jax.block_until_ready(self.run(self.rows, self.targets, self.state, 1, shuffle=shuffle))
        started = time.perf_counter()
        self.state = jax.block_until_ready(self.run(self.rows, self.targets, self.state, epochs - 1, shuffle=shuffle))
        return time.perf_counter() - started

    def weights(self):
        return np.concatenate([np.asarray(part).ravel() for pair in self.state[0] for part in pair])


def _jax_epochs(case, X, Y, state, epochs, *, shuffle):
    import jax
    from jax import lax
    from jax import numpy as jnp

    ours, g, whole = case.optimizer, getattr(jax.nn, case.hidden), len(X) // case.batch

    def loss(w, X, Y):
        for W, b in w[:-1]:
            X = g(X @ W.T + b)
        Z = X @ w[-1][0].T + w[-1][1]
        if case.output == "softmax":
            return -(Y * jax.nn.log_softmax(Z)).sum() / len(Y)
        return (jax.nn.softplus(Z) - Y * Z).sum() / len(Y)

    def step(state, batch):
        w, v, s, t = state
        cost, dw = jax.value_and_grad(loss)(w, *batch)
        if isinstance(ours, cr.GradientDescent):
            return (jax.tree.map(lambda w, g: w - ours.learning_rate * g, w, dw), v, s, t), cost
        t = t + 1
        v = jax.tree.map(lambda v, g: ours.beta1 * v + (1 - ours.beta1) * g, v, dw)
        s = jax.tree.map(lambda s, g: ours.beta2 * s + (1 - ours.beta2) * g**2, s, dw)
        c1, c2 = 1 - ours.beta1**t, 1 - ours.beta2**t
        update = lambda w, v, s: w - ours.learning_rate * v / c1 / (jnp.sqrt(s / c2) + ours.epsilon)  # noqa: E731
        return (jax.tree.map(update, w, v, s), v, s, t), cost

    def epoch(_, carry):
        state, key = carry
        rows, targets = X, Y
        if shuffle and not case.full:
            key, drawn = jax.random.split(key)
            order = jax.random.permutation(drawn, len(X))
            rows, targets = X[order], Y[order]
        end = whole * case.batch
        batches = [part[:end].reshape(whole, case.batch, -1) for part in (rows, targets)]
        state, _ = lax.scan(step, state, batches)
        if end < len(X):
            state, _ = step(state, (rows[end:], targets[end:]))
        return state, key

    return lax.fori_loop(0, epochs, epoch, (state, jax.random.key(0)))[0]


# -- the same work? ------------------------------------------------------------------------------------------------


class DisagreementError(AssertionError):
    """A contender that computes something else has no place in a table."""


def check(build, case, dtype):
    """Worst relative differences (cost, weights) from the NumPy engine in float64, in a fixed order.

    build: (case, dtype=…) → the contender. Ten steps in float64, then ten steps and an epoch in `dtype`, whose
    differences are given. The cost is that of the weights after the steps, by the reference; the difference of weights
    is relative to how far the steps went. scikit-learn's Adam has the ε̂ of the paper's section 2 and is held against
    that. Raises DisagreementError.
    """
    ten = replace(case, rows=min(case.rows, 10 * case.batch))
    works = dict.fromkeys(
        [(ten, "float64"), (ten, dtype), (case, dtype)] if case.precision is None else [(case, dtype)]
    )
    found = [(kind, _differences(build(work, dtype=kind), work, kind)) for work, kind in works]
    return tuple(max(differences[i] for kind, differences in found if kind == dtype) for i in (0, 1))


def _differences(contender, case, dtype):
    epochs = max(1, 10 // case.steps)
    hat = isinstance(contender, ScikitLearn) and isinstance(case.optimizer, cr.Adam)
    optimizer = replace(case.optimizer, epsilon_hat=True) if hat else case.optimizer
    J, start, w = _reference(replace(case, optimizer=optimizer, precision=None), dtype, epochs)
    cost_bound, weight_bound = (
        (COST_TOLERANCE[dtype], WEIGHT_TOLERANCE[dtype]) if case.precision is None else HALF_TOLERANCE
    )
    contender.reset()
    contender.fit(epochs, shuffle=False)
    got = contender.weights().astype(np.float64)
    cost = abs(_cost(case, dtype, got) - J) / abs(J)
    way = float(np.linalg.norm(got - w) / np.linalg.norm(w - start))
    if not (cost <= cost_bound and way <= weight_bound):
        raise DisagreementError(
            f"{case.name}, {dtype}: after {epochs * case.steps} steps {contender.family} differs from the reference: "
            f"cost by {cost:.1e} (allowed {cost_bound:.0e}), weights by {way:.1e} of the way "
            f"(allowed {weight_bound:.0e})"
        )
    return cost, way


_references: dict = {}


def _reference(case, dtype, epochs):
    """J, the first and the last weights of the NumPy engine in float64, from the weights and data of the dtype."""
    key = case, dtype, epochs
    if key not in _references:
        reference = Chainrule(case, np.float64, engine="numpy")
        reference.X = case.data(dtype)[0].astype(np.float64)
        reference.start = case.network(np.float64)
        reference.start.parameters = case.start(dtype).parameters
        reference.reset()
        reference.fit(epochs, shuffle=False)
        w = reference.weights()
        _references[key] = _cost(case, dtype, w), reference.start.parameters.copy(), w
    return _references[key]


def _cost(case, dtype, weights):
    contender = Chainrule(case, np.float64, engine="numpy")
    contender.net.parameters = weights
    return contender.net.cost(case.data(dtype)[0].T.astype(np.float64), contender.Y)


def has(module):
    from importlib.util import find_spec

    return find_spec(module) is not None
