"""What moves one prediction: how much each column of a row takes it from that of a typical row."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule._types import Array
from chainrule.checks import generator
from chainrule.tabular.opened import Opened, opened, taken
from chainrule.tabular.values import each_label

STEPS, MOST_STEPS = 32, 512  # points on the way from one row to another
ENOUGH = 0.01  # of the contributions may be missing from their sum, until it is shared out among them


@dataclass(frozen=True)
class Contribution:
    """How much a column moves the prediction of a row. value: as it is in the table."""

    column: str
    value: Any
    change: float

    @property
    def cell(self) -> str:
        """``Sex = male``, or ``Age is missing``."""
        return f"{self.column} {'is missing' if _missing(self.value) else f'= {_short(self.value)}'}"

    def __str__(self) -> str:
        return f"{self.cell} {'lowers' if self.change < 0 else 'raises'} it by {abs(self.change):.3g}"


@dataclass(frozen=True)
class Explanation:
    """One prediction: what of it is that of typical rows, and what each column adds.

    of: the class that it is the probability of; None for a regression. prediction: what the model says of the row.
    typical: the mean of what it says of the rows it is compared with. contributions: the largest first; their sum is
    prediction − typical. compared: with how many rows; 0 for the mean of the inputs in training.
    """

    of: Any
    prediction: float
    typical: float
    contributions: tuple[Contribution, ...]
    compared: int


def explain(
    model: Any, X: Any, row: int = 0, background: Any = None, *, of: Any = None, rows: int = 100, seed: Any = 0
) -> Explanation:
    """What moves the prediction of one row away from that of other rows.

    Parameters
    ----------
    model : fitted model
        As `opened` takes it.
    X : table
        The row, among others or alone.
    row : int, default 0
        Which row of X, counted from 0.
    background : table, optional
        The rows to compare with, such as those of the training. Unless given, it is one that has the mean of the
        training in each of its inputs.
    of : label, optional
        The class whose probability is explained; the predicted one unless given.
    rows : int, default 100
        Of the background at most, drawn at random.
    seed : int or numpy.random.Generator, default 0

    Returns
    -------
    Explanation

    Notes
    -----
    Integrated gradients: on the straight way from the inputs of another row to those of this one, the derivative of the
    answer by each input times the length of the way in this input, summed up; a column has the sum over its inputs, and
    the mean over the rows compared with. They add up to the difference of the predictions.
    Source: Sundararajan, Taly & Yan 2017; the mean over rows: Erion et al. 2021.
    """
    inside = opened(model)
    X = inside.rows(X)
    if not 0 <= row < len(X):
        raise ValueError(f"row: got {row}, wanted 0 to {len(X) - 1}")
    one = taken(X, [row])
    x = inside.prepare(one).astype(float)  # (1, n[0])
    others = inside.typical()
    if background is not None:
        background = inside.rows(background)
        chosen = np.sort(generator(seed).permutation(len(background))[:rows])
        others = inside.prepare(taken(background, chosen)).astype(float)
    k = None
    if inside.classes is not None:
        k = int(inside.answer(x)[0].argmax()) if of is None else inside.class_index(of)
    prediction = float(inside.answer_of(x, k)[0])
    typical = float(inside.answer_of(others, k).mean())
    parts = _integrated(inside, x, others, k, prediction - typical)
    blocks = inside.blocks()
    cells = one.iloc[0] if hasattr(one, "iloc") else dict(zip(blocks, one[0].tolist(), strict=False))
    found = [Contribution(name, cells.get(name), float(parts[block].sum())) for name, block in blocks.items()]
    label = None if k is None or inside.classes is None else each_label(np.asarray(inside.classes))[k]
    ordered = tuple(sorted(found, key=lambda each: -abs(each.change)))
    return Explanation(label, prediction, typical, ordered, 0 if background is None else len(others))


def _integrated(inside: Opened, x: Array, others: Array, k: int | None, difference: float) -> Array:
    """The contribution of each input (n[0],), with the sum `difference`."""
    way, steps = x - others, STEPS  # (b, n[0])
    while True:
        parts = np.zeros(x.shape[1])
        for t in (np.arange(steps) + 0.5) / steps:
            parts += (inside.gradient(others + t * way, k) * way).mean(axis=0) / steps
        size, rest = abs(parts).sum(), difference - parts.sum()
        if abs(rest) <= ENOUGH * size or steps >= MOST_STEPS:
            break
        steps *= 4
    if size > 0:
        parts += rest * abs(parts) / size
    return parts


def _missing(value: Any) -> bool:
    return value is None or value != value or str(value) in ("", "NaT", "<NA>")


def _short(value: Any) -> str:
    text = f"{value:.6g}" if isinstance(value, (float, np.floating)) else " ".join(str(value).split())
    return text if len(text) <= 30 else text[:29] + "…"
