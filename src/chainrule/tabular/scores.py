"""Scores of answers on rows with known targets, each with a 95 % interval; thresholds, and a table of the classes.

The intervals are those of the Bayesian bootstrap over the rows (Rubin 1981): each row counts with a random weight, and
the score is taken of many such draws. For scores that count decisions (accuracy to F1) two rows more are drawn, spread
over right and wrong (for two classes that is Jeffreys' prior): 20 right of 20 are not "100 %, for sure".
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule._types import Array
from chainrule.checks import generator
from chainrule.tabular.bootstrap import Score, areas, decisions, of_rows, share
from chainrule.tabular.values import each_label, exact_labels
from chainrule.text import first_few, unknown

RARE = 0.2  # where all other classes are below this share of the rows, accuracy says little


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
    others: Sequence[Any] = (),
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
    others : sequence of labels, optional
        Further labels that y may have, which the classifier does not know: whatever it says of their rows is wrong.
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
    of two classes is that of the positive one, of more the sum over them. Rows of other labels count in all of them but
    the log loss, which would be infinite: in the recall of their own class, 0, and as false alarms of what was said.
    """
    target = _targets(classes, others, y)
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
    found = decisions(target, chosen, w, one, rng)
    known = target < K
    found |= areas(target, p, w, np.unique(target[known]) if one is None else np.array([one]))
    true = p[np.arange(len(p)), np.where(known, target, 0)].clip(np.finfo(float).eps, 1)
    off = (p - (target[:, None] == np.arange(K))) ** 2
    off = off.sum(axis=1) if one is None else off[:, one]
    values = np.column_stack([np.where(known, -np.log(true), 0), off, known])
    found |= of_rows(values, w, lambda s: {"log loss": share(s[0], s[2]), "Brier": s[1]}, rng)
    shares = np.bincount(target, w, K) / w.sum()
    return {name: found[name] for name in (_UNEVEN if _uneven(shares) else _EVEN) if name in found}


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

    found = of_rows(np.column_stack([y, y**2, e**2, abs(e)]), w, scores, generator(seed))
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


def class_table(
    classes: Sequence[Any] | Array, y: Any, predicted: Any, sample_weight: Any = None, others: Sequence[Any] = ()
) -> list[ClassRow]:
    """Precision, recall and F1 of each class, and how many rows it has.

    Parameters
    ----------
    classes : sequence of K labels
    y, predicted : arrays of shape (m,), labels
    sample_weight : array of shape (m,), optional
    others : sequence of labels, optional
        Further labels that y may have, which were not there to be predicted.

    Returns
    -------
    list of ClassRow
        In the order of `classes`.
    """
    target, chosen, K = _targets(classes, others, y), indices(classes, predicted), len(classes)
    w = weights_of(sample_weight, len(target))
    sums = (target, w * (target == chosen)), (target, w), (chosen, w)
    hit, there, said = (np.bincount(k, v, K)[:K] for k, v in sums)
    rows = np.bincount(target, minlength=K)[:K]
    precision, recall, f1 = share(hit, said), share(hit, there), share(2 * hit, there + said)
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


def _targets(classes: Sequence[Any] | Array, others: Sequence[Any], y: Any) -> Array:
    """The place of each label among the classes, and behind them among other labels."""
    return indices([*each_label(exact_labels(classes)), *others] if len(others) else classes, y)


def _uneven(shares: Array) -> bool:
    """Whether one class is so common, or of two one so rare, that always saying the common one looks accurate."""
    return bool(shares.max() > 1 - RARE)
