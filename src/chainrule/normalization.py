"""Input normalization: measured on the training set, kept with the network, applied to all later inputs."""

from dataclasses import dataclass

import numpy as np

from chainrule._types import Array
from chainrule.checks import first_not_finite, place
from chainrule.text import unknown

METHODS = ("standard", "robust")
_FAR = 1e18  # becomes 3, as all that is farther; its square is a number in float32
Moments = tuple[int, Array, Array]  # of each row of an X (n, m): m, the mean and the deviation, both (n,) in float64


@dataclass(frozen=True, eq=False)
class Normalizer:
    """x ← (x − center) · scale, and with `clip` also x ← x / √(1 + (x/3)²), which brings outliers into (−3, 3).

    center, scale: (n, 1), one row for each feature of X (n, m). A constant feature has scale 0, and becomes 0.
    moments: the mean and deviation that they were made of, and of how many examples; None for "robust".
    """

    center: Array
    scale: Array
    clip: bool = False
    moments: Moments | None = None

    @classmethod
    def measure(cls, X: Array, method: str = "standard", before: Moments | None = None) -> "Normalizer":
        """The normalizer of a training set X (n, m).

        ``"standard"``: the mean and 1 / deviation, of the examples of `before` as well. ``"robust"``: the median and
        1 / (q₇₅ − q₂₅), or 2 / (max − min) where the quartiles agree, with `clip` (Holzmüller et al. 2024, section 3).
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
        seen = None
        if method == "standard":
            seen = all_moments(before, moments(wide))
            _, center, spread = seen
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
        return cls(center[:, None].astype(X.dtype), scale[:, None].astype(X.dtype), method == "robust", seen)

    def check(self, features: int) -> None:
        """ValueError if it is not for so many features."""
        wanted = (features, 1)
        for part in (self.center, self.scale):
            if part.shape != wanted or part.dtype.kind != "f":
                raise ValueError(f"normalizer: got shape {part.shape} of {part.dtype}, wanted {wanted} of floats")
        m, *both = self.moments or (1,)
        if not (type(m) is int and m > 0 and all(part.shape == wanted[:1] and part.dtype == float for part in both)):
            raise ValueError(f"normalizer: its moments are not a number of examples and {wanted[:1]} of float64")

    def __call__(self, X: Array) -> Array:
        """The normalized X, (n, m) → (n, m)."""
        X = (X - self.center) * self.scale  # (n, m)
        if self.clip:
            X = np.minimum(np.maximum(X, -_FAR), _FAR)
            X = X / np.sqrt(1 + (X / 3) ** 2)
        return X


def moments(X: Array) -> Moments:
    """m, and the mean and deviation of each row of X (n, m): also of numbers whose squares overflow."""
    X, exponent = _near_1(X)
    return X.shape[1], np.ldexp(X.mean(axis=1), exponent), np.ldexp(X.std(axis=1), exponent)


def all_moments(before: Moments | None, more: Moments) -> Moments:
    """The moments of two sets of examples together, up to rounding (Chan, Golub & LeVeque 1983, section 2).

    Of two with the same mean and deviation they are these, to the last bit.
    """
    if before is None:
        return more
    columns, exponent = _near_1(np.stack([*before[1:], *more[1:]], axis=1))  # (n, 4)
    mean, deviation, other_mean, other_deviation = columns.T
    m = before[0] + more[0]
    share = more[0] / m
    shift = other_mean - mean
    variance = deviation**2 + (other_deviation**2 - deviation**2) * share + shift**2 * share * (1 - share)
    return m, np.ldexp(mean + shift * share, exponent), np.ldexp(np.sqrt(variance), exponent)


def _near_1(X: Array) -> tuple[Array, Array]:
    """X · 2⁻ᵉ, and e (n,) for each row of X (n, m), which changes no digit; e = 0 where squares do not overflow."""
    _, exponent = np.frexp(np.maximum(X.max(axis=1), -X.min(axis=1)))
    exponent[abs(exponent) < np.finfo(X.dtype).maxexp // 4] = 0
    return (np.ldexp(X, -exponent[:, None]) if exponent.any() else X), exponent
