"""Data sets that are computed on the spot or come with scikit-learn. Nothing is downloaded.

Every function returns (X, Y) in float64, one column per example: X is (n, m); Y is (1, m) with 0/1 for two classes,
(k, m) one-hot for k > 2 classes (row j is 1 for class j), and (1, m) with the values for regression. The same
arguments give the same data. X.T is C-ordered, so the view that has rows = examples costs nothing. Too few examples or
classes, or a noise that is negative or not finite, is a ValueError.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from chainrule.datasets.bundled import breast_cancer, diabetes, digits, iris, wine
from chainrule.datasets.columns import Data, one_hot
from chainrule.datasets.synthetic import blobs, circles, flower, moons, parity, quadratic, sine, spirals, xor
from chainrule.text import meant

NAMES: dict[str, Callable[..., Data]] = {
    made.__name__: made
    for made in (
        *(flower, moons, circles, spirals, xor, parity, blobs, quadratic, sine),
        *(digits, iris, wine, breast_cancer, diabetes),
    )
}

__all__ = [
    "NAMES", "blobs", "breast_cancer", "circles", "diabetes", "digits", "flower", "iris", "moons", "one_hot", "parity",
    "quadratic", "sine", "spirals", "wine", "xor",
]  # fmt: skip

if not TYPE_CHECKING:  # to which any name would be right

    def __getattr__(name: str) -> Any:
        raise AttributeError(
            f"module {__name__!r} has no attribute {name!r}.{meant(name, NAMES)} Known: {', '.join(NAMES)}."
        )
