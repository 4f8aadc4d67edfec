"""Checks of what users give: constants within their bounds, arrays without NaN."""

from dataclasses import MISSING, dataclass, field, fields
from math import inf
from numbers import Real
from typing import Any

import numpy as np


def bounded(default: Any = MISSING, **bounds: float) -> Any:
    """A field of a `Checked` dataclass with other bounds: `least`, the smallest value; `above` or `below` a number."""
    return field(default=default, metadata=bounds)


@dataclass(frozen=True)
class Checked:
    """The base of a frozen dataclass of constants: finite numbers of 0 or more, unless `bounded` says otherwise.

    Raises ValueError for other values of the fields that are float, int or bool; NumPy's numbers become Python's.
    """

    def __post_init__(self) -> None:
        for constant in fields(self):
            value = getattr(self, constant.name)
            if constant.type not in (float, int, bool):
                continue
            bounds = {"least": 0, "above": -inf, "below": inf, **constant.metadata}
            least, above, below = bounds["least"], bounds["above"], bounds["below"]
            if not isinstance(value, Real) or not (value > above and least <= value < below):
                low = f"{least} or more" if above == -inf else f"above {above}"
                high = "" if below == inf else f" and below {below}"
                raise ValueError(f"{type(self).__name__}.{constant.name}: got {value!r}, wanted a number {low}{high}")
            if isinstance(value, np.generic):  # which would make float64 of float32 parameters
                object.__setattr__(self, constant.name, value.item())


Place = tuple[int, int, int, int]


def first_not_finite(A: Any) -> Place | None:
    """(row, column) of the first NaN or infinity in a dense or sparse A (n, m), how many, and in how many columns.

    The first is the highest one in the column that is furthest left: columns are examples.
    """
    if np.isfinite(A.data if hasattr(A, "tocoo") else A).all():
        return None
    if hasattr(A, "tocoo"):
        stored = A.tocoo()
        bad = ~np.isfinite(stored.data)
        columns, rows = stored.col[bad], stored.row[bad]
    else:
        columns, rows = np.nonzero(~np.isfinite(A).T)
    first = np.lexsort((rows, columns))[0]
    return int(rows[first]), int(columns[first]), len(rows), len(np.unique(columns))


def place(name: str, row: str, found: Place, value: Any) -> str:
    """What `first_not_finite` has found, as a sentence. row: what a row of A is; value: what was given there."""
    i, j, count, examples = found
    return (
        f"The first is {name}[{i}, {j}] = {value}, {row} {i} of example {j}, both counted from 0; there "
        f"{'is 1' if count == 1 else f'are {count}'} in {examples} of the examples."
    )
