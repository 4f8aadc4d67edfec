"""What the checks look at: some of the examples, one forward and backward pass, the curve of the cost."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np

from chainrule import equations
from chainrule._types import Array
from chainrule.activations import Activation
from chainrule.checks import check_l2, check_whole, generator, plain
from chainrule.network import Network
from chainrule.working.diagnosis.report import require
from chainrule.working.trace import Trace, trace

MOST_COLUMNS = 2000
MOST_NEIGHBORS = 1000  # examples among which the nearest are looked for
NEIGHBORS = 10
RARE = 0.01  # a column that differs from its median for fewer of the examples is as good as constant


@dataclass(frozen=True, eq=False)
class Curve:
    """J at each step (k,), and of the validation examples (k,) or empty. by_rate: the steps had a learning rate.

    way: the sum of the learning rates over all epochs, NaN if they are not known.
    """

    cost: Array
    validation: Array
    by_rate: bool
    epochs: int
    way: float

    @classmethod
    def of(cls, steps: Any) -> "Curve":
        """From Step records, or a history with "cost" and perhaps more; None gives no steps."""
        if isinstance(steps, Mapping):
            if "cost" not in steps:
                raise ValueError(f"steps: got a history with {', '.join(map(repr, steps))}, wanted the key 'cost'")
            costs, watched = (np.array(steps.get(name, []), float) for name in ("cost", "validation_cost"))
            rate = float(np.mean(steps.get("learning_rate", np.nan)))
            return cls(costs, watched, True, len(costs), rate * len(costs))
        steps = [] if steps is None else list(steps) if hasattr(steps, "__iter__") else [steps]
        if wrong := [step for step in steps if not hasattr(step, "cost")]:
            raise TypeError(f"steps: got {wrong[0]!r}, wanted the Step records of training, or a history dictionary")
        watched = np.array([step.validation_cost for step in steps if step.validation_cost is not None], float)
        rates = [step.learning_rate for step in steps if step.learning_rate is not None]
        epochs = steps[-1].epoch + 1 if steps else 0  # of which not every one may be among the steps
        way = float(np.mean(rates)) * epochs if rates else float("nan")
        costs = np.array([step.cost for step in steps], float)
        return cls(costs, watched, bool(rates or not steps), epochs, way)


@dataclass(frozen=True, eq=False)
class Measured:
    """One network on some of its examples.

    X (k, m): the columns of the data that are looked at, dense, as the network sees them; `columns` (k,) says which.
    Y (n[L], m), w (1, m): weights, all 1 unless given. J: the cost of these examples without L2; constant: that of the
    best constant answer. validation: the cost of the validation examples and its standard error. decay: λ of a batch
    divided by its size; updates: batches of an epoch. dropout: of each hidden layer.
    """

    network: Network
    trace: Trace
    X: Array
    columns: Array
    scale: float
    names: Sequence[str] | None
    Y: Array
    w: Array
    J: float
    constant: float
    curve: Curve
    validation: tuple[float, float] | None
    examples: tuple[int, int]
    decay: float
    updates: int
    dropout: Sequence[float]
    seed: int

    def rng(self) -> np.random.Generator:
        """A generator for what a check draws: the same every time, whatever the other checks draw."""
        return np.random.default_rng([self.seed, 1])

    @property
    def m(self) -> int:
        """Examples that are looked at."""
        return int(self.Y.shape[1])

    @property
    def learned(self) -> float:
        """1 − J / J of the best constant answer: 1 is perfect, 0 no better than a constant; NaN if Y is constant."""
        return 1 - self.J / self.constant if self.constant > 1e-12 else float("nan")

    def check_trained(self, why: str = "") -> None:
        """NotMeasuredError if the network has not learned at all: no steps were given, and its biases are still 0."""
        biases = any(b.any() for b in self.network.b[1:])
        require(self.curve.cost.size or biases, f"the network looks untrained{why}")

    def check_targets_vary(self) -> None:
        """NotMeasuredError if a constant answer is perfect."""
        require(self.constant > 1e-12, "the targets are constant")

    @property
    def varied(self) -> Array:
        """Which rows of X vary (k,)."""
        differs = np.median(self.X, axis=1, keepdims=True) != self.X
        return np.asarray((differs.mean(axis=1) >= RARE) & (differs.sum(axis=1) >= 2))

    @cached_property
    def some(self) -> Array:
        """The examples, at most MOST_NEIGHBORS, among which the nearest are looked for (their numbers)."""
        if self.m <= MOST_NEIGHBORS:
            return np.arange(self.m)
        return np.sort(self.rng().choice(self.m, MOST_NEIGHBORS, replace=False))

    @cached_property
    def _distances(self) -> Array:
        """Squared distances of `some` to each other in standardized columns, ∞ to itself; copies are 0 apart."""
        X = self.X[self.varied][:, self.some]
        X = X / self.X[self.varied].std(axis=1, keepdims=True)
        X -= X.mean(axis=1, keepdims=True)
        square = (X * X).sum(axis=0)
        distance = square[:, None] + square - 2 * X.T @ X
        distance[distance <= 1e-9 * max(float(square.max()), 1.0)] = 0.0
        np.fill_diagonal(distance, np.inf)
        return np.asarray(distance)

    def masks(self, examples: int, draw: int = 0) -> list[Array | None]:
        """D[l] (n[l], examples) of the dropout of training."""
        rng, sizes, dtype = np.random.default_rng([self.seed, 2, draw]), self.network.sizes, self.network.dtype
        D = [
            ((rng.random((n, examples)) >= p) / (1 - p)).astype(dtype) if p else None
            for n, p in zip(sizes[1:-1], self.dropout, strict=True)
        ]
        return [None, *D, None]

    def around(self, Y: Array, copies: bool) -> Array:
        """The mean of Y (k, some) over the NEIGHBORS nearest others of each example; copies: whether they count."""
        distance = self._distances if copies else np.where(self._distances == 0, np.inf, self._distances)
        nearest = np.argpartition(distance, NEIGHBORS, axis=1)[:, :NEIGHBORS]  # (some, 10)
        w = self.w[0, self.some][nearest] + 1e-12  # (some, 10); neighbors of weight 0 have a mean, too
        return np.asarray((Y[:, nearest] * w).sum(axis=2) / w.sum(axis=1))

    def column(self, k: int) -> str:
        """The name of row k of X, or its number."""
        j = int(self.columns[k])
        return f"{j}" if self.names is None else f"{self.names[j]!r}"


def measure(
    network: Network,
    X: Any,
    Y: Any,
    steps: Any,
    validation: tuple[Any, Any] | None,
    names: Sequence[str] | None,
    l2: float,
    weights: Any,
    most: int,
    seed: int,
    dropout: float | Sequence[float] = 0.0,
    batch_size: int | None = None,
) -> Measured:
    """Draw examples and columns, and compute the forward and the backward pass."""
    if names is not None and len(names) != network.sizes[0]:
        raise ValueError(f"names: got {len(names)}, wanted one for each of the {network.sizes[0]} inputs")
    hidden = network.L - 1
    shares = np.ravel(dropout).tolist() * (hidden if np.ndim(dropout) == 0 else 1)
    if len(shares) != hidden or not all(0 <= share < 1 for share in shares):
        raise ValueError(f"dropout: got {dropout!r}, wanted a share from 0 up to 1 (not included), one or {hidden}")
    check_whole(batch_size=batch_size)
    rng = generator(seed)
    if np.ndim(Y) != 2:
        network.check_examples(X, Y, weights)  # says what is wanted
    if validation is not None and not (isinstance(validation, (tuple, list)) and len(validation) == 2):
        raise ValueError(f"validation: got {type(validation).__name__}, wanted (X, Y)")
    X, Y, weights, all_of_them = _draw(X, Y, weights, most, rng)
    # Training adds (λ/2m) Σ ‖W‖² to each batch of m examples: that is to stay what it is with the examples drawn.
    batch = min(batch_size or all_of_them, all_of_them)
    decay = check_l2(l2) / batch if l2 else 0.0
    t = trace(network, X, Y, l2=decay * Y.shape[1], weights=weights)
    Y = np.asarray(t.Y, np.float64)
    w = np.ones((1, Y.shape[1])) if t.weights is None else t.weights.astype(np.float64)
    A = t.A[0]
    entries = A.data if hasattr(A, "toarray") else A
    entries = entries[entries != 0].astype(np.float64)
    n = A.shape[0]
    columns = np.sort(rng.choice(n, MOST_COLUMNS, replace=False)) if n > MOST_COLUMNS else np.arange(n)
    some = A.tocsr()[columns].toarray() if hasattr(A, "toarray") else A[columns]
    return Measured(
        network=network,
        trace=t,
        X=some.astype(np.float64),
        columns=columns,
        scale=float(np.sqrt(np.mean(entries**2))) if entries.size else float("nan"),
        names=names,
        Y=Y,
        w=w,
        J=_mean(network.loss(t.Z[-1].astype(np.float64), Y)[0], w),
        constant=_constant(network, Y, w),
        curve=Curve.of(steps),
        validation=None if validation is None else _validate(network, *validation),
        examples=(Y.shape[1], all_of_them),
        decay=decay * w.size / w.sum(),
        updates=-(-all_of_them // batch),
        dropout=shares,
        seed=seed,
    )


def _draw(X: Any, Y: Any, weights: Any, most: int, rng: np.random.Generator) -> tuple[Any, Array, Any, int]:
    """At most `most` of the examples, and how many there were. What does not fit is left for `trace` to refuse."""
    X, Y = X if hasattr(X, "tocsr") else plain("X", X), plain("Y", Y)
    m = Y.shape[1] if Y.ndim == 2 else 0
    if m <= most or X.ndim != 2 or X.shape[1] != m or (weights is not None and np.size(weights) != m):
        return X, Y, weights, m
    some = np.sort(rng.choice(m, most, replace=False))
    X = X.tocsc() if hasattr(X, "tocsr") else X
    return X[:, some], Y[:, some], None if weights is None else np.reshape(weights, (1, -1))[:, some], m


def _validate(network: Network, X: Any, Y: Any) -> tuple[float, float]:
    """The cost of all validation examples, as it is on the curve, and its standard error."""
    X, Y, _ = network.check_examples(X, Y)
    losses = network.loss(equations.forward(X, network.W, network.b, network.g)[0][-1], Y)[0].astype(np.float64)
    return float(losses.mean()), float(losses.std() / np.sqrt(losses.size))


def _constant(network: Network, Y: Array, w: Array) -> float:
    """J of the best constant answer: the mean, or, for losses that grow slower than the square, the median."""
    mean = np.sum(Y * w, axis=1, keepdims=True) / w.sum()
    median = np.quantile(Y, 0.5, axis=1, keepdims=True, weights=w[0], method="inverted_cdf")
    return min(_mean(network.loss(_constant_Z(network.g[-1], A, Y), Y)[0], w) for A in (mean, median))


def _constant_Z(g: Activation, A: Array, Y: Array) -> Array:
    """A Z[L] of the shape of Y (n[L], m) with g(Z[L]) = A (n[L], 1) for every example."""
    if g.inverse is not None:
        return np.broadcast_to(g.inverse(A), Y.shape).copy()
    grid = np.linspace(-50, 50, 100_001)
    return np.broadcast_to(grid[abs(g(grid) - A).argmin(axis=1, keepdims=True)], Y.shape).copy()


def _mean(losses: Array, w: Array) -> float:
    return float((losses * w).sum() / w.sum())


def twins(rows: Array, tolerance: float) -> list[tuple[int, int]]:
    """Pairs of rows (n, d) that are equal up to tolerance · their norm. Each row that repeats another is in one pair.

    Equal rows have equal projections on any line, so it is enough to compare neighbors along a line.
    """
    along = rows @ np.random.default_rng(0).standard_normal(rows.shape[1])
    order = np.argsort(along, kind="stable")
    pairs = []
    for i, j in pairwise(order):
        if np.linalg.norm(rows[i] - rows[j]) <= tolerance * max(np.linalg.norm(rows[i]), np.linalg.norm(rows[j])):
            pairs.append((int(min(i, j)), int(max(i, j))))
    return pairs
