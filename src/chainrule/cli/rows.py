"""The rows of `train`: read, understood, and told apart into those to learn from and those to test on."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from chainrule import readers, tabular
from chainrule.cli import asked
from chainrule.cli.asked import Run, Testing
from chainrule.cli.common import CommandError
from chainrule.cli.screen import counted
from chainrule.tabular import TableError, splits
from chainrule.tabular.findings import Finding, findings
from chainrule.tabular.transformers import Columns
from chainrule.tabular.values import check_columns
from chainrule.text import first_few

if TYPE_CHECKING:
    from chainrule._types import Array
    from chainrule.readers import Table
    from chainrule.tabular import Plan
    from chainrule.tabular.large.table import LargeTable

SHARE = 0.2  # of the rows to test on
VALIDATION = 0.15  # of the rows to learn from, where the race cannot take them by chance


class Rows(NamedTuple):
    """Some rows of a table, or of an array: inputs, target, and how much each counts."""

    X: Any
    y: Any
    weight: Any = None

    def take(self, rows: "Array") -> "Rows":
        """The rows at these indices."""
        X = self.X.iloc[rows] if hasattr(self.X, "iloc") else self.X[rows]
        return Rows(X, self.y[rows], None if self.weight is None else self.weight[rows])


class Part(NamedTuple):
    """One training with its test. validation: which of the rows to learn from the race compares its candidates on."""

    train: Rows
    test: Rows
    validation: "Array | None"


@dataclass(frozen=True)
class Material:
    """What `train` works on.

    splits: indices of the rows to learn from and to test on, one for each fold. tested: the rows of a file of their
    own. how: how they were told apart, in words. keys: (m,) the group or the time of each row. unseen: rows of a test
    file whose class is none of the model's. notes: what in that file is unlike the rows to learn from, or where rows
    without group or time are. large: a table that is read in blocks, of which the rows to learn from are a sample.
    """

    name: str
    plan: "Plan"
    rows: Rows
    splits: list["splits.Split"]
    tested: Rows | None
    how: str
    testing: Testing
    keys: Any
    seed: int
    unseen: int = 0
    notes: Sequence[str] = ()
    large: "LargeTable | None" = None

    def part(self, k: int) -> Part:
        """The rows of one fold."""
        train, test = self.splits[k]
        tested = self.tested if self.tested is not None else self.rows.take(test)
        return Part(self.rows.take(train), tested, self.validation(train))

    @property
    def learned(self) -> int:
        """How many rows a training is on, but for those of the test."""
        return len(self.splits[0][0]) if self.large is None else self.plan.rows

    @property
    def everything(self) -> Rows:
        """All rows, those of a test file included."""
        if self.tested is None:
            return self.rows
        X, y, weight = self.rows
        more = self.tested
        return Rows(_below(X, more.X), np.r_[y, more.y], None if weight is None else np.r_[weight, more.weight])

    def validation(self, train: "Array") -> "Array | None":
        """Which of some rows to compare candidates on: None leaves it to chance."""
        if self.keys is None:
            return None
        y, keys, classes = self.rows.y[train], self.keys[train], self.plan.classes is not None
        with suppress(TableError):  # too few groups: then any rows
            if self.testing.group is not None:
                keys = np.unique(keys, return_inverse=True)[1]
                return splits.by_group(y, keys, VALIDATION, self.seed, classes)[1]
            return splits.by_time(y, keys, VALIDATION, classes)[1]
        return None

    @property
    def findings(self) -> list[Finding]:
        """What to know before the scores are believed."""
        X, y, _ = self.everything
        train, test = self.splits[0]
        if self.tested is not None:
            test = np.arange(len(train), len(y))
        by_chance = self.testing.file is None and self.testing.group is None and self.testing.time is None
        return findings(self.plan, X, y, train, test, random=by_chance)


def _below(X: Any, more: Any) -> Any:
    """The rows of one table, then those of another with the same columns."""
    return pd.concat([X, more[X.columns]], ignore_index=True) if hasattr(X, "iloc") else np.r_[X, more]


def read(run: Run) -> Material:
    """Read, understand and split the data, as was asked."""
    table = _read(run, run.data)
    plan = planned(run, table)
    rows = of_table(run.testing, plan, table)
    seed, testing = run.estimator["random_state"], run.testing
    keys, tested, unseen, notes = None, None, 0, list[str]()
    options = {"group": testing.group, "time": testing.time, "test-file": testing.file, "folds": testing.folds}
    with _of(next((f"--{name} {value}" for name, value in options.items() if value is not None), "--test")):
        if testing.group is not None:
            keys = splits.groups_of(rows.X[testing.group])
            if missing := int(rows.X[testing.group].isna().sum()):
                notes = [f"{testing.group} is missing in {counted(missing)}: each is taken for a group of its own"]
        elif testing.time is not None:
            keys = splits.times_of(plan, rows.X, testing.time)
            if missing := int(np.isneginf(keys).sum()):
                notes = [f"{testing.time} says no time in {counted(missing)}: taken for the earliest, to train on"]
        if testing.file is not None:
            tested, unseen = of_test_file(run, plan)
            notes = unlike(plan, rows.X, tested.X)
            everything = np.arange(len(rows.y))
            found, how = [(everything, everything[:0])], f"the rows of {testing.file}"
        else:
            found, how = _split(testing, rows.y, keys, seed, plan.classes is not None)
    return Material(table.name, plan, rows, found, tested, how, testing, keys, seed, unseen, notes)


@contextmanager
def _of(option: str) -> Iterator[None]:
    """Errors of tables begin with the option that they are about."""
    try:
        yield
    except TableError as error:
        raise CommandError(f"{option}: {error}") from None


def _read(run: Run, data: str) -> "Table":
    table = readers.read(data, target=run.reading.target, **run.reading.options)
    if table.y is None:
        names = getattr(table.X, "columns", ())
        advice = "It has no labels: put images into one folder for each class, or add an array named y."
        if len(names):
            advice = f"Say --target COLUMN, one of: {first_few(names, 30)}"
        raise CommandError(f"{data}: which column is to be predicted? {advice}")
    return table


def planned(run: Run, table: "Table") -> "Plan":
    """The plan, in which the columns that only tell rows apart, or weigh them, are left out."""
    testing, words = run.testing, {name: [*given] for name, given in run.words.items() if given}
    notes = {testing.group: "its groups stay together", testing.weight: "how much each row counts"}
    special = {f"--{name}": getattr(testing, name) for name in ("group", "time", "weight")}
    if not hasattr(table.X, "columns"):
        options = [option for option, name in special.items() if name is not None] + [f"--{name}" for name in words]
        if options:
            raise CommandError(f"{options[0]}: {table.name} has no columns with names")
    else:
        for option in ("image_size", "gray"):
            if option in run.reading.options:
                raise CommandError(f"--{option.replace('_', '-')}: {table.name} is a table, without images")
        columns = [str(name) for name in table.X.columns]
        words = {name: asked.names(given, columns) for name, given in words.items()}
        for option, name in special.items():
            if name == table.target:
                raise CommandError(f"{option} {name}: it is what is to be predicted")
            if name is not None and name not in columns:
                tabular.make_plan(table, drop=[name])  # raises the error of a name that is not there
        more = [name for name in notes if name is not None and name not in words.get("keep", ())]
        words["drop"] = [*words.get("drop", ()), *more]
    task: Any = run.task
    plan = tabular.make_plan(table, task, **words, day_first=run.day_first)
    named = [
        replace(column, note=notes[column.name]) if column.role == "left out" and column.name in notes else column
        for column in plan.columns
    ]
    return replace(plan, columns=tuple(named))


def of_table(testing: Testing, plan: "Plan", table: "Table") -> Rows:
    """The rows of a table that have a target, with their weights."""
    X, y = plan.examples(table)
    if testing.weight is None:
        return Rows(X, y)
    with _of(f"--weight {testing.weight}"):
        return Rows(X, y, splits.weights_of(X, testing.weight))


def of_test_file(run: Run, plan: "Plan") -> tuple[Rows, int]:
    """The rows of the file to test on, and how many have a class that the model does not know."""
    file = str(run.testing.file)
    table = _read(run, file)
    if hasattr(table.X, "columns"):
        check_columns([column.name for column in plan.columns], table.X)
    rows = of_table(run.testing, plan, table)
    if not len(rows.y):
        raise CommandError(f"--test-file {file}: no row has a {plan.target} that the model can know")
    return rows, int(pd.notna(table.y).sum()) - len(rows.y)


def unlike(plan: "Plan", X: Any, tested: Any) -> list[str]:
    """What is in the rows to test on that was not in those to learn from. TableError where a column cannot be read."""
    if not plan.columns:
        return []
    roles = {column.name: column.role for column in plan.used}
    columns = Columns(roles, {column.name: column.format for column in plan.used if column.format}).fit(X)
    columns.transform(tested)
    return columns.notes(tested)


def _split(testing: Testing, y: Any, keys: Any, seed: int, classes: bool) -> tuple[list["splits.Split"], str]:
    share = SHARE if testing.share is None else testing.share
    if testing.folds is None:
        if testing.group is not None:
            return [splits.by_group(y, keys, share, seed, classes)], f"whole groups of {testing.group}"
        if testing.time is not None:
            return [splits.by_time(y, keys, share, classes)], f"the latest by {testing.time}"
        return [splits.by_chance(y, share, seed, classes)], ""
    if testing.group is not None:
        found = splits.folds_by_group(y, keys, testing.folds, seed, classes)
        return found, f"{testing.folds} folds, whole groups of {testing.group}"
    if testing.time is not None:
        found = splits.folds_by_time(y, keys, testing.folds, classes)
        return found, f"{testing.folds} folds, each later by {testing.time} than what is learned from"
    return splits.folds_by_chance(y, testing.folds, seed, classes), f"{testing.folds} folds"
