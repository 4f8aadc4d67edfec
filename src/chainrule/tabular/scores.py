"""Scores of answers on rows with known targets, each with a 95 % interval; thresholds, and a table of the classes.

The intervals are those of the Bayesian bootstrap over the rows (Rubin 1981): each row counts with a random weight, and
the score is taken of many such draws. For scores that count decisions (accuracy to F1) two rows more are drawn, spread
over right and wrong (for two classes that is Jeffreys' prior): 20 right of 20 are not "100 %, for sure".
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import expit, logit, stdtrit

from chainrule._types import Array
from chainrule.checks import generator
from chainrule.tabular.calibration import effective, wilson
from chainrule.tabular.values import each_label, exact_labels
from chainrule.text import first_few, unknown

DRAWS = 1000
MOST = 10_000  # rows that get a weight of their own in each draw; of more, some are drawn together
RARE = 0.2  # where all other classes are below this share of the rows, accuracy says little
Z = 1.959964  # of the normal distribution, for 95 %


@dataclass(frozen=True)
class Score:
    """A score of some rows, and the 95 % interval of what it would be on very many rows like these."""

    value: float
    low: float
    high: float


_EVEN = ("accuracy", "balanced accuracy", "ROC AUC", "F1", "precision", "recall", "PR AUC", "log loss", "Brier")
_UNEVEN = ("F1", "recall", "precision", "PR AUC", "balanced accuracy", "ROC AUC", "log loss", "Brier", "accuracy")


def class_scores(
    classes: Sequence[Any] | Array,
    y: Any,
    probabilities: Array,
    predicted: Any = None,
    *,
    positive: Any = None,
    sample_weight: Any = None,
    seed: Any = 0,
) -> dict[str, Score]:
    """The scores of a classifier, those that matter first: where a class is rare, accuracy comes last.

    Parameters
    ----------
    classes : sequence of K labels
        In the order of the probabilities.
    y : array of shape (m,)
        The true labels.
    probabilities : array of shape (m, K)
    predicted : array of shape (m,), optional
        The labels that were decided for; the likeliest unless given.
    positive : label, optional
        Of two classes the one that precision, recall, F1 and PR AUC are of; the second unless given.
    sample_weight : array of shape (m,), optional
    seed : int or numpy.random.Generator, default 0
        For the draws.

    Returns
    -------
    dict of Score
        By name: accuracy, balanced accuracy, ROC AUC, F1, precision, recall, PR AUC, log loss, Brier. Without those
        that these rows do not define, such as ROC AUC where they are all of one class.

    Notes
    -----
    They are scikit-learn's; of three classes and more precision, recall, F1 and the areas are the plain mean of those
    of each class against all others ("macro"), of the areas over the classes that are among the rows. The Brier score
    of two classes is that of the positive one, of more the sum over them.
    """
    target = indices(classes, y)
    p = np.asarray(probabilities, dtype=float)
    K, m = len(classes), len(target)
    if p.shape != (m, K):
        raise ValueError(
            f"probabilities: got shape {p.shape}, wanted {(m, K)}, a row for each y, a column for each class"
        )
    w = weights_of(sample_weight, m)
    chosen = p.argmax(axis=1) if predicted is None else indices(classes, predicted)
    target, p, chosen, w = (part[w > 0] for part in (target, p, chosen, w))
    if not len(target):
        return {}
    rng = generator(seed)
    one = _positive(classes, positive) if K == 2 else None
    found = _decisions(target, chosen, w, one, rng)
    found |= _areas(target, p, w, np.unique(target) if one is None else np.array([one]))
    true = p[np.arange(len(p)), target].clip(np.finfo(float).eps, 1)
    off = ((p - np.eye(K)[target]) ** 2).sum(axis=1) / (2 if K == 2 else 1)
    found |= _of_rows(np.column_stack([-np.log(true), off]), w, lambda s: {"log loss": s[0], "Brier": s[1]}, rng)
    share = np.bincount(target, w, K) / w.sum()
    return {name: found[name] for name in (_UNEVEN if _uneven(share) else _EVEN) if name in found}


def number_scores(y: Any, predicted: Any, *, sample_weight: Any = None, seed: Any = 0) -> dict[str, Score]:
    """The scores of a regression: R², RMSE and MAE.

    Parameters
    ----------
    y, predicted : arrays of shape (m,)
    sample_weight : array of shape (m,), optional
    seed : int or numpy.random.Generator, default 0
        For the draws.

    Returns
    -------
    dict of Score
        By name. Without R² where all y are the same.
    """
    y, predicted = np.asarray(y, dtype=float).ravel(), np.asarray(predicted, dtype=float).ravel()
    w = weights_of(sample_weight, len(y))
    y, e, w = y[w > 0], (y - predicted)[w > 0], w[w > 0]
    if not len(y):
        return {}
    scale = max(np.abs(e).max(), np.abs(y).max()) or 1.0  # so that no square overflows
    y, e = (y - np.average(y, weights=w)) / scale, e / scale

    def scores(s: Array) -> dict[str, Array]:
        y_mean, y_square, e_square, e_size = s
        spread = y_square - y_mean**2
        r2 = 1 - e_square / np.where(spread > 0, spread, np.nan)
        return {"R²": r2, "RMSE": scale * np.sqrt(e_square), "MAE": scale * e_size}

    found = _of_rows(np.column_stack([y, y**2, e**2, abs(e)]), w, scores, generator(seed))
    if np.ptp(y) == 0:
        found.pop("R²", None)
    return found


@dataclass(frozen=True)
class ClassRow:
    """How one class does: precision and F1 are NaN where it is neither there nor predicted, recall where not there."""

    label: Any
    precision: float
    recall: float
    f1: float
    rows: int


def class_table(classes: Sequence[Any] | Array, y: Any, predicted: Any, sample_weight: Any = None) -> list[ClassRow]:
    """Precision, recall and F1 of each class, and how many rows it has.

    Parameters
    ----------
    classes : sequence of K labels
    y, predicted : arrays of shape (m,), labels
    sample_weight : array of shape (m,), optional

    Returns
    -------
    list of ClassRow
        In the order of `classes`.
    """
    target, chosen, K = indices(classes, y), indices(classes, predicted), len(classes)
    w = weights_of(sample_weight, len(target))
    hit, there, said = (np.bincount(k, v, K) for k, v in ((target, w * (target == chosen)), (target, w), (chosen, w)))
    rows = np.bincount(target, minlength=K)
    precision, recall, f1 = _share(hit, said), _share(hit, there), _share(2 * hit, there + said)
    columns = each_label(exact_labels(classes)), precision.tolist(), recall.tolist(), f1.tolist(), rows.tolist()
    return [ClassRow(*row) for row in zip(*columns, strict=True)]


def rarer(rows: Mapping[Any, int]) -> Any:
    """Of two classes the one that is meant by precision and recall: the rarer, if clearly so, else the second.

    rows: how many rows each class has, in the order of the classes.
    """
    first, second = rows
    return first if rows[first] < 0.4 * (rows[first] + rows[second]) else second


def decide(classes: Sequence[Any] | Array, probabilities: Array, threshold: float, positive: Any = None) -> Array:
    """The positive of two classes where its probability is at least the threshold, else the other: (m,) labels."""
    one = _positive(classes, positive)
    labels = exact_labels(classes)
    chosen: Array = labels[np.where(np.asarray(probabilities)[:, one] >= threshold, one, 1 - one)]
    return chosen


def best_threshold(true: Any, probability: Any, metric: str = "F1", sample_weight: Any = None) -> float:
    """The threshold with the best score on some rows: held-out ones, or it is too good to be true.

    Parameters
    ----------
    true : array of shape (m,)
        Whether a row is of the positive class.
    probability : array of shape (m,)
        Of that class.
    metric : {"F1", "accuracy", "balanced accuracy"}
    sample_weight : array of shape (m,), optional

    Returns
    -------
    float
        In the middle between two of the probabilities; of equally good ones the nearest to 0.5. 0.5 where the rows are
        all of one class.
    """
    metrics: dict[str, Callable[[Array, Array, float, float], Array]] = {
        "F1": lambda tp, fp, P, N: 2 * tp / (tp + fp + P),
        "accuracy": lambda tp, fp, P, N: (tp + N - fp) / (P + N),
        "balanced accuracy": lambda tp, fp, P, N: (tp / P + 1 - fp / N) / 2,
    }
    if metric not in metrics:
        raise unknown("metric", metric, metrics)
    t, p = np.asarray(true, dtype=bool), np.asarray(probability, dtype=float)
    w = weights_of(sample_weight, len(t))
    values, which = np.unique(-p, return_inverse=True)
    values = -values
    tp = np.r_[0.0, np.bincount(which, w * t).cumsum()]  # of the k highest different probabilities taken as positive
    fp = np.r_[0.0, np.bincount(which, w * ~t).cumsum()]
    if not (tp[-1] > 0 and fp[-1] > 0):
        return 0.5
    between = np.r_[(1 + values[0]) / 2, (values[:-1] + values[1:]) / 2, values[-1] / 2]
    between[0] = np.nextafter(values[0], 2) if values[0] >= 1 else between[0]
    score = metrics[metric](tp, fp, tp[-1], fp[-1])
    best = np.flatnonzero(score >= score.max() - 1e-12)
    return float(between[best[np.argmin(abs(between[best] - 0.5))]])


def indices(classes: Sequence[Any] | Array, y: Any) -> Array:
    """The place of each label among the classes, (m,). ValueError for a label that is none of them.

    Whole numbers are compared to the last digit; a date may be given as NumPy, pandas or Python has it, or as it is
    written.
    """
    labels = exact_labels(classes)
    values, which = np.unique(_alike(y, labels), return_inverse=True)
    known = {label: k for k, label in enumerate(each_label(labels))}
    if strange := [label for label in each_label(values) if label not in known]:
        raise ValueError(f"y: {strange[0]!r} is not one of the classes: {first_few(known)}")
    return np.array([known[label] for label in each_label(values)], dtype=int)[which.ravel()]


def index(classes: Sequence[Any] | Array, label: Any) -> int:
    """The place of one label among the classes."""
    return int(indices(classes, [label])[0])


def _alike(y: Any, labels: Array) -> Array:
    """Labels as an array; dates where the known ones are dates, whatever they are given as."""
    values = exact_labels(y)
    if labels.dtype.kind != "M" or values.dtype.kind == "M":
        return values
    unit = np.promote_types(labels.dtype, "M8[us]")
    try:  # of texts, and of the objects of Python and pandas
        found: Array = values.astype(unit)
    except (TypeError, ValueError):
        return values
    return found


def _positive(classes: Sequence[Any] | Array, positive: Any) -> int:
    labels = each_label(exact_labels(classes))
    if len(labels) != 2:
        raise ValueError(f"a threshold is between two classes; got {len(labels)}: {first_few(labels)}")
    return 1 if positive is None else index(classes, positive)


def weights_of(sample_weight: Any, m: int) -> Array:
    """The weights of m rows, 1 unless given. ValueError for what cannot be a weight."""
    w = np.ones(m) if sample_weight is None else np.asarray(sample_weight, dtype=float).ravel()
    if w.shape != (m,) or not (np.isfinite(w).all() and (w >= 0).all()):
        raise ValueError(f"sample_weight: wanted {m} numbers of 0 or more, one for each row")
    return w


def _uneven(share: Array) -> bool:
    """Whether one class is so common, or of two one so rare, that always saying the common one looks accurate."""
    return bool(share.max() > 1 - RARE)


def _share(part: Array, whole: Array) -> Array:
    """NaN where there is nothing to have a share of."""
    result: Array = np.divide(part, whole, out=np.full(np.shape(whole), np.nan), where=whole > 0)
    return result


# -- intervals ---------------------------------------------------------------------------------------------------------


def _interval(value: float, drawn: Array, wider: float = 1.0) -> Score:
    """wider: how much farther from the value the draws should be."""
    low, high = value + wider * (np.quantile(drawn, [0.025, 0.975]) - value)
    return Score(value, float(min(low, value)), float(max(high, value)))


def _decisions(target: Array, chosen: Array, w: Array, one: int | None, rng: np.random.Generator) -> dict[str, Score]:
    """The scores that only count which class was decided for: functions of the cells of the confusion matrix.

    So it is enough to draw the cells, however many rows there are: with the gamma distribution, which is that of the
    sum of the weights of their rows.
    """
    there = np.unique(target)
    labels = np.union1d(there, chosen) if one is None else np.arange(2)
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
        recall, precision, f1 = _share(hit, true), _share(hit, said), _share(2 * hit, true + said)
        found = {"accuracy": hit.sum(axis=1) / C.sum(axis=1), "balanced accuracy": recall[:, among].mean(axis=1)}
        for name, part in (("precision", precision), ("recall", recall), ("F1", f1)):
            # As in scikit-learn, in the mean a class counts 0 that is never predicted, or is not there.
            found[name] = np.nan_to_num(part).mean(axis=1) if one is None else part[:, one]
        return found

    drawn = scores(rng.standard_gamma(count * effective(w) / w.sum() + prior, (DRAWS, len(cells))))
    values = {name: float(value[0]) for name, value in scores(count[None]).items()}
    return {name: _interval(value, drawn[name]) for name, value in values.items() if np.isfinite(value)}


def _areas(target: Array, p: Array, w: Array, classes: Array) -> dict[str, Score]:
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


def _of_rows(
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
