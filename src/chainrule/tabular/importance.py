"""Which columns matter to a model: how much worse it answers when it is given those of other rows."""

import html
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule._types import Array
from chainrule.checks import generator
from chainrule.tabular.bootstrap import Z
from chainrule.tabular.calibration import effective
from chainrule.tabular.opened import Opened, opened, taken
from chainrule.tabular.scores import indices, weights_of
from chainrule.text import html_table, in_line

WORK = 250_000  # answers to ask for, about; fewer rows are looked at where there are many columns
FEWEST = 200
MANY, MEASURED = 200, 100  # columns, from which on only some are measured, and how many


@dataclass(frozen=True)
class Importance:
    """How much higher the loss is without what a column says, with its 95 % interval."""

    column: str
    increase: float
    low: float
    high: float


@dataclass(frozen=True)
class Importances:
    """The importance of each column, the largest first.

    loss: its name, "log loss" or "RMSE". base: the loss with all columns as they are. rows: how many it was measured
    on.
    """

    loss: str
    base: float
    rows: int
    columns: tuple[Importance, ...]

    def _repr_html_(self) -> str:
        heads = ("column", f"{self.loss} grows by", "95 % interval")
        rows = [
            [html.escape(in_line(each.column)), f"{each.increase:.4g}", f"{each.low:.4g} to {each.high:.4g}"]
            for each in self.columns
        ]
        told = f"{self.loss} {self.base:.4g} on {self.rows:,} rows; without what a column says, more:"
        return f"<p>{html.escape(told)}</p>{html_table(rows, heads)}"


def permutation_importance(
    model: Any, X: Any, y: Any, *, sample_weight: Any = None, repeats: int = 5, seed: Any = 0
) -> Importances:
    """How much the loss grows when the values of a column are mixed among the rows (Breiman 2001).

    Parameters
    ----------
    model : fitted model
        As `opened` takes it.
    X : table of m rows
        Best rows that it was not trained on: on those it was, a column that it only remembers looks important.
    y : array of shape (m,)
        Labels or numbers.
    sample_weight : array of shape (m,), optional
    repeats : int, default 5
        How often each column is mixed.
    seed : int or numpy.random.Generator, default 0

    Returns
    -------
    Importances
        In log loss for classes; in RMSE for numbers, in the units of y.

    Notes
    -----
    All inputs of the network that are made of one column are mixed together. The interval is that of another sample of
    rows, and of other mixings. Of more than 200 columns those 100 are measured along which the answer is steepest; the
    others are not in the result. Where two columns say the same, the model can do without one of them: neither looks
    important, and together they may be.
    """
    inside, rng = opened(model), generator(seed)
    X = inside.rows(X)
    target = np.asarray(y, dtype=float) if inside.classes is None else indices(inside.classes, y)
    if len(target) != len(X):
        raise ValueError(f"y: got {len(target)}, wanted one for each of {len(X)} rows")
    w = weights_of(sample_weight, len(target))
    blocks = inside.blocks()
    count = len(blocks) if len(blocks) <= MANY else MEASURED
    most = max(FEWEST, WORK // (max(1, count) * repeats))
    kept = np.flatnonzero(w > 0)
    if len(kept) > most:
        kept = np.sort(rng.choice(kept, most, replace=False))
    if not len(kept):
        raise ValueError("importance: got no rows, wanted at least 2")
    inputs, target, w = np.array(inside.prepare(taken(X, kept))), target[kept], w[kept]
    if count < len(blocks):
        blocks = _steepest(inside, inputs, target, blocks, rng)
    before, found = _losses(inside, inputs, target), []
    for name, block in blocks.items():
        own, after = inputs[:, block].copy(), []
        if (own == own[0]).all():
            found.append(Importance(name, 0.0, 0.0, 0.0))
            continue
        for _ in range(repeats):
            inputs[:, block] = own[rng.permutation(len(own))]
            after.append(_losses(inside, inputs, target))
        inputs[:, block] = own
        found.append(Importance(name, *_increase(before, np.array(after), w, inside.classes is None)))
    base = float(np.average(before, weights=w))
    measure, base = ("RMSE", base**0.5) if inside.classes is None else ("log loss", base)
    return Importances(measure, base, len(kept), tuple(sorted(found, key=lambda each: -each.increase)))


def _steepest(
    inside: Opened, inputs: Array, target: Array, blocks: dict[str, Array], rng: np.random.Generator
) -> dict[str, Array]:
    """The columns with which the answer would change most, by its derivative, if they were those of other rows."""
    some = rng.permutation(len(inputs))[:FEWEST]
    slope = inside.gradient(inputs[some], None if inside.classes is None else target[some])
    moved = slope * (inputs[rng.permutation(some)] - inputs[some])  # (m, n[0])
    size = {name: float(abs(moved[:, block].sum(axis=1)).mean()) for name, block in blocks.items()}
    return {name: blocks[name] for name in sorted(blocks, key=lambda name: -size[name])[:MEASURED]}


def _losses(inside: Opened, inputs: Array, target: Array) -> Array:
    """Of each row (m,): the log loss, or the squared error."""
    answers = inside.answer(inputs)
    if inside.classes is None:
        squares: Array = (answers - target) ** 2
        return squares
    true: Array = -np.log(answers[np.arange(len(target)), target].clip(np.finfo(float).eps))
    return true


def _increase(before: Array, after: Array, w: Array, root: bool) -> tuple[float, float, float]:
    """The increase and its interval. before: (m,); after: (repeats, m); root: of the root of the mean."""
    w, n = w / w.sum(), effective(w)
    base, each = before @ w, after @ w  # of each repeat
    mean = after.mean(axis=0)
    change = mean - before - (mean - before) @ w  # (m,)
    increase, spread = each.mean() - base, each
    if root:
        grown, base_root = each.mean() ** 0.5, base**0.5
        increase, spread = grown - base_root, each**0.5
        # The derivatives of the two roots by the weights of the rows.
        change = (mean - each.mean()) / (2 * grown) if grown else 0 * mean
        change -= (before - base) / (2 * base_root) if base_root else 0
    variance = (w**2) @ change**2 * n / max(n - 1, 1) + (spread.var(ddof=1) / len(each) if len(each) > 1 else 0.0)
    half = Z * variance**0.5
    return float(increase), float(increase - half), float(increase + half)
