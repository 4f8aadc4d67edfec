"""Input normalization: measured on the training set, kept with the network, applied to all later inputs."""

from dataclasses import dataclass

import numpy as np

from chainrule._types import Array
from chainrule.checks import first_not_finite, place
from chainrule.text import unknown

METHODS = ("standard", "robust")


@dataclass(frozen=True, eq=False)
class Normalizer:
    """x ← (x − center) · scale, and with `clip` also x ← x / √(1 + (x/3)²), which brings outliers into (−3, 3).

    center, scale: (n, 1), one row for each feature of X (n, m). A constant feature has scale 0, and becomes 0.
    """

    center: Array
    scale: Array
    clip: bool = False

    @classmethod
    def measure(cls, X: Array, method: str = "standard") -> "Normalizer":
        """The normalizer of a training set X (n, m).

        ``"standard"``: the mean and 1 / deviation. ``"robust"``: the median and 1 / (q₇₅ − q₂₅), or 2 / (max − min)
        where the quartiles agree, with `clip` (Holzmüller et al. 2024, section 3).
        Raises ValueError for an unknown method, and for an X that is sparse, empty or not finite.
        """
        if method not in METHODS:
            raise unknown("normalization", method, METHODS)
        if not isinstance(X, np.ndarray):
            raise ValueError(
                f"normalization needs a dense array (its center would fill the zeros), got {type(X).__name__}"
            )
        if X.shape[1] == 0:
            raise ValueError("normalization: got no examples to measure")
        if (where := first_not_finite(X)) is not None:
            raise ValueError(
                "normalization: got NaN or infinity in X. Fill or drop the missing values first. "
                + place("X", "feature", where, X[where[:2]])
            )
        wide = X.astype(np.float64, copy=False)  # a float32 mean of many examples loses digits
        if method == "standard":
            center, spread = mean_and_deviation(wide)
        else:
            wide, exponent = _near_1(wide)
            low, center, high = np.quantile(wide, [0.25, 0.5, 0.75], axis=1)
            spread = np.where(high > low, high - low, np.ptp(wide, axis=1) / 2)
            center, spread = np.ldexp(center, exponent), np.ldexp(spread, exponent)
        # Rounding leaves a constant feature with a deviation of some ulps of its value, which must not become 1. And a
        # feature is constant, too, if its deviation is so small that 1 / deviation overflows.
        precision = np.finfo(X.dtype)
        constant = spread <= np.maximum(10 * precision.eps * np.abs(center), precision.tiny)
        scale = np.where(constant, 0.0, 1 / np.where(constant, 1.0, spread))
        return cls(center[:, None].astype(X.dtype), scale[:, None].astype(X.dtype), clip=method == "robust")

    def __call__(self, X: Array) -> Array:
        """The normalized X, (n, m) → (n, m)."""
        X = (X - self.center) * self.scale  # (n, m)
        return X / np.sqrt(1 + (X / 3) ** 2) if self.clip else X


def mean_and_deviation(X: Array) -> tuple[Array, Array]:
    """The mean and the deviation of each row of X (n, m), both (n,): also of numbers whose squares overflow."""
    X, exponent = _near_1(X)
    return np.ldexp(X.mean(axis=1), exponent), np.ldexp(X.std(axis=1), exponent)


def _near_1(X: Array) -> tuple[Array, Array]:
    """X · 2⁻ᵉ, and e (n,) for each row of X (n, m), which changes no digit; e = 0 where squares do not overflow."""
    _, exponent = np.frexp(np.maximum(X.max(axis=1), -X.min(axis=1)))
    exponent[abs(exponent) < np.finfo(X.dtype).maxexp // 4] = 0
    return (np.ldexp(X, -exponent[:, None]) if exponent.any() else X), exponent
