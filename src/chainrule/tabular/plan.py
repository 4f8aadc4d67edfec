"""The plan: what is to be learned from a table, and how each of its columns is used."""

import html
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Literal

import numpy as np
import pandas as pd

from chainrule._types import Array
from chainrule.readers import Table
from chainrule.tabular import dates, numerals, roles, targets
from chainrule.tabular.roles import Column
from chainrule.tabular.values import TableError, check_columns
from chainrule.text import first_few, html_table, in_line

SHOWN = 60  # columns of a plan in a notebook, as in pandas
Task = Literal["binary", "classes", "regression"]


@dataclass(frozen=True)
class Plan:
    """What is to be learned, and from what.

    columns: empty where the table is an array; then `features` numbers make an example, pixels if `image_shape` is
    there. classes: how many rows each has; empty for regression. untargeted: rows left out because their target is
    missing. rare: classes left out because they have fewer than FEWEST rows, with their rows. target_format: how the
    numbers of the target are written. merged: spellings of a class → the class. remarks: one line each on what a person
    may want to say otherwise.
    """

    task: Task
    target: str
    rows: int
    columns: tuple[Column, ...] = ()
    features: int = 0
    image_shape: tuple[int, int, int] | None = None
    classes: Mapping[Any, int] | None = None
    untargeted: int = 0
    rare: Mapping[Any, int] | None = None
    target_format: str = ""
    merged: Mapping[str, str] | None = None
    remarks: tuple[str, ...] = ()

    @property
    def used(self) -> tuple[Column, ...]:
        """The columns that are not left out."""
        return tuple(column for column in self.columns if column.role != "left out")

    @property
    def target_unit(self) -> str:
        """The unit of a target of numbers, as kg or €; empty if it has none."""
        return numerals.Format.of(self.target_format).shown

    def examples(self, table: Table) -> tuple[Any, Array]:
        """X and y of the rows to learn from: a DataFrame or an array (m, n), and (m,) labels or numbers."""
        y, known = self.read(table.y)
        if self.classes is not None:
            known = known & np.array([label in self.classes for label in y.tolist()], bool)
        return table.X.loc[known] if isinstance(table.X, pd.DataFrame) else table.X[known], y[known]

    def _repr_html_(self) -> str:
        told = f"{self.target}: {self.task}, {self.rows:,} rows"
        if not self.columns:
            told += f", {self.features:,} numbers in each"
        if self.classes is not None:
            told += f", {len(self.classes):,} classes: {first_few(self.classes)}"
        columns = self.columns[:SHOWN]
        heads = ("column", "role", "missing", "note")
        rows = [
            [html.escape(in_line(part)) for part in (column.name, column.role, f"{column.missing:,}", column.note)]
            for column in columns
        ]
        lines = [f"{len(self.columns) - SHOWN:,} more columns"] if len(self.columns) > SHOWN else []
        shown = [f"<p>{html.escape(in_line(line))}</p>" for line in (told, *lines, *self.remarks)]
        return shown[0] + (html_table(rows, heads) if rows else "") + "".join(shown[1:])

    def read(self, y: Any) -> tuple[Array, Array]:
        """The labels or numbers (m,) of the target in any table, and which rows (m,) have one.

        They are read as in the table of the plan; labels of classes that were not in it are there, too.
        """
        return targets.read(y, self.target, self.classes, self.target_format, self.merged)


def make_plan(
    table: Table,
    task: Literal["classes", "regression"] | None = None,
    drop: Sequence[str] = (),
    keep: Sequence[str] = (),
    *,
    number: Sequence[str] = (),
    category: Sequence[str] = (),
    date: Sequence[str] = (),
    text: Sequence[str] = (),
    day_first: bool | None = None,
) -> Plan:
    """Look at a table and decide how to use it.

    task: None tells it from the target: two different values are a binary task; text, booleans and categories are
    classes; so are whole numbers with at most 20 different values and ten rows for each; all else is regression.
    drop: columns not to use. keep: columns to use even if they look like identifiers. number, category, date, text:
    columns that are this, whatever they look like; of the target, number is a regression, and category are classes.
    day_first: of dates like 1/2/2024 that leave it open; None says so in the remarks.

    Raises TableError where there is nothing to learn, or nothing to learn it from, or where what was said of a column
    cannot be.
    """
    if table.y is None or table.target is None:
        raise TableError(f"{table.name}: there is no target to learn")
    words = _words(number=number, category=category, date=date, text=text, drop=drop)
    kept = _kept(keep, words)
    task = _task(table.target, words.pop(table.target, ""), task)
    decimal = cache(lambda: _decimal_mark(table))
    target = targets.understand(table.y, table.target, task, decimal)
    plan = Plan(
        "regression" if target.classes is None else "binary" if len(target.classes) == 2 else "classes",
        table.target,
        int(target.known.sum()) if target.classes is None else sum(target.classes.values()),
        image_shape=table.image_shape,
        classes=target.classes,
        untargeted=int((~target.known).sum()),
        rare=target.rare,
        target_format=target.format,
        merged=target.merged or None,
        remarks=target.remarks,
    )
    return _with_columns(plan, table, target.known, words, kept, decimal, day_first)


