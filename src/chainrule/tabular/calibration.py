"""Probabilities that mean what they say: the temperature that makes them so, and how far they are from it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import softmax

from chainrule._types import Array

COLDEST, HOTTEST = 0.1, 10.0
TRUST = 0.5  # the deviation of log T before any rows were seen: a few rows alone cannot make a model certain
LEAST = 1e-30  # a probability of 0 could not be raised


def with_temperature(probabilities: Array, temperature: float) -> Array:
    """Probabilities ∝ p^(1/T), (m, K): a T above 1 makes them less certain, below 1 more; the order stays.

    Parameters
    ----------
    probabilities : array of shape (m, K)
    temperature : float, T

    Returns
    -------
    array of shape (m, K)
    """
    p = np.asarray(probabilities, dtype=float)
    return p if temperature == 1 else softmax(np.log(np.maximum(p, LEAST)) / temperature, axis=1)


def fit_temperature(probabilities: Array, y: Array, weights: Array | None = None) -> float:
    """The T with which probabilities have the lowest log loss on rows that were not trained on.

    Parameters
    ----------
    probabilities : array of shape (m, K)
    y : array of shape (m,)
        The column of the true class in each row, 0 … K − 1.
    weights : array of shape (m,), optional
        Of the rows.

    Returns
    -------
    float
        From 0.1 to 10; near 1 where the rows are too few to tell.

    Notes
    -----
    Minimized is Σ w (−log p) + ½ (log T / ½)², with weights of mean 1: the log loss, and a weak wish for T = 1 that
    counts no more than a few rows. One number that keeps the order of the classes cannot overfit as more could.
    Source: Guo, Pleiss, Sun & Weinberger 2017, section 4.2.
    """
    p = np.log(np.maximum(np.asarray(probabilities, dtype=float), LEAST))  # (m, K)
    rows, y = np.arange(len(p)), np.asarray(y)
    w = np.ones(len(p)) if weights is None else np.asarray(weights, dtype=float)
    if not len(p) or not w.sum() > 0:
        return 1.0
    kept = w > 0
    p, y, w, rows = p[kept], y[kept], w[kept] * (kept.sum() / w.sum()), rows[: kept.sum()]
    p -= p.max(axis=1, keepdims=True)
    true = p[rows, y]

    def cost(log_t: float) -> float:
        beta = np.exp(-log_t)
        return float(w @ (np.log(np.exp(beta * p).sum(axis=1)) - beta * true) + (log_t / TRUST) ** 2 / 2)

    found = minimize_scalar(cost, bounds=(np.log(COLDEST), np.log(HOTTEST)), method="bounded", options={"xatol": 1e-4})
    return float(np.exp(found.x))


@dataclass(frozen=True)
class Bin:
    """Rows with about the same probability.

    said: the mean of what the model said. found: the share of them that it was true for. low, high: 95 % interval of
    `found`. rows: how many.
    """

    said: float
    found: float
    low: float
    high: float
    rows: int


@dataclass(frozen=True)
class Reliability:
    """What a model said, beside what was found.

    bins: from low probabilities to high. error: the expected calibration error, the mean of |said − found| over the
    rows. rows: how many. what: what the probability is of, for a picture.
    """

    bins: tuple[Bin, ...]
    error: float
    rows: int
    what: str = ""


def reliability(
    probabilities: Array, true: Array, weights: Array | None = None, *, bins: int = 10, what: str = ""
) -> Reliability:
    """Sort rows by what was said of them into bins of equally many, and count what was found.

    Parameters
    ----------
    probabilities : array of shape (m,)
        Of a yes/no statement of each row: that it is of one class, or that the predicted class is right.
    true : array of shape (m,)
        Whether it was true.
    weights : array of shape (m,), optional
        Of the rows.
    bins : int, default 10
        At most; each has 20 rows or more, where there are so many.
    what : str
        What the probability is of, for a picture.

    Returns
    -------
    Reliability

    Notes
    -----
    The intervals are Wilson's. Rows with the same probability are never parted.
    """
    p, hit = np.asarray(probabilities, dtype=float), np.asarray(true, dtype=float)
    w = np.ones(len(p)) if weights is None else np.asarray(weights, dtype=float)
    kept = w > 0
    p, hit, w = p[kept], hit[kept], w[kept]
    if not len(p):
        return Reliability((), float("nan"), 0, what)
    bins = max(1, min(bins, len(p) // 20))
    _, which, counts = np.unique(p, return_inverse=True, return_counts=True)
    place = (bins * (counts.cumsum() - counts / 2) / len(p)).astype(int)[which]  # by the rank, in the middle of equals
    found, gap = [], 0.0
    for k in np.unique(place):
        here = place == k
        said, share = np.average(p[here], weights=w[here]), np.average(hit[here], weights=w[here])
        found.append(Bin(float(said), float(share), *wilson(share, effective(w[here])), int(here.sum())))
        gap += abs(said - share) * w[here].sum() / w.sum()
    return Reliability(tuple(found), float(gap), len(p), what)


def of_class(classes: Any, y: Any, probabilities: Array, which: Any = None, **options: Any) -> Reliability:
    """The reliability of the probability of one class; of what is predicted, where `which` is None.

    classes: (K,). y: (m,) labels. probabilities: (m, K). options: as in `reliability`.
    """
    labels = [str(label) for label in classes]
    index = {label: k for k, label in enumerate(labels)}
    target = np.array([index[str(label)] for label in y])
    if which is None:
        best = probabilities.argmax(axis=1)
        return reliability(probabilities.max(axis=1), target == best, what="the predicted class", **options)
    k = index[str(which)]
    return reliability(probabilities[:, k], target == k, what=labels[k], **options)


def effective(weights: Array) -> float:
    """How many rows of equal weight are worth as much (Kish 1965): (Σw)² / Σw²."""
    return float(weights.sum() ** 2 / (weights**2).sum())


def wilson(share: float, n: float, z: float = 1.959964) -> tuple[float, float]:
    """The 95 % interval of a share of n rows (Wilson 1927), which is right for 0 of 20 and 20 of 20, too."""
    middle = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return float(min(share, max(0.0, middle - half))), float(max(share, min(1.0, middle + half)))
