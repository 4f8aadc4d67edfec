"""What `evaluate` compares: targets and answers, some rows at a time, in memory that does not grow with DATA."""

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.cli.common import CommandError
from chainrule.cli.model import Trained
from chainrule.cli.reading import AsTrained
from chainrule.tabular.large.rows import SAMPLE, draws
from chainrule.tabular.values import numbers
from chainrule.text import did_you_mean

if TYPE_CHECKING:
    from chainrule._types import Array
    from chainrule.readers import Table

NUMBERS = 20_000_000  # answers that are kept, beyond which they are those of a uniform sample of the rows


@dataclass
class Scored:
    """Targets and answers.

    rows: that have a target; of those y (m,), of classes their names, outputs (m,) or (m, K) and weights (m,) are there
    for all, or for a sample. untargeted: rows without a target; unknown: classes that the model has never seen, with
    their rows.
    """

    name: str
    rows: int
    y: "Array"
    outputs: "Array"
    weights: "Array | None"
    untargeted: int
    unknown: dict[str, int]


def scored(trained: Trained, data: str, read: AsTrained, weight: str | None) -> Scored:
    """Go through DATA. Raises CommandError where there is nothing to compare."""
    read.foresee(trained.target)
    found, unknown = _Kept(max(1, NUMBERS // (1 if trained.classes is None else len(trained.classes)))), Counter[str]()
    known = done = untargeted = 0
    weighed, name = False, data
    for table in trained.tables(data, target=trained.target):
        name = table.name
        weights = None if weight is None else _weights(table, weight, done)
        weighed |= weights is not None and bool(weights.any())
        examples = trained.known_examples(table, read, found.wanted(done, len(table.X)), named=True)
        known, untargeted = known + examples.known, untargeted + examples.untargeted
        unknown.update(examples.unknown)
        if len(examples.y):
            kept = done + np.flatnonzero(examples.rows)
            found.add(
                kept, examples.y, trained.outputs(examples.X), None if weights is None else weights[examples.rows]
            )
        done += len(table.X)
    if weight is not None and not weighed:
        raise CommandError(f"--weight {weight}: is 0 in every row")
    trained.check_known(name, known, unknown)
    y, outputs, kept_weights = found.arrays()
    return Scored(name, known + unknown.total(), y, outputs, kept_weights, untargeted, dict(sorted(unknown.items())))


def names_of(labels: "Array") -> "Array":
    """Labels (m,) as text, by which a label is the same whatever type its column has."""
    values, which = np.unique(labels, return_inverse=True)
    names: Array = np.array([str(value) for value in values])[which]
    return names


class _Kept:
    """Rows of the smallest numbers that are drawn for them: all, as long as they are no more than `most`."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.limit = np.uint64(2**64 - 1)
        self.parts: list[tuple[Any, ...]] = []

    def wanted(self, first: int, count: int) -> "Array":
        """Which of some rows (count,) may be kept."""
        found: Array = draws(np.arange(first, first + count), 0, SAMPLE) <= self.limit
        return found

    def add(self, rows: "Array", *columns: "Array | None") -> None:
        """Rows, by their numbers, with what is kept of each."""
        self.parts.append((draws(rows, 0, SAMPLE), *columns))
        if sum(len(part[0]) for part in self.parts) > 2 * self.most:
            self._cut()

    def _cut(self) -> None:
        parts: list[Any] = [None if part[0] is None else np.concatenate(part) for part in zip(*self.parts, strict=True)]
        if len(drawn := parts[0]) > self.most:
            kept = np.sort(np.argpartition(drawn, self.most - 1)[: self.most])
            self.limit = drawn[kept].max()
            parts = [None if part is None else part[kept] for part in parts]
        self.parts = [tuple(parts)]

    def arrays(self) -> tuple[Any, ...]:
        """The columns, in the order of the rows."""
        self._cut()
        return self.parts[0][1:]


def _weights(table: "Table", name: str, done: int) -> "Array":
    """How much each row counts (m,). Raises CommandError."""
    X: Any = table.X
    columns = getattr(X, "columns", ())
    if name not in columns:
        raise CommandError(f"--weight {name}: no such column in {table.name}.{did_you_mean(name, columns)}")
    weights = numbers(X[name], name)
    if (wrong := ~(weights >= 0)).any():
        i = int(np.argmax(wrong))
        raise CommandError(f"--weight {name}: row {done + i + 1} has {X[name].iloc[i]!s}, wanted a number of 0 or more")
    return weights
