"""Rows to learn from and rows to test on, told apart so that the test is honest: by chance, by groups, or by time."""

from collections.abc import Callable
from math import ceil
from typing import Any

import numpy as np
import pandas as pd

from chainrule._types import Array
from chainrule.tabular.calendar import seconds
from chainrule.tabular.plan import Plan
from chainrule.tabular.transformers import Columns
from chainrule.tabular.values import TableError, to_floats
from chainrule.text import first_few

TRIES = 50  # orders of the groups, to find one with every class among the rows to learn from
Split = tuple[Array, Array]  # (m,) indices of the rows to learn from, and of those to test on


def by_chance(y: Array, share: float, seed: int, classes: bool) -> Split:
    """A share of the rows to test on, at least one of each class on both sides."""
    from sklearn.model_selection import train_test_split

    fewest = len(np.unique(y)) if classes else 1
    size = min(max(ceil(share * len(y)), fewest), len(y) - fewest)
    rows = np.arange(len(y))
    train, test = train_test_split(rows, test_size=size, random_state=seed, stratify=y if classes else None)
    if classes:  # a small class may have been rounded to none
        for label in _lost(y, test):
            i = int(np.argmax(y[train] == label))
            train, test = np.delete(train, i), np.append(test, train[i])
        for label in _lost(y, train):
            i = int(np.argmax(y[test] == label))
            train, test = np.append(train, test[i]), np.delete(test, i)
    return train, test


def by_group(y: Array, groups: Array, share: float, seed: int, classes: bool) -> Split:
    """Whole groups to test on, with about this share of the rows. groups: (m,) whole numbers.

    Raises TableError where this leaves no row of a class to learn from.
    """
    rng, sizes = np.random.default_rng(seed), np.bincount(groups)
    if len(sizes) < 2:
        raise TableError("there is one group only: none would be left to test on")
    for _ in range(TRIES):
        order, count = rng.permutation(len(sizes)), 0
        chosen: list[int] = []
        for group in order[:-1]:  # never all
            if not chosen or abs(count + sizes[group] - share * len(y)) < abs(count - share * len(y)):
                chosen.append(group)
                count += sizes[group]
        tested = np.isin(groups, chosen)
        if not (classes and (lost := _lost(y, ~tested))):
            return np.flatnonzero(~tested), np.flatnonzero(tested)
    raise TableError(f"class {lost[0]} is in too few groups: none of its rows would be left to learn from")


def by_time(y: Array, times: Array, share: float, classes: bool) -> Split:
    """The latest rows to test on, about this share of them; rows of one time are on one side. times: (m,) numbers.

    Raises TableError where this leaves no row of a class to learn from.
    """
    tested = times > _cut(times, 1 - share)
    _check_classes(y, tested, classes)
    return np.flatnonzero(~tested), np.flatnonzero(tested)


def folds_by_chance(y: Array, count: int, seed: int, classes: bool) -> list[Split]:
    """As many parts as there are folds, each to test on in turn while all others are learned from."""
    from sklearn.model_selection import KFold, StratifiedKFold

    make: Callable[..., Any] = StratifiedKFold if classes else KFold
    fewest = int(np.unique(y, return_counts=True)[1].min()) if classes else len(y)
    if count > fewest:
        raise TableError(f"{count} folds, and the smallest class has {fewest} rows" if classes else f"{fewest} rows")
    return list(make(count, shuffle=True, random_state=seed).split(y, y))


def folds_by_group(y: Array, groups: Array, count: int, seed: int, classes: bool) -> list[Split]:
    """Folds of whole groups."""
    from sklearn.model_selection import GroupKFold, StratifiedGroupKFold

    if count > (there := groups.max() + 1):
        raise TableError(f"{count} folds, and there are {there} groups")
    make: Callable[..., Any] = StratifiedGroupKFold if classes else GroupKFold
    found = list(make(count, shuffle=True, random_state=seed).split(y, y, groups))
    for train, test in found:
        _check_classes(y, np.isin(np.arange(len(y)), test), classes)
        if not len(train):
            raise TableError("a fold without rows: there are too few groups")
    return found


def folds_by_time(y: Array, times: Array, count: int, classes: bool) -> list[Split]:
    """Fold after fold of later rows to test on, each after learning from all that is earlier."""
    cuts = [_cut(times, k / (count + 1)) for k in range(1, count + 1)]
    if len(set(cuts)) < count:
        raise TableError(f"{count} folds, and there are {len(np.unique(times))} different times")
    found = []
    for cut, until in zip(cuts, [*cuts[1:], np.inf], strict=True):
        tested = (times > cut) & (times <= until)
        _check_classes(y[times <= until], tested[times <= until], classes)
        found.append((np.flatnonzero(times <= cut), np.flatnonzero(tested)))
    return found


def _cut(times: Array, share: float) -> float:
    """The time until which about this share of the rows is, and after which there are rows."""
    values, counts = np.unique(times, return_counts=True)
    if len(values) < 2:
        raise TableError("there is one time only: nothing is later")
    until = counts.cumsum()[:-1] / len(times)
    return float(values[np.argmin(abs(until - share))])


def _lost(y: Array, learned: Array) -> list[Any]:
    """Classes without a row to learn from."""
    return sorted(set(np.unique(y).tolist()) - set(np.unique(y[learned]).tolist()))


def _check_classes(y: Array, tested: Array, classes: bool) -> None:
    if classes and (lost := _lost(y, ~tested)):
        raise TableError(
            f"no row of class {first_few(lost, 5)} would be left to learn from: all are among those to test on"
        )


def groups_of(values: "pd.Series[Any]") -> Array:
    """The number of the group of each row; where the value is missing, a group of its own."""
    codes, known = pd.factorize(values)
    missing = codes < 0
    codes = codes.astype(np.int64)
    codes[missing] = len(known) + np.arange(missing.sum())
    return np.asarray(codes)


def times_of(plan: Plan, X: pd.DataFrame, name: str) -> Array:
    """When each row was, as numbers, by a column of dates or numbers; rows without are the earliest.

    Raises TableError where the column is neither.
    """
    (column,) = (column for column in plan.columns if column.name == name)
    if column.role == "date":
        typed = Columns({name: "date"}, {name: column.format}).fit(X[[name]]).transform(X[[name]])[name]
        times = seconds(typed)
    else:
        times = to_floats(X[name])
    if np.isnan(times).all():
        raise TableError(f"column {name!r} has neither dates nor numbers, so it does not say when a row was")
    return np.where(np.isnan(times), -np.inf, times)


def weights_of(X: pd.DataFrame, name: str, whole: bool = True) -> Array:
    """How much each row counts, by a column. TableError, with the row, where this is no number of 0 or more.

    whole: whether these are all rows, of which one at least must count.
    """
    weights = to_floats(X[name])
    if (wrong := ~(np.isfinite(weights) & (weights >= 0))).any():
        i = int(np.argmax(wrong))
        row = X.index[i]
        where = f"row {row + 1 if isinstance(row, (int, np.integer)) else row}"
        raise TableError(f"column {name!r} is {X[name].iloc[i]} in {where}: a weight is a number of 0 or more")
    if whole and not weights.any():
        raise TableError(f"column {name!r} is 0 in every row: no row would count")
    return weights
