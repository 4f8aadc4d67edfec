"""Input normalization: measured on the training set, stored with the network, applied to every later input."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.names import unknown

Array = np.ndarray[Any, np.dtype[Any]]

METHODS = ("standard", "robust")


@dataclass(frozen=True, eq=False)
class Normalizer:
    """x ← (x − center) · scale, and with `clip` x ← x / √(1 + (x/3)²), which bends outliers smoothly into (−3, 3).

    center, scale: (n, 1), one row per feature; X is (n, m). ``"standard"`` takes the mean and 1 / deviation;
    ``"robust"`` the median and 1 / (q₇₅ − q₂₅), or 2 / (max − min) where the quartiles agree, and clips (Holzmüller et
    al. 2024, section 3). A constant feature becomes 0.
    """

    center: Array
    scale: Array
    clip: bool = False

    @classmethod
    def measure(cls, X: Array, method: str = "standard") -> "Normalizer":
        """The normalizer of a training set X (n, m); ValueError for an unknown method, a sparse or an empty X."""
        if method not in METHODS:
            raise unknown("normalization", method, METHODS)
        if not isinstance(X, np.ndarray):
            raise ValueError(
                f"normalization needs a dense array (its center would fill the zeros), got {type(X).__name__}"
            )
        if X.shape[1] == 0:
            raise ValueError("normalization: got no examples to measure")
        if not np.isfinite(X).all():
            raise ValueError("normalization: got NaN or infinity in X. Fill or drop the missing values first.")
        wide = X.astype(np.float64, copy=False)  # a float32 mean of many examples loses digits
        if method == "standard":
            center, spread = wide.mean(axis=1), wide.std(axis=1)
        else:
            low, center, high = np.quantile(wide, [0.25, 0.5, 0.75], axis=1)
            spread = np.where(high > low, high - low, np.ptp(wide, axis=1) / 2)
        # Rounding leaves a constant feature with a deviation of some ulps of its value, which must not be blown up to
        # 1.
        # And one so small that 1 / deviation is no number of this precision is constant, too.
        precision = np.finfo(X.dtype)
        constant = spread <= np.maximum(10 * precision.eps * np.abs(center), precision.tiny)
        scale = np.where(constant, 0.0, 1 / np.where(constant, 1.0, spread))
        return cls(center[:, None].astype(X.dtype), scale[:, None].astype(X.dtype), clip=method == "robust")

    def __call__(self, X: Array) -> Array:
        """The normalized X, (n, m) → (n, m)."""
        X = (X - self.center) * self.scale  # (n, m)
        return X / np.sqrt(1 + (X / 3) ** 2) if self.clip else X
