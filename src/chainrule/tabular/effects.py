"""Effect curves: what a model answers when one column has another value, and the others stay as they are."""

import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from chainrule._types import Array
from chainrule.checks import generator
from chainrule.tabular.calendar import seconds
from chainrule.tabular.opened import Opened, opened, taken
from chainrule.tabular.transformers import Columns
from chainrule.tabular.values import TableError, check_columns, each_label, numeric

MOST, ROWS, INDIVIDUALS = 20_000, 500, 20  # rows whose values are looked at, whose mean is taken, with their own curve
LEVELS = 20  # categories at most
WORDS = {"boolean": {1.0: "true", 0.0: "false"}, "presence": {1.0: "given", 0.0: "missing"}}


@dataclass(frozen=True, eq=False)
class Effect:
    """The effect of a column.

    column, of: its name, and the class that it is the effect on, None for a regression. values: (p,) numbers or dates,
    ascending, or categories, the most common first. share: (p,) the share of the rows with this category, or of
    numbers with this value or one between it and the value before. mean: (p,) the mean of the answers if every row had
    this value. rows: (r, p) the same for some single rows. likely: (p,) accumulated local effects, for numbers and
    dates: only from rows near to that value; None for categories. missing: the mean if the value were missing, None
    where none is.
    """

    column: str
    of: Any
    values: Array
    share: Array
    mean: Array
    rows: Array
    likely: Array | None
    missing: float | None


def effect(model: Any, X: Any, column: Any, *, of: Any = None, points: int = 20, seed: Any = 0) -> Effect:
    """How the answer changes with one column.

    Parameters
    ----------
    model : fitted model
        As `opened` takes it.
    X : table of m rows
        Such as those of the training: their values are taken, and their other columns stay as they are.
    column : str or int
        The name of the column, or its number where the table is an array.
    of : label, optional
        The class whose probability is asked for; the second of two, and the most common of several, unless given.
    points : int, default 20
        Of numbers and dates: quantiles of the column.
    seed : int or numpy.random.Generator, default 0
        For the rows, where there are more than 500.

    Returns
    -------
    Effect

    Notes
    -----
    `mean` is the partial dependence (Friedman 2001), `rows` are individual conditional expectations (Goldstein et al.
    2015), `likely` are accumulated local effects (Apley & Zhu 2020). Where columns go together, `mean` asks for rows
    that cannot be, such as a large house with one room: where the two curves differ, believe `likely`.
    """
    inside, rng = opened(model), generator(seed)
    X = inside.rows(X)
    if len(X) > MOST:
        X = taken(X, np.sort(rng.choice(len(X), MOST, replace=False)))
    values, name = _column(inside, X, column)
    block = inside.blocks().get(name)
    if block is None:
        raise TableError(f"column {name!r} is not used by this model")
    k = None
    if inside.classes is not None:
        k = 1 if len(inside.classes) == 2 and of is None else None if of is None else inside.class_index(of)
    known = values.notna().to_numpy()
    if not known.any():
        raise TableError(f"column {name!r} has no values in these rows")
    rows = np.arange(len(values))
    if len(rows) > ROWS:
        rows = np.sort(rng.choice(rows, ROWS, replace=False))
    ordered = numeric(values) or values.dtype.kind in "Mb"
    at, share = _quantiles(values, points) if ordered else _levels(values)
    gap = [] if known.all() else [int(np.argmin(known))]
    prepared = inside.prepare(taken(X, np.array([*rows, *at, *gap])))
    inputs, asked = prepared[: len(rows)], prepared[len(rows) :, block]  # (rows, n[0]), (p or p + 1, inputs of it)
    if inside.classes is not None and k is None:
        k = int(inside.answer(inputs).mean(axis=0).argmax())
    missing = float(_answers(inside, inputs, block, asked[-1], k).mean()) if gap else None
    asked = asked[: len(at)]
    each = np.stack([_answers(inside, inputs, block, part, k) for part in asked], axis=1)  # (rows, p)
    shown = np.linspace(0, len(rows) - 1, min(INDIVIDUALS, len(rows))).astype(int)
    likely = None
    if ordered and values.dtype.kind != "b":
        numbers = _numbers(values)
        likely = _accumulated(inside, inputs, numbers[rows], numbers[at], block, asked, k)
    label = None if inside.classes is None or k is None else each_label(np.asarray(inside.classes))[k]
    return Effect(name, label, values.iloc[at].to_numpy(), share, each.mean(axis=0), each[shown], likely, missing)


