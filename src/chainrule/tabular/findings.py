"""What a person should know of a table before a score of it is believed: answers given away, rows on both sides."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from chainrule._types import Array
from chainrule.tabular.calendar import seconds
from chainrule.tabular.plan import Plan
from chainrule.tabular.transformers import Columns

MOST = 4000  # rows that are looked at for what one column alone says
WIDE = 200  # columns at most of which each is looked at alone: those that go most with the target
FEWEST = 50  # rows, below which a column may fit the target by chance
NEARLY = 0.99  # of the error (of the variance, squared: see _explained) that a column alone takes away
MUCH, LITTLE = 0.9, 0.6  # or this, where no other takes away more than the second


@dataclass(frozen=True)
class Finding:
    """One line for people. kind: "giveaway", "repeated", "time", "imbalance" or "one value"; column: that it is of."""

    kind: str
    text: str
    column: str | None = None


def findings(plan: Plan, X: Any, y: Array, train: Array, test: Array, *, random: bool = True) -> list[Finding]:
    """All that is worth a line, of rows X (m, n) and y (m,) and of which of them are to train on and to test on.

    train, test: (m,) indices of the rows. random: whether they were told apart by chance.
    """
    found = [*giveaways(plan, X, y), *repeated(plan, X, y, train, test), *imbalance(plan), *one_value(plan, y)]
    return [*found, *times(plan, X)] if random else found


def giveaways(plan: Plan, X: Any, y: Array) -> Iterator[Finding]:
    """Columns that say the target: in other words, on another scale, or alone nearly without error.

    A column that tells one of several classes apart is no such column, nor is one that is better than its neighbors:
    it must leave next to nothing to learn, or far less than any other column does.
    """
    if len(y) < FEWEST // 2 or not plan.columns:
        return
    rows = np.sort(np.random.default_rng(0).permutation(len(y))[:MOST])
    shown = {column.name: column.role for column in plan.used if column.role != "text"}
    formats = {column.name: column.format for column in plan.used if column.format and column.name in shown}
    typed = Columns(shown, formats).fit(X[list(shown)]).transform(X[list(shown)].iloc[rows])
    values = {name: _as_numbers(typed[name]) for name in shown}
    target = np.unique(y[rows], return_inverse=True)[1]  # of numbers the ranks: extremes say nothing of the others
    classes = plan.classes is not None
    different = len(np.unique(target))
    for name in [name for name, x in values.items() if _same(x, target, classes)]:
        if not classes and shown[name] == "category" and len(np.unique(values[name])) ** 2 < different:
            continue  # a few words, as of above and below zero, are no copy of many numbers
        yield Finding("giveaway", f"{name} is {plan.target} in other {'words' if classes else 'numbers'}", name)
        del values[name]
    values = {name: x for name, x in values.items() if shown[name] != "date"}  # a trend is no leak
    if len(y) < FEWEST:
        return
    likely = sorted(values, key=lambda name: -_correlation(values[name], target, classes))[:WIDE]
    alone = {name: _explained(values[name], target, classes, shown[name] != "category") for name in likely}
    for name, part in alone.items():
        others = max([0.0, *(other for known, other in alone.items() if known != name)])
        if len(alone) > 1 and (part >= NEARLY or (part >= MUCH and others <= LITTLE)):
            text = f"{name} alone tells {plan.target} almost without error"
            yield Finding("giveaway", text, name)


def _as_numbers(values: "pd.Series[Any]") -> Array:
    """float64 (m,): numbers as they are, dates in seconds, words by their place in the alphabet; NaN where missing."""
    if pd.api.types.is_datetime64_any_dtype(values):
        return seconds(values)
    if pd.api.types.is_numeric_dtype(values):
        return np.asarray(values.to_numpy(float, na_value=np.nan))
    codes = pd.factorize(values.replace("", None), sort=True)[0]
    return np.where(codes < 0, np.nan, codes)


def _same(x: Array, target: Array, classes: bool) -> bool:
    """Whether a column is the target under other names, or rises or falls with it in every row."""
    known = ~np.isnan(x)
    if known.mean() < 0.95:
        return False
    x, target = x[known], target[known]
    if classes:
        pairs = np.unique(np.column_stack([x, target]), axis=0)
        return len(pairs) == len(np.unique(x)) == len(np.unique(target))
    if np.unique(x, return_counts=True)[1].max() > len(x) - 10:  # a few exceptions could be in order by chance
        return False
    # Where the target is the same, the column may have several values: sorted by these, too, it must go one way.
    return any(bool((np.diff(way[np.lexsort((way, target))]) >= 0).all()) for way in (x, -x))


def _correlation(x: Array, target: Array, classes: bool) -> float:
    """The largest of a column with the target, or with being of one of its classes or not."""
    x = np.where(np.isnan(x), np.nanmean(x) if not np.isnan(x).all() else 0, x)
    each = np.arange(target.max() + 1)[:, None] == target if classes else target[None]  # (K, m)
    centered, x = each - each.mean(axis=1, keepdims=True), x - x.mean()
    lengths = np.sqrt((centered**2).sum(axis=1) * (x @ x))
    return float(np.max(np.abs(centered @ x) / np.where(lengths > 0, lengths, np.inf)))


def _explained(x: Array, target: Array, classes: bool, ordered: bool) -> float:
    """The share of the error of a constant that one column takes away, on rows that were not learned from.

    Of classes, of the share of wrong answers; of numbers, of the root of the mean square. 0 where it takes none.
    """
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    m = len(x)
    order = np.random.default_rng(1).permutation(m)
    halves, answers = (order[: m // 2], order[m // 2 :]), np.empty(m)
    for learned, asked in (halves, halves[::-1]):
        if ordered:
            leaf = max(2, m // 100 if classes else min(m // 100, 5))
            make = DecisionTreeClassifier if classes else DecisionTreeRegressor
            tree = make(min_samples_leaf=leaf, random_state=0)
            answers[asked] = tree.fit(x[learned, None], target[learned]).predict(x[asked, None])
            continue
        groups = pd.Series(target[learned]).groupby(x[learned], dropna=False)
        each = groups.agg(lambda some: some.mode().iloc[0]) if classes else groups.mean()
        constant = pd.Series(target[learned]).mode().iloc[0] if classes else target[learned].mean()
        answers[asked] = each.reindex(x[asked]).fillna(constant).to_numpy()
    if classes:
        wrong, most = np.mean(answers != target), np.unique(target, return_counts=True)[1].max() / m
        return float(max(0, 1 - wrong / (1 - most))) if most < 1 else 0.0
    return float(max(0, 1 - np.sqrt(np.mean((answers - target) ** 2)) / target.std()))


def repeated(plan: Plan, X: Any, y: Array, train: Array, test: Array) -> Iterator[Finding]:
    """Rows to test on that are equal to rows to train on, target included, where this is more than chance."""
    if plan.columns:
        # Not the number of the row, which hides that rows are equal.
        hidden = {c.name for c in plan.columns if c.role == "left out" and X[c.name].nunique() == len(X)}
        kept = X.drop(columns=hidden)
        # Tables of a few words and small numbers have equal rows by nature.
        if np.log10(kept.nunique(dropna=False).to_numpy(float)).sum() < 1 + np.log10(len(y)):
            return
        rows = pd.util.hash_pandas_object(kept, index=False).to_numpy() ^ pd.util.hash_array(y)
    else:
        rows = np.array([hash((row.tobytes(), label)) for row, label in zip(np.asarray(X), y.tolist(), strict=True)])
    equal = int(np.isin(rows[test], rows[train]).sum())
    if equal >= 0.05 * len(test):
        text = f"{equal:,} of {len(test):,} test rows are equal to training rows, target included"
        yield Finding("repeated", text)


def times(plan: Plan, X: Any) -> Iterator[Finding]:
    """A column that says when, which a split by chance takes no notice of: the one in whose order the rows are, first.

    One of them is enough.
    """
    # A time of day, or a day without a year, comes again.
    dates = [
        each for each in plan.columns if each.role == "date" and ("%" not in each.format or "y" in each.format.lower())
    ]
    if dates:
        roles, formats = {c.name: "date" for c in dates}, {c.name: c.format for c in dates}
        typed = Columns(roles, formats).fit(X[list(roles)]).transform(X[list(roles)])
        order = {name: _in_order(_as_numbers(typed[name])) for name in roles}
        order = {name: part for name, part in order.items() if part > 0.1 or not _of_lives(typed[name])}
        if not order:
            return
        first = max(order, key=lambda name: order[name])
        yield Finding("time", f"{first} is a date, and rows of all times are on both sides of the split", first)


def _of_lives(dates: "pd.Series[Any]") -> bool:
    """Whether these may be days of birth: most of them are spread over decades."""
    first, last = dates.quantile([0.1, 0.9])
    return bool(last - first > pd.Timedelta(days=30 * 365))


def _in_order(x: Array) -> float:
    x = x[~np.isnan(x)]
    return 0.0 if len(x) < 3 else float(abs((np.diff(x) > 0).mean() - (np.diff(x) < 0).mean()))


def imbalance(plan: Plan) -> Iterator[Finding]:
    """A class with fewer than a twentieth of the rows of the largest."""
    if plan.classes:
        total, (label, count) = sum(plan.classes.values()), min(plan.classes.items(), key=lambda item: item[1])
        if count < 0.05 * max(plan.classes.values()):
            share = f"{count / total:.1%}"
            yield Finding("imbalance", f"{label} is rare: {count:,} of {total:,} rows ({share})", None)


def one_value(plan: Plan, y: Array) -> Iterator[Finding]:
    """A number to predict that is the same in most of the rows."""
    if plan.classes is None:
        values, counts = np.unique(y, return_counts=True)
        share = counts.max() / len(y)
        if share >= 0.5:
            yield Finding("one value", f"{plan.target} is {values[counts.argmax()]:g} in {share:.0%} of the rows")
