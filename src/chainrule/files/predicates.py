"""What a value from a file is, for the guards: each raises ValueError, or says no, where it is something else."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from chainrule._types import Array
from chainrule.files.container import require

LONGEST_FORMAT = 200  # of names and of dates
_MOST_KEYS = 1000  # of a dict or a set, where a file could choose keys that hash alike


def check_keys(keys: Iterable[Any]) -> list[Any]:
    """The keys of a dict or the members of a set; a file must not choose many that hash alike, which takes hours."""
    listed = list(keys)
    fine = len(listed) <= _MOST_KEYS or all(
        isinstance(key, (str, bytes, float, bool, type(None)))
        or (isinstance(key, (int, np.integer)) and abs(int(key)) < 2**64)  # of which 16 hash alike
        for key in listed
    )
    require(fine, f"more than {_MOST_KEYS:,} keys that are neither text nor numbers")
    return listed


def whole(value: Any) -> bool:
    """Whether it is a whole number."""
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def real(value: Any) -> bool:
    """Whether it is a number."""
    return isinstance(value, (int, float, np.integer, np.floating))


def check_numbers(state: Mapping[str, Any], name: str, *shape: int) -> None:
    """An attribute is an array of real numbers of this shape."""
    array = state[name]
    fits = isinstance(array, np.ndarray) and array.shape == shape and array.dtype.kind in "fiu"
    require(fits, f"{name} is not {shape} numbers")


def check_dtypes(state: Mapping[str, Any], *names: str, kinds: str = "biuf") -> None:
    """Parameters are dtypes of numbers, which are short."""
    for name in names:
        if name in state:
            require(np.dtype(state[name]).kind in kinds, f"{name} is no dtype of numbers")


def check_order(values: Array) -> None:
    """Compiled code finds numbers and times by bisection, what is missing at the end; Python finds texts in a dict."""
    require(isinstance(values, np.ndarray) and values.ndim == 1, "categories are not a list")
    require(values.dtype.kind in "biufmMOUS", f"categories are of {values.dtype}")
    if values.dtype.kind == "O":
        check_keys(values.tolist())
    elif values.dtype.kind not in "US":
        known = values[:-1] if (values[-1:] != values[-1:]).any() else values
        require((known[:-1] < known[1:]).all(), "categories are not in order")
