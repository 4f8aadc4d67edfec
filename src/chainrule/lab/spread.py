"""How numbers are spread, however large they are: their differences, and the sums of two, may be infinite."""

from typing import Any

import numpy as np

from chainrule._types import Array

_APART = 1e-12  # in shares: numbers that are closer are shown as one, for too few floats lie between them


def histogram(values: Any, bins: int) -> tuple[Array, Array]:
    """How many of the finite numbers lie in each of equal parts of their range, and the edges of the parts."""
    finite = np.ravel(values)[np.isfinite(np.ravel(values))].astype(np.float64)
    if not finite.size:
        return np.zeros(bins, np.int32), np.linspace(0, 1, bins + 1)
    shares, exponents = _shares(finite[None])
    low, high = float(shares.min()), float(shares.max())
    middle, half = (low + high) / 2, 0.5
    around = (low, high) if high - low > bins * _APART else (middle - half, middle + half)
    counts, edges = np.histogram(shares, bins, around)
    return counts.astype(np.int32), _times(edges, exponents[0])


def histograms(A: Array, bins: int, each: bool = False) -> dict[str, Array]:
    """How each row is spread: "counts" in parts from "low" to "high", the extremes of all and 0; each: its own."""
    shares, exponents = _shares(np.where(np.isfinite(A), A, 0), each)
    low, high = shares.min(axis=1, keepdims=True), shares.max(axis=1, keepdims=True)
    if not each:
        low, high = np.full_like(low, low.min(initial=0)), np.full_like(high, high.max(initial=0))
    high = np.where(high - low > _APART, high, low + bins * _APART)
    place = np.clip((shares - low) / ((high - low) / bins), 0, bins - 1).astype(np.int64)
    counts = np.bincount((place + np.arange(len(A))[:, None] * bins).ravel(), minlength=len(A) * bins)
    ends = {"low": _times(low, exponents)[:, 0], "high": _times(high, exponents)[:, 0]}
    return {**ends, "counts": counts.reshape(len(A), bins).astype(np.int32)}


def balanced(values: Array, bins: int) -> tuple[Array, float]:
    """How many of the finite numbers lie in each of equal parts from −reach to reach, and reach, their largest."""
    finite = values[np.isfinite(values)]
    reach = float(np.abs(finite).max(initial=0)) or 1.0
    return np.histogram(finite / reach, bins, (-1, 1))[0].astype(np.int32), reach


def _shares(A: Array, each: bool = True) -> tuple[Array, Array]:
    """A in shares of a power of 2 above the largest of a row, or of all, which rounds nothing; and the exponents."""
    largest = np.abs(A).max(axis=1 if each else None, keepdims=True, initial=0)
    exponents = np.broadcast_to(np.frexp(largest)[1], (len(A), 1))
    return np.ldexp(A, -exponents), exponents


def _times(shares: Array, exponents: Array) -> Array:
    """The numbers that shares stand for; the largest float for those beyond it."""
    most = np.finfo(np.float64).max
    with np.errstate(over="ignore"):
        return np.clip(np.ldexp(shares.astype(np.float64), exponents), -most, most)
