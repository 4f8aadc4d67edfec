"""The second pass over a table in blocks, and its rows as networks are trained on them."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from chainrule._types import Array
from chainrule.blocks import ahead, memory
from chainrule.blocks.source import Encode, Source
from chainrule.blocks.windows import Targets
from chainrule.tabular.large import rows as drawn
from chainrule.tabular.large.preparing import ROWS, Preparation, prepared
from chainrule.tabular.large.statistics import Statistics
from chainrule.tabular.large.table import LargeTable, Rows, together, with_missing
from chainrule.tabular.large.windows import Pieces
from chainrule.tabular.parts import HELD_OUT, MOST_HELD_OUT, Held, Part, given
from chainrule.tabular.plan import Plan
from chainrule.tabular.values import exact_labels

KEPT = 4  # the part of the free memory that blocks are kept in, once they are prepared
AT_ONCE = 8  # the part of it that a piece of a window may take: others are read, used and left over meanwhile


class Block(NamedTuple):
    """A block as networks take it: X (r, n[0]), y and weights (r,); numbers (r,): which rows of the table these are."""

    X: Array
    y: Array
    weights: Array | None
    numbers: Array

    def prepared(self, which: Array) -> "Block":
        """The rows that are true in which (r,)."""
        if which.all():
            return self
        X, y, weights, numbers = self
        return Block(X[which], y[which], None if weights is None else weights[which], numbers[which])


@dataclass(frozen=True, eq=False)
class Read:
    """A block before its rows are prepared. rows: their X as the columns were read; weights (r,)."""

    preparation: Preparation
    rows: Rows
    weights: Array | None

    @property
    def y(self) -> Array:
        """What is to be predicted, (r,)."""
        return self.rows.y

    def prepared(self, which: Array) -> Block:
        """The rows that are true in which (r,)."""
        rows = self.rows if which.all() else self.rows.some(which)
        weights = None if self.weights is None else self.weights[which]
        return Block(self.preparation.of_typed(rows.X, rows.folds), rows.y, weights, rows.numbers)


class InBlocks:
    """The rows of a large table, prepared block by block each time that a network comes to them.

    As many blocks as a part of the memory holds stay prepared; the rows that are held out of each network stay as they
    are.

    Parameters
    ----------
    table : LargeTable
    plan : Plan
        With all classes.
    networks : int
        That will be trained.
    class_weight : as in MLPClassifier
    validation : pair of X and y, optional
        To hold against all networks instead of a part of the rows.

    Attributes
    ----------
    known : Statistics
        Of all rows.
    held : list of Rows
        The rows that are held out of each network.
    """

    at_once = False

    def __init__(
        self,
        table: LargeTable,
        plan: Plan,
        networks: int,
        class_weight: Any = None,
        validation: tuple[Any, Any] | None = None,
    ) -> None:
        self.table, self.plan = table, plan
        self.classes = None if plan.classes is None else exact_labels(list(plan.classes))
        self.common = self.own = validation is not None
        self.blocks = range(len(table.blocks.sizes))
        most = min(MOST_HELD_OUT, len(table.sample.X) // 5)
        self.count_parts = max(round(1 / HELD_OUT), table.rows // max(1, most))
        self.sizes = np.zeros((1 if self.own else networks, len(self.blocks)), int)  # rows to train on, of each block
        self.held: list[Rows] = []
        self.sample = table.sampled(plan)
        self._gather()
        self.count = self.known.rows
        self.plan = with_missing(plan, self.known.rows, self.known.missing, table)
        self.prepared = prepared(plan, self.known, self.sample.X, self.sample.y, self.sample.folds, table.seed)
        self.preparation = self.prepared.pipeline
        self.class_weights = self._balance(class_weight)
        # The rows that are held out are prepared for each network, and looked back at in the end.
        held = 3 * 4 * self.prepared.features * max((len(rows.y) for rows in self.held), default=0)
        self._room, self.kept = max(0, memory.released() - held) // KEPT, dict[int, Block]()
        self.weighted = table.weight is not None or self.class_weights is not None
        self.given = None if validation is None else given(validation, self.preparation, self.classes)

    def _gather(self) -> None:
        """The second pass: statistics, how many rows of each block are trained on, and those that are held out."""
        center = 0.0 if self.classes is not None else float(self.sample.y.mean())
        self.known = Statistics(self.plan, self.sample.X, self.classes, center)
        held: list[list[Rows]] = [[] for _ in range(len(self.sizes))]
        for i, rows in enumerate(ahead.each(partial(self.table.block, i, self.plan) for i in self.blocks)):
            y = rows.y if self.classes is None else np.searchsorted(self.classes, rows.y)
            self.known.update(rows.X, y, rows.folds)
            for k, found in enumerate(held):
                out = self.out(rows.numbers, k)
                self.sizes[k, i] = len(out) - int(out.sum())
                if out.any():
                    found.append(rows.some(out))
        if not self.own:
            self.held = [together(found) for found in held]

    def out(self, numbers: Array, k: int) -> Array:
        """Which rows (m,) are held out of the k-th network."""
        if self.own:
            return np.zeros(len(numbers), bool)
        seed, part = self.table.seed + k // self.count_parts, k % self.count_parts
        out: Array = drawn.draws(numbers, seed, drawn.HELD_OUT) % np.uint64(self.count_parts) == part
        return out

    def _balance(self, class_weight: Any) -> Array | None:
        """The weight of each class (K,)."""
        if class_weight is None or self.plan.classes is None:
            return None
        if isinstance(class_weight, Mapping):
            return np.array([class_weight.get(label, 1.0) for label in self.plan.classes], float)
        counts = np.array(list(self.plan.classes.values()), float)
        balanced: Array = counts.sum() / (len(counts) * counts)
        return balanced

    def weights(self, rows: Rows) -> Array | None:
        """How much each of some rows counts, by its column and by its class."""
        if self.class_weights is None or self.classes is None:
            return rows.weights
        each: Array = self.class_weights[np.searchsorted(self.classes, rows.y)]
        return each if rows.weights is None else each * rows.weights

    def block(self, i: int, k: int) -> Block:
        """The rows of a block that the k-th network is trained on, prepared."""
        found = self.read(i, k)
        return found.prepared(np.ones(len(found.y), bool))

    def read(self, i: int, k: int) -> Read | Block:
        """The same before they are prepared; or prepared, where there is room to keep them so."""
        if i not in self.kept:
            rows = self.table.block(i, self.plan)
            size = 4 * len(rows.y) * (self.prepared.features + 8)
            if size > self._room:
                return self._read(rows.some(~self.out(rows.numbers, k)))
            self._room -= size
            self.kept[i] = self._read(rows).prepared(np.ones(len(rows.y), bool))
        return self.kept[i].prepared(~self.out(self.kept[i].numbers, k))

    def _read(self, rows: Rows) -> Read:
        return Read(self.prepared, rows._replace(X=self.prepared.typed(rows.X)), self.weights(rows))

    def part(self, k: int) -> Part:
        """Those of the k-th network."""
        source = Prepared(self, 0 if self.own else k)
        if self.given is not None:
            X_val, held = self.given[0], Held(np.empty(0, int), self.given[1], None)
        else:
            rows, start = self.held[k], sum(len(each.y) for each in self.held[:k])
            X_val = self.prepared.of_others(rows.X)
            held = Held(start + np.arange(len(rows.y)), rows.y, self.weights(rows))
        return Part(source, None, None, source.rows, self.classes, X_val, held)

    def some(self, count: int, seed: int) -> tuple[Array, Array]:
        """X and y of so many rows, by chance."""
        X, y, _, _, folds = self.sample
        rows = np.random.default_rng(seed).permutation(len(y))[:count]
        return self.prepared.inputs(X.iloc[rows], folds[rows]), y[rows]

    def look_back(self) -> tuple[pd.DataFrame, Array, Array | None]:
        """X, y and weights of the rows that are held out of any network, one after the other; or of the sample.

        Blocks that were kept prepared are kept no more.
        """
        self.kept.clear()
        rows = self.sample if self.own else together(self.held)
        return rows.X, rows.y, rows.weights


class Prepared(Source):
    """The rows that one network is trained on, as Blocks of numbers: what an estimator of ours takes."""

    dtype = np.dtype(np.float32)

    def __init__(self, table: InBlocks, k: int) -> None:
        self.table, self.k = table, k
        self.blocks = np.flatnonzero(table.sizes[k])
        self.sizes = table.sizes[k][self.blocks].tolist()
        self.rows = sum(self.sizes)
        self.features = table.prepared.features
        self.numeric = table.classes is None
        self.weighted = table.weighted
        self.window = table.table.blocks.window

    @property
    def classes(self) -> Array:
        """The labels, in their order."""
        return np.empty(0) if self.table.classes is None else self.table.classes

    @property
    def counts(self) -> Array:
        """How many rows there are of each class, those that are held out among them."""
        return np.array(list((self.table.plan.classes or {}).values()))

    def name(self, i: int) -> str:
        """What to call a block in an error."""
        return self.table.table.blocks.name(int(self.blocks[i]))

    def labeled(self, i: int, dtype: np.dtype[Any], labels: bool) -> tuple[Array, Array, Array | None]:
        """X (r, n[0]), y (r,) or (r, 1), and the weights (r,) of a block."""
        X, y, weights, _ = self.table.block(int(self.blocks[i]), self.k)
        return X.astype(dtype, copy=False), y if labels else y[:, None], weights

    def windows(self, network: Any, labels: bool, encode: Encode, weighted: bool) -> tuple[Any, Targets, None]:
        """X, Y and weights for a training of a network, in pieces that fit into the memory."""
        windows, Y, _ = super().windows(network, labels, encode, weighted)

        def taken(block: Block) -> Any:
            y, w = encode(block.y if labels else block.y[:, None], block.weights)
            X, targets, _ = network.check_examples(block.X.astype(network.dtype, copy=False).T, y.T, known_finite=True)
            return X.T, targets.T, None if w is None else w[:, None].astype(network.dtype, copy=False)

        def read(i: int) -> Read | Block:
            return self.table.read(int(self.blocks[i]), self.k)

        return Pieces.of(windows, read=read, taken=taken, piece=self._piece), Y, None

    def _check_memory(self, count: int, row: int) -> None:
        """How many rows are prepared at a time: no more than the memory holds, and ROWS in any case."""
        self._piece = max(ROWS, memory.released() // AT_ONCE // row)
        largest = max(range(len(self.sizes)), key=lambda i: self.sizes[i])
        rows = min(ROWS, self.rows)
        what = f"to prepare {rows:,} of them takes"
        memory.check(self.name(largest), self.sizes[largest], 4 * row * rows, what, advice=memory.MORE)

    def numbers(self, i: int, dtype: np.dtype[Any]) -> Array:
        """y (r, 1) of a block, which need not be prepared for it."""
        block = int(self.blocks[i])
        rows: Any = self.table.kept.get(block) or self.table.table.block(block, self.table.plan, [])
        return rows.y[~self.table.out(rows.numbers, self.k), None].astype(dtype)  # type: ignore[no-any-return]

    def unlabeled(self, i: int, dtype: np.dtype[Any]) -> Array:
        """X (r, n[0]) of a block."""
        return self.labeled(i, dtype, True)[0]

    def check_numbers(self) -> None:
        """They are numbers."""

    def fingerprint(self) -> str:
        """What tells these rows from others."""
        return f"{self.table.table.blocks.fingerprint()} {self.k} {self.sizes}"
