"""Scores with the interval of what they would be on very many rows like these, by the Bayesian bootstrap."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logit, stdtrit

from chainrule._types import Array
from chainrule.tabular.calibration import effective, wilson

DRAWS = 1000
MOST = 10_000  # rows that get a weight of their own in each draw; of more, some are drawn together
Z = 1.959964  # of the normal distribution, for 95 %


@dataclass(frozen=True)
class Score:
    """A score of some rows, and the 95 % interval of what it would be on very many rows like these."""

    value: float
    low: float
    high: float


def share(part: Array, whole: Array) -> Array:
    """NaN where there is nothing to have a share of."""
    result: Array = np.divide(part, whole, out=np.full(np.shape(whole), np.nan), where=whole > 0)
    return result


def _interval(value: float, drawn: Array, wider: float = 1.0) -> Score:
    """wider: how much farther from the value the draws should be."""
    low, high = value + wider * (np.quantile(drawn, [0.025, 0.975]) - value)
    return Score(value, float(min(low, value)), float(max(high, value)))


def decisions(target: Array, chosen: Array, w: Array, one: int | None, rng: np.random.Generator) -> dict[str, Score]:
    """The scores that only count which class was decided for: functions of the cells of the confusion matrix.

    So it is enough to draw the cells, however many rows there are: with the gamma distribution, which is that of the
    sum of the weights of their rows.
    """
    there = np.unique(target)
    labels = np.union1d(there, chosen if one is None else np.arange(2))
    K, among = len(labels), np.isin(labels, there)
    target, chosen = np.searchsorted(labels, target), np.searchsorted(labels, chosen)
    every = np.arange(K)  # two rows more: the same for each class, half of them right
    extra = np.r_[every * K + every, every * K + (every + 1) % K]
    cells, which = np.unique(np.r_[target * K + chosen, extra], return_inverse=True)
    count = np.bincount(which[: len(w)], w, len(cells))
    prior = np.bincount(which[len(w) :], minlength=len(cells)) / K
    rows, columns = np.eye(K)[cells // K], np.eye(K)[cells % K]  # (cells, K)
    right = rows * columns

    def scores(C: Array) -> dict[str, Array]:
        hit, true, said = C @ right, C @ rows, C @ columns  # (B, K)
        recall, precision, f1 = share(hit, true), share(hit, said), share(2 * hit, true + said)
        found = {"accuracy": hit.sum(axis=1) / C.sum(axis=1), "balanced accuracy": recall[:, among].mean(axis=1)}
        for name, part in (("precision", precision), ("recall", recall), ("F1", f1)):
            # As in scikit-learn, in the mean a class counts 0 that is never predicted, or is not there.
            found[name] = np.nan_to_num(part).mean(axis=1) if one is None else part[:, one]
        return found

    drawn = scores(rng.standard_gamma(count * effective(w) / w.sum() + prior, (DRAWS, len(cells))))
    values = {name: float(value[0]) for name, value in scores(count[None]).items()}
    return {name: _interval(value, drawn[name]) for name, value in values.items() if np.isfinite(value)}


def areas(target: Array, p: Array, w: Array, classes: Array) -> dict[str, Score]:
    """The areas under the ROC and the precision-recall curve of each of some classes against all others: their mean.

    Their interval is the linear part of the bootstrap: the influence of each row is the derivative by its weight. On
    the scale of log(area / (1 − area)) it is nearly normal, and stays within 0 and 1.
    """
    there = [k for k in classes if 0 < w[target == k].sum() < w.sum()]
    if not there:
        return {}
    areas, influences = np.zeros(2), np.zeros((2, len(w)))
    for k in there:
        area, influence = _area(target == k, p[:, k], w)
        areas += area / len(there)
        influences += influence / len(there)
    n, least, found = effective(w), min(effective(w[target == k]) for k in there), dict[str, Score]()
    for name, value, influence in zip(("ROC AUC", "PR AUC"), map(float, areas), influences, strict=True):
        if min(value, 1 - value) < 1e-9:  # where nothing is wrong, no row has an influence
            found[name] = Score(value, *wilson(round(value), least * len(there)))
            continue
        deviation = np.sqrt(((w * influence) ** 2).sum() * n / (n - 1))
        half = Z * deviation / (value * (1 - value))
        found[name] = Score(value, *map(float, expit(logit(value) + np.array([-half, half]))))
    return found


def _area(true: Array, score: Array, w: Array) -> tuple[Array, Array]:
    """The areas under the two curves (2,), and their derivatives by the weight of each row (2, m)."""
    _, at = np.unique(-score, return_inverse=True)  # the highest score first, equal ones together
    tp, fp = np.bincount(at, w * true), np.bincount(at, w * ~true)  # of each score
    above_tp, above_fp = tp.cumsum(), fp.cumsum()  # with those at the score itself
    positive, negative, above = above_tp[-1], above_fp[-1], above_tp + above_fp
    beaten = (negative - above_fp + fp / 2) / negative  # the share of negative rows that a positive one is above
    beating = (above_tp - tp / 2) / positive
    roc = float(tp @ beaten / positive)
    precision = above_tp / above
    pr = float(tp @ precision / positive)
    gain = (tp / (positive * above))[::-1].cumsum()[::-1]
    loss = (tp * precision / (positive * above))[::-1].cumsum()[::-1]
    by_roc = np.where(true, (beaten[at] - roc) / positive, (beating[at] - roc) / negative)
    by_pr = true * ((precision[at] - pr) / positive + gain[at]) - loss[at]
    return np.array([roc, pr]), np.stack([by_roc, by_pr])


def of_rows(
    values: Array, w: Array, scores: Callable[[Array], dict[str, Array]], rng: np.random.Generator
) -> dict[str, Score]:
    """Scores that are functions of means over the rows. values: (m, k); scores: (k, B) means → (B,) of each score."""
    exact = scores((w @ values / w.sum())[:, None])
    n = effective(w)
    # A few rows differ by less from their own mean than from the true one.
    wider = np.sqrt(n / (n - 1)) * stdtrit(n - 1, 0.975) / Z if n > 1.5 else 1.0
    if len(w) > MOST:  # random parts of about as many rows take the place of rows
        order, starts = rng.permutation(len(w)), np.arange(MOST) * len(w) // MOST
        sums = np.add.reduceat((w[:, None] * values)[order], starts)
        w = np.add.reduceat(w[order], starts)
        values = sums / w[:, None]
    drawn = []
    for start in range(0, DRAWS, 100):
        W = rng.standard_exponential((min(100, DRAWS - start), len(w))) * w
        drawn.append(W @ values / W.sum(axis=1, keepdims=True))
    found = scores(np.concatenate(drawn).T)
    return {
        name: _interval(float(value[0]), found[name], wider) for name, value in exact.items() if value[0] == value[0]
    }
