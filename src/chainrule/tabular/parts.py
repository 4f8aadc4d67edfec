"""The rows as the networks of a fit have them, told apart into those to train on and those that are held out."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline
from sklearn.utils.class_weight import compute_sample_weight

from chainrule._types import Array
from chainrule.tabular.opened import taken
from chainrule.tabular.plan import Plan
from chainrule.tabular.recipe import preparation
from chainrule.tabular.transformers import Columns
from chainrule.tabular.values import TableError

HELD_OUT = 0.15  # of the rows, for each network others
MOST_HELD_OUT = 20_000  # rows
PIECE = 10_000  # rows that are prepared at a time


@dataclass(frozen=True)
class Held:
    """Rows that were held out of a network: which they are, (k,), their targets, and their weights."""

    rows: Array
    y: Array
    weights: Array | None


@dataclass(frozen=True)
class Part:
    """What one network is trained on, and what is held out.

    X, y, weights: as an estimator of ours takes them. size: rows to train on. classes: the labels there, None for
    numbers. X_val: the inputs of the rows that are held out.
    """

    X: Any
    y: Any
    weights: Array | None
    size: int
    classes: Array | None
    X_val: Array
    held: Held


class Parts(Protocol):
    """All rows, and the parts of them.

    count: rows. preparation: from the table to the inputs, None where they are the rows as they are. common: whether
    the same rows are held out of all networks. own: whether these are the user's own, and none of all rows. at_once:
    whether several networks may be trained at a time.
    """

    count: int
    preparation: Pipeline | None
    common: bool
    own: bool
    at_once: bool

    def part(self, k: int) -> Part:
        """Those of the k-th network."""
        ...

    def some(self, count: int, seed: int) -> tuple[Array, Array]:
        """X and y of so many rows, by chance."""
        ...


class InMemory:
    """The rows of a table or an array in memory, prepared once, for all networks.

    X: DataFrame or array (m, n); y: (m,) labels or numbers. All else as in `race.learn`.
    """

    at_once = True

    def __init__(
        self,
        plan: Plan,
        X: Any,
        y: Any,
        sample_weight: Any,
        class_weight: Any,
        validation: tuple[Any, Any] | Array | None,
        seed: int,
    ) -> None:
        self.y, self.seed = np.asarray(y), seed
        self.count = len(self.y)
        self.numbers = plan.task == "regression"
        two_valued = {
            column.name for column in plan.used if column.role == "category" and X[column.name].map(str).nunique() <= 2
        }
        steps = preparation(plan, self.count, seed, two_valued)
        self.preparation = Pipeline(steps) if steps else None
        # Once, for all: what it learns from the rows that are held out is no answer to them (the statistics of the
        # target are taken out of fold).
        self.X = X
        if self.preparation is not None:
            self.X = self.preparation.fit_transform(wide(X), self.y).astype(np.float32)
        weights = None if sample_weight is None else np.asarray(sample_weight, float)
        if class_weight is not None:
            balance = compute_sample_weight(class_weight, self.y)
            weights = balance if weights is None else weights * balance
        self.weights = weights
        self.given = self.fixed = None
        self.common, self.own = validation is not None, isinstance(validation, tuple)
        if isinstance(validation, tuple):
            self.given = given(validation, self.preparation, None if self.numbers else self.y)
        elif validation is not None:
            self.fixed = np.asarray(validation)

    def part(self, k: int) -> Part:
        """Those of the k-th network."""
        train, out = self._rows(k)
        classes = None if self.numbers else np.unique(self.y[train])
        weights = None if self.weights is None else self.weights[train]
        if self.given is not None:
            X_val, held = self.given[0], Held(out, self.given[1], None)
        else:
            X_val = self.X[out]
            held = Held(out, self.y[out], None if self.weights is None else self.weights[out])
        return Part(self.X[train], self.y[train], weights, len(train), classes, X_val, held)

    def some(self, count: int, seed: int) -> tuple[Array, Array]:
        """X and y of so many rows, by chance."""
        rows = np.random.default_rng(seed).permutation(self.count)[:count]
        return self.X[rows], self.y[rows]

    def _rows(self, k: int) -> tuple[Array, Array]:
        """The rows that a network is trained on, and those that are held out."""
        rows = np.arange(self.count)
        if self.given is not None:
            return rows, rows[:0]
        if self.fixed is not None:
            return np.setdiff1d(rows, self.fixed), self.fixed
        count = max(min(round(1 / HELD_OUT), len(rows) // 2), len(rows) // MOST_HELD_OUT)
        which = folds(self.y, count, self.seed + k // count, not self.numbers) == k % count
        if not which.any() or which.all():  # too few to hold any out
            return rows, rows
        return np.flatnonzero(~which), np.flatnonzero(which)


def given(validation: tuple[Any, Any], preparation: Pipeline | None, known: Array | None) -> tuple[Array, Array]:
    """The inputs and targets of rows that a person has given to be held out.

    known: labels of the rows to train on, all of them or each once; rows of others are left out. None for numbers.
    """
    X, y = validation
    inputs = X if preparation is None else preparation.transform(wide(X)).astype(np.float32)
    kept = np.ones(len(inputs), bool) if known is None else np.isin(y, known)
    if not kept.any():
        raise TableError("the validation set has no row of a class that there is in the training set")
    return inputs[kept], np.asarray(y)[kept]


def folds(y: Array, count: int, seed: int, classes: bool) -> Array:
    """A number from 0 to count − 1 for each row, each for as many rows, of each class and all over a range of numbers.

    The only row of a class has −1: it is in no fold.
    """
    _, codes, counts = np.unique(y, return_inverse=True, return_counts=True)
    order = np.lexsort((np.random.default_rng(seed).random(len(y)), codes))
    made = np.empty(len(y), dtype=int)
    made[order] = np.arange(len(y)) % count
    if classes:
        made[counts[codes] == 1] = -1
    return made


def pieces(preparation: Pipeline, X: Any) -> Iterator[Array]:
    """The inputs (r, n[0]) that a fitted preparation makes of rows, of some after the others: all take much memory.

    The columns are read at once: how dates and numbers are written is told by many rows.
    """
    typed, others = wide(X), preparation
    if isinstance(preparation[0], Columns):
        typed, others = preparation[0].transform(typed), preparation[1:]
    for start in range(0, max(1, len(typed)), PIECE):
        yield others.transform(taken(typed, slice(start, start + PIECE)))


def prepared(preparation: Pipeline, X: Any) -> Array:
    """The inputs (m, n[0]) of all rows, in float32."""
    whole: Array | None = None
    start = 0
    for piece in pieces(preparation, X):
        if whole is None:
            whole = np.empty((len(X), piece.shape[1]), np.float32)
        whole[start : start + len(piece)] = piece
        start += len(piece)
    assert whole is not None
    return whole


def wide(X: Any) -> Any:
    """An array in float64, as a DataFrame is prepared; a DataFrame as it is."""
    return X if isinstance(X, pd.DataFrame) else np.asarray(X, dtype=np.float64)
