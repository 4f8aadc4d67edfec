"""A table in blocks: the first pass over it, and the rows of each block that are learned from."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property
from types import NoneType
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from chainrule._types import Array
from chainrule.blocks import Blocks, memory
from chainrule.readers import Table
from chainrule.tabular.large import rows as drawn
from chainrule.tabular.large.statistics import FOLDS
from chainrule.tabular.plan import Plan
from chainrule.tabular.splits import weights_of
from chainrule.tabular.targets import FEWEST
from chainrule.tabular.values import TableError, check_columns, exact_labels

MOST_TESTED = 100_000  # rows that are kept apart for a test


class Rows(NamedTuple):
    """Rows of a block that have a target. numbers: which they are in the table; folds: of each, see `statistics`."""

    X: pd.DataFrame
    y: Array
    weights: Array | None
    numbers: Array
    folds: Array

    def some(self, which: Array) -> "Rows":
        """Those that are true in which (m,)."""
        X, y, weights, numbers, folds = self
        return Rows(X[which], y[which], None if weights is None else weights[which], numbers[which], folds[which])


def together(parts: list[Rows]) -> Rows:
    """The rows of several blocks."""
    X, y, weights, numbers, folds = zip(*parts, strict=True)
    together = None if weights[0] is None else np.concatenate(weights)
    return Rows(pd.concat(X), np.concatenate(y), together, np.concatenate(numbers), np.concatenate(folds))


class LargeTable:
    """A table that may be larger than the memory, of which the first pass is done.

    Parameters
    ----------
    blocks : Blocks
    seed : int
        For all that is drawn of its rows.
    target, weight : str, optional
        The columns to predict, and that say how much each row counts; those of the blocks unless given.
    read : function, optional
        From a target to labels or numbers, all of them known; as the plan reads it unless given.
    share : float, default 0
        Of the rows, those that are kept apart for a test; no more than MOST_TESTED.
    most : int, optional
        Rows of the sample.

    Attributes
    ----------
    rows : int
        All but those that are kept apart.
    sample : Table
        Of them, in their order: all, or a uniform sample, with at least FEWEST of each label.
    tested : DataFrame
        The rows that are kept apart, with all columns.
    """

    def __init__(
        self,
        blocks: Blocks,
        *,
        seed: int,
        target: str | None = None,
        weight: str | None = None,
        read: Callable[[Any], Array] | None = None,
        share: float = 0.0,
        most: int | None = None,
    ) -> None:
        for name, given in ("y", target), ("sample_weight", weight):
            if not isinstance(given, (str, NoneType)):
                raise ValueError(
                    f"{name}: got {type(given).__name__}, wanted the name of a column: Blocks have their values, as in "
                    "Blocks(…, target=COLUMN, weights=COLUMN)"
                )
        self.blocks, self.seed = blocks, seed
        targets = blocks.targets if target is None else (target,)
        if len(targets) != 1:
            raise TableError(f"{self.name}: got {len(targets)} columns to predict, wanted one: Blocks(…, target=NAME)")
        self.target, self.weight = str(targets[0]), blocks.weights if weight is None else weight
        inputs = [name for name in blocks.columns if name != self.target]
        columns = list(dict.fromkeys([*inputs, *filter(None, [self.target, self.weight])]))
        check_columns(columns, pd.DataFrame(columns=blocks.schema.names))
        self._read = read
        largest = max(range(len(blocks.sizes)), key=lambda i: blocks.weight(i, columns))
        needed = 4 * blocks.weight(largest, columns)  # of Arrow and of pandas, of it and of the one that is read ahead
        memory.check(blocks.name(largest), blocks.sizes[largest], needed, "to read them while others are used takes")
        self.share = min(share, MOST_TESTED / blocks.rows)
        sample, self._labels, tested = drawn.Sample(seed, drawn.MOST if most is None else most), drawn.Labels(), []
        for i, frame in enumerate(blocks.tables(columns)):
            if read is not None and (gaps := frame[self.target].isna()).any():
                raise TableError(
                    f"{blocks.name(i)}: the target {self.target!r} is missing in {int(gaps.sum()):,} of {len(frame):,} "
                    f"rows; the first is row {frame.index[gaps][0]:,} of all, counted from 0. Leave such rows out"
                )
            if self.share:
                apart = self._apart(frame)
                tested.append(frame[apart])
                frame = frame[~apart]
            self._labels.update(frame, self.target)
            sample.update(frame)
        self.rows = sample.seen
        if self.rows < 2:
            raise TableError(f"{self.name}: got {self.rows} rows to learn from, wanted 2 or more")
        found = sample.frame
        self.tested = pd.concat(tested) if tested else found[:0]
        if more := self._labels.missing(found, self.target, FEWEST):
            found = pd.concat([found, *more]).sort_index()
        self._found = found
        self.sample = Table(self.name, found[inputs], found[self.target], self.target)

    def _apart(self, frame: pd.DataFrame) -> Array:
        """Which rows (m,) of a block are for the test."""
        return drawn.below(self.share, drawn.draws(frame.index, self.seed, drawn.TEST))

    @property
    def name(self) -> str:
        """What to call it."""
        return self.blocks.name(0).rpartition(", ")[0]

    @property
    def is_whole(self) -> bool:
        """Whether the sample is all of its rows."""
        return len(self.sample.X) == self.rows

    @property
    def in_memory(self) -> tuple[pd.DataFrame, Any, Array | None]:
        """X, y and the weights of the sample, as one has them who has never heard of blocks."""
        X = pd.DataFrame(self.sample.X).reset_index(drop=True)
        weights = None if self.weight is None else weights_of(self._found, self.weight)
        return X, self.sample.y, weights

    @cached_property
    def classes(self) -> dict[Any, int] | None:
        """The labels with their rows, as `read` gives them; None where there is none, or there are too many."""
        return None if self._read is None else self.labels(self.read)

    def read(self, y: "pd.Series[Any]") -> tuple[Array, Array]:
        """The values of a target (m,), and which rows have one. Not for a table that the plan is to read."""
        assert self._read is not None
        values = self._read(y)
        return values, np.ones(len(values), bool)

    def labels(self, read: Callable[["pd.Series[Any]"], tuple[Array, Array]]) -> dict[Any, int] | None:
        """The labels with their rows, in order; None where there are too many."""
        if self._labels.counts is None:
            return None
        values, known = read(pd.Series(list(self._labels.counts)))
        rows: dict[Any, int] = {}
        for label, count, there in zip(values.tolist(), self._labels.counts.values(), known, strict=True):
            if there:
                rows[label] = rows.get(label, 0) + count
        return dict(sorted(rows.items()))

    def block(self, i: int, plan: Plan, names: list[str] | None = None) -> Rows:
        """The rows of a block to learn from: those that are not kept apart, and whose target is known to the plan.

        names: of the columns, those that the plan uses unless given.
        """
        names = [column.name for column in plan.used] if names is None else names
        others = [name for name in (self.weight, self.target) if name is not None and name not in names]
        frame = self.blocks.read(i, [*names, *others])
        try:
            y, kept = (plan.read if self._read is None else self.read)(frame[self.target])
        except (TableError, ValueError) as error:
            raise TableError(f"{self.blocks.name(i)}: {error}") from None
        if plan.classes is not None:
            kept = kept & np.isin(y, exact_labels(list(plan.classes)))
        if self.share:
            kept = kept & ~self._apart(frame)
        X = frame[kept]
        weights = None if self.weight is None else weights_of(X, self.weight, whole=False)
        return Rows(X[names], y[kept], weights, X.index.to_numpy(), self.folds(X.index))

    def sampled(self, plan: Plan) -> Rows:
        """The rows of the sample whose target is known to the plan."""
        y, kept = (plan.read if self._read is None else self.read)(pd.Series(self.sample.y))
        if plan.classes is not None:
            kept = kept & np.isin(y, exact_labels(list(plan.classes)))
        X = pd.DataFrame(self.sample.X)[kept]
        return Rows(X[[column.name for column in plan.used]], y[kept], None, X.index.to_numpy(), self.folds(X.index))

    def folds(self, numbers: Any) -> Array:
        """The fold (m,) of rows, by their numbers in the table."""
        return (drawn.draws(numbers, self.seed, drawn.FOLD) % np.uint64(FOLDS)).astype(np.intp)


_ESTIMATED = ", and missing values are estimated from it"


def with_all_rows(plan: Plan, table: LargeTable, fewest: int = 1) -> Plan:
    """The plan of a sample with what the first pass knows of all rows: how many there are, and all classes.

    fewest: rows of a class.
    """
    seen = len(table.sample.X)
    remark = f"the columns were understood from a sample of {seen:,} of the {table.rows:,} rows{_ESTIMATED}"
    columns = tuple(replace(each, missing=round(table.rows / seen * each.missing)) for each in plan.columns)
    remarks = (*plan.remarks, *[remark] * (not table.is_whole))
    plan = replace(plan, rows=table.rows, columns=columns, remarks=remarks)
    if plan.classes is None:
        return plan
    rows = table.classes or table.labels(plan.read)
    if rows is None:
        raise TableError(
            f"the target {table.target!r} has too many different values to be classes, more than {drawn.LABELS:,}"
        )
    classes = {label: count for label, count in rows.items() if count >= fewest}
    rare = {label: count for label, count in rows.items() if count < fewest}
    known = sum(classes.values())
    return replace(
        plan,
        task="binary" if len(classes) == 2 else "classes",
        rows=known,
        classes=classes,
        rare=rare if plan.rare is not None else None,
        untargeted=table.rows - known - sum(rare.values()),
    )


def with_missing(plan: Plan, rows: int, missing: Mapping[str, int], table: LargeTable) -> Plan:
    """The plan with what the second pass knows of all rows: those with a target, and missing values.

    Of columns that are left out, which that pass does not read, what is missing stays an estimate.
    """
    columns = tuple(replace(each, missing=missing.get(each.name, each.missing)) for each in plan.columns)
    untargeted = plan.untargeted if plan.classes is not None else table.rows - rows
    remarks = tuple(remark.removesuffix(_ESTIMATED) for remark in plan.remarks)
    return replace(plan, rows=rows, columns=columns, untargeted=untargeted, remarks=remarks)
