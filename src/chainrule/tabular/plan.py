"""The plan: what is to be learned from a table, and how each of its columns is used."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pandas as pd

from chainrule._types import Array
from chainrule.readers import Table
from chainrule.tabular.values import (
    TableError,
    check_columns,
    check_range,
    labels,
    numbers,
    numeric,
    to_dates,
    to_floats,
)

Task = Literal["binary", "classes", "regression"]

FEWEST = 4  # rows a class needs: two to train on, one to validate, one to test
WORD = r"[^\W\d_]\w*"  # begins with a letter
_DATE = re.compile(r"\d{1,4}[-/. ]\w{1,9}[-/., ]")
_DATES = (
    ["ISO8601", "%Y/%m/%d", "%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y", "%m-%d-%Y", "%d-%m-%Y"]
    + ["%d %b %Y", "%d %B %Y", "%d-%b-%Y", "%d-%b-%y", "%m/%d/%y", "%d/%m/%y"]
    + [f"{day} {time}" for day in ("%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y") for time in ("%H:%M", "%H:%M:%S")]
)


@dataclass(frozen=True)
class Column:
    """How one column is used, and why.

    role: ``"number"``, ``"boolean"``, ``"category"``, ``"text"``, ``"date"``, ``"presence"`` (only whether there is a
    value) or ``"left out"``. format: of dates that come as text.
    """

    name: str
    role: str
    note: str
    missing: int = 0
    format: str = ""


@dataclass(frozen=True)
class Plan:
    """What is to be learned, and from what.

    columns: empty where the table is an array; then `features` numbers make an example, pixels if `image_shape` is
    there. classes: how many rows each has; empty for regression. untargeted: rows left out because their target is
    missing. rare: classes left out because they have fewer than FEWEST rows, with their rows.
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

    @property
    def used(self) -> tuple[Column, ...]:
        """The columns that are not left out."""
        return tuple(column for column in self.columns if column.role != "left out")

    def examples(self, table: Table) -> tuple[Any, Array]:
        """X and y of the rows to learn from: a DataFrame or an array (m, n), and (m,) labels or numbers."""
        y = labels(table.y) if self.classes is not None else numbers(table.y, self.target)
        known = np.asarray(pd.notna(table.y))
        if self.classes is not None:
            known = known & np.isin(y, np.array(list(self.classes), y.dtype))
        return table.X.loc[known] if isinstance(table.X, pd.DataFrame) else table.X[known], y[known]


def make_plan(
    table: Table,
    task: Literal["classes", "regression"] | None = None,
    drop: Sequence[str] = (),
    keep: Sequence[str] = (),
) -> Plan:
    """Look at a table and decide how to use it.

    task: None tells it from the target: two different values are a binary task; text, booleans and categories are
    classes; so are whole numbers with at most 20 different values and ten rows for each; all else is regression.
    drop: columns not to use. keep: columns to use even if they look like identifiers.

    Raises TableError where there is nothing to learn, or nothing to learn it from.
    """
    if table.y is None or table.target is None:
        raise TableError(f"{table.name}: there is no target to learn")
    known = np.asarray(pd.notna(table.y))
    y = pd.Series(table.y)[known]
    if not len(y):
        raise TableError(f"{table.name}: the target {table.target!r} is missing in every row")
    plan = Plan("regression", table.target, len(y), untargeted=int(len(known) - len(y)), image_shape=table.image_shape)
    if task == "classes" or (task is None and _are_classes(y)):
        plan = _with_classes(plan, y)
    else:
        values = numbers(table.y, table.target)[known]
        if np.ptp(values) == 0:
            raise TableError(f"the target {table.target!r} is {values[0]:g} in every row: there is nothing to learn")
        if len(values) < FEWEST:
            raise TableError(f"{table.name}: {len(values)} rows with a target, at least {FEWEST} are needed")
    if not isinstance(table.X, pd.DataFrame):
        return replace(plan, features=table.X.shape[1])
    frame = table.X.loc[known]
    check_columns((*drop, *keep), frame)
    # Better an identifier than nothing: a table may hold one column, counting up. So look twice.
    for kept in (keep, [*frame.columns]):
        columns = [
            Column(name, "left out", "as you asked") if name in drop else _column(frame[name], name in kept)
            for name in frame.columns
        ]
        plan = replace(plan, columns=tuple(columns))
        if plan.used:
            return plan
    why = "; ".join(f"{column.name}: {column.note}" for column in columns[:5])
    raise TableError(f"{table.name}: no column to learn from ({why})")


def _are_classes(y: "pd.Series[Any]") -> bool:
    if y.nunique() == 2 or not numeric(y):
        return True
    values = to_floats(y)
    whole = np.isfinite(values).all() and (values == np.round(values)).all()
    return bool(whole and y.nunique() <= min(20, len(y) / 10))


