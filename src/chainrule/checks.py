"""Checks of what users give: constants within their bounds, numbers, whole numbers, examples without NaN."""

import inspect
from collections.abc import Callable
from dataclasses import MISSING, dataclass, field, fields
from functools import cache, wraps
from importlib.util import find_spec
from math import inf
from numbers import Integral, Real
from typing import Any, TypeVar

import numpy as np

from chainrule._types import Array
from chainrule.elsewhere import home
from chainrule.text import meant

_BUILT = find_spec("chainrule._native") is not None
if _BUILT:
    from chainrule import _native

_F = TypeVar("_F", bound=Callable[..., Any])


def bounded(default: Any = MISSING, **bounds: float) -> Any:
    """A field of a `Checked` dataclass with other bounds: `least`, the smallest value; `above` or `below` a number."""
    return field(default=default, metadata=bounds)


@dataclass(frozen=True)
class Checked:
    """The base of a frozen dataclass of constants: finite numbers of 0 or more, unless `bounded` says otherwise.

    Raises ValueError for other values of the fields that are float, int or bool; NumPy's numbers become Python's.
    """

    def __post_init__(self) -> None:
        kind: Any = type(self)
        for name, (least, above, below) in _bounds(kind).items():
            value: Any = getattr(self, name)
            if not isinstance(value, Real) or not (value > above and least <= value < below):
                low = f"of {least} or more" if above == -inf else f"above {above}"
                high = "" if below == inf else f" and below {below}"
                raise ValueError(f"{type(self).__name__}.{name}: got {value!r}, wanted a number {low}{high}")
            if isinstance(value, np.generic):  # which would make float64 of float32 parameters
                object.__setattr__(self, name, value.item())


@cache
def _bounds(kind: Any) -> dict[str, tuple[Any, ...]]:
    """The constants of a class, and for each the least value and the numbers that it is above and below."""
    constants = [constant for constant in fields(kind) if constant.type in (float, int, bool)]
    bounds = {"least": 0, "above": -inf, "below": inf}
    return {one.name: tuple({**bounds, **one.metadata}[name] for name in bounds) for one in constants}


def helpful(function: _F, homes: bool = True) -> _F:
    """The function, with an error for an argument that it does not have that knows what may be meant.

    homes: whether it may be an argument of something else, of the network, the optimizer or net.train.
    """
    signature = inspect.signature(function)
    parameters = signature.parameters
    positional = [p for p in parameters.values() if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]

    @wraps(function)
    def checked(*args: Any, **named: Any) -> Any:
        if not parameters.keys() >= named.keys():
            wrong = [name for name in named if name not in parameters]
            hint = meant(wrong[0], parameters) or (home(wrong[0]) if homes else "")
            raise TypeError(f"{function.__qualname__}() got an unexpected keyword argument {wrong[0]!r}.{hint}")
        if len(args) > len(positional) and all(isinstance(n, Integral) for n in args[1:]):
            raise TypeError(f"{function.__qualname__}() takes the sizes as one list: {list(args[1:])}")
        return function(*args, **named)

    checked.__signature__ = signature  # type: ignore[attr-defined]  # for scikit-learn, which would read it again
    return checked  # type: ignore[return-value]


Place = tuple[int, int, int, int]
_FLOATS = (np.dtype(np.float64), np.dtype(np.float32))
_AT_ONCE = 1 << 16  # numbers that NumPy checks at once; 1 << 14 were slower


def first_not_finite(A: Any) -> Place | None:
    """(row, column) of the first NaN or infinity in a dense or sparse A (n, m), how many, and in how many columns.

    The first is the highest one in the column that is furthest left: columns are examples.
    """
    if is_finite(A.data if hasattr(A, "tocoo") else A):
        return None
    if hasattr(A, "tocoo"):
        stored = A.tocoo()
        bad = ~np.isfinite(stored.data)
        columns, rows = stored.col[bad], stored.row[bad]
    else:
        columns, rows = np.nonzero(~np.isfinite(A).T)
    first = np.lexsort((rows, columns))[0]
    return int(rows[first]), int(columns[first]), len(rows), len(np.unique(columns))


