"""Rows of examples as the columns that a Network takes."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule.checks import check_whole, plain

Data = tuple[NDArray[np.float64], NDArray[np.float64]]  # X (n, m), Y (k, m)


def labeled(rows: Any, labels: Any) -> Data:
    """Rows (m, n) with labels 0 … k − 1, (m,), as X and Y: a 0/1 row for two classes, one-hot for more."""
    return columns(rows, labels if labels.max() == 1 else one_hot(labels).T)


def columns(rows: Any, targets: Any) -> Data:
    """Rows (m, n) and their targets, (m,) or (m, k), as X (n, m) and Y (k, m)."""
    X = np.ascontiguousarray(rows, dtype=np.float64).T  # (n, m)
    Y = np.ascontiguousarray(targets, dtype=np.float64).reshape(len(rows), -1).T  # (k, m)
    return X, Y


def one_hot(labels: Any, classes: int | None = None) -> NDArray[np.float64]:
    """Targets for softmax: a column for each label, 1 in the row of its class and 0 elsewhere.

    Parameters
    ----------
    labels : array-like of shape (m,) or (1, m)
        Whole numbers from 0.
    classes : int, optional
        How many classes there are; the largest label + 1 unless given.

    Returns
    -------
    array of shape (classes, m)
        Y for a Network with a softmax output.

    Raises
    ------
    ValueError
        For labels that are no whole numbers from 0 to classes − 1.
    """
    given = plain("labels", labels)
    if given.shape not in ((given.size,), (1, given.size)) or not given.size:
        raise ValueError(f"labels: got shape {given.shape}, wanted (m,) or (1, m), one label for each example")
    given = given.ravel()
    numbers = given.astype(np.int64) if given.dtype.kind in "biuf" and np.isfinite(given).all() else None
    if numbers is None or (numbers != given).any() or numbers.min() < 0:
        raise ValueError(
            f"labels: got {np.unique(given)[:5].tolist()} …, wanted whole numbers from 0; names become numbers by "
            "np.unique(labels, return_inverse=True)[1]"
        )
    check_whole(classes=classes)
    k = int(numbers.max()) + 1 if classes is None else int(classes)
    if numbers.max() >= k:
        hint = ". They count from 0: give labels - 1" if (numbers.min(), numbers.max()) == (1, k) else ""
        raise ValueError(f"labels: got {numbers.max()}, wanted 0 to {k - 1} for {k} classes{hint}")
    Y = np.zeros((k, len(numbers)))
    Y[numbers, np.arange(len(numbers))] = 1
    return Y
