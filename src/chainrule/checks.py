"""Where numbers are NaN or infinite, for the errors that refuse them."""

from typing import Any

import numpy as np

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