def is_finite(A: Array) -> bool:
    """Whether all numbers are finite, by the compiled kernel or, some rows of memory at a time, by NumPy.

    The answers of all numbers would take memory of their own: a first look at 10 MB took 6.2 ms, and in pieces 1.2 ms.
    """
    rows = A.T if A.flags.f_contiguous else A
    if _BUILT and rows.flags.c_contiguous and rows.flags.aligned and rows.dtype in _FLOATS:
        return _native.all_finite(rows.reshape(-1))
    step = max(1, _AT_ONCE // max(1, rows[:1].size))
    return all(np.isfinite(rows[i : i + step]).all() for i in range(0, len(rows), step))


def place(name: str, row: str, where: Place, value: Any) -> str:
    """The place that `first_not_finite` gives, as a sentence. row: what a row of A is; value: what was given there."""
    i, j, count, examples = where
    return (
        f"The first is {name}[{i}, {j}] = {value}, {row} {i} of example {j}, both counted from 0; there "
        f"{'is 1' if count == 1 else f'are {count}'} in {examples} of the examples."
    )


def check_number(name: str, value: Any, wanted: str, accepts: Callable[[Any], bool]) -> float:
    """The value as a float. ValueError for what is no number, or not one that is wanted."""
    if not isinstance(value, Real) or not accepts(value):
        raise ValueError(f"{name}: got {value!r}, wanted {wanted}")
    return float(value)


def generator(seed: Any) -> np.random.Generator:
    """The generator of a seed. ValueError for what is none."""
    try:
        return np.random.default_rng(seed)
    except (TypeError, ValueError):
        raise ValueError(
            f"seed: got {seed!r}, wanted a whole number of 0 or more, or a numpy.random.Generator"
        ) from None


def check_l2(l2: Any) -> float:
    """λ as a float. ValueError if it is below 0, infinite or NaN."""
    return check_number("l2", l2, "a number of 0 or more", lambda number: 0 <= number < inf)


def check_function(name: str, value: Any, wanted: str) -> None:
    """ValueError for what is neither None nor a function (a class is none)."""
    if value is not None and (isinstance(value, type) or not callable(value)):
        raise ValueError(f"{name}: got {value!r}, wanted {wanted}")


def check_whole(**counts: Any) -> None:
    """ValueError for an argument, by its name, that is neither None nor a whole number of 1 or more."""
    for name, value in counts.items():
        if value is not None and (not isinstance(value, Integral) or value < 1):
            raise ValueError(f"{name}: got {value!r}, wanted a whole number of 1 or more")


def refuse_masked(name: str, A: Any) -> None:
    """ValueError for a masked array that hides something: NumPy would compute with what lies under the mask."""
    if np.ma.isMaskedArray(A) and (hidden := int(np.ma.getmaskarray(A).sum())):
        raise ValueError(
            f"{name}: got a masked array that hides {hidden} of {A.size} numbers, wanted all. Fill them in with "
            f"{name}.filled(…), or leave out their examples"
        )


def plain(name: str, A: Any) -> Array:
    """A as an array without the ways of a subclass: np.matrix, memmap, a masked array that hides nothing."""
    refuse_masked(name, A)
    if hasattr(A, "tocsr"):
        raise ValueError(f"{name}: got a sparse {type(A).__name__}, wanted a dense array: {name}.toarray()")
    try:
        return np.asarray(A)
    except ValueError as error:  # lists of different lengths
        raise ValueError(f"{name}: got no array of numbers: {error}") from None


def as_floats(name: str, A: Any, dtype: np.dtype[Any]) -> Any:
    """A in this precision; what is too large for it becomes infinite. ValueError for text, dates, complex numbers."""
    if A.dtype == dtype:
        return A
    why = None
    if A.dtype.kind in "biufO":
        try:
            with np.errstate(over="ignore"):
                return A.astype(dtype)
        except (TypeError, ValueError) as error:
            why = f"got objects of which one is no number ({error})"
    raise ValueError(
        f"{name}: {why or f'got {A.dtype}'}, wanted numbers. Turn text, dates and categories into numbers, and fill in "
        "what is missing."
    )


def check_inputs(X: Any, features: int, dtype: np.dtype[Any]) -> Any:
    """X (features, m), dense or CSR or CSC, in this precision; not copied where it is so. ValueError for others."""
    if type(X) is np.ndarray and X.dtype is dtype and X.ndim == 2 and X.shape[0] == features:
        return X
    given = X
    if not hasattr(X, "tocsr"):
        X = plain("X", X)
    elif X.format not in ("csr", "csc"):  # the two that give out their rows or columns
        X = X.tocsr()
    if X.ndim != 2 or X.shape[0] != features:
        hint = " Each column is one example: give X.T." if X.ndim == 2 and X.shape[1] == features else ""
        if X.shape == (features,):
            hint = " Of one example make a column: X.reshape(-1, 1)."
        if X.shape == () and X.dtype == object:
            hint = f" A {type(given).__name__} is no array."
        raise ValueError(f"X: got shape {X.shape}, wanted ({features}, m), one column for each example.{hint}")
    return as_floats("X", X, dtype)


def check_targets(Y: Any, outputs: int, m: int, dtype: np.dtype[Any]) -> Array:
    """Y (outputs, m) in this precision. ValueError for others, with what was meant, perhaps."""
    Y = plain("Y", Y)
    if Y.shape != (outputs, m):
        hint = ""
        if Y.shape == (m, outputs) and outputs > 1:
            hint = " Each column is one example: give Y.T."
        elif Y.size == m and Y.ndim <= 2 and outputs == 1:
            hint = " Make it a row: Y.reshape(1, -1)."
        elif Y.size == m and Y.ndim <= 2 and (Y.dtype.kind in "iubUSO" or (np.round(Y) == Y).all()):
            hint = f" Make one-hot columns of the labels: chainrule.one_hot(Y, {outputs})."
        raise ValueError(f"Y: got shape {Y.shape}, wanted ({outputs}, {m}), one column for each column of X.{hint}")
    if m == 0:
        raise ValueError("X: got no examples (0 columns), wanted at least one")
    numbers: Array = as_floats("Y", Y, dtype)
    return numbers


def check_finite(name: str, row: str, A: Any, given: Any) -> None:
    """ValueError with the place of the first NaN or infinity in A, which was made of what was given."""
    if (where := first_not_finite(A)) is None:
        return
    i, j = where[:2]
    value = (given.tocsr() if hasattr(given, "tocsr") else np.asarray(given))[i, j]
    advice = "Fill or drop the missing values first."
    if isinstance(value, (np.number, int, float)) and np.isfinite(value):
        advice = f"Smaller numbers are needed: {A.dtype} ends at {np.finfo(A.dtype).max:.2g}, normalization included."
    raise ValueError(f"{name}: got NaN or infinity, wanted finite numbers. {advice} {place(name, row, where, value)}")


def check_weights(weights: Any, m: int, dtype: np.dtype[Any]) -> Array:
    """The weights (1, m) of m examples; ValueError for others."""
    w = as_floats("weights", plain("weights", weights), np.dtype(np.float64)).reshape(1, -1)
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        total = float(w.sum())
        narrow: Array = w.astype(dtype)
    wrong = ~(np.isfinite(w) & (w >= 0)).ravel()
    if w.shape[1] != m or wrong.any() or not w.any():
        place = f"; weights[{wrong.argmax()}] = {w.ravel()[wrong.argmax()]}, counted from 0" if wrong.any() else ""
        raise ValueError(
            f"weights: wanted {m} finite numbers of 0 or more, not all 0; got shape {np.shape(weights)}{place}"
        )
    if not np.finfo(dtype).tiny <= w.max() <= total <= np.finfo(dtype).max:  # the kernel takes subnormals for 0
        raise ValueError(
            f"weights: their sum is {total:.3g}, which {dtype} cannot divide by. Multiply all of them by one number: "
            "without l2, only their proportions count."
        )
    return narrow
