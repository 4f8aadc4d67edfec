"""The ordinary case, told apart quickly: what scikit-learn's checks, longer than a small fit, would let pass as it is.

Whatever else comes, right or wrong, goes through them.
"""

from math import isfinite
from typing import Any

import numpy as np
from numpy.random.bit_generator import ISeedSequence
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils import check_random_state

from chainrule._types import Array
from chainrule.checks import is_finite
from chainrule.network import Network

_FLOATS = (np.dtype(np.float64), np.dtype(np.float32))
_FEW = 1000  # numbers. Chosen: a row, and far below where BLAS starts threads; no measurement is recorded


def is_table(X: Any, features: int | None = None) -> bool:
    """Whether X is an array (m, n) of finite floats; features: n, where it is known already."""
    return (
        type(X) is np.ndarray
        and X.dtype in _FLOATS
        and X.ndim == 2
        and X.size > 0
        and (features is None or X.shape[1] == features)
        and _is_finite(X)
    )


def outputs_of(network: Network, X: Any) -> Array | None:
    """A[L]ᵀ (m, n[L]) of rows, if `is_table` and they are as the kernel reads them, which has a look at them itself."""
    if (
        type(X) is not np.ndarray
        or X.dtype is not network.dtype
        or not X.flags.carray
        or network.normalizer is not None
    ):
        return None
    sizes, shape, compiled = network.sizes, X.shape, network.compiled()
    if compiled is None or len(shape) != 2 or shape[1] != sizes[0] or not shape[0]:
        return None
    A = np.empty((sizes[-1], shape[0]), X.dtype)
    return A.T if compiled.forward(network.parameters, X.T, A, True) else None


def are_labels(y: Any) -> bool:
    """Whether y is a vector of whole numbers, booleans or text, of which none can be missing."""
    return type(y) is np.ndarray and y.ndim == 1 and y.dtype.kind in "iubU" and y.dtype.isnative and y.size > 0


def are_numbers(y: Any) -> bool:
    """Whether y is a vector of finite numbers."""
    return type(y) is np.ndarray and y.ndim == 1 and y.dtype.kind in "iubf" and y.size > 0 and _is_finite(y)


def _is_finite(A: Array) -> bool:
    # The sum of the squares answers in a third of the time for a row, unless it overflows.
    return (A.size <= _FEW and isfinite(np.vdot(A, A))) or is_finite(A)


def classes_of(y: Array) -> Array:
    """The labels there are in a vector of labels, as scikit-learn's unique_labels gives them."""
    classes = np.unique(y)
    return np.array(classes.tolist()) if y.dtype.kind == "U" else classes  # of text, no wider than the longest


def binarizer_of(classes: Array) -> LabelBinarizer:
    """scikit-learn's LabelBinarizer, as fitted to a vector in which these are the labels."""
    binarizer = LabelBinarizer()
    binarizer.y_type_ = "multiclass" if len(classes) > 2 else "binary"
    binarizer.sparse_input_ = False
    binarizer.classes_ = classes
    return binarizer


class _NoSeed(ISeedSequence):
    """For a bit generator that is seeded afterwards: scikit-learn's RandomState is seeded twice, at 0.1 ms a fit."""

    def generate_state(self, n_words: int, dtype: Any = np.uint32) -> Any:
        return [0] * n_words  # read one by one


_NO_SEED: Any = _NoSeed()


def random_state(seed: Any) -> Any:
    """What scikit-learn's check_random_state gives."""
    if type(seed) is not int:
        return check_random_state(seed)
    rng = np.random.RandomState(np.random.MT19937(_NO_SEED))
    rng.seed(seed)
    return rng