def _with_classes(plan: Plan, y: "pd.Series[Any]") -> Plan:
    values, counts = np.unique(labels(y), return_counts=True)
    rows = dict(zip(values.tolist(), counts.tolist(), strict=True))
    if len(rows) == 1:
        raise TableError(f"the target {plan.target!r} is {values[0]!s} in every row: there is nothing to learn")
    classes = {label: count for label, count in rows.items() if count >= FEWEST}
    if len(classes) < 2:
        raise TableError(
            f"the target {plan.target!r} has {len(rows)} different values in {len(y)} rows; "
            f"at least two classes with {FEWEST} rows each are needed"
        )
    rare = {label: count for label, count in rows.items() if count < FEWEST}
    task: Task = "binary" if len(classes) == 2 else "classes"
    return replace(plan, task=task, classes=classes, rare=rare, rows=sum(classes.values()))


def _column(values: "pd.Series[Any]", keep: bool) -> Column:
    name, known = str(values.name), values.dropna()
    missing = len(values) - len(known)
    kind = pd.api.types.infer_dtype(known, skipna=True)
    if not len(known):
        return Column(name, "left out", "no values", missing)
    if kind == "categorical":
        known = known.astype(known.cat.categories.dtype)
    elif kind in ("datetime64", "datetime", "date"):
        to_dates(known, "")  # which sees what is out of range
        return Column(name, "date", _span(known), missing)
    elif kind not in ("boolean", "string") and not numeric(known):
        known = known.map(str)  # lists, bytes, a mixture: some cannot be counted otherwise
    different = known.nunique()
    if different == 1:
        note = f"always {_short(known.iloc[0])}"
        return Column(name, "presence", note, missing) if missing else Column(name, "left out", note)
    if kind == "boolean":
        return Column(name, "boolean", f"true in {known.eq(True).mean():.0%}", missing)
    if kind != "categorical" and (column := _number(name, known, missing, keep) or _date(name, known, missing)):
        return column
    return _words(name, known.astype(str).str.strip(), missing, keep)


def _number(name: str, known: "pd.Series[Any]", missing: int, keep: bool) -> Column | None:
    values = to_floats(known)
    good = values[~np.isnan(values)]
    if len(good) < 0.9 * len(known):
        return None
    check_range(known, values)
    span = np.ptp(good) + 1
    counter = not missing and len(np.unique(good)) == len(good) == len(known) and (good == np.round(good)).all()
    named = re.search(r"(^|[\W_]|[a-z](?=I))(id|ID|Id|index|key)$", name)
    if counter and not keep and len(good) >= 10 and (span <= 1.1 * len(good) or named or name.startswith("Unnamed")):
        return Column(name, "left out", "counts the rows, like an identifier", missing)
    note = f"{good.min():.6g} to {good.max():.6g}"
    if bad := int(np.isnan(values).sum()):
        note += f"; {bad} not numbers, taken as missing"
    return Column(name, "number", note, missing + bad)


def _date(name: str, known: "pd.Series[Any]", missing: int) -> Column | None:
    sample = known.iloc[:100].astype(str)
    if sample.str.match(_DATE).mean() < 0.9:
        return None
    # The format that reads the most; of equals the first.
    best = max(_DATES, key=lambda form: to_dates(sample, form).notna().mean())
    dates = to_dates(known, best)
    if dates.notna().mean() < 0.9:
        return None
    form = "" if best == "ISO8601" else f", read as {_spelled(best)}"
    return Column(name, "date", f"{_span(dates)}{form}", missing + int(dates.isna().sum()), best)


def _span(dates: "pd.Series[Any]") -> str:
    return f"{dates.min():%Y-%m-%d} to {dates.max():%Y-%m-%d}"


def _spelled(form: str) -> str:
    for code, word in {"%d": "day", "%m": "month", "%b": "month", "%B": "month", "%Y": "year", "%y": "year"}.items():
        form = form.replace(code, word)
    return form.partition(" %")[0]


def _words(name: str, known: "pd.Series[Any]", missing: int, keep: bool) -> Column:
    counts = known.value_counts()
    if keep or counts[counts >= 3].sum() >= 0.3 * len(known):
        shown = ", ".join(map(_short, counts.index[:3])) + (", …" if len(counts) > 3 else "")
        return Column(name, "category", f"{len(counts)} different: {shown}", missing)
    words = known.iloc[:10_000].str.lower().str.findall(WORD)
    rows_of = words.map(set).explode().value_counts()  # word → rows it is in
    common = rows_of[rows_of >= often(len(words))]
    length = words.map(len).mean()
    if length >= 5 and common.sum() >= len(words):
        return Column(name, "text", f"{length:.0f} words on average, {len(common)} of them common", missing)
    if min(missing, len(known)) >= 0.05 * (missing + len(known)):
        return Column(name, "presence", f"{len(counts):,} different values: only whether it is given", missing)
    return Column(name, "left out", f"{len(counts):,} different values, like an identifier", missing)


def often(rows: int) -> int:
    """In how many rows a word must be to count."""
    return max(3, rows // 100)


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 20 else text[:19] + "…"
