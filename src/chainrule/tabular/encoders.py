"""What scikit-learn lacks in a form that model files and ONNX can hold: numbers by quantiles, categories by targets."""

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.preprocessing import TargetEncoder
from sklearn.utils.validation import check_is_fitted

from chainrule._types import Array

SIZE = 0.3  # of the encoded numbers beside the standardized ones: ten of them for one, and often all at their ends
FEWEST = 3  # rows of a category from which on its mean of the target is one


class TargetStatistics(TargetEncoder):
    """scikit-learn's TargetEncoder, which knows nothing of the categories of one or two rows: they have the mean.

    Out of fold such a category is not there, and TargetEncoder gives its rows the mean of the other folds, which is low
    where their own targets are high; then in `transform` it has just these targets.
    """

    def fit(self, X: Any, y: Any) -> "TargetStatistics":
        """Learn the statistics of each category of the columns of X (m, n)."""
        super().fit(X, y)
        self._forget_rare(X)
        return self

    def fit_transform(self, X: Any, y: Any, **params: Any) -> Array:
        """Learn them; for each row those of the other folds."""
        made: Array = super().fit_transform(X, y, **params)
        rare = self._forget_rare(X)
        mean = np.atleast_1d(self.target_mean_)
        for k in range(rare.shape[1]):
            made[rare[:, k], k * len(mean) : (k + 1) * len(mean)] = mean
        return made

    def _forget_rare(self, X: Any) -> Array:
        """Let rare categories have the mean. (m, n): where X has them."""
        codes, _ = self._transform(X, handle_unknown="ignore", ensure_all_finite="allow-nan")
        mean, rare = np.atleast_1d(self.target_mean_), np.zeros(codes.shape, dtype=bool)
        for k, known in enumerate(self.categories_):
            few = np.bincount(codes[:, k], minlength=len(known)) < FEWEST
            rare[:, k] = few[codes[:, k]]
            for j, value in enumerate(mean):
                self.encodings_[k * len(mean) + j][few] = value
        return rare


class PiecewiseLinear(TransformerMixin, BaseEstimator):
    """Numbers, and beside each how far it has come through each of its quantile bins, from −0.3 to 0.3.

    With knots b[0] < … < b[B]: x ↦ x, and 0.3 (2 clip((x − b[i]) / (b[i+1] − b[i]), 0, 1) − 1) for i = 0 … B − 1.
    With it the first layer of a network can bend at any quantile, which it learns late from x alone. A column with two
    different values has no bins.

    Parameters
    ----------
    bins : int, default 12
        At most, for each column. Where most quantiles are one and the same value, those of the different values.

    Attributes
    ----------
    knots_ : list of arrays
        b[0] … b[B] for each column; empty where there are no bins.

    References
    ----------
    Gorishniy, Rubachev & Babenko 2022, "On embeddings for numerical features in tabular deep learning", section 3.2.1.
    scikit-learn's SplineTransformer(degree=1) spans the same functions with SciPy's BSpline objects.
    """

    def __init__(self, bins: int = 12) -> None:
        self.bins = bins

    def fit(self, X: Any, y: Any = None) -> "PiecewiseLinear":
        """Find the quantiles of the columns of X (m, n): of numbers, none missing."""
        X = np.asarray(X, dtype=np.float64)
        self.n_features_in_ = X.shape[1]
        self.knots_ = [self._knots(x) for x in X.T]
        return self

    def transform(self, X: Any) -> Array:
        """(m, n) → (m, n + bins of all columns)."""
        check_is_fitted(self)
        X = np.asarray(X, dtype=np.float64)
        made = np.empty((len(X), self.n_features_in_ + sum(self._widths())))
        made[:, : self.n_features_in_] = X
        start = self.n_features_in_
        for x, knots, width in zip(X.T, self.knots_, self._widths(), strict=True):
            share = np.clip((x[:, None] - knots[:-1]) / np.diff(knots), 0, 1)  # (m, B)
            made[:, start : start + width] = SIZE * (2 * share - 1)
            start += width
        return made

    def get_feature_names_out(self, input_features: Any = None) -> Array:
        """The names of the columns, then those of their bins."""
        names = [f"x{j}" for j in range(self.n_features_in_)] if input_features is None else list(input_features)
        bins = [f"{name} bin {i + 1}" for name, width in zip(names, self._widths(), strict=True) for i in range(width)]
        return np.array([*names, *bins], object)

    def _knots(self, x: Array) -> Array:
        levels = _apart(np.unique(x))
        if len(levels) <= 2:
            return np.empty(0)
        if len(levels) <= self.bins + 1:
            return levels
        shares = np.linspace(0, 1, self.bins + 1)
        knots = _apart(np.unique(np.quantile(x, shares, method="inverted_cdf")))
        return knots if len(knots) > self.bins / 2 else np.quantile(levels, shares, method="inverted_cdf")

    def _widths(self) -> list[int]:
        return [max(0, len(knots) - 1) for knots in self.knots_]


def _apart(levels: Array) -> Array:
    """Ascending values without those that another rounding could take for the one before."""
    close: Array = np.diff(levels, prepend=-np.inf) <= 1e-9 * np.ptp(levels)
    return levels[~close]