def _column(inside: Opened, X: Any, column: Any) -> tuple["pd.Series[Any]", str]:
    """The column as what it is to the model, numbers or dates or words (missing where ""), and its name."""
    steps = getattr(inside.preparation, "named_steps", {})
    typed = next((step for step in steps.values() if isinstance(step, Columns)), None)
    if typed is not None:
        check_columns([column], pd.DataFrame(columns=list(typed.roles)))
        alone = copy.copy(typed)
        alone.roles = {column: typed.roles[column]}
        values = alone.transform(X)[column]
        if words := WORDS.get(typed.roles[column]):
            return values.map(words), str(column)
        return (values if numeric(values) or values.dtype.kind == "M" else values.mask(values == "")), str(column)
    if hasattr(X, "columns"):
        check_columns([column], X)
        return X[column].reset_index(drop=True), str(column)
    names = list(dict.fromkeys(inside.columns))
    if str(column) not in names:
        raise TableError(f"no column {column!r}; there are {len(names)}: {', '.join(names[:10])}")
    return pd.Series(np.asarray(X)[:, names.index(str(column))]), str(column)


def _numbers(values: "pd.Series[Any]") -> Array:
    """As float64; dates in days."""
    if values.dtype.kind == "M":
        return seconds(values) / 86_400
    return np.asarray(values.to_numpy(float, na_value=np.nan))


def _quantiles(values: "pd.Series[Any]", points: int) -> tuple[Array, Array]:
    """Rows with the quantiles of a column, ascending, and the share of the rows up to each, from the one before."""
    order = np.argsort(values.to_numpy(), kind="stable")[: values.notna().sum()]  # the missing ones come last
    ranks = np.linspace(0, len(order) - 1, points).round().astype(int)
    different, first = np.unique(values.to_numpy()[order], return_index=True)
    chosen = order[ranks] if len(different) > points else order[first]
    at = [row for i, row in enumerate(chosen) if i == 0 or values.iloc[row] != values.iloc[chosen[i - 1]]]
    up_to = np.searchsorted(values.to_numpy()[order], values.iloc[at].to_numpy(), side="right")
    return np.array(at), np.diff(up_to, prepend=0) / len(values)


def _levels(values: "pd.Series[Any]") -> tuple[Array, Array]:
    """Rows with the most common categories, and their shares."""
    counts = values.astype(str).where(values.notna()).value_counts()[:LEVELS]
    text = values.astype(str).where(values.notna()).to_numpy()
    return np.array([int(np.argmax(text == level)) for level in counts.index]), counts.to_numpy() / len(values)


def _answers(inside: Opened, inputs: Array, block: Array, part: Array, k: int | None) -> Array:
    """What the model says of each row if the column had the inputs `part`, one value or one for each row: (m,)."""
    changed = inputs.copy()
    changed[:, block] = part
    return inside.answer_of(changed, k)


def _accumulated(
    inside: Opened, inputs: Array, own: Array, edges: Array, block: Array, asked: Array, k: int | None
) -> Array:
    """The accumulated local effects at the edges (p,), with the mean of the answers over the rows."""
    here = np.flatnonzero(~np.isnan(own))
    inputs, own = inputs[here], own[here]
    place = np.clip(np.searchsorted(edges, own), 1, max(len(edges) - 1, 1))  # each row is in (edge before, edge]
    level = np.zeros(len(edges))
    if len(edges) > 1:
        up = _answers(inside, inputs, block, asked[place], k) - _answers(inside, inputs, block, asked[place - 1], k)
        count = np.bincount(place, minlength=len(edges))
        level = (np.bincount(place, up, len(edges)) / np.maximum(count, 1)).cumsum()
    result: Array = level + inside.answer_of(inputs, k).mean() - level[place].mean()
    return result