def plan_as_given(
    table: Table,
    classes: Mapping[Any, int] | None,
    *,
    keep: Sequence[str],
    day_first: bool | None,
    **said: Sequence[str],
) -> Plan:
    """The plan of a table whose target is labels or numbers already, none of them missing: no row is left out.

    classes: how many rows each has, None for a regression. All else as in `make_plan`.
    """
    task: Task = "regression" if classes is None else "binary" if len(classes) == 2 else "classes"
    plan = Plan(task, str(table.target), len(table.X), image_shape=table.image_shape, classes=classes)
    words, decimal = _words(**said), cache(lambda: _decimal_mark(table))
    return _with_columns(plan, table, slice(None), words, _kept(keep, words), decimal, day_first)


def _kept(keep: Sequence[str], words: Mapping[str, str]) -> set[str]:
    kept = {keep} if isinstance(keep, str) else set(keep)
    for name in sorted(kept & {name for name, word in words.items() if word == "drop"}):
        raise TableError(f"column {name!r} was said both to drop and to keep: say one")
    return kept


def _with_columns(
    plan: Plan,
    table: Table,
    rows: Any,
    words: Mapping[str, str],
    kept: set[str],
    decimal: Callable[[], str],
    day_first: bool | None,
) -> Plan:
    """The plan with what each column is taken for in these rows."""
    if not isinstance(table.X, pd.DataFrame):
        if words or kept:
            raise TableError(
                f"{table.name}: its columns have no names; nothing can be said of {min({*words, *kept})!r}"
            )
        return replace(plan, features=table.X.shape[1])
    check_columns((*words, *kept), table.X)
    frame = table.X.loc[rows]
    others = cache(lambda: _day_first(table))
    # Better an identifier than nothing: a table may hold one column, counting up. So look twice.
    for some in (kept, {*frame.columns}):
        found = [
            roles.column(frame[name], words.get(name, ""), name in some, decimal, day_first, others)
            for name in frame.columns
        ]
        columns = tuple(column for column, _ in found)
        remarks = plan.remarks + tuple(line for _, said in found for line in said)
        if any(column.role != "left out" for column in columns):
            return replace(plan, columns=columns, remarks=remarks)
    why = "; ".join(f"{column.name}: {column.note}" for column in columns[:5])
    raise TableError(f"{table.name}: no column to learn from ({why})")


def _words(**said: Sequence[str]) -> dict[str, str]:
    """Column → what a person has said of it."""
    words: dict[str, str] = {}
    for word, names in said.items():
        for name in [names] if isinstance(names, str) else names:
            if words.setdefault(name, word) != word:
                raise TableError(f"column {name!r} was said both {_SAID[words[name]]} and {_SAID[word]}: say one")
    return words


_SAID = {"number": "a number", "category": "a category", "date": "a date", "text": "text", "drop": "to drop"}


def _task(
    target: str, word: str, task: Literal["classes", "regression"] | None
) -> Literal["classes", "regression"] | None:
    """The task that was said, be it of the target as of a column."""
    if not word:
        return task
    said: Literal["classes", "regression"] | None = {"number": "regression", "category": "classes"}.get(word)  # type: ignore[assignment]
    if said is None:
        raise TableError(f"the target {target!r} was said {_SAID[word]}: wanted a number or a category")
    if task not in (None, said):
        raise TableError(f"the target {target!r} was said {_SAID[word]}, and the task {task}: say one")
    return said


def _day_first(table: Table) -> bool | None:
    """Whether the other dates of the table have the day before the month; None if they do not tell."""
    columns = (table.X[name].dropna() for name in table.X.columns) if isinstance(table.X, pd.DataFrame) else ()
    return dates.day_first(each for each in columns if pd.api.types.infer_dtype(each) == "string")


def _decimal_mark(table: Table) -> str:
    """The decimal mark that the table shows: that of most columns of text, else a point where there are fractions."""
    points, fractions = 0, False
    columns = [table.y] if isinstance(table.y, pd.Series) else []
    columns += [table.X[name] for name in table.X.columns] if isinstance(table.X, pd.DataFrame) else []
    for column in columns:
        if pd.api.types.infer_dtype(column, skipna=True) in ("string", "mixed"):
            mark = numerals.decimal_mark(numerals.Texts.of_column(column.dropna()).counts)
            points += (mark == ".") - (mark == ",")
        elif isinstance(column.dtype, np.dtype) and column.dtype.kind == "f":
            fractions = fractions or bool((column % 1 > 0).any())
    return "." if points > 0 or (not points and fractions) else "," if points < 0 else ""
